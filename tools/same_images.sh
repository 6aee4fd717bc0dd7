#!/usr/bin/env bash
# Builds all images with the toolchain that stands on PATH (BODEGA_TOOLCHAIN=path), and prints each
# that is not the one that the Debian root gives.
#
# Where PATH has no toolchain, the Debian root's own programs serve, with all hidden by which the
# build could tell that they are the Debian root's.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

log=$(mktemp)
scratch=$(mktemp -d)
quietly() { "$@" >"$log" 2>&1 || { cat "$log" >&2 && return 1; }; }
base=$(./bazelw info output_base 2>/dev/null)
other=$base.path

cat >"$scratch/bazel" <<END
#!/bin/sh
exec /usr/bin/bazel --nosystem_rc --install_base=/usr/share/bazel --trust_install_base \\
  --server_javabase=/usr/lib/jvm/default-java --output_user_root="${base%/*}" --output_base="$other" --bazelrc="$PWD/bazel/debian/bazelrc" "\$@"
END
chmod +x "$scratch/bazel"

# with_path COMMAND…: runs bazelw with the toolchain on PATH.
with_path() {
  quietly ./bazelw run //tools:hide -- /etc/bodega-toolchain -- \
    env --chdir="$PWD" BODEGA_TOOLCHAIN=path PATH="$scratch:/usr/bin:/usr/sbin" ./bazelw "$@"
}
cleanup() {
  with_path shutdown
  chmod -R u+w "$other" 2>/dev/null && rm -rf "$other"
  rm -rf "$scratch" "$log"
}
trap cleanup EXIT

mapfile -t images < <(./bazelw query 'filter("image$", kind("_image rule", //...))' 2>/dev/null)
[ ${#images[@]} -gt 0 ] || { echo "no images found" && exit 1; }
quietly ./bazelw build --config=ci "${images[@]}"
with_path build --config=ci --symlink_prefix=/ --disk_cache= "${images[@]}"

outputs=execroot/bodega_shop/bazel-out/k8-fastbuild/bin
[ -d "$base/$outputs" ] || outputs=execroot/bodega_shop/bazel-out/aarch64-fastbuild/bin
for image in "${images[@]}"; do
  path=${image#//}
  for file in "${path/://}"/{index.json,oci-layout} "${path/://}".{tar,spdx.json}; do
    cmp -s "$base/$outputs/$file" "$other/$outputs/$file" || echo "differs: $file"
  done
done
