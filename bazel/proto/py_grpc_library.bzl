"""py_grpc_library: Python messages, stubs and servicers, all typed, out of a proto_library."""

load("@pip//:requirements.bzl", "requirement")
load("@rules_python//python:defs.bzl", "PyInfo")
load("//bazel:native_rules.bzl", "ProtoLibraryInfo")

_SUFFIXES = ["_pb2.py", "_pb2.pyi", "_pb2_grpc.py", "_pb2_grpc.pyi"]

def _import_path(source, proto):
    """Returns the path by which other protos import this one."""
    root = proto.proto_source_root
    return source.path.removeprefix(root).removeprefix("/")

def _py_grpc_library_impl(ctx):
    proto = ctx.attr.proto[ProtoLibraryInfo]
    paths = [_import_path(source, proto) for source in proto.direct_sources]
    outputs = [
        ctx.actions.declare_file(path.split("/")[-1].removesuffix(".proto") + suffix)
        for path in paths
        for suffix in _SUFFIXES
    ]

    # The generator writes OUT/import/path/NAME_pb2.py; OUT is the part before the import path.
    folder = paths[0].rpartition("/")[0]
    out = outputs[0].dirname.removesuffix("/" + folder)
    args = ctx.actions.args()
    args.add(out)
    args.add_joined(proto.transitive_descriptor_sets, join_with = ":", omit_if_empty = False)
    args.add_all(paths)
    ctx.actions.run(
        executable = ctx.executable._generate,
        arguments = [args],
        inputs = proto.transitive_descriptor_sets,
        mnemonic = "PyGrpcGenerate",
        outputs = outputs,
        progress_message = "Generating Python for %{label}",
        use_default_shell_env = True,
    )

    sources = [file for file in outputs if file.extension == "py"]
    stubs = [file for file in outputs if file.extension == "pyi"]
    import_root = "/".join([ctx.workspace_name, ctx.label.package.removesuffix("/" + folder)])
    runtime = ctx.attr.deps + ctx.attr._runtime
    runfiles = ctx.runfiles(files = outputs).merge_all([dep[DefaultInfo].default_runfiles for dep in runtime])
    return [
        DefaultInfo(files = depset(outputs), runfiles = runfiles),
        PyInfo(
            imports = depset([import_root], transitive = [dep[PyInfo].imports for dep in runtime]),
            transitive_sources = depset(sources, transitive = [dep[PyInfo].transitive_sources for dep in runtime]),
        ),
        OutputGroupInfo(stubs = depset(stubs)),
    ]

py_grpc_library = rule(
    implementation = _py_grpc_library_impl,
    attrs = {
        "deps": attr.label_list(
            doc = "The py_grpc_library of each proto_library that `proto` depends on.",
            providers = [PyInfo],
        ),
        "proto": attr.label(mandatory = True, providers = [ProtoLibraryInfo]),
        "_generate": attr.label(cfg = "exec", default = "//bazel/proto:generate", executable = True),
        "_runtime": attr.label_list(
            default = [
                requirement("googleapis-common-protos"),
                requirement("grpcio"),
                requirement("protobuf"),
            ],
        ),
    },
    doc = "Python for a proto_library whose import paths start below the folder `proto`.",
)
