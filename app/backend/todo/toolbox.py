"""The MCP tools as the chat calls them: in this process, for one user, every call written down."""

from typing import Any

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import BaseModel

from .tools import acting_for


class Refused(Exception):
    """A tool said no; the message says why."""


class Action(BaseModel):
    tool: str
    arguments: dict[str, Any]


class Toolbox:
    def __init__(self, mcp: MCPServer, user_id: int):
        self.mcp, self.user_id = mcp, user_id
        self.actions: list[Action] = []  # what was done, in order

    async def call(self, tool: str, **arguments: Any) -> Any:
        try:
            with acting_for(self.user_id):
                result = await self.mcp.call_tool(tool, arguments)
        except ToolError as error:
            raise Refused(str(error).removeprefix(f"Error executing tool {tool}: ")) from error
        self.actions.append(Action(tool=tool, arguments=arguments))
        content = result.structured_content
        return content["result"] if set(content) == {"result"} else content

    async def described(self) -> list[dict[str, Any]]:
        """The tools in the form that OpenAI-compatible endpoints take."""
        return [
            {"type": "function",
             "function": {"name": tool.name, "description": tool.description, "parameters": tool.input_schema}}
            for tool in await self.mcp.list_tools()
        ]
