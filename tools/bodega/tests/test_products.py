import asyncio
import json

import pytest

from tools.bodega.failure import Exit
from tools.bodega.tests.terminal import Terminal

pytest_plugins = ["tools.bodega.tests.shop_fixtures"]

CHAIR = ("--sku", "chair", "--name", "Chair", "--price", "12.50EUR")


@pytest.fixture
async def furnished(operator: Terminal) -> Terminal:
    create = ("products", "create")
    await operator.fine(*create, *CHAIR, "--description", "Four legs.\nWood.")
    await operator.fine(*create, "--sku", "t", "--name", "Table", "--price", "1234.5EUR")
    lamp = ("--sku", "l", "--name", "[b]Lamp", "--price", "900JPY", "--status", "low")
    await operator.fine(*create, *lamp)
    return operator


async def test_products_are_a_table(furnished: Terminal) -> None:
    assert (await furnished.fine("products", "list")).lines == [
        "ID  SKU    NAME     STATUS           PRICE",
        " 1  chair  Chair    in stock     12.50 EUR",
        " 2  t      Table    in stock  1,234.50 EUR",
        " 3  l      [b]Lamp  low            900 JPY",
    ]


@pytest.mark.parametrize(
    ("flags", "ids"),
    [
        (("--name", "ab"), [2]),
        (("--status", "low"), [3]),
        (("--status", "low", "--status", "in_stock"), [1, 2, 3]),
        (("--currency", "EUR"), [1, 2]),
        (("--min-price", "13EUR"), [2]),
        (("--max-price", "12.50EUR"), [1]),
        (("--order", "price_desc"), [3, 2, 1]),
        (("--order", "name"), [1, 2, 3]),
        (("--order", "newest"), [3, 2, 1]),
    ],
)
async def test_products_are_filtered_and_ordered(
    furnished: Terminal, flags: tuple[str, ...], ids: list[int]
) -> None:
    found = (await furnished.fine("products", "list", "--json", *flags)).json
    assert [each["id"] for each in found["products"]] == ids
    assert found["next_page_token"] == ""


async def test_pages_follow_one_another(furnished: Terminal) -> None:
    first = await furnished.fine("products", "list", "--limit", "2")
    assert len(first.lines) == 3
    token = first.err.split()[4].rstrip(",")
    assert first.err == f"There are more: --page {token}, or --all\n"
    rest = await furnished.fine("products", "list", "--page", token, "--json")
    assert [each["id"] for each in rest.json["products"]] == [3]
    everything = await furnished.fine("products", "list", "--limit", "1", "--all", "--json")
    assert len(everything.json["products"]) == 3


async def test_a_limit_may_take_several_pages(
    furnished: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tools.bodega.paging.LARGEST_PAGE", 1)
    found = (await furnished.fine("products", "list", "--limit", "2", "--json")).json
    assert [each["id"] for each in found["products"]] == [1, 2]
    assert found["next_page_token"]


async def test_no_products_are_said_to_be_none(operator: Terminal) -> None:
    said = await operator.fine("products", "list")
    assert said.err == "There are none.\n"
    assert (await operator.fine("products", "list", "--json")).json["products"] == []


async def test_a_product_is_shown_whole(furnished: Terminal) -> None:
    text = (await furnished.fine("products", "show", "1")).out
    for words in ("Price        12.50 EUR", "Description  Four legs.", "Etag         1", " UTC"):
        assert words in text
    data = (await furnished.fine("products", "show", "1", "--json")).json
    assert data["price"] == {"currency": "EUR", "amount": "12.50"}
    assert data["status"] == "in_stock"


async def test_no_such_product_has_an_exit_code_of_its_own(operator: Terminal) -> None:
    said = await operator("products", "show", "99")
    assert said.code == Exit.NOT_FOUND
    assert "there is no product 99" in said.err
    assert "bodega products list" in said.err
    said = await operator("products", "show", "99", "--json")
    assert said.error["error"] == "PRODUCT_NOT_FOUND"


async def test_an_update_changes_what_is_given(furnished: Terminal) -> None:
    etag = (await furnished.fine("products", "show", "1", "--json")).json["etag"]
    update = ("products", "update", "1", "--etag", etag)
    changed = (await furnished.fine(*update, "--price", "9.99EUR", "--json")).json
    assert (changed["name"], changed["price"]["amount"]) == ("Chair", "9.99")
    stale = await furnished(*update, "--description", "")
    assert stale.code == Exit.REFUSED
    assert "Somebody changed it meanwhile" in stale.err
    emptied = await furnished.fine("products", "update", "1", "--description", "", "--json")
    assert emptied.json["description"] == ""


async def test_an_update_of_nothing_is_a_mistake(furnished: Terminal) -> None:
    said = await furnished("products", "update", "1")
    assert said.code == Exit.USAGE
    assert "Give some of --sku, --name" in said.err


async def test_a_product_is_deleted(furnished: Terminal) -> None:
    assert (await furnished.fine("products", "delete", "1")).out == "Product 1 deleted.\n"
    assert (await furnished("products", "delete", "1")).code == Exit.NOT_FOUND


async def test_a_repeated_creation_is_harmless(operator: Terminal) -> None:
    argv = ("products", "create", *CHAIR, "--json", "--request-id")
    uuid = "3f0e1c1e-6b5a-4d43-9d4e-3a1f7e0f4c55"
    first = await operator.fine(*argv, uuid)
    assert (await operator.fine(*argv, uuid)).json == first.json
    taken = await operator("products", "create", *CHAIR)
    assert taken.code == Exit.REFUSED
    assert "SKU_TAKEN" in (await operator("products", "create", *CHAIR, "--json")).err


async def test_each_rule_that_is_broken_is_named(operator: Terminal) -> None:
    said = await operator("products", "create", "--sku", "a b", "--name", " ", "--price", "1EUR")
    assert said.code == Exit.REFUSED
    assert [line.split(": ")[1] for line in said.err.splitlines()] == [
        "product.sku",
        "product.name",
    ]


@pytest.mark.parametrize("price", ["12", "1.234EUR", "1ABC"])
async def test_a_price_that_is_none_is_a_mistake(operator: Terminal, price: str) -> None:
    said = await operator("products", "update", "1", "--price", price)
    assert said.code == Exit.USAGE
    assert "argument --price" in said.err


async def test_reading_needs_no_log_in_and_writing_does(terminal: Terminal, product: str) -> None:
    stranger = terminal.at("--product", product)
    await stranger.fine("products", "list")
    said = await stranger("products", "delete", "1")
    assert said.code == Exit.NOT_LOGGED_IN


async def test_a_customer_may_not_change_the_catalogue(alice: Terminal, product: str) -> None:
    said = await alice.at("--product", product)("products", "delete", "1")
    assert said.code == Exit.REFUSED
    assert "alice may not do that" in said.err
    assert "--client-id operator" in said.err


async def test_changes_are_events(furnished: Terminal) -> None:
    process = await furnished.start("products", "watch", "--after", "0", "--json")
    assert process.stdout is not None
    async with asyncio.timeout(120):
        events = [json.loads(await process.stdout.readline()) for _ in range(3)]
        assert [event["stored"]["sku"] for event in events] == ["chair", "t", "l"]
        await furnished.fine("products", "delete", "2")
        event = json.loads(await process.stdout.readline())
        assert event == {"revision": 4, "deleted_id": 2}
    process.terminate()
    await process.wait()


async def test_a_token_without_tls_goes_nowhere_else(operator: Terminal) -> None:
    said = await operator("products", "delete", "1", "--product", "shop.example:50051")
    assert said.code == Exit.USAGE
    assert "--product: shop.example:50051 has no TLS" in said.err
    assert "--tls-roots" in said.err


async def test_a_server_that_is_away_is_named(operator: Terminal) -> None:
    said = await operator("products", "list", "--product", "127.0.0.1:1")
    assert said.code == Exit.AWAY
    assert "Product at 127.0.0.1:1 does not answer" in said.err
    assert "./bazelw run //:shop" in said.err
