"""The rulesets, by URL and sha256 for those who have the network.

In the Debian root of bazelw each is replaced by the packaged copy of the same version
(bazel/debian/bazelrc).
"""

load("@bazel_tools//tools/build_defs/repo:http.bzl", "http_archive")
load("@bazel_tools//tools/build_defs/repo:local.bzl", "local_repository")

def _github(name, repo, sha256, version, file = "{name}-{version}.tar.gz", strip_prefix = ""):
    """Declares a ruleset of a release. The version stands in one place, where Renovate reads it."""
    words = {"name": name, "number": version.removeprefix("v"), "version": version}
    http_archive(
        name = name,
        sha256 = sha256,
        strip_prefix = strip_prefix.format(**words),
        url = "https://github.com/%s/releases/download/%s/%s" % (repo, version, file.format(**words)),
    )

# Repositories that Bazel's own packages name, and no target here uses: bazel/stubs/README.md.
_STUBS = {
    "com_google_protobuf": "protobuf",
    "remote_coverage_tools": "coverage_tools",
    "zlib": "zlib",
}

def bodega_rulesets():
    """Declares every ruleset that the build uses."""
    for name, folder in _STUBS.items():
        local_repository(name = name, path = "bazel/stubs/" + folder)
    _github(
        name = "bazel_features",
        repo = "bazel-contrib/bazel_features",
        sha256 = "2cd9e57d4c38675d321731d65c15258f3a66438ad531ae09cb8bb14217dc8572",
        strip_prefix = "bazel_features-{number}",
        version = "v1.11.0",
    )
    _github(
        # Debian packages 1.9.1, which has no release of its own.
        name = "bazel_skylib",
        file = "bazel-skylib-{version}.tar.gz",
        repo = "bazelbuild/bazel-skylib",
        sha256 = "3b5b49006181f5f8ff626ef8ddceaa95e9bb8ad294f7b5d7b11ea9f7ddaf8c59",
        version = "1.9.0",
    )
    _github(
        name = "platforms",
        repo = "bazelbuild/platforms",
        sha256 = "218efe8ee736d26a3572663b374a253c012b716d8af0c07e842e82f238a0a7ee",
        version = "0.0.10",
    )
    _github(
        name = "rules_python",
        repo = "bazelbuild/rules_python",
        sha256 = "a5640fddd4beb03e8c1fde5ed7160c0ba6bd477e7d048661c30c06936a26fd63",
        strip_prefix = "rules_python-{number}",
        version = "0.22.1",
    )
