"""The MCP server, asked by the official client."""

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client


def connected(backend, token: str | None, mode: str = "auto") -> Client:
    http = httpx2.AsyncClient(headers={"authorization": f"Bearer {token}"} if token else {})
    return Client(streamable_http_client(f"{backend.url}/mcp", http_client=http), mode=mode)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_client_of_either_era_manages_its_users_todos(backend, account, mode):
    async with connected(backend, account.token, mode) as client:
        names = {tool.name for tool in (await client.list_tools()).tools}
        assert names == {"add_todo", "list_todos", "complete_todo", "update_todo", "delete_todo"}
        id = (await client.call_tool("add_todo", {"title": "by mcp"})).structured_content["id"]
        assert (await client.call_tool("complete_todo", {"id": id})).structured_content["done"] is True
        assert (await client.call_tool("update_todo", {"id": id, "title": "renamed"})).structured_content["title"] == "renamed"
        assert [t["title"] for t in (await account.client.get("/todos")).json()] == ["renamed"]
        assert len((await client.call_tool("list_todos", {"status": "done"})).structured_content["result"]) == 1
        assert not (await client.call_tool("delete_todo", {"id": id})).is_error
        missing = await client.call_tool("delete_todo", {"id": id})
        assert (missing.is_error, f"there is no todo {id}" in missing.content[0].text) == (True, True)


async def test_the_tools_act_for_the_user_of_the_token(backend, account):
    id = (await account.client.post("/todos", json={"title": "mine"})).json()["id"]
    async with connected(backend, (await backend.user()).token) as other:
        assert (await other.call_tool("list_todos", {})).structured_content["result"] == []
        assert (await other.call_tool("delete_todo", {"id": id})).is_error


async def test_no_token_no_session(backend):
    with pytest.raises(Exception) as refusal:
        async with connected(backend, None) as client:
            await client.list_tools()
    assert "error response" in repr(refusal.value), repr(refusal.value)
