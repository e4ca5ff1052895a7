"""The PostgreSQL behind DATABASE_URL: a small pool that connects when needed, and the migrations."""

import asyncio
import logging
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import asyncpg

log = logging.getLogger("todo.database")

# What it looks like when the database cannot be reached, or not in time.
UNREACHABLE = (OSError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError, asyncpg.CannotConnectNowError,
               asyncpg.TooManyConnectionsError, asyncpg.InvalidAuthorizationSpecificationError,
               asyncpg.InvalidCatalogNameError, asyncpg.AdminShutdownError, TimeoutError)

MIGRATIONS = Path(__file__).parent / "migrations"
MIGRATION_LOCK = 7060_001  # any number that all replicas agree on

# Known to libpq alone; asyncpg would hand them to the server, which refuses them.
LIBPQ_ONLY = {"channel_binding", "connect_timeout", "keepalives", "keepalives_idle", "pgbouncer"}


def connect_options(url: str) -> dict:
    """Arguments for asyncpg from a URL as providers hand it out, `sslmode` and poolers included."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    # A pooler gives each transaction another connection: statements prepared on one are unknown to the next.
    pooled = "-pooler." in (parts.hostname or "") or query.get("pgbouncer") == "true"
    kept = {key: value for key, value in query.items() if key not in LIBPQ_ONLY}
    dsn = urlunsplit(parts._replace(scheme="postgresql", query=urlencode(kept)))
    return {"dsn": dsn, "statement_cache_size": 0 if pooled else 100}


class Database:
    def __init__(self, url: str, size: int = 5):
        self.migrated = False
        # No connection before the first query: a database that is down does not keep us from starting. Idle
        # connections are given back soon, so that a database that sleeps when nobody asks can do so.
        self.pool = asyncpg.create_pool(
            **connect_options(url),
            min_size=0,
            max_size=size,
            timeout=5,
            command_timeout=10,
            max_inactive_connection_lifetime=60,
        )

    async def open(self) -> None:
        await self.pool

    async def close(self) -> None:
        try:
            await asyncio.wait_for(self.pool.close(), 5)
        except TimeoutError:
            self.pool.terminate()

    async def migrate(self) -> list[str]:
        """Applies what is missing, in one transaction; replicas that start together wait for each other."""
        applied = []
        async with self.pool.acquire() as connection, connection.transaction():
            # The lock of a transaction, not of a session: it works through a pooler too, and cannot be left behind.
            await connection.execute("SELECT pg_advisory_xact_lock($1)", MIGRATION_LOCK, timeout=60)
            await connection.execute(
                "CREATE TABLE IF NOT EXISTS migrations (name text PRIMARY KEY, at timestamptz NOT NULL DEFAULT now())")
            known = {row["name"] for row in await connection.fetch("SELECT name FROM migrations")}
            for file in sorted(MIGRATIONS.glob("*.sql")):
                if file.stem not in known:
                    await connection.execute(file.read_text())
                    await connection.execute("INSERT INTO migrations (name) VALUES ($1)", file.stem)
                    applied.append(file.stem)
        self.migrated = True
        return applied

    async def migrate_when_reachable(self, pause: float = 1.0) -> None:
        """Tries until it worked; until then we are alive, and not ready."""
        while not self.migrated:
            try:
                applied = await self.migrate()
                log.info("the database is ready", extra={"fields": {"applied": applied}})
            except (*UNREACHABLE, asyncpg.PostgresError) as error:
                # The kind alone: a connection error's text may quote the URL.
                log.warning("the database is not ready", extra={"fields": {"cause": type(error).__name__}})
                await asyncio.sleep(pause)

    async def answers(self, seconds: float = 2.0) -> bool:
        try:
            async with asyncio.timeout(seconds):
                return await self.pool.fetchval("SELECT 1") == 1
        except (*UNREACHABLE, asyncpg.PostgresError):
            return False
