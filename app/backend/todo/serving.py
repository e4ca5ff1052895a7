"""How we serve and how we leave: each request logged, and on SIGTERM no request lost.

SIGTERM makes us not ready at once. We go on serving for a few seconds, as until then proxies may still send to us, but
ask for every connection to be closed with its next answer; then we stop listening and finish what is under way.
"""

import logging
import signal
import threading
import time
from types import FrameType

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger("todo.serving")
QUIET = {"/health", "/ready"}


class Leaving:
    """Whether we were told to go."""

    told = False


class Door:
    """ASGI middleware around everything."""

    def __init__(self, app: ASGIApp, leaving: Leaving):
        self.app, self.leaving = app, leaving

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        started, status = time.monotonic(), 500

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if self.leaving.told:
                    message["headers"] = [*message.get("headers", []), (b"connection", b"close")]
            await send(message)

        try:
            await self.app(scope, receive, answer)
        finally:
            if scope["path"] not in QUIET:
                took = round((time.monotonic() - started) * 1000, 1)
                log.info("request", extra={"fields": {
                    "method": scope["method"], "path": scope["path"], "status": status, "ms": took}})


class Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, leaving: Leaving, leave_after_seconds: float):
        super().__init__(config)
        self.leaving, self.leave_after_seconds = leaving, leave_after_seconds

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.leaving.told or sig == signal.SIGINT:  # told twice, or Ctrl-C: at once
            self.should_exit = True
            return
        self.leaving.told = True
        log.info("leaving", extra={"fields": {"in_seconds": self.leave_after_seconds}})
        threading.Timer(self.leave_after_seconds, setattr, (self, "should_exit", True)).start()
