"""The product worker's settings."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from runtime.auth.settings import Audience
from runtime.settings import Address, Duration, Settings, SettingsConfigDict
from workers.sources.catalogue import check_extension
from workers.sources.fields import FIELDS
from workers.worker_settings import WorkerSettings


def _check_file(path: Path) -> Path:
    check_extension(path)
    if not path.exists():
        raise ValueError(f"there is no file {path}")
    return path


def _pairs(text: str) -> dict[str, str]:
    """Read `a=b,c=d`."""
    pairs: dict[str, str] = {}
    for pair in text.split(","):
        left, equals, right = (part.strip() for part in pair.partition("="))
        if not (left and equals and right):
            raise ValueError("must be pairs such as a=b,c=d")
        pairs[left] = right
    return pairs


def _check_mapping(text: str) -> str:
    fields = list(_pairs(text).values())
    for field in fields:
        if field not in FIELDS:
            raise ValueError(f"{field!r} is none of {', '.join(FIELDS)}")
        if fields.count(field) > 1:
            raise ValueError(f"more than one column for {field}")
    return text


def _check_defaults(text: str) -> str:
    for field in _pairs(text):
        if field not in FIELDS or field == "sku":
            raise ValueError(f"{field!r} is none of {', '.join(FIELDS[1:])}")
    return text


class MadeUpSettings(Settings):
    """Without --source: made-up products."""

    interval: Annotated[
        Duration,
        Field(gt=timedelta(0), description="time from one stream to the next"),
    ] = timedelta(seconds=3)
    batch: Annotated[
        int, Field(ge=1, le=100_000, description="products streamed each interval")
    ] = 1000
    catalogue_size: Annotated[
        int,
        Field(ge=1, le=100_000_000, description="distinct products made; then they are updated"),
    ] = 10_000

    @model_validator(mode="after")
    def _batch_fits(self) -> Self:
        if self.batch > self.catalogue_size:
            raise ValueError("--batch: must not be more than --catalogue-size")
        return self


class SourceSettings(Settings):
    """With --source: a file, once, resumed where it stopped."""

    source: Annotated[
        Annotated[Path, AfterValidator(_check_file)] | None,
        Field(
            description="catalogue to import: .csv, .tsv, .jsonl, .ndjson or .json (an array); "
            "UTF-8, with columns or keys sku, name, description, price, currency, status"
        ),
    ] = None
    map: Annotated[
        Annotated[str, AfterValidator(_check_mapping)] | None,
        Field(description="columns of other names: COLUMN=FIELD,COLUMN=FIELD"),
    ] = None
    default: Annotated[
        Annotated[str, AfterValidator(_check_defaults)] | None,
        Field(description="values where a row has none: currency=EUR,status=in_stock"),
    ] = None
    rejects: Annotated[
        Path | None,
        Field(description="file for the rows not imported (JSON lines); written anew"),
    ] = None
    stream_rows: Annotated[
        int, Field(ge=1, le=10_000, description="rows a stream; the checkpoint moves after each")
    ] = 10_000

    @property
    def mapping(self) -> dict[str, str]:
        """Field by column."""
        return _pairs(self.map) if self.map else {}

    @property
    def defaults(self) -> dict[str, str]:
        """Value by field."""
        return _pairs(self.default) if self.default else {}

    @model_validator(mode="after")
    def _rejects_is_another_file(self) -> Self:
        if self.source and self.rejects and self.source.resolve() == self.rejects.resolve():
            raise ValueError("--rejects: must not be the file of --source")
        return self


class ProductWorkerSettings(MadeUpSettings, SourceSettings, WorkerSettings):
    """The product worker: streams products into Product, made-up ones or those of a file.

    Exit code: 0 all rows imported, or stopped by a signal; 1 the import failed; 2 wrong flags;
    3 the whole file was read, and some of its rows were not imported. What was acknowledged is
    never sent twice with another effect: start the worker again, and it goes on.
    """

    model_config = SettingsConfigDict(
        env_prefix="BODEGA_PRODUCT_WORKER_", cli_prog_name="product-worker"
    )

    target: Annotated[Address, Field(description="address of Product")] = "127.0.0.1:50051"
    tls_roots: Annotated[
        Path | None, Field(description="PEM file of the roots to trust; turns TLS on")
    ] = None
    resource: Annotated[
        Audience, Field(description="what Product's tokens name as their audience (URI)")
    ] = "urn:bodega:product"
    client_id: str = "product-worker"
    metrics_listen: Address | None = "127.0.0.1:9061"

    @model_validator(mode="after")
    def _target_is_safe(self) -> Self:
        self._check_target(self.target, self.tls_roots, flag="--target", roots_flag="--tls-roots")
        return self
