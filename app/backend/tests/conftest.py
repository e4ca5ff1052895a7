"""Real parts to test against: a PostgreSQL of our own (or TEST_DATABASE_URL) and the backend as the process it is."""

import glob
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import httpx2
import pytest

HERE = Path(__file__).parent.parent
SECRET = "a-secret-for-tests-that-is-long-enough"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a server where databases can be made."""
    if url := os.environ.get("TEST_DATABASE_URL"):
        yield url
        return
    with private_postgres() as url:
        yield url


@contextmanager
def private_postgres() -> Iterator[str]:
    found = shutil.which("initdb") or next(iter(sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"), reverse=True)), None)
    if not found:
        pytest.fail("no PostgreSQL to test with: install postgresql, or set TEST_DATABASE_URL")
    programs = Path(found).parent
    # PostgreSQL refuses to run as root.
    user = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
    folder, port = Path(tempfile.mkdtemp(prefix="todo-pg-")), free_port()
    try:
        if user:
            os.chown(folder, *pwd.getpwnam("postgres")[2:4])
        subprocess.run([programs / "initdb", "-D", folder / "data", "-U", "todo", "-A", "trust", "-E", "UTF8", "--no-sync"],
                       check=True, stdout=subprocess.DEVNULL, cwd=folder, **user)
        server = subprocess.Popen(
            [programs / "postgres", "-D", folder / "data", "-p", str(port), "-k", folder, "-c", "listen_addresses=127.0.0.1",
             "-c", "fsync=off"], stderr=(folder / "log").open("w"), cwd=folder, **user)
        try:
            wait_for_port(port, server)
            yield f"postgresql://todo@127.0.0.1:{port}/postgres"
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(20)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def wait_for_port(port: int, process: subprocess.Popen, seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.fail(f"nothing listens on port {port}; the process said {process.poll()}")


@pytest.fixture(scope="session")
async def database(postgres):
    """A database of our own, empty at first."""
    name = f"todo_{uuid.uuid4().hex[:12]}"
    connection = await asyncpg.connect(postgres)
    await connection.execute(f"CREATE DATABASE {name}")
    yield urlunsplit(urlsplit(postgres)._replace(path=f"/{name}"))
    await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await connection.close()


@dataclass
class Backend:
    process: subprocess.Popen
    url: str
    log: Path

    def client(self, token: str | None = None) -> httpx2.AsyncClient:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        return httpx2.AsyncClient(base_url=self.url, headers=headers, timeout=10)

    async def user(self) -> "Account":
        email = f"{uuid.uuid4().hex[:8]}@example.org"
        async with self.client() as client:
            token = (await client.post("/signup", json={"email": email, "password": "correct horse"})).json()["token"]
        return Account(email, token, self.client(token))


@dataclass
class Account:
    email: str
    token: str = field(repr=False)
    client: httpx2.AsyncClient


@contextmanager
def running(database_url: str, folder: Path, **env: str) -> Iterator[Backend]:
    port = free_port()
    log = folder / f"backend-{port}.log"
    process = subprocess.Popen(
        [sys.executable, "-m", "todo"], cwd=HERE, stdout=log.open("w"), stderr=subprocess.STDOUT,
        env={"PATH": os.environ["PATH"], "DATABASE_URL": database_url, "JWT_SECRET": SECRET, "PORT": str(port),
             "LEAVE_AFTER_SECONDS": "1", **env})
    try:
        wait_for_port(port, process)
        yield Backend(process, f"http://127.0.0.1:{port}", log)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


@pytest.fixture(scope="session")
def backend(database, tmp_path_factory) -> Iterator[Backend]:
    with running(database, tmp_path_factory.mktemp("logs")) as backend:
        until = time.monotonic() + 10
        while httpx2.get(f"{backend.url}/ready").status_code != 200:
            assert time.monotonic() < until, backend.log.read_text()
            time.sleep(0.05)
        yield backend


@pytest.fixture
async def account(backend):
    account = await backend.user()
    yield account
    await account.client.aclose()
