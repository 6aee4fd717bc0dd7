"""A small real part: serves /readyz and /metrics, logs JSON, and misbehaves as its flags say.

GET /die ends it with code 3, /unready and /ready change what /readyz answers.
"""

import argparse
import http.server
import json
import os
import signal
import sys
import threading
from pathlib import Path

METRICS = """\
# TYPE bodega_rpc_server_handled_total counter
bodega_rpc_server_handled_total{{service="test",method="Do",code="OK"}} 10
bodega_rpc_server_handled_total{{service="test",method="Do",code="INTERNAL"}} {failed}
bodega_rpc_server_handled_total{{service="grpc.health.v1.Health",method="Check",code="OK"}} 99
# TYPE bodega_rpc_server_duration_seconds histogram
bodega_rpc_server_duration_seconds_bucket{{service="test",method="Do",le="0.01"}} 10
bodega_rpc_server_duration_seconds_bucket{{service="test",method="Do",le="+Inf"}} 10
# TYPE items_total counter
items_total {items}
"""


def log(event: str, level: str = "info", **fields: object) -> None:
    print(json.dumps({"event": event, "level": level, **fields}), file=sys.stderr, flush=True)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--metrics-listen", required=True)
    parser.add_argument("--failed", type=int, default=0)
    parser.add_argument("--items", type=int, default=0)
    parser.add_argument("--never-ready", action="store_true")
    parser.add_argument("--ignore-sigterm", action="store_true")
    parser.add_argument("--exit-on-sigterm", type=int, default=0)
    parser.add_argument("--die-at-start", action="store_true")
    parser.add_argument("--die-at-first-start", type=Path)
    parser.add_argument("--log-error", action="store_true")
    parser.add_argument("--noise", type=int, default=0)
    return parser.parse_args()


class Handler(http.server.BaseHTTPRequestHandler):
    options: argparse.Namespace
    ready = True

    def do_GET(self) -> None:
        match self.path:
            case "/metrics":
                options = self.options
                self.answer(200, METRICS.format(failed=options.failed, items=options.items))
            case "/readyz":
                self.answer(*((200, "ready") if Handler.ready else (503, "not yet")))
            case "/die":
                log("dying of purpose", "error")
                os._exit(3)
            case "/ready" | "/unready":
                Handler.ready = self.path == "/ready"
                self.answer(200, "done")

    def answer(self, code: int, text: str) -> None:
        self.send_response(code)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as inherited
        """Keep quiet: the log is what the test says."""


def main() -> None:
    options = Handler.options = parse()
    Handler.ready = not options.never_ready
    first = options.die_at_first_start
    if options.die_at_start or (first and not first.exists()):
        if first:
            first.touch()
        sys.exit("no luck today")
    host, _, port = options.metrics_listen.rpartition(":")
    server = http.server.ThreadingHTTPServer((host, int(port)), Handler)

    def stop(_number: int, _frame: object) -> None:
        log("asked to end")
        if not options.ignore_sigterm:
            threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, stop)
    log("serving", port=int(port))
    if options.log_error:
        log("something is wrong", "error", what="the test says so")
    for _ in range(options.noise):
        log("noise" * 200)
    server.serve_forever(poll_interval=0.02)
    sys.exit(options.exit_on_sigterm)


if __name__ == "__main__":
    main()
