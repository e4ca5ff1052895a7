"""The HTTP API: accounts, todos, chat and, at /mcp, the tools for MCP clients."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Literal

import asyncpg
from fastapi import Depends, FastAPI, Header, HTTPException, Path, Request, Response
from fastapi.responses import JSONResponse
from mcp.server.transport_security import TransportSecuritySettings
from pydantic import AfterValidator, BaseModel, StringConstraints
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from . import passwords, tokens, tools
from .chat import Answer, Chat, Message
from .database import UNREACHABLE, Database
from .model import Messenger
from .serving import Door, Leaving
from .settings import Settings
from .store import BIGGEST_ID, EmailTaken, Status, Title, Todo, Todos, User, Users

log = logging.getLogger("todo.web")

Email = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=254, pattern=r"^\s*[^@\s]+@[^@\s]+\.[^@\s]+\s*$"),
    AfterValidator(str.lower),
]


class SignUp(BaseModel):
    email: Email
    password: Annotated[str, StringConstraints(min_length=8, max_length=200)]


class LogIn(BaseModel):
    email: Email
    password: Annotated[str, StringConstraints(max_length=200)]


class Session(BaseModel):
    token: str
    user: User


class NewTodo(BaseModel):
    title: Title


class TodoChange(BaseModel):
    title: Title | None = None
    done: bool | None = None


class Health(BaseModel):
    status: Literal["ok"] = "ok"
    version: str


class Ready(BaseModel):
    ready: bool
    reason: Literal["leaving", "database"] | None = None


class Unauthorized(HTTPException):
    def __init__(self, detail: str):
        super().__init__(401, detail, {"WWW-Authenticate": "Bearer"})


def app(settings: Settings, leaving: Leaving) -> ASGIApp:
    """Call it where an event loop runs: the pool belongs to that loop."""
    database = Database(settings.database_url, settings.pool_size)
    users, todos = Users(database.pool), Todos(database.pool)
    mcp = tools.server(todos, settings.version)
    model = Messenger(settings.model) if settings.model else None
    chat = Chat(mcp, model)
    # Stateless, as the next request may meet another replica. Any host name is fine: we are behind proxies, and no
    # request gets in without a bearer token, which a page of somebody else's does not have.
    mcp_app = mcp.streamable_http_app(
        stateless_http=True, json_response=True,
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await database.open()
        migration = asyncio.create_task(database.migrate_when_reachable())
        async with mcp.session_manager.run():
            yield
        migration.cancel()
        if model:
            await model.client.aclose()
        await database.close()

    api = FastAPI(title="Todo Chatbot", version=settings.version, lifespan=lifespan)

    async def user_id(authorization: Annotated[str | None, Header()] = None) -> int:
        user = tokens.user_of(authorization, settings.jwt_secret)
        if user is None:
            raise Unauthorized("log in first: a valid bearer token is needed")
        return user

    Me = Annotated[int, Depends(user_id)]
    Id = Annotated[int, Path(ge=1, le=BIGGEST_ID)]

    def session(user: User) -> Session:
        return Session(token=tokens.issue(user.id, settings.jwt_secret, settings.token_seconds), user=user)

    def found(todo: Todo | None) -> Todo:
        if todo is None:
            raise HTTPException(404, "there is no such todo")
        return todo

    @api.get("/health", tags=["operation"])
    async def health() -> Health:
        """The process lives; says nothing of the database."""
        return Health(version=settings.version)

    @api.get("/ready", tags=["operation"], responses={503: {"model": Ready}})
    async def ready(response: Response) -> Ready:
        """Requests are welcome: the database answers, its tables are there, and we are not about to leave."""
        reason = "leaving" if leaving.told else None if database.migrated and await database.answers() else "database"
        if reason:
            response.status_code = 503
        return Ready(ready=not reason, reason=reason)

    @api.post("/signup", status_code=201, tags=["account"])
    async def sign_up(given: SignUp) -> Session:
        try:
            return session(await users.add(given.email, await passwords.hashed(given.password)))
        except EmailTaken:
            raise HTTPException(409, "there is an account with this email already") from None

    @api.post("/login", tags=["account"])
    async def log_in(given: LogIn) -> Session:
        user, stored = await users.with_hash(given.email) or (None, None)
        if not await passwords.matches(given.password, stored):
            raise Unauthorized("email or password is wrong")
        return session(user)

    @api.get("/me", tags=["account"])
    async def me(user_id: Me) -> User:
        if user := await users.get(user_id):
            return user
        raise Unauthorized("this account is no more")

    @api.get("/todos", tags=["todos"])
    async def list_todos(user_id: Me, status: Status = "all") -> list[Todo]:
        return await todos.list(user_id, status)

    @api.post("/todos", status_code=201, tags=["todos"])
    async def add_todo(user_id: Me, given: NewTodo) -> Todo:
        return await todos.add(user_id, given.title)

    @api.patch("/todos/{id}", tags=["todos"])
    async def change_todo(user_id: Me, id: Id, given: TodoChange) -> Todo:
        return found(await todos.change(user_id, id, given.title, given.done))

    @api.delete("/todos/{id}", status_code=204, tags=["todos"])
    async def delete_todo(user_id: Me, id: Id) -> None:
        found(await todos.delete(user_id, id))

    @api.post("/chat", tags=["chat"])
    async def answer_message(user_id: Me, message: Message) -> Answer:
        """Manages todos in plain words, with the same tools that MCP clients have at /mcp."""
        return await chat.answer(user_id, message)

    @api.exception_handler(asyncpg.ForeignKeyViolationError)
    async def account_gone(_: Request, __: Exception) -> JSONResponse:
        return JSONResponse({"detail": "this account is no more"}, 401)

    async def unreachable(request: Request, error: Exception) -> JSONResponse:
        log.warning("the database cannot be reached", extra={"fields": {"path": request.url.path, "cause": type(error).__name__}})
        return JSONResponse({"detail": "the database cannot be reached; try again soon"}, 503)

    for kind in (*UNREACHABLE, asyncpg.UndefinedTableError):
        api.add_exception_handler(kind, unreachable)

    class Tools:
        """MCP for whoever shows a token, acting for that user."""

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            user = tokens.user_of(Request(scope).headers.get("authorization"), settings.jwt_secret)
            if user is None:
                refusal = JSONResponse({"detail": "a valid bearer token is needed"}, 401, {"WWW-Authenticate": "Bearer"})
                return await refusal(scope, receive, send)
            with tools.acting_for(user):
                await mcp_app(scope, receive, send)

    api.router.routes.append(Route("/mcp", endpoint=Tools()))
    return Door(api, leaving)
