"""The one place where the build looks at PATH.

A supplier (the Nix shell, or the Debian root of bazelw) puts the tools on PATH. The repository
rule here resolves them, checks their versions, and hands them on as `@toolchain//:NAME` and as
absolute paths in `@toolchain//:tools.bzl`. `@toolchain//:identity` changes whenever a tool that makes
outputs does: whatever runs one depends on it, so that a cache never mixes two toolchains.
`@toolchain//:test_identity` is the same for the tools of tests and checks, which may be missing where
things are only built and run.
"""

# name: (arguments that print the version, what stands before it, the major versions that are taken).
# Tests are run with the first major version of each; no version at all is asked for where none matters.
_TOOLS = {
    "chromium": (["--version"], "Chromium ", []),
    "curl": (["--version"], "curl ", []),
    "h2load": (["--version"], "h2load nghttp2/", ["1"]),
    "nix": (["--version"], "nix (Nix) ", ["2"]),
    "node": (["--version"], "v", ["24"]),
    "npm": (["--version"], "", []),
    "openssl": (["version"], "OpenSSL ", ["3"]),
    "podman": (["--version"], "podman version ", ["5", "6"]),
    "postgres": (["--version"], "postgres (PostgreSQL) ", ["18"]),
    "promtool": (["--version"], "promtool, version ", ["3"]),
    "shellcheck": (["--version"], "version: ", ["0"]),
    "skopeo": (["--version"], "skopeo version ", ["1"]),
}

# Where a supplier may call a tool by another name, the best name first: Debian packages Chromium's
# headless part alone, nixpkgs the whole browser.
_PROGRAMS = {"chromium": ["chromium-headless-shell", "chromium"]}

_MISSING = """#!/bin/sh
echo "{reason}: run './bazelw --test-tools' once, or enter the shell with 'nix develop'" >&2
exit 127
"""

_TOOLS_BZL = """\
\"\"\"Where the tools are.\"\"\"

TOOLS = {tools}

DEBIAN_ROOT = {debian_root}
"""

_BUILD = """\
load("@rules_python//python:defs.bzl", "py_runtime", "py_runtime_pair")

package(default_visibility = ["//visibility:public"])

exports_files(["identity", "test_identity", "venv/bin/python3"] + {tools})

py_runtime(
    name = "python",
    coverage_tool = "@pip_coverage//:tool",
    files = ["identity", "venv/pyvenv.cfg"],
    interpreter = "venv/bin/python3",
    python_version = "PY3",
    stub_shebang = "#!{python} -SI",
)

py_runtime_pair(
    name = "python_pair",
    py3_runtime = ":python",
)

toolchain(
    name = "python_toolchain",
    toolchain = ":python_pair",
    toolchain_type = "@bazel_tools//tools/python:toolchain_type",
)
"""

def _version(rctx, path, arguments):
    result = rctx.execute([path] + arguments, environment = {"HOME": "/nonexistent"})
    return result.stdout + result.stderr

def _python(rctx):
    path = rctx.which("python3")
    found = _version(rctx, path, ["--version"]).strip() if path else "no python3"
    if not found.startswith("Python 3.14."):
        fail("Python 3.14 is needed on PATH, found: %s. Use ./bazelw, or 'nix develop'." % found)

    # A virtual environment of nothing: the standard library, and none of the packages that the
    # interpreter's own distribution adds to sys.path.
    real = rctx.path(path).realpath
    rctx.symlink(real, "venv/bin/python3")
    rctx.file("venv/pyvenv.cfg", "home = %s\ninclude-system-site-packages = false\n" % real.dirname)
    return real, found

def _which(rctx, name):
    found = [rctx.which(program) for program in _PROGRAMS.get(name, [name])]
    return ([path for path in found if path] or [None])[0]

def _tool(rctx, name, arguments, prefix, majors):
    """Links one tool and returns (path or None, what it says of its version)."""
    path = _which(rctx, name)
    printed = _version(rctx, path, arguments) if path else ""
    found = ([line for line in printed.splitlines() if line.startswith(prefix)] or [printed.split("\n")[0]])[0]
    major = found.removeprefix(prefix).partition(".")[0]
    if path and found.startswith(prefix) and (major in majors or not majors):
        rctx.symlink(path, name)
        return str(path), found
    reason = "%s is not on PATH" % name
    if path:
        wanted = prefix + (" or ".join(majors) or "of any version")
        reason = "%s is not the right version (wanted '%s', found '%s')" % (path, wanted, found)
    rctx.file(name, _MISSING.format(reason = reason.replace('"', "'")), executable = True)
    return None, reason

def _resolve(rctx, tools, paths):
    """Links tools, adds their paths, and returns a line of identity for each."""
    lines = []
    for name, (arguments, prefix, majors) in tools.items():
        path, found = _tool(rctx, name, arguments, prefix, majors)
        paths[name] = path or str(rctx.path(name))
        lines.append("%s %s %s" % (name, path and rctx.path(path).realpath, found))
    return lines

def _write_identity(rctx, name, lines, root):
    """Writes lines of identity, and that of the Debian root, which says what all of its packages are.

    A Nix store path says that by itself.
    """
    if root.exists:
        lines = lines + ["root " + rctx.read(root)]
    rctx.file(name, "\n".join(lines) + "\n")

def _toolchain_impl(rctx):
    python, version = _python(rctx)
    paths = {"python3": str(python)}
    build = ["python3 %s %s" % (python, version)]
    test = _resolve(rctx, _TOOLS, paths)
    root = rctx.path("/etc/bodega-toolchain")
    _write_identity(rctx, "identity", build, root)
    _write_identity(rctx, "test_identity", test, rctx.path("/etc/bodega-test-tools"))
    rctx.file("tools.bzl", _TOOLS_BZL.format(debian_root = root.exists, tools = json.encode_indent(paths)))
    rctx.file("BUILD.bazel", _BUILD.format(python = python, tools = sorted(_TOOLS.keys())))

toolchain = repository_rule(
    implementation = _toolchain_impl,
    configure = True,
    doc = "Resolves the build's tools on PATH.",
    environ = ["PATH"],
    local = True,
)
