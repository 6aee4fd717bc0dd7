# shellcheck shell=bash
# Where the programs of the Debian root are in the shell: a path that changes whenever a package does,
# as a path of a Nix store would. Sourced by the builders of this folder.
read -r identity </etc/bodega-test-tools
# shellcheck disable=SC2034  # for whoever sources this
usr=/nix/usr/${identity:0:16}
