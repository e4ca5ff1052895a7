"""What the environment decides. Secrets are read here, once, and are never part of a message."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field


class Unset(Exception):
    """A setting is missing or unusable; the message names it, and never shows its value."""


@dataclass(frozen=True)
class Model:
    """An OpenAI-compatible endpoint that answers the chat."""

    base_url: str
    name: str
    api_key: str = field(repr=False)


@dataclass(frozen=True)
class Settings:
    database_url: str = field(repr=False)
    jwt_secret: str = field(repr=False)
    token_seconds: int = 24 * 3600
    pool_size: int = 5
    port: int = 8000
    leave_after_seconds: float = 5.0  # how long we keep serving after SIGTERM
    version: str = "dev"
    model: Model | None = None


def read(env: Mapping[str, str] = os.environ) -> Settings:
    def required(name: str) -> str:
        if value := env.get(name, "").strip():
            return value
        raise Unset(f"{name} is not set")

    jwt_secret = required("JWT_SECRET")
    if len(jwt_secret.encode()) < 32:
        raise Unset("JWT_SECRET is shorter than 32 bytes")
    try:
        return Settings(
            database_url=required("DATABASE_URL"),
            jwt_secret=jwt_secret,
            token_seconds=int(env.get("TOKEN_SECONDS") or Settings.token_seconds),
            pool_size=int(env.get("POOL_SIZE") or Settings.pool_size),
            port=int(env.get("PORT") or Settings.port),
            leave_after_seconds=float(env.get("LEAVE_AFTER_SECONDS") or Settings.leave_after_seconds),
            version=env.get("APP_VERSION") or Settings.version,
            model=_model(env),
        )
    except ValueError as error:
        raise Unset(f"a number was expected: {error}") from None


def _model(env: Mapping[str, str]) -> Model | None:
    """Both the endpoint and a model's name make a model; an endpoint at home may need no key."""
    base_url, name = env.get("OPENAI_BASE_URL", "").rstrip("/"), env.get("MODEL", "")
    return Model(base_url, name, env.get("OPENAI_API_KEY", "")) if base_url and name else None
