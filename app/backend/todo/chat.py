"""Who answers a message: the model where one is configured, the built-in rules otherwise, or when the model is silent."""

import asyncio
import logging
from typing import Annotated, Literal

from mcp.server.mcpserver import MCPServer
from pydantic import BaseModel, Field, StringConstraints

from . import rules
from .model import SECONDS, Messenger, Silent
from .toolbox import Action, Toolbox

log = logging.getLogger("todo.chat")


class Said(BaseModel):
    role: Literal["user", "assistant"]
    content: Annotated[str, StringConstraints(max_length=4000)]


class Message(BaseModel):
    message: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000)]
    history: list[Said] = Field(default=[], max_length=20, description="What was said before; only a model looks at it.")


class Answer(BaseModel):
    reply: str
    answered_by: Literal["model", "rules"]
    model: str | None = None
    note: str | None = Field(None, description="Why the rules answered although there is a model.")
    actions: list[Action] = Field(description="The tools that were called, in order.")


class Chat:
    def __init__(self, mcp: MCPServer, model: Messenger | None):
        self.mcp, self.model = mcp, model

    async def answer(self, user_id: int, message: Message) -> Answer:
        tools = Toolbox(self.mcp, user_id)
        note = None
        if self.model:
            try:
                async with asyncio.timeout(SECONDS):
                    reply = await self.model.answer(message.message, [said.model_dump() for said in message.history], tools)
                return Answer(reply=reply, answered_by="model", model=self.model.name, actions=tools.actions)
            except (Silent, TimeoutError) as error:
                reason = str(error) or "it took too long"
                note = f"The model did not answer: {reason}."
                log.warning("the model did not answer", extra={"fields": {"cause": reason}})
                if any(action.tool != "list_todos" for action in tools.actions):
                    # It has changed something already: the rules would do it twice.
                    return Answer(reply="I did a part of that, then lost the thread. Please look at your list.",
                                  answered_by="model", model=self.model.name, note=note, actions=tools.actions)
        reply = await rules.answer(message.message, tools)
        return Answer(reply=reply, answered_by="rules", note=note, actions=tools.actions)
