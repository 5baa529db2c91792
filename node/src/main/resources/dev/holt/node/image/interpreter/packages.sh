# Installs what the code interpreter's template is made of: Debian's packages and those of npm. See layer.sh.
# From the caller: SOURCES (lines), KEYRING, PROXIES (lines), PACKAGES, OPTIONAL.

# The host's apt downloads, with the host's own sources, keys and certificates; dpkg and the packages' scripts run inside.
mkdir -p "$SCRATCH/lists/partial" "$SCRATCH/cache" "$SCRATCH/archives/partial"
mkdir -p "$ROOT/var/cache/apt/archives"
mount --bind "$SCRATCH/archives" "$ROOT/var/cache/apt/archives"
printf '%s\n' "$SOURCES" | sed "s|^deb |deb [signed-by=$KEYRING] |" >"$SCRATCH/sources.list"
cat >"$SCRATCH/apt.conf" <<CONF
Dir "$ROOT/";
Dir::Etc::SourceList "$SCRATCH/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::State::Lists "$SCRATCH/lists/";
Dir::Cache "$SCRATCH/cache/";
Dir::Cache::Archives "$ROOT/var/cache/apt/archives/";
Dir::Log::Terminal "";
Dir::Log::History "";
DPkg::Chroot-Directory "$ROOT/";
DPkg::Options { "--force-unsafe-io"; "--force-confold"; };
DPkg::Use-Pty "false";
APT::Sandbox::User "root";
APT::Install-Recommends "false";
APT::Get::AllowUnauthenticated "false";
Acquire::AllowInsecureRepositories "false";
Acquire::Languages "none";
Acquire::Retries "3";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Acquire::IndexTargets::deb::CNF::DefaultEnabled "false";
$PROXIES
CONF
export APT_CONFIG="$SCRATCH/apt.conf" DEBIAN_FRONTEND=noninteractive
printf '#!/bin/sh\nexit 101\n' >"$ROOT/usr/sbin/policy-rc.d" # no package starts a service
chmod 755 "$ROOT/usr/sbin/policy-rc.d"

mkdir -p "$ROOT/usr/share/man/man1" # without it openjdk's scripts fail, though pages themselves are left out

echo "holt: looking up Debian's packages"
apt-get -q update
wanted=$PACKAGES
for package in $OPTIONAL; do
  if apt-cache show "$package" >/dev/null 2>&1; then
    wanted="$wanted $package"
  else
    echo "holt: this Debian has no $package: left out"
  fi
done
echo "holt: downloading Debian's packages"
# shellcheck disable=SC2086 # many words
apt-get -q -y --no-install-recommends --download-only install $wanted
echo "holt: installing $(find "$SCRATCH/archives" -name '*.deb' | wc -l) Debian packages"
# shellcheck disable=SC2086
apt-get -q -y --no-install-recommends install $wanted </dev/null

echo "holt: installing Deno, Node.js and npm"
tools=$ROOT/usr/local/lib/holt-interpreter
mkdir -p "$tools"
cp "$SCRATCH/package.json" "$SCRATCH/package-lock.json" "$tools/"
for turn in 1 2 3; do
  if npm ci --prefix "$tools" --ignore-scripts --no-audit --no-fund --cache "$SCRATCH/npm" </dev/null; then
    break
  elif [ $turn = 3 ]; then
    echo "npm could not install what $tools/package.json names" >&2
    exit 1
  fi
  sleep $((turn * 2))
done
chown -R 0:0 "$tools"
modules=$tools/node_modules
for node in "$modules"/node-linux-*; do # headers are for compiling add-ons, which npm fetches itself
  rm -rf "$node/include" "$node/share"
  ln -s "../lib/holt-interpreter/node_modules/${node##*/}/bin/node" "$ROOT/usr/local/bin/node"
done
for deno in "$modules"/@deno/linux-*; do
  ln -s "../lib/holt-interpreter/node_modules/@deno/${deno##*/}/deno" "$ROOT/usr/local/bin/deno"
  chmod 755 "$deno/deno"
done
rm -rf "$modules/npm/docs" "$modules/npm/man"
ln -s ../lib/holt-interpreter/node_modules/npm/bin/npm-cli.js "$ROOT/usr/local/bin/npm"
ln -s ../lib/holt-interpreter/node_modules/npm/bin/npx-cli.js "$ROOT/usr/local/bin/npx"
in_root node --version >/dev/null
in_root deno --version >/dev/null

# no trace of the building
rm -f "$ROOT/usr/sbin/policy-rc.d"
find "$ROOT/var/log" "$ROOT/var/cache/apt" -xdev -type f ! -path "$ROOT/var/cache/apt/archives/*" -delete
rm -f "$ROOT"/var/lib/dpkg/*-old "$ROOT"/var/cache/debconf/*-old
rm -rf "$ROOT/root/.npm" "$ROOT/root/.cache"
umount "$ROOT/var/cache/apt/archives"
