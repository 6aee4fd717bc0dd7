"""python_image: a container image out of a py_binary. bazel/image/README.md tells the whole story."""

load("@bazel_skylib//rules:common_settings.bzl", "BuildSettingInfo")
load("@rules_python//python:defs.bzl", "PyInfo", "py_binary")
load("@toolchain//:tools.bzl", "TOOLS")

LayerInfo = provider(
    doc = "A layer of an image.",
    fields = {
        "architecture": "amd64 or arm64; empty where the layer suits both",
        "blob": "the compressed archive",
        "info": "a JSON file with its digests and size",
        "inventory": "a JSON file with the components that it is made of",
    },
)

_ARCHITECTURES = ["amd64", "arm64"]

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

# The programs that make images run on the interpreter of the locked Debian packages, not on the
# toolchain's: compressed bytes and bytecode are then the same, whoever supplies the toolchain.
_LOCKED = {
    "_files": attr.label(cfg = "exec", default = "//bazel/image:locked_files"),
    "_loader": attr.label(allow_single_file = True, cfg = "exec", default = "//bazel/image:locked_loader"),
    "_python": attr.label(allow_single_file = True, cfg = "exec", default = "//bazel/image:locked_python"),
    "_sources": attr.label(cfg = "exec", default = "//bazel/image:sources"),
    "_strip": attr.label(allow_single_file = True, cfg = "exec", default = "//bazel/image:locked_strip"),
}

def _locked_command(ctx, program):
    """Returns the command that runs a program of the locked packages with their own libraries."""
    return [ctx.file._loader.path, "--library-path", ctx.file._loader.dirname, program.path]

def _run(ctx, module, arguments, inputs, **kwargs):
    """Declares an action that runs a module of bazel/image."""
    loader = ctx.file._loader
    ctx.actions.run(
        arguments = _locked_command(ctx, ctx.file._python)[1:] + ["-BPS", "-m", "bazel.image." + module] + arguments,
        env = {"PYTHONHASHSEED": "0", "PYTHONPATH": "."},
        executable = loader,
        inputs = depset(inputs + [loader], transitive = [ctx.attr._files.files, ctx.attr._sources.files]),
        **kwargs
    )

def _declare_layer(ctx, architecture):
    name = ctx.label.name
    return LayerInfo(
        architecture = architecture,
        blob = ctx.actions.declare_file(name + ".tar.gz"),
        info = ctx.actions.declare_file(name + ".json"),
        inventory = ctx.actions.declare_file(name + ".inventory.json"),
    )

def _outputs(layer):
    return [layer.blob, layer.info, layer.inventory]

def _debian_layer_impl(ctx):
    layer = _declare_layer(ctx, ctx.attr.architecture)
    inputs = [ctx.file.packages, ctx.file.lock]
    outputs = _outputs(layer)
    _run(
        ctx,
        "base_layer",
        [ctx.attr.architecture] + [file.path for file in inputs + outputs + ctx.files.debs],
        inputs = inputs + ctx.files.debs,
        mnemonic = "DebianLayer",
        outputs = outputs,
        progress_message = "Making the base layer of images",
    )
    return [DefaultInfo(files = depset(outputs)), layer]

debian_layer = rule(
    implementation = _debian_layer_impl,
    attrs = _LOCKED | {
        "architecture": attr.string(mandatory = True, values = _ARCHITECTURES),
        "debs": attr.label(mandatory = True),
        "lock": attr.label(allow_single_file = [".lock"], mandatory = True),
        "packages": attr.label(allow_single_file = [".txt"], mandatory = True),
    },
    doc = "A layer out of Debian packages.",
    provides = [LayerInfo],
)

def _wheel_name(name):
    return name.lower().replace("-", "_").replace(".", "_")

def _sort(ctx):
    """Returns all that the binary needs at run time.

    Returns:
        The files of our own as (path in the layer, file), and the names of the wheels, sorted.
    """
    binary = ctx.attr.binary
    workspace = ctx.workspace_name + "/"
    roots = [r.removeprefix(workspace) + "/" for r in binary[PyInfo].imports.to_list() if r.startswith(workspace)]
    launcher = binary[DefaultInfo].files_to_run.executable
    ours, wheels = [], {}
    for file in binary[DefaultInfo].default_runfiles.files.to_list():
        path = file.short_path
        if path.startswith("../"):
            if path.endswith(".dist-info/METADATA"):
                wheels[_wheel_name(path.split("/")[-2].partition("-")[0])] = None
            elif "/site-packages/" not in path and not path.startswith(_TOOLCHAIN):
                fail("%s is of no wheel: bazel/image.bzl knows no layer for it" % path)
        elif file != launcher and file.extension != "pyc":  # an image compiles what it keeps
            for root in roots:
                path = path.removeprefix(root)
            ours.append((path, file))
    return ours, sorted(wheels)

def _python_layer(ctx, architecture, kind, folder, lines, inputs):
    layer = _declare_layer(ctx, architecture)
    listing = ctx.actions.declare_file(ctx.label.name + ".txt")
    ctx.actions.write(listing, "".join([line + "\n" for line in lines]))
    outputs = _outputs(layer)
    strip = " ".join(["'%s'" % word for word in _locked_command(ctx, ctx.file._strip)])
    _run(
        ctx,
        "python_layer",
        [folder, kind] + [file.path for file in outputs + [listing]] + [strip],
        inputs = inputs + [listing],
        mnemonic = "PythonLayer",
        outputs = outputs,
        progress_message = "Making the layer of %s of %%{label}" % kind,
    )
    return [DefaultInfo(files = depset(outputs)), layer]

def _application_layer_impl(ctx):
    ours, _ = _sort(ctx)
    if ctx.attr.module.replace(".", "/") + ".py" not in [path for path, _ in ours]:
        fail("module %s is not among the sources of %s" % (ctx.attr.module, ctx.attr.binary.label))
    lines = ["%s\t%s" % (path, file.path) for path, file in ours]
    return _python_layer(ctx, "", "application", _APPLICATION, lines, [file for _, file in ours])

_application_layer = rule(
    implementation = _application_layer_impl,
    attrs = _LOCKED | {
        "binary": attr.label(executable = True, mandatory = True, cfg = "target", providers = [PyInfo]),
        "module": attr.string(mandatory = True),
    },
    doc = "A layer of our own code.",
    provides = [LayerInfo],
)

def _dependencies_layer_impl(ctx):
    _, wanted = _sort(ctx)
    found = {file.basename.removesuffix(".whl"): file for file in ctx.files.wheels}
    missing = [name for name in wanted if name not in found]
    if missing:
        fail("%s: %s has no wheel of %s" % (ctx.label, ctx.attr.wheels.label, missing))
    wheels = [found[name] for name in wanted]
    return _python_layer(
        ctx,
        ctx.attr.architecture,
        "dependencies",
        _SITE_PACKAGES,
        [wheel.path for wheel in wheels],
        wheels,
    )

_dependencies_layer = rule(
    implementation = _dependencies_layer_impl,
    attrs = _LOCKED | {
        "architecture": attr.string(mandatory = True, values = _ARCHITECTURES),
        "binary": attr.label(executable = True, mandatory = True, cfg = "target", providers = [PyInfo]),
        "wheels": attr.label(mandatory = True),
    },
    doc = "A layer of the wheels of one architecture that a binary needs.",
    provides = [LayerInfo],
)

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
    """Returns the execution parameters of the image."""
    return {
        "Entrypoint": ["/usr/bin/python3.14", "-m", ctx.attr.module],
        "Env": ["%s=%s" % item for item in sorted((_ENV | ctx.attr.env).items())],
        "ExposedPorts": {"%d/tcp" % port: {} for port in ctx.attr.ports},
        "StopSignal": "SIGTERM",
        "User": "65532:65532",
        "Volumes": {"/data": {}},
        "WorkingDir": "/data",
    }

def _image_impl(ctx):
    layers = [target[LayerInfo] for target in ctx.attr.layers]
    architectures = {layer.architecture: None for layer in layers if layer.architecture}.keys()
    name = ctx.label.name
    layout = ctx.actions.declare_directory(name)
    archive = ctx.actions.declare_file(name + ".tar") if len(architectures) == 1 else None
    platforms, sboms = [], []
    for architecture in architectures:
        suffix = ".spdx.json" if archive else ".%s.spdx.json" % architecture
        sboms.append(ctx.actions.declare_file(name + suffix))
        platforms.append({
            "architecture": architecture,
            "layers": [
                {"blob": layer.blob.path, "info": layer.info.path, "inventory": layer.inventory.path}
                for layer in layers
                if layer.architecture in ["", architecture]
            ],
            "sbom": sboms[-1].path,
        })
    plan = ctx.actions.declare_file(name + ".plan.json")
    ctx.actions.write(plan, json.encode({
        "archive": archive.path if archive else None,
        "config": _config(ctx),
        "labels": _labels(ctx),
        "layout": layout.path,
        "licences": ctx.file._licences.path,
        "platforms": platforms,
        "reference": ctx.attr.repository + ":latest",
    }))
    archives = [archive] if archive else []
    _run(
        ctx,
        "assemble",
        [plan.path],
        inputs = [plan, ctx.file._licences] + [file for layer in layers for file in _outputs(layer)],
        mnemonic = "OciImage",
        outputs = [layout] + archives + sboms,
        progress_message = "Making the image %{label}",
    )
    files = depset([layout] + archives + sboms)
    return [
        DefaultInfo(files = files),
        OutputGroupInfo(archive = depset(archives), layout = depset([layout]), sbom = depset(sboms)),
    ]

_image = rule(
    implementation = _image_impl,
    attrs = _LOCKED | {
        "env": attr.string_dict(),
        "labels": attr.string_dict(),
        "layers": attr.label_list(mandatory = True, providers = [LayerInfo]),
        "module": attr.string(mandatory = True),
        "ports": attr.int_list(),
        "repository": attr.string(mandatory = True),
        "title": attr.string(mandatory = True),
        "_licences": attr.label(allow_single_file = True, default = "//bazel/image:licences.toml"),
        "_revision": attr.label(default = "//bazel/image:revision"),
        "_source": attr.label(default = "//bazel/image:source"),
    },
    doc = "An OCI layout (NAME/), for one architecture a loadable archive (NAME.tar) too, and bills of materials.",
)

def python_image(name, binary, module, repository, title, visibility = None, **kwargs):
    """Declares an image of three layers: the interpreter, the wheels, our own code.

    Builds NAME/, an OCI layout for the architecture that is built for; NAME.tar, the same for
    `podman load` and `docker load`; NAME.spdx.json, its bill of materials. NAME_layout,
    NAME_archive and NAME_sbom are each of them alone. NAME_index/ is an OCI layout for all architectures, and
    PUSH, which is NAME with `push` for `image`, copies that to a registry.

    Args:
        name: the target's name, which ends in `image`.
        binary: the py_binary whose sources and dependencies go in.
        module: what the container runs: python3.14 -m MODULE.
        repository: the image's name, without registry and tag.
        title: one line for people.
        visibility: of all these targets.
        **kwargs: `ports`, `env`, `labels`.
    """
    _application_layer(name = name + "_application", binary = binary, module = module)
    layers = {}
    for architecture in _ARCHITECTURES:
        dependencies = "%s_dependencies_%s" % (name, architecture)
        _dependencies_layer(
            name = dependencies,
            architecture = architecture,
            binary = binary,
            tags = ["manual"],  # those of the other architecture are built for NAME_index alone
            wheels = "@wheels_%s//:wheels" % architecture,
        )
        layers[architecture] = ["//bazel/image:base_" + architecture, dependencies, name + "_application"]
    image = dict(
        module = module,
        repository = repository,
        title = title,
        visibility = visibility,
        **kwargs
    )
    _image(
        name = name,
        layers = select({
            "@platforms//cpu:aarch64": layers["arm64"],
            "@platforms//cpu:x86_64": layers["amd64"],
        }),
        **image
    )
    for group in ["archive", "layout", "sbom"]:
        native.filegroup(
            name = "%s_%s" % (name, group),
            srcs = [name],
            output_group = group,
            visibility = visibility,
        )
    _image(
        name = name + "_index",
        layers = layers["amd64"][:2] + layers["arm64"][:2] + layers["amd64"][2:],
        tags = ["manual"],
        **image
    )
    for group in ["layout", "sbom"]:
        native.filegroup(
            name = "%s_index_%s" % (name, group),
            srcs = [name + "_index"],
            output_group = group,
            tags = ["manual"],
            visibility = visibility,
        )
    py_binary(
        name = name.removesuffix("image") + "push",
        srcs = ["//bazel/image:push.py"],
        args = [TOOLS["skopeo"], "$(rootpath :%s_index_layout)" % name, repository + ":latest"],
        data = [name + "_index_layout", "@toolchain//:identity"],
        main = "//bazel/image:push.py",
        tags = ["manual"],
        visibility = visibility,
    )
