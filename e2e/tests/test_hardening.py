"""Every image runs as hardened as a cluster would run it: read-only, unprivileged, shut in."""

from pathlib import Path

from bazel.image.testing.podman import Podman
from e2e import programs
from e2e.tests.conftest import Running

LARGEST = 48_000_000

SPEAKS_HTTP = "httptools.parser.parser"
SPEAKS_GRPC = "grpc._cython.cygrpc"


def test_its_first_process_is_our_own_without_any_privilege(
    podman: Podman, running: Running
) -> None:
    nothing = "0000000000000000"
    assert podman.python(running.container, programs.PROCESS) == {
        "command": ["/usr/bin/python3.14", "-m", running.module],
        "CapEff": nothing,
        "CapPrm": nothing,
        "NoNewPrivs": "1",
    }


def test_only_data_can_be_written_to(podman: Podman, running: Running) -> None:
    found = podman.python(running.container, programs.WRITABLE)
    assert found == {"folders": ["/data"], "user": [65532, 65532], "groups": [65532]}


def test_it_holds_an_interpreter_and_no_other_program(podman: Podman, running: Running) -> None:
    found = podman.python(running.container, programs.CONTENTS)
    assert "/usr/bin/python3.14" in found["programs"]
    others = {Path(path).name for path in found["programs"]} - {"python3.14"}
    assert all(name.startswith(("ld-linux", "libc.so")) for name in others), others
    assert found["tools"] == []


def test_every_extension_module_finds_its_libraries(podman: Podman, running: Running) -> None:
    found = podman.python(running.container, programs.EXTENSIONS)
    assert found["failed"] == {}
    speaks = SPEAKS_HTTP if running.module == "identity.server" else SPEAKS_GRPC
    assert {"_sqlite3", "_ssl", "uvloop.loop", speaks} <= set(found["loaded"])


def test_it_compiles_nothing_when_it_starts(podman: Podman, running: Running) -> None:
    compiled = podman.python(running.container, programs.COMPILED.replace("MODULE", running.module))
    assert compiled == []


def test_podman_knows_it_as_it_was_built(podman: Podman, running: Running) -> None:
    [found] = podman.inspect(running.name)
    assert f"sha256:{found['Id']}" == running.image.manifest["config"]["digest"]
    assert found["Config"]["User"] == "65532:65532"
    assert found["Config"]["Volumes"] == {"/data": {}}
    assert found["Labels"]["org.opencontainers.image.title"].startswith("Bodega's ")
    assert found["Labels"]["org.opencontainers.image.licenses"] == "Apache-2.0"


def test_a_pull_is_no_more_than_48_megabytes(running: Running) -> None:
    assert running.image.size <= LARGEST


def test_it_has_no_shell(podman: Podman, product: Running) -> None:
    # The base layer is the same in all.
    tried = podman.attempt("run", "--rm", "--network=host", "--entrypoint=/bin/sh", product.name)
    assert tried.returncode == 127
