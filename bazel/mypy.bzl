"""types(): the types of each package's Python; mypy_test: all of them, as a Bazel test.

mypy runs once for each library, and once for the programs and tests of a package, on their own
sources; an aspect hands it the caches of what they depend on (docs/adr/0017-types-and-tests-by-target.md).
"""

load("@rules_python//python:defs.bzl", "PyInfo", "PyRuntimeInfo")

MypyInfo = provider(
    doc = "What mypy found out about a target.",
    fields = {
        "caches": "a depset of mypy's caches, of the target and all that it depends on",
        "checked": "the files to be checked for this target",
        "report": "the errors in these; None for programs and tests: those of a package are checked together",
        "sources": "a depset of Python files, of the target and all that it depends on",
    },
)

_EnvironmentInfo = provider(
    doc = "mypy, and the third-party packages that all targets see.",
    fields = {
        "cache": "mypy's cache of these packages",
        "files": "a depset",
        "path": "PYTHONPATH",
    },
)

def _run(ctx, environment, config, arguments, inputs, outputs, message):
    args = ctx.actions.args()
    args.use_param_file("@%s")
    args.set_param_file_format("multiline")
    for flag, values in arguments.items():
        args.add_all(values, before_each = flag or None)
    runtime = ctx.attr._python[PyRuntimeInfo]
    ctx.actions.run(
        arguments = [ctx.file._main.path, args],
        env = {
            "MYPYPATH": ctx.bin_dir.path + "/proto",
            "PYTHONHASHSEED": "0",
            "PYTHONPATH": environment.path,
        },
        executable = runtime.interpreter,
        inputs = depset(
            [ctx.file._main, config, runtime.interpreter],
            transitive = [environment.files, runtime.files] + inputs,
        ),
        mnemonic = "Mypy",
        outputs = outputs,
        progress_message = message,
    )

_PROGRAM = {
    "_config": attr.label(allow_single_file = True, default = "//:pyproject.toml"),
    "_main": attr.label(allow_single_file = True, default = "//bazel:mypy_main.py"),
    "_python": attr.label(default = "@toolchain//:python"),
}

def _read_by_mypy(file):
    return file.extension in ("py", "pyi", "typed") or file.basename == "VERSIONS"  # of typeshed

def _environment_impl(ctx):
    mypy = ctx.attr.mypy[DefaultInfo].default_runfiles.files
    wheels = depset(transitive = [wheel[DefaultInfo].default_runfiles.files for wheel in ctx.attr.wheels])
    imports = depset(transitive = [wheel[PyInfo].imports for wheel in ctx.attr.wheels])
    cache = ctx.actions.declare_file(ctx.label.name + ".mypy")
    files = [file for file in wheels.to_list() if _read_by_mypy(file)]
    files += [file for file in mypy.to_list() if file.extension == "so"]
    environment = _EnvironmentInfo(
        cache = cache,
        files = depset([
            file
            for file in files
            if not [folder for folder in ctx.attr.without if folder in file.path]
        ]),
        path = ":".join(["external/" + path for path in imports.to_list()]),
    )
    _run(
        ctx,
        environment,
        ctx.file._config,
        {"--result": [cache]},
        [],
        [cache],
        "Reading the types of all packages",
    )
    return [environment]

mypy_environment = rule(
    implementation = _environment_impl,
    attrs = _PROGRAM | {
        "mypy": attr.label(mandatory = True, providers = [PyInfo]),
        "wheels": attr.label_list(doc = "What is imported.", mandatory = True, providers = [PyInfo]),
        "without": attr.string_list(doc = "Folders of wheels that are large, and that nothing imports."),
    },
)

_CHECKER = _PROGRAM | {"_environment": attr.label(default = "//bazel:mypy_environment")}

def _own(target, ctx):
    """Returns the files to be checked for a target: those of its package, and what is generated."""
    if OutputGroupInfo in target and hasattr(target[OutputGroupInfo], "stubs"):
        return target[OutputGroupInfo].stubs.to_list()
    files = getattr(ctx.rule.files, "srcs", [])
    return [file for file in files if file.extension == "py" and file.owner.package == ctx.label.package]

def _check(ctx, name, checked, caches, sources):
    """Declares the action that checks files; returns their cache and the report on them."""
    cache = ctx.actions.declare_file(name + ".mypy")
    report = ctx.actions.declare_file(name + ".types.txt")
    environment = ctx.attr._environment[_EnvironmentInfo]
    _run(
        ctx,
        environment,
        ctx.file._config,
        {
            "": checked,
            "--base": [environment.cache],
            "--cache": caches,
            "--report": [report],
            "--result": [cache],
        },
        [caches, depset([environment.cache]), sources],
        [cache, report],
        "Checking the types of %{label}",
    )
    return cache, report

def _mypy_aspect_impl(target, ctx):
    if PyInfo not in target or ctx.label.workspace_name:
        return []
    deps = [dep[MypyInfo] for dep in ctx.rule.attr.deps if MypyInfo in dep]
    caches = depset(transitive = [dep.caches for dep in deps])
    checked = _own(target, ctx)
    sources = depset(
        checked + getattr(ctx.rule.files, "srcs", []),
        transitive = [dep.sources for dep in deps],
    )
    if not checked or ctx.rule.kind in ("py_binary", "py_test"):
        return [MypyInfo(caches = caches, checked = checked, report = None, sources = sources)]
    cache, report = _check(ctx, ctx.label.name, checked, caches, sources)
    return [MypyInfo(
        caches = depset([cache], transitive = [caches]),
        checked = checked,
        report = report,
        sources = sources,
    )]

_mypy_aspect = aspect(
    implementation = _mypy_aspect_impl,
    attr_aspects = ["deps"],
    attrs = _CHECKER,
)

TypesInfo = provider(
    doc = "The types of a package and of those below it.",
    fields = {"reports": "a depset of files with errors, empty where there are none"},
)

def _types_impl(ctx):
    results = [target[MypyInfo] for target in ctx.attr.targets]
    checked = {file: None for result in results for file in result.checked}
    left_out = [file.short_path for file in ctx.files.files if file not in checked]
    if left_out:
        fail("no Python target that stands before lint() has " + ", ".join(left_out))
    reports = [result.report for result in results if result.report]
    leaves = [result for result in results if result.checked and not result.report]
    if leaves:
        _, report = _check(
            ctx,
            ctx.label.name,
            depset([file for leaf in leaves for file in leaf.checked]),
            depset(transitive = [leaf.caches for leaf in leaves]),
            depset(transitive = [leaf.sources for leaf in leaves]),
        )
        reports.append(report)
    reports = depset(reports, transitive = [package[TypesInfo].reports for package in ctx.attr.below])
    return [DefaultInfo(files = reports), TypesInfo(reports = reports)]

_types = rule(
    implementation = _types_impl,
    attrs = _CHECKER | {
        "below": attr.label_list(providers = [TypesInfo]),
        "files": attr.label_list(allow_files = True),
        "targets": attr.label_list(aspects = [_mypy_aspect], providers = [PyInfo]),
    },
)

def types(name, files):
    """Declares the target `types`: every Python target of the package that stands above, checked.

    It has the `types` of the packages below as well, hence they must be there.

    Args:
        name: the target's name.
        files: the Python files of the package, each of which must be in one of its targets.
    """
    kinds = ["py_binary", "py_grpc_library", "py_library", "py_test"]
    python = {key: rule for key, rule in native.existing_rules().items() if rule["kind"] in kinds}

    # What this toolchain cannot run, it does not check either.
    absent = [key for key, rule in python.items() if "incompatible" in str(rule.get("target_compatible_with"))]
    left_out = [source for key in absent for source in python[key]["srcs"]]
    folder = native.package_name() + "/" if native.package_name() else ""
    _types(
        name = name,
        testonly = True,
        below = [
            "//%s%s:%s" % (folder, package, name)
            for package in native.subpackages(allow_empty = True, include = ["**"])
        ],
        files = [file for file in files if ":" + file not in left_out],
        targets = [key for key in python if key not in absent],
        visibility = ["//visibility:public"],
    )

def _mypy_test_impl(ctx):
    reports = ctx.attr.types[TypesInfo].reports
    script = ctx.actions.declare_file(ctx.label.name + ".sh")
    paths = " ".join([report.short_path for report in reports.to_list()])
    ctx.actions.write(script, "#!/bin/sh\n! grep -h . %s\n" % paths, is_executable = True)
    return [DefaultInfo(executable = script, runfiles = ctx.runfiles(transitive_files = reports))]

mypy_test = rule(
    implementation = _mypy_test_impl,
    attrs = {"types": attr.label(mandatory = True, providers = [TypesInfo])},
    doc = "Passes where there is no error in the types of a package and of those below it.",
    test = True,
)
