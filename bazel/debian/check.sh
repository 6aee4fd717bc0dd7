#!/usr/bin/env bash
# Makes small Debian roots with the scripts of this folder, of real packages, and prints what is not
# as it should be: locked, stopped by a mirror that moved, killed, waited for. Needs the mirror.
set -uo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=bazel/debian/host.sh
. "$here/host.sh"
# shellcheck source=bazel/debian/repository.sh
. "$here/repository.sh"
# shellcheck source=bazel/debian/roots.sh
. "$here/roots.sh"

require gpg=gpg mmdebstrap=mmdebstrap bwrap=bubblewrap setpriv=util-linux
scratch=$(mktemp -d)
temporary=$scratch/tmp # nothing may be left here
trap 'rm -rf "$scratch"' EXIT
mkdir "$temporary" "$scratch/a cache"

complain() { printf '%s\n' "$*"; }

# The recipes with lists of their own: the essential packages, and one more for tests.
recipes=$scratch/recipes
mkdir "$recipes"
cp "$here"/*.sh "$recipes"
: >"$recipes/build_packages.txt"
: >"$recipes/substitutes.txt"
echo file >"$recipes/test_packages.txt"

# make CACHE KIND [VARIABLE=VALUE…]: as bazelw makes a root; what it says is in $scratch/said.
make() {
  local root
  root=$scratch/$1/$(root_name "$recipes" "$2")
  mkdir -p "$scratch/$1"
  env TMPDIR="$temporary" "${@:3}" "$recipes/make_root.sh" "$root" "$2" 2>"$scratch/said"
}

said() { grep -qF -- "$1" "$scratch/said" || complain "$2, said nothing of: $1 $(cat "$scratch/said")"; }

left_nothing() {
  [ -z "$(ls -A "$temporary")" ] || complain "$1: left in the temporary folder: $(ls -A "$temporary")"
  ! grep -F "$scratch" /proc/self/mountinfo || complain "$1: left mounted"
}

# The lock of another architecture needs no emulation, and names all that this one's does. That of
# images names what is listed for them, and nothing else.
mkdir "$scratch/images"
echo libsqlite3-0 >"$scratch/images/base_packages.txt"
echo zlib1g >"$scratch/images/tool_packages.txt"
TMPDIR=$temporary "$recipes/lock.sh" --images "$scratch/images" "$recipes" 2>"$scratch/said" ||
  complain "no lock: $(cat "$scratch/said")"
for architecture in amd64 arm64; do
  for package in "build libc6" "test file"; do
    grep -q "^$architecture ${package#* } " "$recipes/${package% *}.lock" ||
      complain "the lock has no ${package#* } for $architecture"
  done
done
listed=$(grep -v -e '^#' -e '^suite' -e '^snapshot' "$scratch/images/packages.lock" | cut -d' ' -f1,2 | paste -sd,)
[ "$listed" = "amd64 libsqlite3-0,amd64 zlib1g,arm64 libsqlite3-0,arm64 zlib1g" ] ||
  complain "the lock of images has: $listed"
left_nothing "locking"

# A host without user namespaces is found out before anything is downloaded, and what to set is said.
forbidden="$scratch/a cache/$(root_name "$recipes" build)"
! unshare --user --map-root-user bash -c 'echo 0 >/proc/sys/user/max_user_namespaces && exec "$@"' - \
  "$recipes/make_root.sh" "$forbidden" build 2>"$scratch/said" || complain "made without user namespaces"
said "sysctl -w user.max_user_namespaces" "without user namespaces"
! grep -q downloading "$scratch/said" || complain "downloaded in vain"

# begin COMMAND…: runs it in the background; await TEXT reads on in what it says, until that is said.
begin() {
  rm -f "$scratch/fifo" && mkfifo "$scratch/fifo"
  "$@" 2>"$scratch/fifo" &
  running=$!
  exec {progress}<"$scratch/fifo"
}

await() {
  local line
  while read -r line <&"$progress"; do
    echo "$line" >>"$scratch/said"
    [[ $line != *"$1"* ]] || return 0
  done
  complain "expected '$1', and the last line was '$(tail -n 1 "$scratch/said")'"
}

# Killed in the middle of installing, it leaves no process, no file elsewhere and no mount.
root="$scratch/a cache/$(root_name "$recipes" build)"
begin env TMPDIR="$temporary" bash -c '"$@"; exit' - "$recipes/make_root.sh" "$root" build
await "the essential packages are installed"
kill -KILL "$running"
wait "$running" 2>/dev/null
exec {lock}>>"$scratch/a cache/debian.lock" # which whoever lived on would hold
flock --timeout 20 "$lock" || complain "killed: something of it lives on"
[ ! -e "$root" ] || complain "killed: half a root stands"
left_nothing "killed"

# One that finds another at work says so; then it makes the root, of what was downloaded before.
begin env TMPDIR="$temporary" "$recipes/make_root.sh" "$root" build
await "waiting for process"
flock --unlock "$lock"
await "removing what a set-up that was killed has left"
wait "$running" || complain "no root after one that was killed: $(cat <&"$progress")"
[ -s "$root/etc/bodega-toolchain" ] && [ -d "$root/usr/lib64" ] || complain "the root is not whole"
[ ! -e "$scratch/a cache/debian.tmp" ] || complain "made: left in the cache folder: debian.tmp"
left_nothing "made"

# A mirror that has a newer package than the lock, in a repository of its own key.
mirror=$scratch/mirror
architecture=$(dpkg --print-architecture)
while read -r _ _ _ _ sha256 path; do
  mkdir -p "$mirror/${path%/*}"
  cp "$scratch/a cache/debs/$sha256.deb" "$mirror/$path"
done < <(grep "^$architecture " "$recipes/build.lock")
read -r _ _ version _ _ old < <(grep "^$architecture hostname " "$recipes/build.lock")
snapshots=$scratch/snapshots
mkdir "$snapshots"
cp -r "$mirror" "$snapshots/copy"
dpkg-deb --raw-extract "$mirror/$old" "$scratch/newer"
sed -i "s/^Version: .*/Version: $version+newer/" "$scratch/newer/DEBIAN/control"
rm "$mirror/$old"
dpkg-deb --root-owner-group --build "$scratch/newer" "$mirror/${old%_*}+newer_$architecture.deb" >/dev/null

stops() { # stops CASE: the same, whatever is wrong with that package
  ! make "$1" build BODEGA_DEBIAN_MIRROR="file:$mirror" || complain "$1: made all the same"
  said "hostname $version" "$1"
  said "BODEGA_UNLOCKED=1" "$1"
  [ "$(grep -c "^bazelw:   " "$scratch/said")" = 1 ] || complain "$1: names others too: $(cat "$scratch/said")"
  [ -z "$(find "$scratch/$1" -maxdepth 1 -name "debian-*")" ] || complain "$1: a root stands"
  left_nothing "$1"
}

stops "moved"
cp "$mirror/${old%_*}+newer_$architecture.deb" "$mirror/$old"
stops "forged"
rm "$mirror/$old"

# The archive of dated copies has the locked one.
taken=$(sed -n 's/^snapshot //p' "$recipes/build.lock")
taken=$(date --utc --date "${taken:0:8} ${taken:9:2}:${taken:11:2}:${taken:13:2} UTC 12 hours" +%Y%m%dT%H%M%SZ)
mv "$snapshots/copy" "$snapshots/$taken"
make moved build BODEGA_DEBIAN_MIRROR="file:$mirror" BODEGA_DEBIAN_SNAPSHOT="file:$snapshots" ||
  complain "dated: not made: $(cat "$scratch/said")"
root=$scratch/moved/$(root_name "$recipes" build)
cmp -s "$scratch/a cache/${root##*/}/etc/bodega-toolchain" "$root/etc/bodega-toolchain" || complain "dated: another root"

# Who says so takes the newer one, by the mirror's signature.
(
  cd "$mirror" || exit
  mkdir -p "dists/forky/main/binary-$architecture"
  find pool -name '*.deb' | while read -r deb; do
    dpkg-deb --field "$deb"
    printf 'Filename: %s\nSize: %s\nSHA256: %s\n\n' \
      "$deb" "$(stat --format=%s "$deb")" "$(sha256sum "$deb" | cut -d' ' -f1)"
  done >"dists/forky/main/binary-$architecture/Packages"
  cd dists/forky || exit
  list=main/binary-$architecture/Packages
  printf 'Suite: forky\nCodename: forky\nComponents: main\nArchitectures: %s\nDate: %s\nSHA256:\n %s %s %s\n' \
    "$architecture" "$(LC_ALL=C date --utc '+%a, %d %b %Y %H:%M:%S UTC')" \
    "$(sha256sum "$list" | cut -d' ' -f1)" "$(stat --format=%s "$list")" "$list" >"$scratch/Release"
  export GNUPGHOME=$scratch/gnupg
  mkdir -m 700 "$GNUPGHOME"
  {
    gpg --batch --passphrase '' --quick-generate-key check default default never
    gpg --batch --output InRelease --clearsign "$scratch/Release"
    gpg --batch --output "$scratch/key.gpg" --export
    gpgconf --kill all
  } 2>"$scratch/gpg" || cat "$scratch/gpg"
)
: >"$recipes/test_packages.txt"
make taken build BODEGA_UNLOCKED=1 BODEGA_DEBIAN_MIRROR="file:$mirror" BODEGA_DEBIAN_KEYRING="$scratch/key.gpg" ||
  complain "unlocked: not made: $(cat "$scratch/said")"
said "hostname $version+newer" "unlocked"
root=$scratch/taken/$(root_name "$recipes" build)
[ ! -e "$root" ] || complain "unlocked: taken for what is locked"
grep -q "^Version: $version+newer$" "$root-unlocked/var/lib/dpkg/status" || complain "unlocked: not the newer"
! cmp -s "$scratch/moved/${root##*/}/etc/bodega-toolchain" "$root-unlocked/etc/bodega-toolchain" ||
  complain "unlocked: the identity of what is locked"
left_nothing "unlocked"
