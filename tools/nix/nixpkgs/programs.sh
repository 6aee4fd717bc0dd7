# shellcheck shell=bash disable=SC2154  # the derivation's environment
# Builds a package: links to the programs of the Debian packages named in $debian.
# shellcheck source=/dev/null
. "$root"
mkdir -p "$out/bin"
for package in $debian; do
  while read -r program; do
    case $program in
      /usr/bin/?* | /usr/sbin/?* | /usr/lib/podman/?* | /usr/lib/postgresql/18/bin/?*) ;;
      *) continue ;;
    esac
    target=$(realpath "$program")
    ln -s "$usr${target#/usr}" "$out/bin/${program##*/}"
  done </usr/share/bodega/dpkg/"$package".list
  # What Debian's alternatives and the shell itself provide.
  case $package in
    bash) ln -s bash "$out/bin/sh" ;;
    debianutils) ln -s which.debianutils "$out/bin/which" ;;
    mawk) ln -s mawk "$out/bin/awk" ;;
  esac
done
