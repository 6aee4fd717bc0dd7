"""py_program: a py_binary that finds the bytecode of all that it imports.

Python would else compile it at the first start, and at each start where the sources are read-only:
more than half of what a server's start costs (docs/adr/0013-bytecode-by-the-build.md).
"""

load("@rules_python//python:defs.bzl", "PyInfo", "py_binary")

_CACHE = "__pycache__"
_TAG = "cpython-314"

# Where a target names what it imports; py_grpc_library has `_runtime` as well.
_EDGES = ["deps", "_runtime"]

BytecodeInfo = provider(
    doc = "Bytecode of a target and of all that it depends on.",
    fields = {"files": "a depset of .pyc files"},
)

def _in_package(label, path):
    """Returns a path without that of the package, None where it is of another one."""
    root = "../%s/" % label.workspace_name if label.workspace_name else ""
    root += label.package + "/" if label.package else ""
    return path.removeprefix(root) if path.startswith(root) else None

def _declare(ctx, source):
    """Declares the .pyc of a source where Python looks for it: in the folder beside it."""
    folder, slash, name = _in_package(ctx.label, source.short_path).rpartition("/")
    name = "%s.%s.pyc" % (name.removesuffix(".py"), _TAG)
    return ctx.actions.declare_file(folder + slash + _CACHE + "/" + name)

def _bytecode_aspect_impl(target, ctx):
    inherited = [
        dep[BytecodeInfo].files
        for attribute in _EDGES
        for dep in getattr(ctx.rule.attr, attribute, [])
        if BytecodeInfo in dep
    ]
    sources = [
        file
        for file in target[DefaultInfo].files.to_list()
        if file.extension == "py" and _in_package(ctx.label, file.short_path)
    ]
    if PyInfo not in target or not sources:
        return [BytecodeInfo(files = depset(transitive = inherited))]
    compiled = [_declare(ctx, source) for source in sources]
    listing = ctx.actions.declare_file(ctx.label.name + ".bytecode.txt")
    ctx.actions.write(listing, "".join([
        "%s\t%s\t%s\n" % (source.path, source.short_path, result.path)
        for source, result in zip(sources, compiled)
    ]))
    ctx.actions.run(
        arguments = [listing.path],
        env = {"PYTHONHASHSEED": "0"},
        executable = ctx.executable._compile,
        inputs = sources + [listing],
        mnemonic = "PythonBytecode",
        outputs = compiled,
        progress_message = "Compiling the Python of %{label}",
    )
    return [BytecodeInfo(files = depset(compiled, transitive = inherited))]

_bytecode_aspect = aspect(
    implementation = _bytecode_aspect_impl,
    attr_aspects = _EDGES,
    attrs = {"_compile": attr.label(cfg = "exec", default = "//bazel:bytecode", executable = True)},
    doc = "Compiles the sources of each Python target.",
)

def _bytecode_impl(ctx):
    files = depset(transitive = [dep[BytecodeInfo].files for dep in ctx.attr.deps])
    return [DefaultInfo(runfiles = ctx.runfiles(transitive_files = files))]

bytecode = rule(
    implementation = _bytecode_impl,
    attrs = {"deps": attr.label_list(aspects = [_bytecode_aspect], mandatory = True)},
    doc = "The bytecode of Python targets and of all that they depend on, to be a program's data.",
)

def py_program(name, deps, data = [], **kwargs):
    """Declares a py_binary.

    Args:
        name: the target's name.
        deps: what it imports.
        data: files that it reads.
        **kwargs: handed to py_binary.
    """
    bytecode(
        name = name + "_bytecode",
        testonly = kwargs.get("testonly", False),
        deps = deps,
    )
    py_binary(
        name = name,
        data = data + [":%s_bytecode" % name],
        deps = deps,
        **kwargs
    )
