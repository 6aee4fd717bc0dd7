import os
import subprocess
import sys
from pathlib import Path

from bench.bytecode import keeping_bytecode, lend_standard_library


def test_a_program_compiles_its_own_modules_and_not_those_of_python(tmp_path: Path) -> None:
    (tmp_path / "ours.py").write_text("A = 1\n")
    bytecode = tmp_path / "bytecode"
    lend_standard_library(bytecode)
    environment = keeping_bytecode({**os.environ, "PYTHONPATH": str(tmp_path)}, bytecode)
    subprocess.run(
        [sys.executable, "-S", "-c", "import asyncio, ours"], env=environment, check=True
    )
    written = [path.stem for path in bytecode.rglob("*.pyc") if not path.is_symlink()]
    assert written == [f"ours.{sys.implementation.cache_tag}"]
