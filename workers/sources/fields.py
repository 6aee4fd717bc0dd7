"""Which column of a file means which field of a product."""

import re
from collections.abc import Iterable, Mapping

from workers.sources.record import SourceError

FIELDS = ("sku", "name", "description", "price", "currency", "status")
REQUIRED = ("sku", "name", "price", "currency", "status")

_ALIASES = {
    "sku": ("article", "article_number", "code", "item_number", "product_code", "product_sku"),
    "name": ("title", "product", "product_name", "product_title"),
    "description": ("desc", "details", "product_description"),
    "price": ("amount", "unit_price", "list_price", "sale_price"),
    "currency": ("currency_code", "iso_currency", "price_currency"),
    "status": ("availability", "stock", "stock_status", "product_status"),
}
_FIELD_OF = {alias: field for field in FIELDS for alias in (field, *_ALIASES[field])}


def normalised(column: str) -> str:
    """Return a column's name without case, padding and the choice of separator."""
    return re.sub(r"[\s_.-]+", "_", column.strip().casefold())


class FieldMap:
    """Finds a column's field: by the user's own mapping first, then by the usual names.

    A field that the user mapped is taken from that column only. `defaults` stand in where
    a row has no value for a field.
    """

    def __init__(
        self,
        mapping: Mapping[str, str] | None = None,
        defaults: Mapping[str, str] | None = None,
    ) -> None:
        self._mapping = {normalised(column): field for column, field in (mapping or {}).items()}
        self.defaults = dict(defaults or {})

    def field(self, column: str) -> str | None:
        """Return the field that a column holds; None where it is none of ours."""
        name = normalised(column)
        if name in self._mapping:
            return self._mapping[name]
        field = _FIELD_OF.get(name)
        return None if field in self._mapping.values() else field

    def columns(self, header: Iterable[str]) -> dict[str, int]:
        """Return the index of each field's column; SourceError where the header will not do."""
        names = list(header)
        found: dict[str, int] = {}
        for index, column in enumerate(names):
            field = self.field(column)
            if field is None:
                continue
            if field in found:
                raise SourceError(
                    f"columns {names[found[field]]!r} and {column!r} both mean {field}: "
                    f"choose one with --map COLUMN={field}"
                )
            found[field] = index
        missing = [field for field in REQUIRED if field not in found and field not in self.defaults]
        if missing:
            raise SourceError(
                f"no column for {', '.join(missing)} among {', '.join(map(repr, names))}: name it "
                f"with --map COLUMN={missing[0]}, or give --default {missing[0]}=VALUE"
            )
        return found
