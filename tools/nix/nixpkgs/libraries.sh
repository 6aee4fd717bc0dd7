# shellcheck shell=bash disable=SC2154  # the derivation's environment
# Builds the package of the libraries that compiled C++ needs.
# shellcheck source=/dev/null
. "$root"
mkdir -p "$out/lib"
for library in /usr/lib/*-linux-gnu/lib{gcc_s,stdc++}.so.*; do
  ln -s "$usr${library#/usr}" "$out/lib"
done
