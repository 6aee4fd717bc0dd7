"""unpack: the files that match, and links as copies of what they name."""

from pathlib import Path

from bazel.deb.tests.debs import write_deb
from bazel.deb.unpack import unpack


def written(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_text() for path in files}


def test_only_what_matches_a_pattern_is_written(tmp_path: Path) -> None:
    deb = write_deb(tmp_path / "a.deb", {"usr/bin/thing": "run!", "usr/share/doc/x": "x"})
    unpack(tmp_path / "root", [deb], ["usr/bin/*"])
    assert written(tmp_path / "root") == {"usr/bin/thing": "run!"}
    assert (tmp_path / "root/usr/bin/thing").stat().st_mode & 0o777 == 0o755


def test_a_link_is_a_copy_of_the_file_that_it_names_in_any_package(tmp_path: Path) -> None:
    one = write_deb(
        tmp_path / "one.deb",
        {
            "usr/lib64/ld.so": "-> ../lib/deep/ld.so",
            "usr/lib/deep/ld.so": "-> /usr/lib/ld.so.1",
            "usr/lib/lost.so": "-> nowhere.so",
        },
    )
    other = write_deb(tmp_path / "other.deb", {"usr/lib/ld.so.1": "loader"})
    unpack(tmp_path / "root", [one, other], ["usr/lib*/**"])
    paths = {"usr/lib64/ld.so", "usr/lib/deep/ld.so", "usr/lib/ld.so.1"}
    assert written(tmp_path / "root") == dict.fromkeys(paths, "loader")
