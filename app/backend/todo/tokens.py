"""Bearer tokens: a JWT whose subject is the user's id."""

import time

import jwt

ISSUER = "todo-chatbot"


def issue(user_id: int, secret: str, seconds: int) -> str:
    now = int(time.time())
    return jwt.encode({"iss": ISSUER, "sub": str(user_id), "iat": now, "exp": now + seconds}, secret, "HS256")


def user_of(authorization: str | None, secret: str) -> int | None:
    """The user that an Authorization header speaks for; None if it is missing, forged or expired."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer":
        return None
    try:
        claims = jwt.decode(token.strip(), secret, ["HS256"], issuer=ISSUER, options={"require": ["sub", "exp"]})
        return int(claims["sub"])
    except (jwt.InvalidTokenError, ValueError):
        return None
