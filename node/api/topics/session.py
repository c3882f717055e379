"""Sessions of browsers: a one-time link becomes a cookie that scripts cannot read."""

from __future__ import annotations

from pydantic import Field

from node.api.route import Access, Asked, Call, Nothing, Route, SessionAnswer, Told


class Secret(Asked):
    """What stands behind `#t=` in the link."""

    token: str = Field(min_length=1, max_length=200)


class Session(Told):
    """Signed in."""

    signed_in: bool


class Link(Told):
    """A one-time link."""

    url: str


async def sign_in(call: Call) -> SessionAnswer:
    """Exchange the secret of a link for a session."""
    answer = SessionAnswer(signed_in=True)
    answer.secret = call.desk.keys.open_session(call.body.token)
    return answer


async def sign_out(call: Call) -> SessionAnswer:
    """Close this browser's session."""
    call.desk.keys.close_session(call.said.session)
    return SessionAnswer(signed_in=False)


async def who(call: Call) -> dict[str, bool]:
    """Answers only those who are signed in."""
    return {"signed_in": True}


async def make_link(call: Call) -> dict[str, str]:
    """A new one-time link, for another browser."""
    return {"url": f"{call.desk.base}/#t={call.desk.keys.make_link()}"}


ROUTES = (
    Route(
        method="POST",
        path="/api/v1/session",
        name="sign_in",
        summary="Exchange the secret of a one-time link for a session cookie",
        handler=sign_in,
        body=Secret,
        answer=Session,
        access=Access.OPEN,
        errors=("api.link_used",),
    ),
    Route(
        method="GET",
        path="/api/v1/session",
        name="show_session",
        summary="Whether this caller is signed in",
        handler=who,
        answer=Session,
    ),
    Route(
        method="DELETE",
        path="/api/v1/session",
        name="sign_out",
        summary="Close this browser's session",
        handler=sign_out,
        answer=Session,
    ),
    Route(
        method="POST",
        path="/api/v1/session/link",
        name="make_link",
        summary="A one-time link for another browser",
        handler=make_link,
        body=Nothing,
        answer=Link,
        status=201,
    ),
)
