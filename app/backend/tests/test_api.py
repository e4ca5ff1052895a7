"""The HTTP API, as clients see it."""

import time

import jwt
import pytest

from todo.tokens import ISSUER

from .conftest import SECRET


async def test_an_account_is_made_once_and_logs_in(backend, account):
    async with backend.client() as client:
        again = await client.post("/signup", json={"email": account.email.upper(), "password": "another one"})
        assert (again.status_code, again.json()["detail"]) == (409, "there is an account with this email already")
        session = await client.post("/login", json={"email": account.email, "password": "correct horse"})
        assert session.json()["user"]["email"] == account.email
        assert "password" not in session.text


@pytest.mark.parametrize("email", ["known", "nobody@example.org"])
async def test_a_wrong_password_and_an_unknown_email_are_told_apart_by_nobody(backend, account, email):
    async with backend.client() as client:
        answer = await client.post("/login", json={"email": account.email if email == "known" else email, "password": "x"})
        assert (answer.status_code, answer.json()) == (401, {"detail": "email or password is wrong"})


@pytest.mark.parametrize("bad", [{"email": "no-at", "password": "long enough"}, {"email": "a@b.c", "password": "short"}, {}])
async def test_unusable_sign_ups_are_refused(backend, bad):
    async with backend.client() as client:
        assert (await client.post("/signup", json=bad)).status_code == 422


async def test_todos_are_added_listed_changed_and_deleted(account):
    todo = (await account.client.post("/todos", json={"title": "  buy milk "})).json()
    assert (todo["title"], todo["done"]) == ("buy milk", False)
    changed = await account.client.patch(f"/todos/{todo['id']}", json={"done": True, "title": "buy oat milk"})
    assert (changed.json()["title"], changed.json()["done"]) == ("buy oat milk", True)
    assert [t["id"] for t in (await account.client.get("/todos", params={"status": "done"})).json()] == [todo["id"]]
    assert (await account.client.get("/todos", params={"status": "open"})).json() == []
    assert (await account.client.delete(f"/todos/{todo['id']}")).status_code == 204
    assert (await account.client.delete(f"/todos/{todo['id']}")).status_code == 404


@pytest.mark.parametrize("title", ["", "   ", "x" * 201])
async def test_unusable_titles_are_refused(account, title):
    assert (await account.client.post("/todos", json={"title": title})).status_code == 422


async def test_another_user_sees_and_changes_nothing_of_mine(backend, account):
    id = (await account.client.post("/todos", json={"title": "mine"})).json()["id"]
    other = (await backend.user()).client
    assert (await other.get("/todos")).json() == []
    assert (await other.patch(f"/todos/{id}", json={"done": True})).status_code == 404
    assert (await other.delete(f"/todos/{id}")).status_code == 404
    assert (await account.client.get("/todos")).json()[0]["done"] is False


def forged(**changes) -> str:
    claims = {"iss": ISSUER, "sub": "1", "exp": int(time.time()) + 60} | changes
    return jwt.encode(claims, changes.pop("secret", SECRET), "HS256")


TOKENS = {
    "none": None,
    "nonsense": "Bearer nonsense",
    "another scheme": "Basic YTpi",
    "another secret": "Bearer " + forged(secret="another-secret-that-is-long-enough!!"),
    "expired": "Bearer " + forged(exp=int(time.time()) - 1),
    "another issuer": "Bearer " + forged(iss="somebody"),
    "no algorithm": "Bearer " + jwt.encode({"iss": ISSUER, "sub": "1", "exp": 2**31}, None, "none"),
}


@pytest.mark.parametrize("header", TOKENS.values(), ids=TOKENS.keys())
@pytest.mark.parametrize(("method", "path"), [("GET", "/todos"), ("GET", "/me"), ("POST", "/chat"), ("POST", "/mcp"), ("DELETE", "/todos/1")])
async def test_without_a_good_token_nothing_is_let_in(backend, header, method, path):
    async with backend.client() as client:
        answer = await client.request(method, path, headers={"authorization": header} if header else {})
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


async def test_it_is_alive_ready_and_described(backend):
    async with backend.client() as client:
        assert (await client.get("/health")).json() == {"status": "ok", "version": "dev"}
        assert (await client.get("/ready")).json() == {"ready": True, "reason": None}
        assert {"/signup", "/login", "/todos", "/todos/{id}", "/chat"} <= set((await client.get("/openapi.json")).json()["paths"])


async def test_logs_are_lines_of_json_without_secrets(backend, account):
    import json

    lines = [json.loads(line) for line in backend.log.read_text().splitlines()]
    assert {"message": "request", "path": "/signup", "status": 201}.items() <= {k: v for l in lines if l.get("path") == "/signup" and l["status"] == 201 for k, v in l.items()}.items()
    for secret in (SECRET, account.token, "correct horse", account.email):
        assert secret not in backend.log.read_text()
