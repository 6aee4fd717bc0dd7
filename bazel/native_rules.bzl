"""What Bazel 7 has built in, and Bazel 8 and 9 have in rulesets.

Everything else loads it from here, so that another Bazel changes one file: proto_library and
ProtoInfo come from protobuf then, sh_binary from rules_shell. py_library, py_binary, py_test,
py_runtime and PyInfo are loaded from rules_python already.
"""

# A file cannot export a built-in under its own name.
# buildifier: disable=native-proto-info
ProtoLibraryInfo = ProtoInfo

def proto_library(name, **kwargs):
    """Declares a proto_library.

    Args:
        name: the target's name.
        **kwargs: handed to the rule.
    """

    # buildifier: disable=native-proto
    native.proto_library(name = name, **kwargs)

def sh_binary(name, **kwargs):
    """Declares a sh_binary.

    Args:
        name: the target's name.
        **kwargs: handed to the rule.
    """

    # buildifier: disable=native-sh-binary
    native.sh_binary(name = name, **kwargs)
