# shellcheck shell=bash disable=SC2154  # the derivation's environment
# Builds the standard environment: its setup puts the packages of a shell on PATH.
mkdir "$out"
cat >"$out/setup" <<'END'
for package in $nativeBuildInputs; do
  PATH=$package/bin:$PATH
done
export PATH
END
