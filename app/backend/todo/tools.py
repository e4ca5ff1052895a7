"""The todo tools, once: MCP clients call them at /mcp, and the chat calls the very same ones.

Whose todos they touch is not theirs to know: `acting_for` says so, set by whoever has seen the bearer token.
"""

from contextlib import contextmanager
from contextvars import ContextVar

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field

from .store import Status, Title, Todo, Todos

_user: ContextVar[int] = ContextVar("user")


@contextmanager
def acting_for(user_id: int):
    token = _user.set(user_id)
    try:
        yield
    finally:
        _user.reset(token)


def server(todos: Todos, version: str) -> MCPServer:
    mcp = MCPServer("todo", version=version, instructions="Manages the todo list of the user whose token is sent.")

    def found(todo: Todo | None, id: int) -> Todo:
        if todo is None:
            raise ToolError(f"there is no todo {id}")
        return todo

    @mcp.tool()
    async def add_todo(title: Title) -> Todo:
        """Add a todo to the list."""
        return await todos.add(_user.get(), title)

    @mcp.tool()
    async def list_todos(status: Status = "all") -> list[Todo]:
        """List the todos: all of them, the open ones or the done ones."""
        return await todos.list(_user.get(), status)

    @mcp.tool()
    async def complete_todo(id: int, done: bool = Field(True, description="false opens it again")) -> Todo:
        """Mark a todo as done, or as open again."""
        return found(await todos.change(_user.get(), id, done=done), id)

    @mcp.tool()
    async def update_todo(id: int, title: Title) -> Todo:
        """Give a todo another title."""
        return found(await todos.change(_user.get(), id, title=title), id)

    @mcp.tool()
    async def delete_todo(id: int) -> Todo:
        """Remove a todo from the list."""
        return found(await todos.delete(_user.get(), id), id)

    return mcp
