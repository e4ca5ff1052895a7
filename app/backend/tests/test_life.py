"""Starting without a database, refusing to start without settings, and leaving without losing a request."""

import asyncio
import os
import signal
import subprocess
import sys
import time

import httpx2
import pytest

from .conftest import HERE, SECRET, free_port, running


async def test_without_a_database_it_lives_is_not_ready_and_says_so(tmp_path):
    with running(f"postgresql://u:hush-hush@127.0.0.1:{free_port()}/d", tmp_path) as backend:
        async with backend.client() as client:
            assert (await client.get("/health")).status_code == 200
            ready = await client.get("/ready")
            assert (ready.status_code, ready.json()) == (503, {"ready": False, "reason": "database"})
            answer = await client.post("/login", json={"email": "a@b.c", "password": "whatever"})
            assert (answer.status_code, answer.json()["detail"]) == (503, "the database cannot be reached; try again soon")
        assert "hush-hush" not in backend.log.read_text()


@pytest.mark.parametrize(
    ("env", "said"),
    [({"JWT_SECRET": SECRET}, "DATABASE_URL is not set"), ({"DATABASE_URL": "x"}, "JWT_SECRET is not set"),
     ({"DATABASE_URL": "x", "JWT_SECRET": "short"}, "JWT_SECRET is shorter than 32 bytes")],
)
def test_it_does_not_start_without_its_settings_and_names_them(env, said):
    ended = subprocess.run([sys.executable, "-m", "todo"], cwd=HERE, env={"PATH": os.environ["PATH"], **env},
                           capture_output=True, text=True, timeout=20)
    assert (ended.returncode, said in ended.stdout) == (2, True)


async def test_it_leaves_without_losing_a_request(database, backend, tmp_path):
    with running(database, tmp_path, LEAVE_AFTER_SECONDS="1.5") as leaver:
        user = await leaver.user()
        async with leaver.client() as client:
            while (await client.get("/ready")).status_code != 200:
                await asyncio.sleep(0.05)
            leaver.process.send_signal(signal.SIGTERM)
            await asyncio.sleep(0.2)
            assert (await client.get("/ready")).json() == {"ready": False, "reason": "leaving"}
            # Until just before the end, over kept-alive and new connections, each is answered, and asked to close.
            until = time.monotonic() + 1
            while time.monotonic() < until:
                kept, new = await asyncio.gather(user.client.get("/todos"), httpx2.AsyncClient().get(f"{leaver.url}/health"))
                assert (kept.status_code, new.status_code) == (200, 200)
                assert (kept.headers["connection"], new.headers["connection"]) == ("close", "close")
        await user.client.aclose()
        assert await asyncio.to_thread(leaver.process.wait, 10) == 0
        assert '"message": "gone"' in leaver.log.read_text()
