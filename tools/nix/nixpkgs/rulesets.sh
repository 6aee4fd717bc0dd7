# shellcheck shell=bash disable=SC2154  # the derivation's environment
# Builds an rc file that puts the rulesets of Debian's packages in place of those that WORKSPACE
# downloads.
for folder in /usr/share/bazel/rules/*; do
  echo "common --override_repository=rules_${folder##*/}=$folder"
done >"$out"
cat >>"$out" <<END
common --override_repository=bazel_features=/usr/share/bazel/tools/features
common --override_repository=bazel_skylib=/usr/share/bazel/tools/skylib
common --override_repository=platforms=/usr/share/bazel/tools/platforms
END
