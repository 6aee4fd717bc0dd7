# shellcheck shell=bash
# Repositories of packages: the mirror of this machine, and a folder as a repository.

# require_mirror: prints the mirror that this machine's own apt uses.
require_mirror() {
  local mirror=${BODEGA_DEBIAN_MIRROR:-}
  # shellcheck disable=SC2016  # apt's own variable
  [ -n "$mirror" ] || mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' |
    grep -m1 '/debian/*$') ||
    fail "set BODEGA_DEBIAN_MIRROR to a Debian mirror, for example http://HOST/debian"
  printf '%s\n' "$mirror"
}

# lines FILE: what a list says, without comments.
lines() { sed 's/ *#.*//' "$1" | grep . || true; }

# Newer than any package that they stand for.
substitute_version=99:0

# make_substitutes LIST FOLDER: an empty package for each line, NAME DEPENDS…
make_substitutes() {
  local name depends package
  lines "$1" | while read -r name depends; do
    package=$2/$name
    mkdir -p "$package/DEBIAN"
    {
      printf '%s\n' "Package: $name" "Version: $substitute_version" "Architecture: all"
      printf '%s\n' "Maintainer: Bodega <nobody@localhost>" "Description: stands for the package of that name"
      [ -z "$depends" ] || printf 'Depends: %s\n' "${depends// /, }"
    } >"$package/DEBIAN/control"
    dpkg-deb --root-owner-group --build "$package" "$package.deb" >/dev/null
    rm -r "$package"
  done
}

# index FOLDER: makes the .deb files in a folder a repository.
index() {
  local deb
  for deb in "$1"/*.deb; do
    [ -e "$deb" ] || continue
    dpkg-deb --field "$deb"
    printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' \
      "${deb##*/}" "$(stat --format=%s "$deb")" "$(sha256sum "$deb" | cut -d' ' -f1)"
  done >"$1/Packages"
}
