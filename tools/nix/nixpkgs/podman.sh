# shellcheck shell=bash disable=SC2154  # the derivation's environment
# Builds podman, which brings its helpers.
# shellcheck source=/dev/null
. "$root"
mkdir -p "$out/bin"
cat >"$out/bin/podman" <<END
#!/bin/bash
export CONTAINERS_HELPER_BINARY_DIR=$helpers/bin PATH=$helpers/bin:\$PATH
exec $usr/bin/podman "\$@"
END
chmod +x "$out/bin/podman"
