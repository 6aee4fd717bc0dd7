import json
from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from workers.cart_state import CartWorkerState
from workers.visit import Choice, Visit

choices = st.builds(Choice, st.integers(1, 2**63 - 1), st.integers(1, 9999), st.text(max_size=40))
visits = st.builds(Visit, st.text(), st.text(), st.lists(choices, max_size=5).map(tuple))


@given(visits)
def test_a_visit_read_back_is_the_same_message(visit: Visit) -> None:
    again = Visit.parse(json.loads(json.dumps(visit.content())))
    assert again == visit
    assert again.request() == visit.request()


def test_the_state_keeps_the_visit_until_the_next_one(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    visit = Visit("owner", "batch", (Choice(1, 2, "CODE"),))
    begun = replace(CartWorkerState.create(path), sequence=7).begin(visit)
    begun.save(path)
    found = CartWorkerState.load_or_create(path)
    assert found == begun
    assert found.next() == CartWorkerState(begun.worker_id, 8)
