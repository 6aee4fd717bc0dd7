import pytest

from tools.bodega.failure import Exit
from tools.bodega.tests.terminal import Terminal

pytest_plugins = ["tools.bodega.tests.shop_fixtures"]


@pytest.fixture
def merchant(operator: Terminal, discount: str) -> Terminal:
    return operator.at("--discount", discount)


CREATE = ("discounts", "create")


async def test_codes_are_a_table(merchant: Terminal) -> None:
    limited = ("--percent", "12.5", "--limit", "100", "--end", "2999-12-24T18:00+01:00")
    await merchant.fine(*CREATE, "SUMMER", *limited, "--description", "Sale")
    await merchant.fine(*CREATE, "five", "--off", "5EUR", "--off", "500JPY", "--inactive")
    assert (await merchant.fine("discounts", "list")).lines == [
        "CODE                  OFF  ACTIVE  STARTS  ENDS              REDEEMED  DESCRIPTION",
        "FIVE    5.00 EUR, 500 JPY  no                                no limit",
        "SUMMER              12.5%  yes             2999-12-24 17:00  0 of 100  Sale",
    ]


async def test_a_code_says_whether_it_is_good(merchant: Terminal) -> None:
    await merchant.fine(*CREATE, "LATER", "--off", "5EUR", "--start", "7d")
    data = (await merchant.fine("discounts", "show", "later", "--json")).json
    assert (data["code"], data["state"]) == ("LATER", "not_started")
    assert data["fixed"]["amounts"] == [{"currency": "EUR", "amount": "5.00"}]
    assert (await merchant.fine("discounts", "show", "later")).lines[0] == "State     not started"


async def test_an_update_changes_what_is_given(merchant: Terminal) -> None:
    await merchant.fine(*CREATE, "A", "--percent", "10", "--start", "7d", "--limit", "5")
    update = ("discounts", "update", "A", "--json")
    changed = (await merchant.fine(*update, "--no-start", "--end", "8d", "--limit", "0")).json
    assert "start_time" not in changed
    assert "end_time" in changed
    assert (changed["redemption_limit"], changed["basis_points"]) == (0, 1000)
    changed = (await merchant.fine(*update, "--off", "1EUR", "--inactive")).json
    assert "basis_points" not in changed
    assert changed["active"] is False
    assert (await merchant.fine(*update, "--active")).json["active"] is True
    stale = await merchant(*update, "--percent", "1", "--etag", "0")
    assert (stale.code, stale.error["error"]) == (Exit.REFUSED, "ETAG_STALE")


async def test_an_update_of_nothing_is_a_mistake(merchant: Terminal) -> None:
    said = await merchant("discounts", "update", "A")
    assert said.code == Exit.USAGE
    assert "--no-start" in said.err


@pytest.mark.parametrize(
    "flags",
    [
        (),
        ("--percent", "10", "--off", "1EUR"),
        ("--percent", "0"),
        ("--off", "5"),
        ("--percent", "1", "--end", "soon"),
    ],
)
async def test_what_makes_no_code_is_a_mistake(merchant: Terminal, flags: tuple[str, ...]) -> None:
    assert (await merchant(*CREATE, "A", *flags)).code == Exit.USAGE


async def test_what_the_server_refuses_is_named(merchant: Terminal) -> None:
    said = await merchant(*CREATE, "a b", "--percent", "10")
    assert said.code == Exit.REFUSED
    assert "discount.code: must be 1 to 40 characters" in said.err
    await merchant.fine(*CREATE, "A", "--percent", "10")
    assert (await merchant(*CREATE, "a", "--percent", "10")).code == Exit.REFUSED


async def test_a_code_is_deleted(merchant: Terminal) -> None:
    await merchant.fine(*CREATE, "A", "--percent", "10")
    assert (await merchant.fine("discounts", "delete", "a")).out == "Discount a deleted.\n"
    said = await merchant("discounts", "show", "A")
    assert said.code == Exit.NOT_FOUND
    assert "bodega discounts list" in said.err


async def test_pages_follow_one_another(merchant: Terminal) -> None:
    for code in "ABC":
        await merchant.fine(*CREATE, code, "--percent", "10")
    first = (await merchant.fine("discounts", "list", "--limit", "2", "--json")).json
    rest = await merchant.fine("discounts", "list", "--page", first["next_page_token"], "--json")
    assert [each["code"] for each in rest.json["discounts"]] == ["C"]


async def test_codes_are_nothing_for_customers(alice: Terminal, discount: str) -> None:
    said = await alice.at("--discount", discount)("discounts", "list")
    assert said.code == Exit.REFUSED
    assert "alice may not do that" in said.err
