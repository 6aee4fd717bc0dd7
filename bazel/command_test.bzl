"""command_test: commands that must all succeed, as a Bazel test."""

def _command_test_impl(ctx):
    lines = ["#!/bin/sh", "set -u", "failed=0"]
    for command in ctx.attr.commands:
        lines.append("%s || failed=1" % ctx.expand_location(command, ctx.attr.data))
    lines.append("exit $failed")
    script = ctx.actions.declare_file(ctx.label.name + ".sh")
    ctx.actions.write(script, "\n".join(lines) + "\n", is_executable = True)
    return [DefaultInfo(executable = script, runfiles = ctx.runfiles(files = ctx.files.data))]

command_test = rule(
    implementation = _command_test_impl,
    attrs = {
        "commands": attr.string_list(
            doc = "Run by sh in the runfiles of the workspace, all of them even where one fails; $(rootpath X) is expanded.",
            mandatory = True,
        ),
        "data": attr.label_list(allow_files = True),
    },
    test = True,
)
