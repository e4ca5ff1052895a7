"""Users and their todos. Every query about todos names the user: there is no way to ask for another's."""

from datetime import datetime
from typing import Annotated, Literal

import asyncpg
from pydantic import BaseModel, StringConstraints

Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Status = Literal["all", "open", "done"]
MOST = 500  # todos shown at once
BIGGEST_ID = 2**63 - 1


class Todo(BaseModel):
    id: int
    title: str
    done: bool
    created_at: datetime
    updated_at: datetime


class User(BaseModel):
    id: int
    email: str


class EmailTaken(Exception):
    pass


class Users:
    def __init__(self, pool: asyncpg.Pool):
        self.pool = pool

    async def add(self, email: str, password_hash: str) -> User:
        try:
            row = await self.pool.fetchrow(
                "INSERT INTO users (email, password_hash) VALUES ($1, $2) RETURNING id, email", email, password_hash)
        except asyncpg.UniqueViolationError:
            raise EmailTaken from None
        return User(**row)

    async def get(self, user_id: int) -> User | None:
        row = await self.pool.fetchrow("SELECT id, email FROM users WHERE id = $1", user_id)
        return User(**row) if row else None

    async def with_hash(self, email: str) -> tuple[User, str] | None:
        row = await self.pool.fetchrow("SELECT id, email, password_hash FROM users WHERE email = $1", email)
        return (User(id=row["id"], email=row["email"]), row["password_hash"]) if row else None


class Todos:
    COLUMNS = "id, title, done, created_at, updated_at"

    def __init__(self, pool: asyncpg.Pool):
        self.pool = pool

    async def add(self, user_id: int, title: str) -> Todo:
        row = await self.pool.fetchrow(
            f"INSERT INTO todos (user_id, title) VALUES ($1, $2) RETURNING {self.COLUMNS}", user_id, title)
        return Todo(**row)

    async def list(self, user_id: int, status: Status = "all") -> list[Todo]:
        done = {"all": None, "open": False, "done": True}[status]
        rows = await self.pool.fetch(
            f"SELECT {self.COLUMNS} FROM todos WHERE user_id = $1 AND ($2::boolean IS NULL OR done = $2)"
            f" ORDER BY id LIMIT {MOST}", user_id, done)
        return [Todo(**row) for row in rows]

    async def change(self, user_id: int, todo_id: int, title: str | None = None, done: bool | None = None) -> Todo | None:
        if abs(todo_id) > BIGGEST_ID:
            return None
        row = await self.pool.fetchrow(
            "UPDATE todos SET title = coalesce($3, title), done = coalesce($4, done), updated_at = now()"
            f" WHERE user_id = $1 AND id = $2 RETURNING {self.COLUMNS}", user_id, todo_id, title, done)
        return Todo(**row) if row else None

    async def delete(self, user_id: int, todo_id: int) -> Todo | None:
        if abs(todo_id) > BIGGEST_ID:
            return None
        row = await self.pool.fetchrow(
            f"DELETE FROM todos WHERE user_id = $1 AND id = $2 RETURNING {self.COLUMNS}", user_id, todo_id)
        return Todo(**row) if row else None
