"""One JSON object as a record: numbers stay the text they are written as."""

import json
from functools import lru_cache
from typing import Any, NoReturn

from workers.sources.fields import FieldMap
from workers.sources.record import BadRow, Record


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


# A price never becomes a float, and an integer of many digits is not worth computing.
_decoder = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=_refuse_constant)


class ObjectReader:
    """Turns the bytes of one JSON object into a record."""

    def __init__(self, fields: FieldMap) -> None:
        self._field = lru_cache(maxsize=1024)(fields.field)

    def read(self, line: int, data: bytes) -> Record | BadRow:
        """Return the record, or what is wrong with it."""
        try:
            value = _decoder.decode(data.decode())
        except UnicodeDecodeError:
            return BadRow(line, "line", "is not UTF-8")
        except ValueError as error:
            return BadRow(line, "line", f"is not JSON: {error}")
        except RecursionError:
            return BadRow(line, "line", "is nested too deeply")
        if not isinstance(value, dict):
            return BadRow(line, "line", "must be a JSON object")
        return self._record(line, value)

    def _record(self, line: int, value: dict[str, Any]) -> Record | BadRow:
        values: dict[str, str] = {}
        for key, content in value.items():
            field = self._field(key)
            if field is None or content is None or content == "":
                continue
            if field in values:
                return BadRow(line, field, "is given by two keys: choose one with --map")
            if not isinstance(content, str):
                return BadRow(line, field, "must be text or a number")
            values[field] = content
        return Record(line, values)
