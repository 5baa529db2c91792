# The frame of every layer's build: mounts what lies below and the new layer as one root file system, and runs $SCRIPT.
# Runs in mount and process namespaces of its own, so that nothing has to be unmounted or ended, whatever happens.
# From the caller: LOWER, UPPER, SCRATCH, SCRIPT. For the script: ROOT and in_root.
mount --make-rprivate /
unset TMPDIR

ROOT=$SCRATCH/root
mkdir "$ROOT" "$SCRATCH/work"
# No redirects: the layer must be readable wherever its directory is mounted.
mount -t overlay -o "lowerdir=$LOWER,upperdir=$UPPER,workdir=$SCRATCH/work,redirect_dir=off,index=off,metacopy=off" \
  holt-layer "$ROOT" || {
  echo "a layer can't be written in '$UPPER': the state directory must be on ext4, xfs or btrfs" >&2
  exit 1
}
mount -t proc -o nosuid,nodev,noexec proc "$ROOT/proc"
mount -t tmpfs -o nosuid,mode=1777 tmpfs "$ROOT/tmp"
mount -t tmpfs -o nosuid,mode=755 tmpfs "$ROOT/run"
mount -t tmpfs -o nosuid,mode=755 tmpfs "$ROOT/dev"
for device in null zero full random urandom tty; do
  : >"$ROOT/dev/$device"
  mount --bind "/dev/$device" "$ROOT/dev/$device"
done
ln -s /proc/self/fd "$ROOT/dev/fd"
ln -s /proc/self/fd/0 "$ROOT/dev/stdin"
ln -s /proc/self/fd/1 "$ROOT/dev/stdout"
ln -s /proc/self/fd/2 "$ROOT/dev/stderr"
mkdir "$ROOT/dev/shm"
mount -t tmpfs -o nosuid,nodev,mode=1777 tmpfs "$ROOT/dev/shm"

# in_root COMMAND...: runs it in there, with nothing of the host's environment.
in_root() {
  env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 HOME=/root \
    DEBIAN_FRONTEND=noninteractive chroot "$ROOT" "$@"
}

. "$SCRIPT"
