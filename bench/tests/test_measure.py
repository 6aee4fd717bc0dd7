from bench.measure import Figure, Series, Target, in_turns


async def test_the_sides_take_turns_at_being_the_first() -> None:
    order: list[str] = []

    async def run(side: str) -> int:
        order.append(side)
        return len(order)

    said: list[str] = []
    sides = {"a": lambda: run("a"), "b": lambda: run("b")}
    reached = await in_turns(sides, 3, said.append)
    assert order == ["a", "b", "b", "a", "a", "b"]
    assert reached == {"a": (1, 4, 5), "b": (2, 3, 6)}
    assert said[-1] == "round 3 of 3: b"


def test_a_ratio_is_the_median_of_the_rounds_own_ratios() -> None:
    # Another program slowed both sides of the second round down; the ratio does not move.
    ours = Series("ours", "calls/s", (300.0, 30.0, 330.0))
    theirs = Series("theirs", "calls/s", (100.0, 10.0, 100.0))
    figure = Figure("calls", ours, theirs)
    assert figure.value == 3.0
    assert figure.spread == (3.0, 3.3)


def test_without_another_side_the_figure_is_the_median_itself() -> None:
    figure = Figure("start", Series("server", "s", (0.5, 9.0, 0.4)))
    assert figure.value == 0.5
    assert figure.spread == (0.4, 9.0)


def test_a_figure_at_its_bound_meets_at_least_and_misses_below() -> None:
    series = Series("ours", "MB", (200.0,))
    assert not Figure("memory", series, target=Target("at least", 200)).is_missed
    assert Figure("memory", series, target=Target("below", 200)).is_missed


def test_a_figure_without_a_target_is_never_missed() -> None:
    assert not Figure("start", Series("server", "s", (99.0,))).is_missed
