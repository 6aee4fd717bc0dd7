"""debian_packages: a lock's Debian packages of one architecture, each by its sha256.

A file is looked for in each of these, in this order: the mirror that BODEGA_DEBIAN_MIRROR names, the
mirror of apt's own settings, and the lock's snapshot in an archive of dated copies: the one that
BODEGA_DEBIAN_SNAPSHOT names, and the one that apt itself knows. A lock names paths within a mirror,
never a mirror.
"""

MIRROR_VARIABLES = ["BODEGA_DEBIAN_MIRROR", "BODEGA_DEBIAN_SNAPSHOT"]

def parse_lock(text):
    """Returns what a lock says.

    Args:
        text: the content of a lock, as bazel/debian/lock.sh writes it.

    Returns:
        A struct: `suite`, `snapshot`, and `packages`, a dictionary of lists of structs (`name`,
        `version`, `size`, `sha256`, `path`) by architecture.
    """
    settings, packages = {}, {}
    for line in text.splitlines():
        words = line.split(" ")
        if line.startswith("#"):
            continue
        elif len(words) == 2:
            settings[words[0]] = words[1]
        elif len(words) == 6:
            architecture, name, version, size, sha256, path = words
            packages.setdefault(architecture, []).append(
                struct(name = name, path = path, sha256 = sha256, size = int(size), version = version),
            )
        else:
            fail("not a line of a lock of Debian packages: " + line)
    return struct(packages = packages, **settings)

def _lines(rctx, *command):
    """Returns what a program prints; nothing where the machine does not have it."""
    program = rctx.which(command[0])
    if not program:
        return []
    result = rctx.execute([program] + list(command[1:]))
    return result.stdout.splitlines() if result.return_code == 0 else []

def mirrors(rctx, snapshot):
    """Says where a machine looks for the files of a lock.

    Args:
        rctx: the repository rule's, whose `environ` is MIRROR_VARIABLES.
        snapshot: the time that the lock gives.

    Returns:
        The URLs below which a path of the lock is looked for, in that order.
    """
    found = [rctx.os.environ.get("BODEGA_DEBIAN_MIRROR", "")]
    for line in _lines(rctx, "apt-get", "update", "--print-uris"):
        mirror, slash, _ = line.partition("/debian/dists/")
        if slash:
            found.append(mirror.removeprefix("'") + "/debian")
    archive = rctx.os.environ.get("BODEGA_DEBIAN_SNAPSHOT", "").rstrip("/")
    if archive:
        found.append("%s/%s" % (archive, snapshot))
    for line in _lines(rctx, "apt-config", "dump", "Acquire::Snapshots::URI::Origin::Debian"):
        found.append(line.split("\"")[1].replace("@SNAPSHOTID@", snapshot))
    found = {url.rstrip("/"): None for url in found if url}.keys()
    if not found:
        fail("set BODEGA_DEBIAN_MIRROR to a Debian mirror, for example http://HOST/debian")
    return found

# What runs of an unpacked package: its programs, libraries and Python modules.
_PATTERNS = ["usr/bin/*", "usr/lib/**/*.so", "usr/lib/**/*.so.*", "usr/lib/python3*/**/*.py"]

_BUILD = """\
package(default_visibility = ["//visibility:public"])

# The packages as they are.
filegroup(
    name = "debs",
    srcs = glob(["debs/*.deb"]),
)

# What runs of them: files, and the two by which a program is started without an installation,
# `loader --library-path FOLDER_OF_THE_LOADER PROGRAM`.
filegroup(
    name = "files",
    srcs = glob(["root/**"]),
)

filegroup(
    name = "loader",
    srcs = ["root/usr/lib/{triplet}/{loader}"],
)

filegroup(
    name = "python",
    srcs = ["root/usr/bin/python3.14"],
)

filegroup(
    name = "strip",
    srcs = ["root/usr/bin/{triplet}-strip"],
)
"""

_ARCHITECTURES = {
    "amd64": struct(loader = "ld-linux-x86-64.so.2", triplet = "x86_64-linux-gnu"),
    "arm64": struct(loader = "ld-linux-aarch64.so.1", triplet = "aarch64-linux-gnu"),
}

def _debian_packages_impl(rctx):
    lock = parse_lock(rctx.read(rctx.attr.lock))
    bases = mirrors(rctx, lock.snapshot)
    downloads = {
        "debs/%s.deb" % package.name: rctx.download(
            block = False,
            output = "debs/%s.deb" % package.name,
            sha256 = package.sha256,
            url = ["%s/%s" % (base, package.path) for base in bases],
        )
        for package in lock.packages[rctx.attr.architecture]
    }
    for download in downloads.values():
        download.wait()
    workspace = str(rctx.path(Label("//:BUILD.bazel")).dirname)
    for source in rctx.attr._sources:
        rctx.path(source)
    result = rctx.execute(
        [rctx.path(rctx.attr._python).realpath, "-B", "-m", "bazel.deb.unpack", "root"] + downloads.keys() + _PATTERNS,
        environment = {"PYTHONPATH": workspace, "PYTHONSAFEPATH": "1"},
    )
    if result.return_code:
        fail("Debian packages could not be unpacked: " + result.stderr)
    rctx.file("BUILD.bazel", _BUILD.format(
        loader = _ARCHITECTURES[rctx.attr.architecture].loader,
        triplet = _ARCHITECTURES[rctx.attr.architecture].triplet,
    ))

debian_packages = repository_rule(
    implementation = _debian_packages_impl,
    attrs = {
        "architecture": attr.string(mandatory = True, values = _ARCHITECTURES.keys()),
        "lock": attr.label(allow_single_file = True, mandatory = True),
        "_python": attr.label(default = "@toolchain//:venv/bin/python3"),
        "_sources": attr.label_list(default = ["//bazel/deb:archive.py", "//bazel/deb:unpack.py"]),
    },
    doc = "Downloads packages, and unpacks what runs of them; neither scripts nor dependencies.",
    environ = MIRROR_VARIABLES,
)
