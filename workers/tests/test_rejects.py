from pathlib import Path

from workers.rejects import Rejects


def test_the_size_is_that_of_the_file_without_what_was_never_recorded(tmp_path: Path) -> None:
    path = tmp_path / "rejects"
    path.write_bytes(b"x" * 150)
    with Rejects(path, 100) as rejects:
        assert rejects.report([]) == 100
    assert path.stat().st_size == 100
