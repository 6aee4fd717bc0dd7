#!/usr/bin/env bash
# Writes which Debian packages are used: lock.sh [--images FOLDER] FOLDER [ARCHITECTURE…]
#
# apt resolves build_packages.txt and test_packages.txt against the mirror's lists, whose signature
# it checks, with a state of its own: nothing is installed, and no architecture needs emulation.
# FOLDER gets build.lock, and test.lock with what the tests take beside that: the Debian root. The
# folder of images gets packages.lock, of what its lists name and of nothing that this depends on.
# A line is: architecture, name, version, size, SHA-256, path below any mirror.
set -euo pipefail
export LC_ALL=C

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=bazel/debian/host.sh
. "$here/host.sh"
# shellcheck source=bazel/debian/repository.sh
. "$here/repository.sh"

suite=forky
# apt counts itself among these, and serves the root from outside.
essential='?and(?essential, ?not(?name(^apt$)))'
images=
[ "$1" != --images ] || { images=$(cd "$2" && pwd) && shift 2; }
folder=$(cd "$1" && pwd)
shift
architectures=("$@")
[ ${#architectures[@]} -gt 0 ] || architectures=(amd64 arm64)

keyring=${BODEGA_DEBIAN_KEYRING:-/usr/share/keyrings/debian-archive-keyring.gpg}
[ -r "$keyring" ] || fail "missing on this host: $keyring, of the package debian-archive-keyring"
require apt-get=apt dpkg-deb=dpkg
mirror=$(require_mirror)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/substitutes"
make_substitutes "$here/substitutes.txt" "$scratch/substitutes"
mapfile -t substitutes < <(lines "$here/substitutes.txt" | cut -d' ' -f1)
index "$scratch/substitutes"

# apt_get ARCHITECTURE ARGUMENT…
apt_get() {
  local state=$scratch/$1
  mkdir -p "$state/lists/partial" "$state/archives/partial"
  apt-get -o APT::Architecture="$1" -o APT::Architectures="$1" -o APT::Sandbox::User=root \
    -o APT::Install-Recommends=false -o Acquire::Languages=none -o Acquire::ForceHash=sha256 \
    -o Dir::State="$state" -o Dir::State::status=/dev/null -o Dir::State::lists="$state/lists" \
    -o Dir::Cache="$state" -o Dir::Cache::archives="$state/archives" \
    -o Dir::Etc::sourcelist="$scratch/sources.list" -o Dir::Etc::sourceparts=/dev/null \
    -o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null "${@:2}"
}

# read_mirror ARCHITECTURE
read_mirror() {
  local log=$scratch/$1.log
  apt_get "$1" update >"$log" 2>&1 && return
  grep -q 'is expired' "$log" || { cat "$log" >&2 && fail "the lists of $mirror cannot be read"; }
  say "WARNING: the release file of $mirror has expired; its signature is still checked, its date is not"
  apt_get "$1" -o Acquire::Check-Valid-Until=false update >"$log" 2>&1 ||
    { cat "$log" >&2 && fail "the lists of $mirror cannot be read"; }
}

# print_lines ARCHITECTURE ARGUMENT…: the lines of what apt would download.
print_lines() {
  apt_get "$1" --yes --print-uris "${@:2}" >"$scratch/uris" 2>"$scratch/log" ||
    { cat "$scratch/log" >&2 && fail "$mirror does not have these packages, for $1"; }
  awk -v architecture="$1" -v mirror="${mirror%/}/" '
    /^\047/ {
      gsub(/%2b/, "+")
      gsub(/%3a/, ":")
      gsub(/%7e/, "~")
      uri = substr($1, 2, length($1) - 2)
      if (index(uri, mirror) != 1) next
      split($2, part, "_")
      sub(/^SHA256:/, "", $4)
      print architecture, part[1], part[2], $3, $4, substr(uri, length(mirror) + 1)
    }' "$scratch/uris" | sort
}

# resolve ARCHITECTURE NAME…: the lines of those packages and of all that they depend on.
resolve() { print_lines "$1" install "$essential" "${substitutes[@]}" "${@:2}"; }

printf 'deb [signed-by=%s] %s %s main\ndeb [trusted=yes] file:%s ./\n' \
  "$keyring" "$mirror" "$suite" "$scratch/substitutes" >"$scratch/sources.list"
mapfile -t build < <(lines "$here/build_packages.txt")
mapfile -t test < <(lines "$here/test_packages.txt")
parts=(build test)
[ -z "$images" ] || parts+=(images)
for architecture in "${architectures[@]}"; do
  say "resolving the Debian packages for $architecture"
  read_mirror "$architecture"
  resolve "$architecture" "${build[@]}" >"$scratch/build"
  # What building takes stays as it is where the tests' packages are there too.
  mapfile -t resolved < <(cut -d' ' -f2 "$scratch/build")
  resolve "$architecture" "${resolved[@]}" "${test[@]}" >"$scratch/all"
  cat "$scratch/build" >>"$scratch/build.lines"
  comm -13 "$scratch/build" "$scratch/all" >>"$scratch/test.lines"
  [ -z "$(comm -23 "$scratch/build" "$scratch/all")" ] ||
    fail "the tests' packages change what building takes, for $architecture: $(comm -23 "$scratch/build" "$scratch/all")"
  [ -z "$images" ] || {
    mapfile -t listed < <(lines "$images/base_packages.txt" && lines "$images/tool_packages.txt")
    print_lines "$architecture" download "${listed[@]}" >>"$scratch/images.lines"
  }
  sed -n 's/^Date: //p' "$scratch/$architecture"/lists/*InRelease >>"$scratch/dates"
done
[ "$(sort -u "$scratch/dates" | wc -l)" = 1 ] || fail "the mirror changed while it was read; run this again"
snapshot=$(date --utc --date="$(sort -u "$scratch/dates")" +%Y%m%dT%H%M%SZ)
for part in "${parts[@]}"; do
  {
    echo "# Written by ./bazelw --update-locks. Of each package:"
    echo "# architecture name version size sha256 path"
    printf 'suite %s\nsnapshot %s\n' "$suite" "$snapshot"
    cat "$scratch/$part.lines"
  } >"$scratch/$part.lock"
done
mv "$scratch/build.lock" "$scratch/test.lock" "$folder"
[ -z "$images" ] || mv "$scratch/images.lock" "$images/packages.lock"
