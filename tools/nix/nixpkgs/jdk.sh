# shellcheck shell=bash disable=SC2154  # the derivation's environment
# Builds the JDK: a copy, for Debian's has links into /etc, which the shell's root does not show.
mkdir -p "$out/lib"
cp -rL /usr/lib/jvm/default-java/ "$out/lib/openjdk"
