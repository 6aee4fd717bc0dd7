# shellcheck shell=bash
# Which Debian root serves a call of Bazel. Sourced by bazelw.

# for_tests ARGUMENT…: says whether a command of Bazel needs the tools of tests. It does where it runs
# tests, where it looks at everything, and where a pattern takes in whatever is there.
for_tests() {
  local argument command=
  for argument in "$@"; do
    case $command$argument in
      --test-tools | test | coverage | fetch | vendor | query | cquery | aquery) return 0 ;;
      run:--) return 1 ;; # what follows is the program's
      -*) ;;
      build | run) command=$argument: ;;
      ?*:*... | ?*:*:all | ?*:*:all-targets | ?*:*:\*) return 0 ;;
      build:* | run:*) ;;
      *) return 1 ;;
    esac
  done
  return 1
}

# root_name RECIPES build|test: what a root is called, after all that it is made of.
root_name() {
  local digest sources=("$1/build.lock")
  [ "$2" = build ] || sources+=("$1/test.lock")
  digest=$(cat "$1"/{make_root.sh,repository.sh,substitutes.txt} "${sources[@]}" | sha256sum)
  printf 'debian-%s-%s\n' "$2" "${digest:0:16}"
}

# standing FOLDER…: prints the first root that is there, or that was made in its place of what the
# mirror had.
standing() {
  local folder
  for folder in "$@"; do
    [ ! -d "$folder" ] || { echo "$folder" && return; }
    [ "${BODEGA_UNLOCKED:-}" != 1 ] || [ ! -d "$folder-unlocked" ] || { echo "$folder-unlocked" && return; }
  done
  return 1
}
