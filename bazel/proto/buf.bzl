"""buf_checks(): the API's style, and its compatibility with what was published."""

load("//bazel:command_test.bzl", "command_test")
load("//bazel:native_rules.bzl", "ProtoLibraryInfo")

_BUF = "@pip_buf_bin//:bin/buf"

def _descriptors_impl(ctx):
    sets = depset(transitive = [proto[ProtoLibraryInfo].transitive_descriptor_sets for proto in ctx.attr.protos])
    out = ctx.actions.declare_file(ctx.label.name + ".binpb")

    # A FileDescriptorSet is a repeated field: sets laid end to end are one set.
    ctx.actions.run_shell(
        arguments = [ctx.actions.args().add(out).add_all(sets)],
        command = "out=$1; shift; cat \"$@\" > \"$out\"",
        inputs = sets,
        mnemonic = "ConcatDescriptors",
        outputs = [out],
    )
    return [DefaultInfo(files = depset([out]))]

_descriptors = rule(
    implementation = _descriptors_impl,
    attrs = {"protos": attr.label_list(providers = [ProtoLibraryInfo])},
)

def _update_impl(ctx):
    script = ctx.actions.declare_file(ctx.label.name + ".sh")
    ctx.actions.write(
        script,
        "#!/bin/sh\nexec %s build %s --exclude-source-info -o \"$BUILD_WORKSPACE_DIRECTORY/%s\"\n" % (
            ctx.executable._buf.short_path,
            ctx.file.descriptors.short_path,
            ctx.attr.baseline,
        ),
        is_executable = True,
    )
    runfiles = ctx.runfiles(files = [ctx.executable._buf, ctx.file.descriptors])
    return [DefaultInfo(executable = script, runfiles = runfiles)]

_update = rule(
    implementation = _update_impl,
    attrs = {
        "baseline": attr.string(),
        "descriptors": attr.label(allow_single_file = True),
        "_buf": attr.label(allow_single_file = True, cfg = "exec", default = _BUF, executable = True),
    },
    executable = True,
)

def buf_checks(name, protos, config, baseline):
    """Declares NAME.lint, NAME.breaking, and NAME.update, which makes today's API the baseline.

    Args:
        name: the prefix.
        protos: every proto_library.
        config: buf.yaml.
        baseline: an image (FileDescriptorSet) of the API that clients rely on.
    """
    descriptors = name + ".descriptors"
    _descriptors(name = descriptors, protos = protos)
    lint = "XDG_CACHE_HOME=$TEST_TMPDIR $(rootpath %s) lint $(rootpath %s) --config $(rootpath %s) --path bodega"
    breaking = lint.replace(" lint ", " breaking ") + " --against $(rootpath %s)"
    command_test(
        name = name + ".lint",
        size = "small",
        commands = [lint % (_BUF, descriptors, config)],
        data = [_BUF, config, descriptors],
        tags = ["lint"],
    )
    command_test(
        name = name + ".breaking",
        size = "small",
        commands = [breaking % (_BUF, descriptors, config, baseline)],
        data = [_BUF, baseline, config, descriptors],
        tags = ["lint"],
    )
    _update(
        name = name + ".update",
        baseline = native.package_name() + "/" + baseline,
        descriptors = descriptors,
    )
