"""A database of vulnerabilities that speaks OSV's API over HTTP."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

type Key = tuple[str, str, str]

KNOWN: dict[Key, list[str]] = {
    ("Debian:14", "openssl", "1.0.1e-2"): ["CVE-2014-0160"],
    ("PyPI", "jinja2", "2.4.1"): ["PYSEC-2014-8"],
}


@dataclass
class Database:
    """What it knows, how it answers, and what it was asked."""

    url: str = ""
    found: dict[Key, list[str]] = field(default_factory=lambda: dict(KNOWN))
    vulnerabilities: dict[str, dict[str, Any]] = field(default_factory=dict)
    page: int = 1000
    answer: tuple[int, str] | None = None
    asked: list[Key] = field(default_factory=list)

    def query(self, query: dict[str, Any]) -> dict[str, Any]:
        """Answer one query by a page."""
        package = query["package"]
        key = (package["ecosystem"], package["name"], query["version"])
        self.asked.append(key)
        start = int(query.get("page_token", "0"))
        names = self.found.get(key, [])
        result: dict[str, Any] = {}
        if names:
            result["vulns"] = [{"id": name} for name in names[start : start + self.page]]
        if start + self.page < len(names):
            result["next_page_token"] = str(start + self.page)
        return result


@contextmanager
def serve() -> Iterator[Database]:
    """Serve a database on loopback."""
    database = Database()

    class Handler(BaseHTTPRequestHandler):
        def _reply(self, status: int, text: str) -> None:
            content = text.encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if database.answer:
                self._reply(*database.answer)
            elif self.path == "/v1/querybatch":
                results = [database.query(query) for query in body["queries"]]
                self._reply(200, json.dumps({"results": results}))
            else:
                self._reply(404, "")

        def do_GET(self) -> None:
            known = database.vulnerabilities.get(self.path.removeprefix("/v1/vulns/"))
            self._reply(200 if known else 404, json.dumps(known))

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        database.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield database
        server.shutdown()
        thread.join()
