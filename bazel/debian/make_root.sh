#!/usr/bin/env bash
# shellcheck disable=SC2016  # the shells of hooks expand what stands in single quotes
#
# Makes the private Debian root: make_root.sh FOLDER build|test
#
# It is made of exactly the packages of build.lock (for `test`: and test.lock), each checked by its
# hash, whoever serves it. FOLDER must not exist; it appears when the root is complete, never before.
# Where the mirror no longer has them and BODEGA_UNLOCKED=1 says so, FOLDER-unlocked is made of what
# the mirror has instead.
#
# One process at a time works in the cache folder, and only in its folder debian.tmp. It works in
# namespaces of its own: whichever way it ends, no process and no mount of it is left.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=bazel/debian/host.sh
. "$here/host.sh"
# shellcheck source=bazel/debian/repository.sh
. "$here/repository.sh"
# shellcheck source=bazel/debian/roots.sh
. "$here/roots.sh"

root=$1
kind=$2
cache=${root%/*}
work=$cache/debian.tmp
debs=$cache/debs # named after their hash; kept until the root for tests is made of them

if [ "${3:-}" != inside ]; then
  require mmdebstrap=mmdebstrap bwrap=bubblewrap
  require_id_map
  require_namespaces
  exec {lock}>>"$cache/debian.lock"
  if ! flock --nonblock "$lock"; then
    say "waiting for process $(cat "$cache/debian.lock"), which makes a Debian root in $cache"
    flock "$lock"
  fi
  ! standing "$root" >/dev/null || exit 0
  echo "$$ ($here)" >"$cache/debian.lock"
  # With the caller goes the first process of the namespaces, and with that one all others.
  exec setpriv --pdeathsig KILL unshare "${id_map[@]}" --mount --propagation private --pid --fork \
    --kill-child -- "${BASH_SOURCE[0]}" "$root" "$kind" inside
fi

clean() { # also where mmdebstrap ended with its mounts still there
  ! mountpoint --quiet /boot || umount --recursive --lazy /boot
  rm -rf "$work"
}
trap clean EXIT
trap 'exit 130' INT TERM
[ ! -e "$work" ] || say "removing what a set-up that was killed has left"
rm -rf "$work"
mkdir -p "$work" "$debs"
# The work by a name that has no spaces, for a list of sources can have none. This is seen from within
# the namespace alone.
mount --bind "$work" /boot
export TMPDIR=/boot
log=/boot/log
mirror=$(require_mirror)
architecture=$(dpkg --print-architecture)

parts=(build)
[ "$kind" = build ] || parts=(build test)
locks=$here

locked() { # the packages of a lock, one a line
  local part
  for part in "${@:-${parts[@]}}"; do
    grep "^$architecture " "$locks/$part.lock" || true
  done
}

missing() { # those of them that are not in $debs
  local line
  locked | while read -r line; do
    # shellcheck disable=SC2086  # its six words
    set -- $line
    [ -e "$debs/$5.deb" ] || echo "$line"
  done
}

megabytes() { awk '{ bytes += $4 } END { printf "%.0f MB", bytes / 1e6 }'; }

# fetch BASE: downloads what is missing, as far as that place has it.
fetch() {
  local base=${1/#file:/copy:} # or apt would only link to what is there
  mkdir /boot/debs
  (
    cd /boot/debs
    missing | awk -v base="${base%/}" '{ print base "/" $6, $5 ".deb", "SHA256:" $5 }' |
      xargs --no-run-if-empty -n 300 /usr/lib/apt/apt-helper -o APT::Sandbox::User=root download-file \
        >>"$log" 2>&1 || true
  )
  find "$work/debs" -name '*.deb' -exec mv --target-directory "$debs" {} +
  rm -rf "$work/debs"
}

# dated: where the archive of snapshots has the packages of the lock. It takes a picture of the mirror
# every six hours, and keeps what it has seen; half a day later it has what the lock names.
dated() {
  local snapshot
  snapshot=$(sed -n 's/^snapshot //p' "$locks/build.lock")
  snapshot="${snapshot:0:4}-${snapshot:4:2}-${snapshot:6:2} ${snapshot:9:2}:${snapshot:11:2}:${snapshot:13:2}"
  printf '%s/%s\n' "${BODEGA_DEBIAN_SNAPSHOT%/}" "$(date --utc --date "$snapshot UTC 12 hours" +%Y%m%dT%H%M%SZ)"
}

download() {
  local wanted from=$SECONDS
  wanted=$(missing)
  [ -n "$wanted" ] || return 0
  say "downloading $(wc -l <<<"$wanted") packages, $(megabytes <<<"$wanted")"
  fetch "$mirror"
  if [ -n "$(missing)" ] && [ -n "${BODEGA_DEBIAN_SNAPSHOT:-}" ]; then
    say "$(missing | wc -l) packages are no longer on the mirror as locked; trying $(dated)"
    fetch "$(dated)"
  fi
  [ -n "$(missing)" ] || say "downloaded, $((SECONDS - from)) s"
}

# unlock: takes what the mirror has instead of the lock, and says what that changes.
unlock() {
  say "WARNING: BODEGA_UNLOCKED=1: taking what the mirror has instead of what is locked"
  mkdir /boot/locks
  "$here/lock.sh" /boot/locks "$architecture"
  locked | sort >/boot/wanted
  locks=/boot/locks
  locked | sort >/boot/taken
  comm -13 /boot/wanted /boot/taken | awk '{ print "bazelw:   " $2 " " $3 }' >&2
  root=$root-unlocked
  download
  [ -z "$(missing)" ] || stop
}

stop() {
  say "the mirror does not have these packages as they are locked:"
  missing | awk '{ print "bazelw:   " $2 " " $3 }' >&2
  say "Either set BODEGA_DEBIAN_SNAPSHOT to an archive of dated copies of Debian (…/archive/debian), or take" \
    "what the mirror has: BODEGA_UNLOCKED=1, for this machine; ./bazelw --update-locks, for everybody"
  fail "the mirror: $mirror; what it answered: $(grep -m1 -E '^(E|Err)' "$log" || tail -1 "$log")"
}

# Copies the host's own certificate authorities, so that Java and Python in the root trust them.
host_authorities='set -eu
  mkdir -p "$1/usr/local/share/ca-certificates/host" "$1/usr/share/man/man1" "$1/usr/share/man/man7"
  [ ! -r "$SSL_BUNDLE" ] || awk -v to="$1/usr/local/share/ca-certificates/host" \
    "/BEGIN CERTIFICATE/ { n++ } n { print > (to \"/\" n \".crt\") }" "$SSL_BUNDLE"'

# An action sees /usr, and not /var: the lists of the packages' files, of which the stand-in for nixpkgs
# is made, and what stands for the host's own files. arm64 has no /lib64, and both suppliers and
# .bazelrc name it. Debian's own bazelrc goes: bazelw reads none but the project's, and Bazel would
# warn of that at every call.
adaptations='set -eu
  mkdir -p "$1/usr/lib64" "$1/usr/share/bodega/dpkg"
  cp "$1"/var/lib/dpkg/info/*.list "$1/usr/share/bodega/dpkg"
  echo "127.0.0.1 localhost" > "$1/usr/share/bodega/hosts"
  : > "$1/usr/share/bodega/resolv.conf"
  rm -f "$1/etc/bazel/bazelrc"'

# install: makes /boot/root of what is in $debs.
install() {
  local repository=/boot/repository include damaged
  mkdir "$repository"
  make_substitutes "$here/substitutes.txt" "$repository"
  locked | while read -r _ _ _ _ sha256 _; do
    ln "$debs/$sha256.deb" "$work/repository"
  done
  index "$repository"
  damaged=$(awk '$1 == "Filename:" { name = substr($2, 3) }
    $1 == "SHA256:" && length(name) == 68 && name != $2 ".deb" { print name }' "$repository/Packages")
  [ -z "$damaged" ] || {
    (cd "$debs" && xargs rm <<<"$damaged")
    fail "what was downloaded before is damaged, and now removed; run this again"
  }
  include=$({ locked | cut -d' ' -f2 && lines "$here/substitutes.txt" | cut -d' ' -f1; } | paste -sd,)
  STARTED=$(date +%s)
  SSL_BUNDLE=${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}
  export STARTED SSL_BUNDLE
  mmdebstrap --mode=root --variant=essential --format=directory --include="$include" \
    --dpkgopt=force-unsafe-io \
    --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --aptopt='APT::Sandbox::User "root"' \
    --hook-dir=/usr/share/mmdebstrap/hooks/file-mirror-automount \
    --essential-hook="$host_authorities" \
    --essential-hook='echo "bazelw: the essential packages are installed, $(($(date +%s) - STARTED)) s" >&9' \
    --customize-hook="$adaptations" \
    --skip=output/dev \
    '' /boot/root "deb [trusted=yes] file:$repository ./" 9>&2 >>"$log" 2>&1 ||
    { tail -n 30 "$log" >&2 && fail "the Debian root could not be made; see the lines above"; }
}

# What is installed is what is locked, and nothing else.
check() {
  local found expected
  found=$(dpkg-query --admindir=/boot/root/var/lib/dpkg --show --showformat '${Package} ${Version}\n' | sort)
  expected=$({
    locked | cut -d' ' -f2,3
    lines "$here/substitutes.txt" | cut -d' ' -f1 | sed "s/$/ $substitute_version/"
  } | sort)
  [ "$found" = "$expected" ] ||
    fail "the Debian root is not what is locked: $(comm -3 <(echo "$found") <(echo "$expected"))"
}

# What the build sees of this root changes with its recipe and with any package; what tests see, with
# theirs as well. A root for tests makes no other outputs than one for building.
identity() {
  { cat "$here"/{make_root.sh,repository.sh,substitutes.txt} && locked "$@"; } | sha256sum | cut -d' ' -f1
}

say "making the Debian root for $kind in $cache, once"
download
[ -z "$(missing)" ] || {
  [ "${BODEGA_UNLOCKED:-}" = 1 ] || stop
  unlock
}
say "installing $(locked | wc -l) packages"
from=$SECONDS
install
check
identity build >/boot/root/etc/bodega-toolchain
[ "$kind" = build ] || identity build test >/boot/root/etc/bodega-test-tools
# All is root's, whom the caller is inside: a user could not delete what other ids own.
chown --recursive --no-dereference 0:0 /boot/root
mv "$work/root" "$root"
[ "$kind" = build ] || rm -rf "$debs"
say "installed, $((SECONDS - from)) s; the Debian root is ready: $root ($(du --summarize --block-size=MB "$root" | cut -f1), $SECONDS s in all)"
