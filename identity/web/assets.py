"""The style sheet and the logo, under names that change with what is in them."""

import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from identity.web.links import Links

_FOLDER = Path(__file__).parent / "static"
_HEADERS = {
    "Cache-Control": "public, max-age=31536000, immutable",
    "Cross-Origin-Resource-Policy": "same-origin",
    # A logo that is opened by itself is a document too.
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """A file, as it is served."""

    name: str
    content: bytes
    media_type: str


class Assets:
    """All of them, in memory: they are small."""

    def __init__(self, links: Links) -> None:
        self._links = links
        read = [_read(path) for path in sorted(_FOLDER.iterdir())]
        self._by_file = {file: asset.name for file, asset in read}
        self._by_name = {asset.name: asset for _, asset in read}

    def path(self, file: str) -> str:
        """Return the path to link to: `/assets/bodega.1f2e3d4c5b6a.css`."""
        return self._links(f"/assets/{self._by_file[file]}")

    async def serve(self, request: Request) -> Response:
        """Answer with a file, which nobody needs to ask for again."""
        asset = self._by_name.get(request.path_params["name"])
        if asset is None:
            raise HTTPException(404)
        return Response(asset.content, 200, _HEADERS, asset.media_type)


def _read(path: Path) -> tuple[str, Asset]:
    content = path.read_bytes()
    fingerprint = hashlib.sha256(content).hexdigest()[:12]
    media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return path.name, Asset(f"{path.stem}.{fingerprint}{path.suffix}", content, media_type)
