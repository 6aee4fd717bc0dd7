"""npm_package: one package from the npm registry, by its hash."""

def _npm_package_impl(rctx):
    npm = rctx.path(Label("@toolchain//:npm"))
    spec = "%s@%s" % (rctx.attr.package, rctx.attr.version)
    result = rctx.execute([npm, "pack", spec, "--silent"])
    if result.return_code:
        fail("npm pack %s: %s%s" % (spec, result.stdout, result.stderr))
    archive = result.stdout.strip()
    rctx.symlink(archive, "package.tgz")

    # The registry's own checksum only says that the transfer was whole; ours says what was meant.
    python = rctx.path(Label("@toolchain//:venv/bin/python3"))
    digest = "import hashlib; print(hashlib.file_digest(open('package.tgz', 'rb'), 'sha256').hexdigest())"
    found = rctx.execute([python, "-c", digest]).stdout.strip()
    if found != rctx.attr.sha256:
        fail("%s has sha256 %s, wanted %s" % (spec, found, rctx.attr.sha256))
    rctx.extract("package.tgz", stripPrefix = "package")
    rctx.delete(archive)
    rctx.delete("package.tgz")
    rctx.file("BUILD.bazel", rctx.attr.build_file_content)

# A module to import, for node_program.
_MODULE_BUILD = """\
filegroup(
    name = "module",
    srcs = glob(["**"], exclude = ["BUILD.bazel", "WORKSPACE", "**/*.d.ts", "**/*.map"]),
    visibility = ["//visibility:public"],
)
"""

npm_package = repository_rule(
    implementation = _npm_package_impl,
    attrs = {
        "build_file_content": attr.string(default = _MODULE_BUILD),
        "package": attr.string(mandatory = True),
        "sha256": attr.string(doc = "Of the packed archive.", mandatory = True),
        "version": attr.string(mandatory = True),
    },
    doc = "Fetches a package without its dependencies and without running its scripts.",
)

_BUILDIFIER_BUILD = """\
genrule(
    name = "buildifier_of_this_machine",
    srcs = select({
        "@platforms//cpu:aarch64": ["buildifier-linux_arm64"],
        "@platforms//cpu:x86_64": ["buildifier-linux_amd64"],
    }),
    outs = ["buildifier"],
    cmd = "cp $< $@",
    executable = True,
    visibility = ["//visibility:public"],
)
"""

# What tests import: name: (version, sha256). Each one's dependencies are listed too.
_MODULES = {
    "jose": ("6.2.17", "367aaae5b1529eeac73c77999283dd095f7d866afbd492e36634b8c7e93f06fc"),
    "oauth4webapi": ("3.8.8", "bac088aecc7cc80e2469b08592c8eb01b9ae6d4a749d89a6016aa54bb1533690"),
    "openid-client": ("6.8.9", "406d2da748ab090a0296b4d5598a44f2b0ba8c94e75bd671cbf0fe62b028bb26"),
}

# buildifier: disable=unnamed-macro
def bodega_npm():
    """Declares the npm packages of the build."""
    npm_package(
        name = "npm_buildifier",
        build_file_content = _BUILDIFIER_BUILD,
        package = "@bazel/buildifier",
        sha256 = "b96ea9b13003036c801f52bee6f9b0314738f8432e5cb9d814c89f59292604ee",
        version = "8.2.1",
    )
    npm_package(
        name = "npm_axe_core",
        build_file_content = "exports_files([\"axe.min.js\"])",
        package = "axe-core",
        sha256 = "e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745",
        version = "4.14.1",
    )
    for package, (version, sha256) in _MODULES.items():
        npm_package(
            name = "npm_" + package.replace("-", "_"),
            package = package,
            sha256 = sha256,
            version = version,
        )
