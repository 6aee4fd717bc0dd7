import json
import resource
from pathlib import Path
from typing import Any

import pytest

from workers import durable
from workers.batches import Place
from workers.checkpoint import Checkpoint, Totals
from workers.durable import CorruptFileError, DurableFileError
from workers.sources.record import Position
from workers.state import WorkerState
from workers.tests.full_disk import full_disk

CHECKPOINT = Checkpoint(
    identity="abc",
    import_id="file/abc/1",
    place=Place(Position(9000, 120), 3),
    proof=Place(Position(4000, 60), 1),
    totals=Totals(inserted=100, updated=7, unchanged=3, rejected=5, skipped=8),
    rejects_bytes=99,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "checkpoint.json"


def test_a_checkpoint_comes_back_as_it_was_saved(path: Path) -> None:
    CHECKPOINT.save(path)
    assert Checkpoint.load(path) == CHECKPOINT


def test_without_a_file_there_is_no_checkpoint(path: Path) -> None:
    assert Checkpoint.load(path) is None


def test_a_checkpoint_truncated_anywhere_is_damaged(path: Path) -> None:
    CHECKPOINT.save(path)
    content = path.read_bytes()
    for length in range(len(content.rstrip())):
        path.write_bytes(content[:length])
        with pytest.raises(CorruptFileError, match="is damaged"):
            Checkpoint.load(path)


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"place": None},
        {"place": {"position": [1], "chunk": 1}},
        {"place": {"position": [-1, 1], "chunk": 1}},
        {"totals": {"inserted": "7"}},
        {"totals": {"sold": 7}},
        {"totals": []},
        {"rejects_bytes": None},
    ],
)
def test_a_checkpoint_that_says_something_else_is_damaged(
    path: Path, change: dict[str, Any]
) -> None:
    CHECKPOINT.save(path)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(CorruptFileError):
        Checkpoint.load(path)


@pytest.mark.parametrize("content", [b"[]", b"\xff\xfe", b"7", b"\0" * 400])
def test_what_is_no_object_is_damaged(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(CorruptFileError):
        Checkpoint.load(path)


def test_a_full_disk_is_named_and_the_old_checkpoint_stays(path: Path) -> None:
    CHECKPOINT.save(path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    full_disk(100)()
    try:
        with pytest.raises(DurableFileError, match=r"cannot write .*: File too large"):
            Checkpoint("other", "id", CHECKPOINT.place).save(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert Checkpoint.load(path) == CHECKPOINT


def test_a_folder_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "folder").write_text("a file")
    with pytest.raises(DurableFileError, match="cannot write"):
        CHECKPOINT.save(tmp_path / "folder" / "checkpoint.json")


def test_a_file_has_one_owner(path: Path) -> None:
    taken = pytest.raises(DurableFileError, match="in use by another worker")
    with durable.owned(path), taken, durable.owned(path):
        pytest.fail("two owners")
    with durable.owned(path):
        assert path.with_name("checkpoint.json.lock").exists()


def test_a_file_is_never_seen_half_written(path: Path) -> None:
    small: dict[str, list[int]] = {"rows": []}
    large = {"rows": list(range(10_000))}
    durable.write_json(path, small)
    opened = path.open()
    durable.write_json(path, large)
    with opened:
        assert json.load(opened) == small
    assert durable.read_json(path) == large
    assert list(path.parent.iterdir()) == [path]


def test_a_worker_keeps_its_id_and_counts_on(path: Path) -> None:
    first = WorkerState.load_or_create(path)
    first.next().save(path)
    again = WorkerState.load_or_create(path)
    assert again == WorkerState(first.worker_id, 1)


@pytest.mark.parametrize("content", ['{"worker_id": "a"}', '{"worker_id": "a", "sequence": -1}'])
def test_a_state_that_says_something_else_is_damaged(path: Path, content: str) -> None:
    path.parent.mkdir()
    path.write_text(content)
    with pytest.raises(CorruptFileError):
        WorkerState.load_or_create(path)
