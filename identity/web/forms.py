"""What browsers send."""

from urllib.parse import parse_qsl

from starlette.requests import Request

from identity.asking import Refused

MOST_BYTES = 64 * 1024
_MOST_FIELDS = 64
_FORM = "application/x-www-form-urlencoded"


def query_of(request: Request) -> list[tuple[str, str]]:
    """Return the parameters in the URL."""
    return parse(request.url.query)


async def form_of(request: Request) -> list[tuple[str, str]]:
    """Return the fields of a form; Refused for what is none, or is too large."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        raise Refused("invalid_request", "This is no form.", status=415)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise Refused("invalid_request", "The form is too large.", status=413)
    return parse(body.decode("latin-1"))


def parse(encoded: str) -> list[tuple[str, str]]:
    """Decode parameters; Refused where they are not UTF-8, hold a NUL, or are too many."""
    try:
        pairs = parse_qsl(
            encoded, keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS
        )
    except ValueError:
        raise Refused("invalid_request", "The request cannot be read.") from None
    if any("\0" in name or "\0" in value for name, value in pairs):
        raise Refused("invalid_request", "The request cannot be read.")
    return pairs
