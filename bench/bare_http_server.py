"""The yardstick of Identity: the barest server that Starlette and uvicorn can be.

It reads the body of each request and answers with as many bytes as the flag says: no check, no
database, no work.
"""

import argparse
import json
import signal
import socket
import sys

import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

PATH = "/"


def _application(answer: bytes) -> Starlette:
    async def respond(request: Request) -> Response:
        await request.body()
        return Response(answer, media_type="application/json")

    return Starlette(routes=[Route(PATH, respond, methods=["POST"])])


async def serve(answer_bytes: int) -> None:
    """Serve on a free port, log the address as our services do, and end on SIGTERM."""
    # uvicorn raises the signal again once it has ended, which is then to do nothing.
    signal.signal(signal.SIGTERM, lambda _number, _frame: None)
    app = _application(b"x" * answer_bytes)
    config = uvicorn.Config(app, http="httptools", access_log=False, log_config=None)
    config.load()
    # uvicorn raises the signal again once it has ended, which is then to do nothing.
    signal.signal(signal.SIGTERM, lambda _number, _frame: None)
    listener = socket.create_server(("127.0.0.1", 0))
    event = {"event": "serving", "address": f"127.0.0.1:{listener.getsockname()[1]}"}
    print(json.dumps(event), file=sys.stderr, flush=True)
    await uvicorn.Server(config).serve([listener])


def main() -> None:
    """Read the flag and serve."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--answer-bytes", type=int, required=True)
    uvloop.run(serve(parser.parse_args().answer_bytes))


if __name__ == "__main__":
    main()
