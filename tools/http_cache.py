"""A cache of actions that Bazel can use over HTTP, for checks: http_cache.py FOLDER.

Files are put and got by their path, as Bazel's protocol for caches says. It serves on loopback, at
a port that it prints, until it is ended.
"""

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Cache(BaseHTTPRequestHandler):
    """Serves the files of a folder."""

    protocol_version = "HTTP/1.1"
    folder: Path

    def _file(self) -> Path:
        kind, name = self.path.strip("/").split("/")  # ac/KEY: an action; cas/SHA256: a file
        return self.folder / f"{kind}-{name}"

    def _reply(self, status: int, content: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_GET(self) -> None:
        """Answer with a file, or 404."""
        file = self._file()
        if file.exists():
            self._reply(200, file.read_bytes())
        else:
            self._reply(404)

    def do_PUT(self) -> None:
        """Keep a file."""
        content = self.rfile.read(int(self.headers["Content-Length"]))
        whole = self._file()
        partial = whole.with_name(f"{whole.name}.{id(content)}")
        partial.write_bytes(content)
        partial.rename(whole)
        self._reply(200)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Log nothing."""


def main() -> None:
    """Serve."""
    [folder] = sys.argv[1:]
    Cache.folder = Path(folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), Cache) as server:
        print(server.server_port, flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
