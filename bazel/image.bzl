"""python_image: a container image out of a py_binary. bazel/image/README.md tells the whole story."""

load("@bazel_skylib//rules:common_settings.bzl", "BuildSettingInfo")
load("@rules_python//python:defs.bzl", "PyInfo")
load("@toolchain//:tools.bzl", "DEBIAN_ROOT", "TOOLS")

LayerInfo = provider(
    doc = "A layer of an image.",
    fields = {
        "blob": "the compressed archive",
        "info": "a JSON file with its digests and size",
    },
)

def needs_debian_root():
    """Returns the target_compatible_with of what is made of the Debian root's own files.

    Elsewhere there are none: Bazel then leaves such a target out of `//...`, and where it is asked
    for by name gives the constraint as the reason.
    """
    return [] if DEBIAN_ROOT else ["//bazel/image:needs_BODEGA_TOOLCHAIN=debian"]

# Debian's interpreter looks here by itself, so that .pth files and entry points work too.
_SITE_PACKAGES = "usr/local/lib/python3.14/dist-packages"
_APPLICATION = "app"
_AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"
_ENV = {
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": _AUTHORITIES,
    "HOME": "/data",
    "LANG": "C.UTF-8",
    "PATH": "/usr/bin",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONPATH": "/" + _APPLICATION,
    "PYTHONSAFEPATH": "1",
    "PYTHONUNBUFFERED": "1",
    "SSL_CERT_FILE": _AUTHORITIES,
    "TMPDIR": "/data",
}

# Files of a binary's runfiles that belong to the toolchain: the base layer stands for them.
_TOOLCHAIN = "../%s/" % Label("@toolchain//:identity").workspace_name

def _declare_layer(ctx, name):
    return LayerInfo(
        blob = ctx.actions.declare_file(name + ".tar.gz"),
        info = ctx.actions.declare_file(name + ".json"),
    )

def _debian_layer_impl(ctx):
    layer = _declare_layer(ctx, ctx.label.name)
    ctx.actions.run(
        arguments = [ctx.file.packages.path, layer.blob.path, layer.info.path],
        env = {"PYTHONHASHSEED": "0"},
        executable = ctx.executable._base_layer,
        # The root's own files are no inputs to Bazel; its identity stands for them.
        inputs = [ctx.file.packages, ctx.file._identity],
        mnemonic = "DebianLayer",
        outputs = [layer.blob, layer.info],
        progress_message = "Making the base layer of images",
    )
    return [DefaultInfo(files = depset([layer.blob, layer.info])), layer]

_debian_layer = rule(
    implementation = _debian_layer_impl,
    attrs = {
        "packages": attr.label(allow_single_file = [".txt"], mandatory = True),
        "_base_layer": attr.label(cfg = "exec", default = "//bazel/image:base_layer", executable = True),
        "_identity": attr.label(allow_single_file = True, default = "@toolchain//:identity"),
    },
    doc = "A layer of files that Debian packages put into the build's root.",
    provides = [LayerInfo],
)

def debian_layer(name, **kwargs):
    """Declares a layer out of Debian packages.

    Args:
        name: the target's name.
        **kwargs: `packages`, a file that lists them, and what all rules take.
    """
    _debian_layer(name = name, target_compatible_with = needs_debian_root(), **kwargs)

def _place(file, import_roots):
    """Returns (layer, path in it) of a file of the runfiles; no layer for what stays out."""
    path = file.short_path
    if path.startswith(_TOOLCHAIN):
        return None, None
    if path.startswith("../"):
        if "/site-packages/" not in path:
            fail("%s is of no wheel: bazel/image.bzl knows no layer for it" % path)
        return "dependencies", path.partition("/site-packages/")[2]
    for root in import_roots:
        if path.startswith(root):
            return "application", path.removeprefix(root)
    return "application", path

def _sort_into_layers(ctx, binary):
    """Returns {layer: [(path in it, file)]} for all that the binary needs at run time."""
    workspace = ctx.workspace_name + "/"
    roots = [r.removeprefix(workspace) + "/" for r in binary[PyInfo].imports.to_list() if r.startswith(workspace)]
    layers = {"application": [], "dependencies": []}
    launcher = binary[DefaultInfo].files_to_run.executable
    for file in binary[DefaultInfo].default_runfiles.files.to_list():
        layer, path = _place(file, roots)

        # An image compiles what it keeps.
        if layer and file != launcher and file.extension != "pyc":
            layers[layer].append((path, file))
    if ctx.attr.module.replace(".", "/") + ".py" not in [path for path, _ in layers["application"]]:
        fail("module %s is not among the sources of %s" % (ctx.attr.module, binary.label))
    return layers

def _python_layer(ctx, kind, folder, entries):
    layer = _declare_layer(ctx, "%s.%s" % (ctx.label.name, kind))
    listing = ctx.actions.declare_file("%s.%s.txt" % (ctx.label.name, kind))
    ctx.actions.write(listing, "".join(["%s\t%s\n" % (path, file.path) for path, file in entries]))
    ctx.actions.run(
        arguments = [folder, kind, layer.blob.path, layer.info.path, listing.path, TOOLS["strip"]],
        env = {"PYTHONHASHSEED": "0"},
        executable = ctx.executable._python_layer,
        inputs = [file for _, file in entries] + [listing, ctx.file._identity],
        mnemonic = "PythonLayer",
        outputs = [layer.blob, layer.info],
        progress_message = "Making the layer of %s of %%{label}" % kind,
    )
    return layer

def _labels(ctx):
    """Returns the image's labels: the target's own, and what the command line says of the source."""
    said = {
        "org.opencontainers.image.revision": ctx.attr._revision[BuildSettingInfo].value,
        "org.opencontainers.image.source": ctx.attr._source[BuildSettingInfo].value,
    }
    return {
        "org.opencontainers.image.licenses": "Apache-2.0",
        "org.opencontainers.image.title": ctx.attr.title,
    } | ctx.attr.labels | {label: value for label, value in said.items() if value}

def _config(ctx):
    """Returns what assemble.py wants to know, but for the layers."""
    return {
        "architecture": ctx.attr.architecture,
        "config": {
            "Entrypoint": ["/usr/bin/python3.14", "-m", ctx.attr.module],
            "Env": ["%s=%s" % item for item in sorted((_ENV | ctx.attr.env).items())],
            "ExposedPorts": {"%d/tcp" % port: {} for port in ctx.attr.ports},
            "StopSignal": "SIGTERM",
            "User": "65532:65532",
            "Volumes": {"/data": {}},
            "WorkingDir": "/data",
        },
        "labels": _labels(ctx),
        "reference": ctx.attr.repository + ":latest",
    }

def _python_image_impl(ctx):
    entries = _sort_into_layers(ctx, ctx.attr.binary)
    layers = [
        ctx.attr.base[LayerInfo],
        _python_layer(ctx, "dependencies", _SITE_PACKAGES, entries["dependencies"]),
        _python_layer(ctx, "application", _APPLICATION, entries["application"]),
    ]
    config = ctx.actions.declare_file(ctx.label.name + ".config.json")
    layout = ctx.actions.declare_directory(ctx.label.name)
    archive = ctx.actions.declare_file(ctx.label.name + ".tar")
    blobs = [file for layer in layers for file in (layer.blob, layer.info)]
    ctx.actions.write(config, json.encode(_config(ctx)))
    ctx.actions.run(
        arguments = [config.path, layout.path, archive.path] + [file.path for file in blobs],
        executable = ctx.executable._assemble,
        inputs = [config] + blobs,
        mnemonic = "OciImage",
        outputs = [layout, archive],
        progress_message = "Making the image %{label}",
    )
    return [
        DefaultInfo(files = depset([layout, archive])),
        OutputGroupInfo(archive = depset([archive]), layers = depset(blobs), layout = depset([layout])),
    ]

_python_image = rule(
    implementation = _python_image_impl,
    attrs = {
        "architecture": attr.string(mandatory = True),
        "base": attr.label(default = "//bazel/image:base", providers = [LayerInfo]),
        "binary": attr.label(executable = True, mandatory = True, cfg = "target", providers = [PyInfo]),
        "env": attr.string_dict(),
        "labels": attr.string_dict(),
        "module": attr.string(mandatory = True),
        "ports": attr.int_list(),
        "repository": attr.string(mandatory = True),
        "title": attr.string(mandatory = True),
        "_assemble": attr.label(cfg = "exec", default = "//bazel/image:assemble", executable = True),
        "_identity": attr.label(allow_single_file = True, default = "@toolchain//:identity"),
        "_python_layer": attr.label(cfg = "exec", default = "//bazel/image:python_layer", executable = True),
        "_revision": attr.label(default = "//bazel/image:revision"),
        "_source": attr.label(default = "//bazel/image:source"),
    },
    doc = "An OCI layout (NAME/) and a loadable archive (NAME.tar).",
)

def python_image(name, binary, module, repository, title, **kwargs):
    """Declares an image of three layers: the interpreter, the wheels, our own code.

    Builds NAME/, an OCI layout, and NAME.tar, the same for `podman load` and `docker load`.
    NAME_archive is NAME.tar alone.

    Args:
        name: the target's name.
        binary: the py_binary whose sources and dependencies go in.
        module: what the container runs: python3.14 -m MODULE.
        repository: the image's name, without registry and tag.
        title: one line for people.
        **kwargs: `ports`, `env`, `labels`, `base`, and what all rules take.
    """
    _python_image(
        name = name,
        architecture = select({
            "@platforms//cpu:aarch64": "arm64",
            "@platforms//cpu:x86_64": "amd64",
        }),
        binary = binary,
        module = module,
        repository = repository,
        target_compatible_with = needs_debian_root(),
        title = title,
        **kwargs
    )
    native.filegroup(
        name = name + "_archive",
        srcs = [name],
        output_group = "archive",
        target_compatible_with = needs_debian_root(),
        visibility = kwargs.get("visibility"),
    )
