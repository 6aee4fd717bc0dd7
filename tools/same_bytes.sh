#!/usr/bin/env bash
# Builds everything once more, from nothing and in another folder, and prints every output whose
# bytes differ from those of the build that stands.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

bazel() { ./bazelw --output_base="$1" "${@:2}" 2>"$1.log" || { cat "$1.log" >&2 && return 1; }; }

standing=$(./bazelw info output_base 2>/dev/null)
fresh=$standing.fresh
cleanup() {
  bazel "$fresh" shutdown
  chmod -R u+w "$fresh" 2>/dev/null && rm -rf "$fresh" "$fresh.log"
}
trap cleanup EXIT
bazel "$fresh" build --config=ci --symlink_prefix=/ --disk_cache= //... >/dev/null

# Runfiles are links, and their manifests Bazel's own notes of where those point.
outputs=execroot/bodega_shop/bazel-out
find "$fresh/$outputs" -path '*/bin/*' -type f -not -path '*.runfiles/*' \
  -not -name '*.runfiles_manifest' -not -name MANIFEST -printf '%P\0' | sort -z |
  while IFS= read -r -d '' output; do
    cmp -s "$fresh/$outputs/$output" "$standing/$outputs/$output" || echo "differs: $output"
  done
