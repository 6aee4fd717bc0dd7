"""proto_library targets over the .proto files that a wheel carries."""

load("//bazel:native_rules.bzl", "proto_library")

def wheel_protos(name, import_root, protos):
    """Declares `NAME_proto` for each NAME.proto.

    Args:
        name: a filegroup of all the files, with their folders, for `buf`.
        import_root: the folder of the wheel that imports are relative to.
        protos: the files below it, and the labels of the protos that each imports.
    """
    native.filegroup(
        name = name,
        srcs = [import_root + "/" + proto for proto in protos],
        visibility = ["//visibility:public"],
    )
    for proto, deps in protos.items():
        proto_library(
            name = proto.split("/")[-1].removesuffix(".proto") + "_proto",
            srcs = [import_root + "/" + proto],
            strip_import_prefix = "/" + import_root,
            visibility = ["//visibility:public"],
            deps = deps,
        )
