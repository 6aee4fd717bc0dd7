#!/usr/bin/env bash
# shellcheck disable=SC2016  # apt and the hooks' own shells expand what stands in single quotes
#
# Makes the private Debian root: make_root.sh FOLDER
# FOLDER must not exist; it appears when the root is complete, never before.
set -euo pipefail

root=$1
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
suite=forky

say() { printf 'bazelw: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

# The host needs two packages (and, where this is not root, the means to map user ids).
need() {
  local missing=()
  command -v mmdebstrap >/dev/null || missing+=(mmdebstrap)
  command -v bwrap >/dev/null || missing+=(bubblewrap)
  [ -e /usr/share/keyrings/debian-archive-keyring.gpg ] || missing+=(debian-archive-keyring)
  if [ "$(id -u)" != 0 ]; then
    command -v newuidmap >/dev/null || missing+=(uidmap)
  fi
  [ ${#missing[@]} -eq 0 ] && return
  command -v apt-get >/dev/null ||
    fail "this host has neither Bazel $(cat "$here/../../.bazelversion") nor ${missing[*]}: run 'nix develop', or install them"
  if [ "$(id -u)" != 0 ]; then
    fail "missing on this host; run once: sudo apt-get update && sudo apt-get install -y ${missing[*]}"
  fi
  say "installing ${missing[*]} on this host"
  {
    apt-get update
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"
  } >&2 || fail "could not install ${missing[*]}"
}

# The mirror that this machine's own apt uses.
mirror() {
  if [ -n "${BODEGA_DEBIAN_MIRROR:-}" ]; then
    printf '%s\n' "$BODEGA_DEBIAN_MIRROR"
    return
  fi
  command -v apt-get >/dev/null || return 0
  apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -m1 '/debian/*$' || true
}

can_map_ids() {
  [ "$(id -u)" = 0 ] || grep -qE "^($(id -un)|$(id -u)):" /etc/subuid
}

# Copies the host's own certificate authorities, so that Java and Python in the root trust them.
host_authorities='set -eu
  mkdir -p "$1/usr/local/share/ca-certificates/host" "$1/usr/share/man/man1" "$1/usr/share/man/man7"
  [ ! -r "$SSL_BUNDLE" ] || awk -v to="$1/usr/local/share/ca-certificates/host" \
    "/BEGIN CERTIFICATE/ { n++ } n { print > (to \"/\" n \".crt\") }" "$SSL_BUNDLE"'

# Which files are each package's, for the base layer of images: an action sees /usr, and not /var.
package_files='set -eu
  mkdir -p "$1/usr/share/bodega/dpkg"
  cp "$1/var/lib/dpkg/status" "$1"/var/lib/dpkg/info/*.list "$1/usr/share/bodega/dpkg"'

# What the build sees of this root: its identity changes when the recipe or any package does.
# (Debian's own bazelrc goes: bazelw reads none but the project's, and Bazel would warn of that at
# every call.)
identity='set -eu
  rm -f "$1/etc/bazel/bazelrc"
  { echo "$RECIPE"; chroot "$1" dpkg-query -W -f "\${Package} \${Version}\n"; } |
    sha256sum | cut -c1-64 > "$1/etc/bodega-toolchain"'

bootstrap() {
  local include
  include=$(grep -v '^#' "$here/packages.txt" | grep . | paste -sd,)
  mmdebstrap --variant=minbase --format=tar --include="$include" \
    --dpkgopt=force-unsafe-io \
    --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --aptopt='Acquire::Languages "none"' \
    --essential-hook="$host_authorities" \
    --customize-hook="$package_files" \
    --customize-hook="$identity" \
    --skip=output/dev \
    "$@" "$suite" - "$mirror"
}

need
mirror=$(mirror)
[ -n "$mirror" ] || fail "set BODEGA_DEBIAN_MIRROR to a Debian mirror, for example http://HOST/debian"
can_map_ids || fail "not root, and /etc/subuid has no range for $(id -un); run once: sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 $(id -un)"

export RECIPE=${root##*/}
export SSL_BUNDLE=${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}
partial=$root.partial
log=$root.log
rm -rf "$partial"
mkdir -p "$partial"
trap 'rm -rf "$partial"' EXIT

say "making the build's own Debian root, once: about 1 GB to download, 2.5 GB on disk, two to four minutes"
ownership=()
[ "$(id -u)" = 0 ] || ownership=(--no-same-owner)
make() { bootstrap "$@" | tar --extract "${ownership[@]}" --directory "$partial"; }

if ! make 2> >(tee "$log" >&2); then
  grep -q 'is expired' "$log" || fail "the Debian root could not be made; see the lines above"
  say "WARNING: the mirror's release file has expired; its signature is still checked, its date is not"
  rm -rf "$partial"
  mkdir -p "$partial"
  make --aptopt='Acquire::Check-Valid-Until "false"' || fail "the Debian root could not be made; see the lines above"
fi
[ -s "$partial/etc/bodega-toolchain" ] || fail "the Debian root is incomplete"
mv "$partial" "$root"
rm -f "$log"
say "the Debian root is ready: $root"
