import pytest

from runtime.etag import NO_REVISION, etag_of, revision_of


@pytest.mark.parametrize("revision", [1, 15, 16, 2**59])
def test_an_etag_leads_back_to_its_revision(revision: int) -> None:
    assert revision_of(etag_of(revision)) == revision


def test_an_empty_etag_guards_nothing() -> None:
    assert revision_of("") is None


@pytest.mark.parametrize("etag", ["0", "01", "A", "0x1", " 1", "1_0", "-1", "é", "f" * 16, "1\n"])
def test_an_etag_that_was_never_given_matches_no_resource(etag: str) -> None:
    assert revision_of(etag) == NO_REVISION
