# shellcheck shell=bash disable=SC2154  # the derivation's environment
# Builds what stands for the official Bazel: the Debian root's, which asks for more arguments.
# shellcheck source=/dev/null
. "$root"
cat >"$out" <<END
#!/bin/bash
[ "\$*" != --version ] || exec echo "bazel $(cat /usr/share/bazel/build-label.txt)"
exec $usr/bin/bazel --nosystem_rc --install_base=/usr/share/bazel --trust_install_base \\
  --bazelrc=/etc/bazel.bazelrc --bazelrc=$rulesets "\$@"
END
