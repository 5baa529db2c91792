# Lays Holt's own part of the code interpreter's template over the packages. See layer.sh. From the caller: KERNELS.
echo "holt: laying out kernels"
cp -R --no-preserve=mode,ownership "$SCRATCH/files/." "$ROOT/"
for kernel in $KERNELS; do
  [ -s "$ROOT/usr/share/jupyter/kernels/$kernel/kernel.json" ] || {
    echo "kernel $kernel has no kernel.json" >&2
    exit 1
  }
done
in_root python3 -m compileall -q /usr/lib/python3/dist-packages/holt_kernel
in_root javac -nowarn -proc:none -d /usr/local/lib/holt-interpreter/java /usr/local/lib/holt-interpreter/java/HoltShell.java
rm -rf "$ROOT/usr/share/jupyter/kernels/ir" # the same kernel as r
