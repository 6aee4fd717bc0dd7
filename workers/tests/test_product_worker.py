"""The worker as a program: its exit codes, signals and log."""

import signal
from pathlib import Path

import pytest

from workers.state import WorkerState
from workers.tests.full_disk import full_disk
from workers.tests.gate import Gate
from workers.tests.processes import ProductServers, Program, catalogue

WORKER = "workers.product_worker"
HEADER = "sku,name,price,currency,status\n"


@pytest.fixture
def flags(tmp_path: Path, gate: Gate, token_flags: tuple[str, ...]) -> tuple[str, ...]:
    return (
        *token_flags,
        *("--target", gate.address, "--data", str(tmp_path / "data")),
        *("--metrics-listen", "127.0.0.1:0", "--max-backoff", "100ms"),
    )


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "catalogue.csv"
    rows = (f"A{number},Thing {number},1.50,EUR,low\n" for number in range(20_000))
    path.write_text(HEADER + "".join(rows))
    return path


def save(source: Path, content: str) -> None:
    source.write_text(content)


async def ends(*flags: str) -> tuple[int, str]:
    async with Program.running(WORKER, *flags) as worker:
        return await worker.ended(), worker.text


async def test_a_file_imported_whole_is_exit_code_0(
    flags: tuple[str, ...], source: Path, gate: Gate, product_servers: ProductServers
) -> None:
    _, gate.upstream = await product_servers.start()
    code, text = await ends("--source", str(source), *flags)
    assert code == 0
    assert '"inserted": 20000' in text


async def test_a_file_with_bad_rows_is_exit_code_3(
    flags: tuple[str, ...], source: Path, gate: Gate, product_servers: ProductServers
) -> None:
    _, gate.upstream = await product_servers.start()
    save(source, HEADER + "A1,Lamp,1,EUR,low\nA2,Lamp,free,EUR,low\n")
    code, text = await ends("--source", str(source), *flags)
    assert code == 3
    assert '"rule": "must be a decimal number such as 1250 or 12.50"' in text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "catalogue.csv: is empty"),
        ("sku,name,price,currency\n", "no column for status"),
    ],
)
async def test_a_file_that_is_no_catalogue_is_exit_code_1(
    flags: tuple[str, ...], source: Path, content: str, message: str
) -> None:
    save(source, content)
    code, text = await ends("--source", str(source), *flags)
    assert code == 1
    assert message in text
    assert "Traceback" not in text


async def test_an_unknown_extension_is_exit_code_2(flags: tuple[str, ...]) -> None:
    code, text = await ends("--source", "catalogue.xml", *flags)
    assert code == 2
    assert "--source: catalogue.xml: the name must end in" in text


@pytest.mark.parametrize(
    ("size", "message"), [(100, "cannot write "), (2000, "cannot write --rejects ")]
)
async def test_a_full_disk_ends_the_import_with_its_reason(
    size: int,
    message: str,
    flags: tuple[str, ...],
    source: Path,
    gate: Gate,
    product_servers: ProductServers,
) -> None:
    _, gate.upstream = await product_servers.start()
    save(source, HEADER + "A1,Lamp,free,EUR,low\n" * 100)
    rejects = str(source.with_name("rejects.jsonl"))
    flags = ("--source", str(source), "--rejects", rejects, *flags)
    async with Program.running(WORKER, *flags, before=full_disk(size)) as worker:
        assert await worker.ended() == 1
    assert message in worker.text
    assert "Traceback" not in worker.text


async def test_an_outage_is_logged_once_and_waited_out(
    flags: tuple[str, ...], source: Path, gate: Gate, product_servers: ProductServers
) -> None:
    async with Program.running(WORKER, "--source", str(source), *flags) as worker:
        await gate.refusals(3)
        _, gate.upstream = await product_servers.start()
        assert await worker.ended() == 0, worker.text
    assert len(worker.named("product is away, trying again")) == 1
    assert len(worker.named("product is back")) == 1
    assert worker.named("product is back")[0]["failures"] > 1


async def test_sigterm_during_a_stream_that_hangs_is_exit_code_0_and_loses_nothing(
    flags: tuple[str, ...], source: Path, gate: Gate, product_servers: ProductServers
) -> None:
    _, gate.upstream = await product_servers.start()
    gate.close_after(500_000)
    flags = ("--source", str(source), "--stream-rows", "1000", *flags)
    async with Program.running(WORKER, *flags) as worker:
        await gate.halted()
        worker.process.send_signal(signal.SIGTERM)
        assert await worker.ended() == 0, worker.text
        assert worker.named("stopped; start again to go on")
    await gate.open()
    async with Program.running(WORKER, *flags) as worker:
        assert await worker.ended() == 0, worker.text
    assert worker.named("resuming")
    assert worker.named("import finished")[0]["inserted"] == 20_000
    assert len(await catalogue(gate.upstream)) == 20_000


async def test_sigterm_while_product_is_away_is_exit_code_0(
    flags: tuple[str, ...], source: Path
) -> None:
    async with Program.running(WORKER, "--source", str(source), *flags) as worker:
        await worker.event("product is away, trying again")
        worker.process.send_signal(signal.SIGTERM)
        assert await worker.ended() == 0, worker.text


async def test_without_a_source_it_makes_products_and_goes_on_after_a_restart(
    flags: tuple[str, ...], tmp_path: Path, gate: Gate, product_servers: ProductServers
) -> None:
    _, gate.upstream = await product_servers.start()
    flags = ("--interval", "50ms", "--batch", "400", "--catalogue-size", "1000", *flags)
    state = tmp_path / "data" / "product_worker.json"
    async with Program.running(WORKER, *flags) as worker:
        first = await worker.event("products imported")
        await worker.kill()
    assert (first["inserted"], first["sequence"]) == (400, 0)
    sequence = WorkerState.load_or_create(state).sequence
    async with Program.running(WORKER, *flags) as worker:
        assert (await worker.event("making products"))["sequence"] == sequence
        await worker.event("products imported")
        worker.process.send_signal(signal.SIGTERM)
        assert await worker.ended() == 0, worker.text
    assert WorkerState.load_or_create(state).sequence > sequence
    assert len(await catalogue(gate.upstream)) <= 1000


async def test_two_workers_do_not_share_a_state(flags: tuple[str, ...]) -> None:
    async with Program.running(WORKER, *flags) as worker:
        await worker.event("making products")
        code, text = await ends(*flags)
    assert code == 1
    assert "in use by another worker" in text


async def test_a_damaged_state_makes_a_new_worker(flags: tuple[str, ...], tmp_path: Path) -> None:
    state = tmp_path / "data" / "product_worker.json"
    state.parent.mkdir()
    state.write_text('{"worker_id": "a", "sequ')
    async with Program.running(WORKER, *flags) as worker:
        found = await worker.event("starting as a new worker")
    assert WorkerState.load_or_create(state).worker_id == found["worker"]
