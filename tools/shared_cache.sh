#!/usr/bin/env bash
# Builds a target with a cache of actions on loopback, once more from nothing, and prints what is
# wrong: who only names the cache writes nothing, --config=remote writes, and the second build then
# takes every action from there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

target=//proto/bodega/product/v1:product_py_grpc
scratch=$(mktemp -d)
mkdir "$scratch/cache"

# build NAME ARGUMENT…: in an output folder of that name; prints Bazel's line on processes.
build() {
  ./bazelw --output_base="$scratch/$1" --max_idle_secs=60 build --config=ci --disk_cache= --symlink_prefix=/ \
    --remote_cache="http://127.0.0.1:$port" "${@:2}" "$target" 2>"$scratch/log" || { cat "$scratch/log" && return 1; }
  grep -o '[0-9]* processes: .*' "$scratch/log"
}
cleanup() {
  for base in first second; do
    [ ! -d "$scratch/$base" ] || ./bazelw --output_base="$scratch/$base" shutdown 2>/dev/null || true
  done
  [ -z "${server:-}" ] || kill "$server" || true
  chmod -R u+w "$scratch"
  rm -rf "$scratch"
}
trap cleanup EXIT

exec {printed}< <(exec ./bazelw run --config=ci //tools:http_cache -- "$scratch/cache" 2>"$scratch/server.log")
server=$!
read -r port <&"$printed" || { cat "$scratch/server.log" && exit 1; }

stored() { find "$scratch/cache" -type f | wc -l; }

ran=$(build first)
[[ $ran != *"cache hit"* ]] || echo "an empty cache had: $ran"
[ "$(stored)" = 0 ] || echo "written without --config=remote: $(stored) files"
./bazelw --output_base="$scratch/first" clean 2>/dev/null
ran=$(build first --config=remote)
[ "$(stored)" -gt 0 ] || echo "--config=remote wrote nothing: $ran"
ran=$(build second)
[[ $ran == *"remote cache hit"* && $ran != *sandbox* ]] || echo "not all was taken from the cache: $ran"
