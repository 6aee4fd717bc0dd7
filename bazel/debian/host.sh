# shellcheck shell=bash
# What the Debian root needs of the host. Sourced by bazelw and by the scripts of this folder.

say() { printf 'bazelw: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

# require COMMAND=PACKAGE…: commands that the host must have. They are installed where this is root,
# else the line to type is printed.
require() {
  local pair missing=()
  for pair in "$@"; do
    command -v "${pair%%=*}" >/dev/null || missing+=("${pair#*=}")
  done
  [ ${#missing[@]} -eq 0 ] && return
  command -v apt-get >/dev/null ||
    fail "this host has neither Bazel nor ${missing[*]}: run 'nix develop', or install them"
  [ "$(id -u)" = 0 ] ||
    fail "missing on this host; run once: sudo apt-get update && sudo apt-get install -y ${missing[*]}"
  say "installing ${missing[*]} on this host"
  {
    apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"
  } >&2 || fail "could not install ${missing[*]}"
}

# Where the caller is not root: options of unshare that make it root of a user namespace, in which the
# caller's sub-uids are all other users.
id_map=()
require_id_map() {
  [ "$(id -u)" != 0 ] || return 0
  require newuidmap=uidmap
  grep -qsE "^($(id -un)|$(id -u)):" /etc/subuid || fail "not root, and /etc/subuid has no range for $(id -un);" \
    "run once: sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 $(id -un)"
  id_map=(--map-root-user --map-auto)
  unshare "${id_map[@]}" true || fail "without root this needs uidmap, util-linux 2.38 and ranges in /etc/sub[ug]id"
}

# Bazel's sandbox makes a user namespace, and mounts in it, within the one of bubblewrap. Some hosts
# forbid that; it is better known before a root is made than at the first action.
require_namespaces() {
  local reason
  reason=$(unshare "${id_map[@]}" bwrap --dev-bind / / --bind /proc /proc \
    unshare --user --map-root-user --mount --pid --fork --mount-proc true 2>&1) && return
  say "this host does not let a program make the user namespaces that the sandbox of actions needs: $reason"
  if [ "$(cat /proc/sys/kernel/apparmor_restrict_unprivileged_userns 2>/dev/null)" = 1 ]; then
    say "run once: sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
  elif [ "$(cat /proc/sys/user/max_user_namespaces 2>/dev/null)" = 0 ]; then
    say "run once: sudo sysctl -w user.max_user_namespaces=15000"
  elif [ "$(cat /proc/sys/kernel/unprivileged_userns_clone 2>/dev/null)" = 0 ]; then
    say "run once: sudo sysctl -w kernel.unprivileged_userns_clone=1"
  else
    say "in a container, start it with: --cap-add SYS_ADMIN --security-opt seccomp=unconfined" \
      "--security-opt apparmor=unconfined --security-opt systempaths=unconfined"
  fi
  exit 1
}
