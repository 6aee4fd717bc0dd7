"""Generates Python, and type stubs, for messages and for gRPC services.

generate.py OUT DESCRIPTOR_SETS PROTO...: OUT is the folder that import paths are relative to,
DESCRIPTOR_SETS a colon-separated list that holds the protos and all that they import.
"""

import os
import stat
import sys
import tempfile
from pathlib import Path

from grpc_tools import protoc

PLUGIN = """#!{python}
from mypy_protobuf.main import {entry}
{entry}()
"""


def write_plugin(folder: Path, name: str, entry: str) -> str:
    """Write an executable that protoc runs as a plugin, and return its --plugin flag."""
    path = folder / f"protoc-gen-{name}"
    path.write_text(PLUGIN.format(python=sys.executable, entry=entry))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return f"--plugin=protoc-gen-{name}={path}"


def main() -> int:
    """Run protoc once for all outputs."""
    out, descriptor_sets, *protos = sys.argv[1:]
    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)
    with tempfile.TemporaryDirectory() as folder:
        return int(
            protoc.main(
                [
                    "protoc",
                    f"--descriptor_set_in={descriptor_sets}",
                    write_plugin(Path(folder), "mypy", "main"),
                    write_plugin(Path(folder), "mypy_grpc", "grpc"),
                    f"--python_out={out}",
                    f"--grpc_python_out={out}",
                    f"--mypy_out=quiet:{out}",
                    f"--mypy_grpc_out=quiet:{out}",
                    *protos,
                ]
            )
        )


if __name__ == "__main__":
    sys.exit(main())
