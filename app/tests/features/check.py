#!/usr/bin/env python3
"""Checks every feature of a running Todo Chatbot, as its clients see it.

    check.py [BASE_URL]      the frontend, by default $BASE_URL or http://127.0.0.1:3000; an API elsewhere than below /api
                             (the backend itself): API_PREFIX=
Prints one line a feature; exits 1 if one failed. Needs Python 3.11, and for the MCP part the package `mcp`: run it with the
backend's environment, or inside the backend's image (`docker run -i todo-backend:dev python - URL < check.py`).
"""

import asyncio
import json
import os
import sys
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

BASE = (sys.argv[1] if len(sys.argv) > 1 else os.environ.get("BASE_URL", "http://127.0.0.1:3000")).rstrip("/")
API = BASE + os.environ.get("API_PREFIX", "/api")
PASSWORD = "correct horse battery"


class Unmet(Exception):
    """A feature does not do what it should; the message shows both sides."""


def expect(what: str, actual: object, expected: object) -> None:
    if actual != expected:
        raise Unmet(f"{what} is {actual!r}, expected {expected!r}")


class Person:
    """A user of the API, logged in or not."""

    def __init__(self) -> None:
        self.email, self.token = f"check-{uuid.uuid4().hex[:12]}@example.org", None

    def ask(self, method: str, path: str, body: object = None, token: str | None = None) -> tuple[int, object]:
        headers = {"Content-Type": "application/json"} if body is not None else {}
        if token := token or self.token:
            headers["Authorization"] = f"Bearer {token}"
        data = None if body is None else json.dumps(body).encode()
        try:
            with urlopen(Request(API + path, data, headers, method=method), timeout=20) as answer:
                status, text = answer.status, answer.read()
        except HTTPError as refusal:
            status, text = refusal.code, refusal.read()
        except (URLError, OSError) as error:
            raise Unmet(f"{method} {API}{path} got no answer: {error}") from None
        try:
            return status, json.loads(text) if text else None
        except ValueError:
            raise Unmet(f"{method} {path} answered {status} and no JSON: {text[:120]!r}") from None

    def get(self, method: str, path: str, status: int, body: object = None) -> object:
        actual, answer = self.ask(method, path, body)
        if actual != status:
            raise Unmet(f"{method} {path} answered {actual}, expected {status}: {json.dumps(answer)[:200]}")
        return answer

    def titles(self) -> list[str]:
        return [todo["title"] for todo in self.get("GET", "/todos", 200)]


me, other = Person(), Person()


def health() -> str:
    started = time.monotonic()
    expect("status of /health", me.get("GET", "/health", 200)["status"], "ok")
    took = time.monotonic() - started
    if took >= 5:
        raise Unmet(f"/health answered in {took:.1f} s, expected < 5 s")
    return f"in {took * 1000:.0f} ms"


def readiness() -> str:
    expect("ready", me.get("GET", "/ready", 200)["ready"], True)
    return "the database answers"


def sign_up() -> str:
    for person in (me, other):
        session = person.get("POST", "/signup", 201, {"email": person.email, "password": PASSWORD})
        expect("email of the new account", session["user"]["email"], person.email)
    me.get("POST", "/signup", 409, {"email": me.email, "password": PASSWORD})
    return "twice the same email is refused"


def log_in() -> str:
    me.get("POST", "/login", 401, {"email": me.email, "password": "wrong " + PASSWORD})
    for person in (me, other):
        person.token = person.get("POST", "/login", 200, {"email": person.email, "password": PASSWORD})["token"]
        expect("email of /me", person.get("GET", "/me", 200)["email"], person.email)
    return "a wrong password is refused"


def many_at_once() -> str:
    # Alone, a request may always meet the same replica over a connection that is kept; so many at once meet all of them.
    times = 24
    with ThreadPoolExecutor(times) as pool:
        answers = list(pool.map(lambda _: me.ask("GET", "/me"), range(times)))
    strangers = [status for status, _ in answers if status != 200]
    if strangers:
        raise Unmet(f"{len(strangers)} of {times} requests at once with one and the same token answered {strangers[0]}, expected 200")
    return f"{times} requests with one token"


def crud() -> str:
    id = me.get("POST", "/todos", 201, {"title": "water the plants"})["id"]
    expect("list after adding", me.titles(), ["water the plants"])
    expect("done after completing", me.get("PATCH", f"/todos/{id}", 200, {"done": True})["done"], True)
    expect("title after editing", me.get("PATCH", f"/todos/{id}", 200, {"title": "water all plants"})["title"], "water all plants")
    me.get("DELETE", f"/todos/{id}", 204)
    me.get("PATCH", f"/todos/{id}", 404, {"done": False})
    expect("list after deleting", me.titles(), [])
    return "add, list, complete, edit, delete"


def chat() -> str:
    said = me.get("POST", "/chat", 200, {"message": "add buy milk"})
    expect("list after “add buy milk”", me.titles(), ["buy milk"])
    expect("tool that the chat called", [action["tool"] for action in said["actions"]][-1:], ["add_todo"])
    me.get("POST", "/chat", 200, {"message": "buy milk is done"})
    expect("done after “buy milk is done”", [todo["done"] for todo in me.get("GET", "/todos", 200)], [True])
    me.get("POST", "/chat", 200, {"message": "delete buy milk"})
    expect("list after “delete buy milk”", me.titles(), [])
    return f"answered by {said['model'] or said['answered_by']}"


def mcp() -> str:
    try:
        import httpx2
        from mcp import Client
        from mcp.client.streamable_http import streamable_http_client
    except ImportError as error:
        raise Unmet(f"the MCP client is not installed: {error}") from None

    async def session() -> str:
        http = httpx2.AsyncClient(headers={"Authorization": f"Bearer {me.token}"}, timeout=20)
        async with Client(streamable_http_client(f"{BASE}/mcp", http_client=http)) as client:
            tools = {tool.name for tool in (await client.list_tools()).tools}
            expect("tools", tools, {"add_todo", "list_todos", "complete_todo", "update_todo", "delete_todo"})
            added = await client.call_tool("add_todo", {"title": "call by MCP"})
            expect("list after add_todo", me.titles(), ["call by MCP"])
            await client.call_tool("complete_todo", {"id": added.structured_content["id"]})
            listed = (await client.call_tool("list_todos", {"status": "done"})).structured_content["result"]
            expect("list_todos of the done ones", [todo["title"] for todo in listed], ["call by MCP"])
            return f"{len(tools)} tools, three called"

    return asyncio.run(asyncio.wait_for(session(), 60))


def isolation() -> str:
    id = me.get("POST", "/todos", 201, {"title": "mine alone"})["id"]
    expect("what another user sees", other.titles(), [])
    other.get("PATCH", f"/todos/{id}", 404, {"done": True})
    other.get("DELETE", f"/todos/{id}", 404)
    expect("mine afterwards", [todo["done"] for todo in me.get("GET", "/todos", 200) if todo["id"] == id], [False])
    return "another user sees and changes nothing of mine"


def unauthorized() -> str:
    nobody = Person()
    requests = [("GET", "/todos", None), ("POST", "/todos", {"title": "x"}), ("GET", "/me", None), ("POST", "/chat", {"message": "list"})]
    for method, path, body in requests:
        expect(f"{method} {path} without a token", nobody.ask(method, path, body)[0], 401)
        expect(f"{method} {path} with a forged token", nobody.ask(method, path, body, token="e30.e30.e30")[0], 401)
    try:
        urlopen(Request(f"{BASE}/mcp", b"{}", {"Content-Type": "application/json"}), timeout=20)
        status = 200
    except HTTPError as refusal:
        status = refusal.code
    expect("POST /mcp without a token", status, 401)
    return "401 without a token, and with a forged one"


FEATURES = [health, readiness, sign_up, log_in, many_at_once, crud, chat, mcp, isolation, unauthorized]
NEED_A_LOGIN = [many_at_once, crud, chat, mcp, isolation]


def tidy() -> None:
    for person in (me, other):
        if person.token:
            for todo in person.get("GET", "/todos", 200):
                person.get("DELETE", f"/todos/{todo['id']}", 204)


def main() -> int:
    failed = []
    for feature in FEATURES:
        name = feature.__name__.replace("_", "-")
        try:
            if feature in NEED_A_LOGIN and not (me.token and other.token):
                raise Unmet("nobody could log in")
            print(f"ok    {name}: {feature()}", flush=True)
        except Exception as reason:  # whatever it is, the next feature is checked as well
            text = str(reason) if isinstance(reason, Unmet) else f"{type(reason).__name__}: {cause(reason)}"
            failed.append(name)
            print(f"FAIL  {name}: {text}", flush=True)
    try:
        tidy()
    except Unmet:
        pass  # said above already
    print(f"{len(FEATURES) - len(failed)} passed, {len(failed)} failed" + (f": {', '.join(failed)}" if failed else ""))
    return 1 if failed else 0


def cause(error: BaseException) -> str:
    """The innermost of grouped errors: task groups hide what went wrong."""
    return cause(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else str(error)


if __name__ == "__main__":
    sys.exit(main())
