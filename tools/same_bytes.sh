#!/usr/bin/env bash
# shellcheck disable=SC2016  # the inner shell expands what stands in single quotes
#
# Builds everything once more (or the patterns of targets that it is given), from nothing, and prints
# every output whose bytes differ from those of the build that stands. All that must not matter is
# another: folder (with a space), cache, home, time zone, language, umask and, where this is root, user.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=/dev/null
. bazel/debian/host.sh
# shellcheck source=/dev/null
. bazel/debian/roots.sh

targets=("$@")
[ $# -gt 0 ] || targets=(//...)
scratch=$(mktemp -d)
copy="$scratch/another clone"
mkdir "$copy" "$scratch/cache" "$scratch/home"
git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents --no-dereference --target-directory="$copy"

# Who is root is somebody else there, for whom this machine has a name and sub-uids.
other=54321
as_other() {
  root=$root scratch=$scratch other=$other unshare --mount --propagation private bash -euc '
    for file in passwd group subuid subgid; do mount --bind "$scratch/$file" "/etc/$file"; done
    [ -z "$root" ] || mount --bind "$root" "$scratch/cache/${root##*/}"
    exec setpriv --reuid="$other" --regid="$other" --clear-groups "$@"' - "$@"
}
as_whom=()
if [ "$(id -u)" = 0 ]; then
  require newuidmap=uidmap
  root=$(standing "${BODEGA_CACHE:-$HOME/.cache/bodega}/$(root_name bazel/debian test)" || true)
  mkdir -p "$scratch/cache/${root##*/}"
  { cat /etc/passwd && echo "other:x:$other:$other::$scratch/home:/bin/sh"; } >"$scratch/passwd"
  { cat /etc/group && echo "other:x:$other:"; } >"$scratch/group"
  echo "other:1000000:65536" | tee "$scratch/subuid" >"$scratch/subgid"
  chown --recursive "$other:$other" "$copy" "$scratch/cache" "$scratch/home"
  chmod 711 "$scratch"
  as_whom=(as_other)
fi

elsewhere() {
  "${as_whom[@]}" env --chdir="$copy" HOME="$scratch/home" BODEGA_CACHE="$scratch/cache" TZ=Asia/Tokyo \
    LANG=de_DE.UTF-8 LC_ALL=de_DE.UTF-8 USER=other bash -c 'umask 077 && exec ./bazelw "$@"' - "$@" 2>"$scratch/log" ||
    { cat "$scratch/log" >&2 && return 1; }
}
cleanup() {
  elsewhere shutdown || true
  chmod -R u+w "$scratch/cache" 2>/dev/null || true
  rm -rf "$scratch"
}
trap cleanup EXIT

standing=$(./bazelw info output_path 2>/dev/null)
elsewhere build --config=ci --disk_cache= -- "${targets[@]}" >/dev/null
fresh=$(elsewhere info output_path)

# Runfiles are links, and their manifests Bazel's own notes of where those point.
find "$fresh" -path '*/bin/*' -type f -not -path '*.runfiles/*' \
  -not -name '*.runfiles_manifest' -not -name MANIFEST -printf '%P\0' | sort -z |
  while IFS= read -r -d '' output; do
    cmp -s "$fresh/$output" "$standing/$output" || echo "differs: $output"
  done
