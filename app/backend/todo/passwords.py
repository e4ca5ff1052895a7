"""Passwords as scrypt hashes. Two threads at most hash at a time: each hash takes 16 MiB."""

import asyncio
import hashlib
import hmac
import os
from base64 import b64decode, b64encode
from concurrent.futures import ThreadPoolExecutor

N, R, P = 2**14, 8, 1
_threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="scrypt")


async def hashed(password: str) -> str:
    salt = os.urandom(16)
    digest = await _scrypt(password, salt, N, R, P)
    return f"scrypt${N}${R}${P}${b64encode(salt).decode()}${b64encode(digest).decode()}"


async def matches(password: str, stored: str | None) -> bool:
    """Takes as long for an account that does not exist (`None`) as for a wrong password."""
    if stored is None:
        await _scrypt(password, bytes(16), N, R, P)
        return False
    _, n, r, p, salt, digest = stored.split("$")
    actual = await _scrypt(password, b64decode(salt), int(n), int(r), int(p))
    return hmac.compare_digest(actual, b64decode(digest))


async def _scrypt(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    def work() -> bytes:
        return hashlib.scrypt(password.encode(), salt=salt, n=n, r=r, p=p, maxmem=64 * 1024 * 1024)

    return await asyncio.get_running_loop().run_in_executor(_threads, work)
