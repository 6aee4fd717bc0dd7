"""format(): a program that formats every file of the source tree in place."""

_RUFF = "@pip_ruff//:bin/ruff"
_BUILDIFIER = "@npm_buildifier//:buildifier"

_SCRIPT = """#!/bin/sh
set -eu
ruff=$PWD/{ruff}
buildifier=$PWD/{buildifier}
cd "$BUILD_WORKSPACE_DIRECTORY"
"$ruff" check --fix --quiet --exit-zero .
"$ruff" format .
git ls-files -z '*.bazel' '*.bzl' WORKSPACE | xargs -0 "$buildifier" --lint=fix
"""

def _format_impl(ctx):
    script = ctx.actions.declare_file(ctx.label.name + ".sh")
    ctx.actions.write(
        script,
        _SCRIPT.format(buildifier = ctx.file._buildifier.short_path, ruff = ctx.file._ruff.short_path),
        is_executable = True,
    )
    runfiles = ctx.runfiles(files = [ctx.file._ruff, ctx.file._buildifier])
    return [DefaultInfo(executable = script, runfiles = runfiles)]

format = rule(
    implementation = _format_impl,
    attrs = {
        "_buildifier": attr.label(allow_single_file = True, default = _BUILDIFIER),
        "_ruff": attr.label(allow_single_file = True, default = _RUFF),
    },
    executable = True,
)
