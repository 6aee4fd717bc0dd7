"""Headers that tell browsers what not to do with our answers."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}

# Of what is no page, nothing may be run or framed. The pages bring their own.
_POLICY = "default-src 'none'; frame-ancestors 'none'"

_HSTS = "max-age=31536000"


class SecurityHeaders:
    """Adds them to every answer that does not set them itself."""

    def __init__(self, app: ASGIApp, *, https: bool) -> None:
        self._app = app
        headers = {**_ALWAYS, "Content-Security-Policy": _POLICY}
        if https:
            headers["Strict-Transport-Security"] = _HSTS
        self._headers = [(n.lower().encode(), v.encode()) for n, v in headers.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, with the headers."""

        async def adding(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = {name for name, _ in message["headers"]}
                message["headers"] += [each for each in self._headers if each[0] not in own]
            await send(message)

        await self._app(scope, receive, adding)
