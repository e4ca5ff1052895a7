"""URLs as providers hand them out, and migrations by several replicas at once."""

import asyncio

import asyncpg
import pytest

from todo.database import Database, connect_options


@pytest.mark.parametrize(
    ("url", "dsn", "cached"),
    [
        ("postgres://u:p@h/d", "postgresql://u:p@h/d", 100),
        ("postgresql+asyncpg://u:p@h/d", "postgresql://u:p@h/d", 100),
        ("postgresql://u:p%40@ep-x.eu.neon.tech/d?sslmode=require&channel_binding=require",
         "postgresql://u:p%40@ep-x.eu.neon.tech/d?sslmode=require", 100),
        ("postgresql://u:p@ep-x-pooler.eu.neon.tech/d?sslmode=require",
         "postgresql://u:p@ep-x-pooler.eu.neon.tech/d?sslmode=require", 0),
        ("postgresql://u:p@h/d?pgbouncer=true&connect_timeout=9", "postgresql://u:p@h/d", 0),
    ],
)
def test_urls_of_providers_become_what_the_driver_takes(url, dsn, cached):
    assert connect_options(url) == {"dsn": dsn, "statement_cache_size": cached}


async def test_replicas_that_start_together_migrate_once(postgres):
    admin = await asyncpg.connect(postgres)
    await admin.execute("DROP DATABASE IF EXISTS todo_migrations")
    await admin.execute("CREATE DATABASE todo_migrations")
    url = postgres.rsplit("/", 1)[0] + "/todo_migrations"
    replicas = [Database(url) for _ in range(4)]
    for replica in replicas:
        await replica.open()
    applied = await asyncio.gather(*(replica.migrate() for replica in replicas))
    assert sorted(applied) == [[], [], [], ["001_users_and_todos"]]
    for replica in replicas:
        await replica.close()
    await admin.execute("DROP DATABASE todo_migrations")
    await admin.close()
