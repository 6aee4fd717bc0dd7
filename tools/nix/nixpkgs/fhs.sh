# shellcheck shell=bash disable=SC2154  # the derivation's environment
# Builds a program that runs $runScript in a root of its own: /usr/bin has the programs of $contents and
# no other, /etc is what they bring and links to the host's. The mounts are in the order of nixpkgs'
# build-fhsenv-bubblewrap.
mkdir -p "$out"/{bin,etc} "$out"/usr/{bin,lib,lib64,libexec,sbin,share}
for package in $contents; do
  [ ! -d "$package/bin" ] || cp -R --no-dereference --update=none "$package/bin/." "$out/usr/bin"
  [ ! -d "$package/etc" ] || ln -s "$package"/etc/* "$out/etc"
done
cat >"$out/etc/profile" <<END
export LD_LIBRARY_PATH=/usr/lib
export PATH=/run/wrappers/bin:/usr/bin:/usr/sbin:\$PATH
export TZDIR=/etc/zoneinfo
$profile
END
cat >"$out/init" <<END
#!/bin/bash
source /etc/profile
exec $runScript "\$@"
END
chmod +x "$out/init"
cat >"$out/bin/$pname" <<END
#!/bin/bash
$extraPreBwrapCmds
mounts=(--dev-bind /dev /dev --proc /proc --chdir "\$PWD" ${dieWithParent:+--die-with-parent}
  --bind /nix /nix --tmpfs /etc --symlink $out/init /init)
for folder in bin sbin lib lib64; do
  mounts+=(--symlink usr/\$folder /\$folder)
done
mounts+=(--ro-bind $out/usr /usr)
for folder in lib lib64 libexec share; do
  [ ! -e /usr/\$folder ] || mounts+=(--ro-bind /usr/\$folder /usr/\$folder)
done
mounts+=(--ro-bind /etc /.host-etc)
for file in $out/etc/*; do
  mounts+=(--symlink "\$file" "/etc/\${file##*/}")
done
for name in nix shells passwd group shadow hosts resolv.conf nsswitch.conf login.defs localtime machine-id \\
  os-release pam.d fonts ssl/certs ca-certificates; do
  [ ! -e /etc/\$name ] || [ -e $out/etc/\$name ] || mounts+=(--symlink /.host-etc/\$name /etc/\$name)
done
for folder in /*; do
  case \$folder in
    /bin | /dev | /etc | /lib | /lib64 | /nix | /proc | /sbin | /usr) ;;
    *) [ ! -d "\$folder" ] || mounts+=(--bind "\$folder" "\$folder") ;;
  esac
done
mounts+=(--tmpfs /tmp/.X11-unix $extraBwrapArgs)
exec /usr/bin/python3 -SI $bwrap "\${mounts[@]}" -- /init "\$@"
END
chmod +x "$out/bin/$pname"
