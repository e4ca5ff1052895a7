"""`python -m todo`: serves until told to leave."""

import asyncio
import logging
import sys

import uvicorn

from . import logs, settings, web
from .serving import Leaving, Server


async def serve(chosen: settings.Settings) -> None:
    leaving = Leaving()
    config = uvicorn.Config(
        web.app(chosen, leaving),
        host="0.0.0.0",
        port=chosen.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=65,
        timeout_graceful_shutdown=10,
    )
    await Server(config, leaving, chosen.leave_after_seconds).serve()


def main() -> int:
    logs.configure()
    try:
        chosen = settings.read()
    except settings.Unset as reason:
        logging.error("cannot start: %s", reason)
        return 2
    asyncio.run(serve(chosen))
    logging.info("gone")
    return 0


if __name__ == "__main__":
    sys.exit(main())
