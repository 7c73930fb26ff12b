"""The dashboard's login endpoints (contract: identity 19)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, TypeVar

from msgspec import Meta

from cyoda.clock import Clock
from cyoda.errors import (
    BadRequest,
    Forbidden,
    NotImplementedHere,
    ServerError,
    StorageUnavailable,
    TooManyRequests,
    Unauthorized,
)
from cyoda.http.app import AsgiApp
from cyoda.http.authentication import Authenticator
from cyoda.http.operation import operation, operation_of
from cyoda.http.request import ApiRequest, Receive, Scope, Send
from cyoda.http.response import NO_STORE, Response, json_response
from cyoda.http.router import Route
from cyoda.permissions import permitted
from cyoda.principal import Principal
from tenants.api.wire import Shape, decoded_body
from tenants.identity.issue import NoSigningKey, TokenIssuer
from tenants.models import Person
from tenants.services import grants, sign_in
from tenants.services.grants import Grant
from tenants.services.off_loop import OrmThreads
from tenants.services.sign_in import Visitor

MAX_IDS = 1000
ROOT = "/auth/"
_SLOW = (BadRequest, NotImplementedHere, TooManyRequests, StorageUnavailable)

T = TypeVar("T")


class Login(Shape, kw_only=True):
    """`environment` is a tenant id or an environment's name; without it the first of the first membership."""

    username: str
    password: str
    otp: str | None = None
    environment: str | None = None


class Account(Shape, kw_only=True):
    username: str
    user_id: str
    legal_entity_id: str


class Session(Account, kw_only=True):
    """`token` is the bearer of API calls; `refresh_token`, given at the login only, fetches new ones for 14 days."""

    token: str
    refresh_token: str | None = None


class Token(Shape, kw_only=True):
    token: str


class Verdict(Shape, kw_only=True):
    valid: bool


class PasswordChange(Shape, kw_only=True):
    old_password: str
    new_password: str


class ResetRequest(Shape, kw_only=True):
    email: str


class Reset(Shape, kw_only=True):
    """`token` is the last part of the mailed link."""

    token: str
    new_password: str


class Colleague(Shape, kw_only=True):
    id: str
    username: str
    first_name: str
    last_name: str
    email: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSignIn:
    """What signs people in on a node; `authenticator` judges bearer tokens."""

    threads: OrmThreads
    issuer: TokenIssuer
    authenticator: Authenticator
    clock: Clock


class SignInEndpoints:
    """Without `node` (mock mode) there are no passwords and no tokens to give."""

    def __init__(self, node: NodeSignIn | None) -> None:
        self._node = node

    @operation("Sign in with a password", body=Login, answer=Session, errors=[*_SLOW, Unauthorized, Forbidden])
    async def login(self, request: ApiRequest) -> Response:
        """People with a second factor give its code as `otp`; the refusal without one has `secondFactor`."""
        node, body, visitor = self._admitted(), await decoded_body(request, Login), _visitor(request)

        def ask() -> Grant:
            wanted = {"otp": body.otp, "environment": body.environment}
            return sign_in.sign_in(body.username, body.password, **wanted, visitor=visitor, clock=node.clock)

        return self._session(node, await node.threads.run(ask))

    @operation("A new token for a refresh token", answer=Session, errors=[*_SLOW, Unauthorized])
    async def token(self, request: ApiRequest) -> Response:
        """The refresh token comes as the bearer; no other call accepts it."""
        node, refresh_token = self._admitted(), _bearer(request)
        if refresh_token is None:
            raise Unauthorized
        return self._session(node, await node.threads.run(lambda: grants.refreshed(refresh_token, clock=node.clock)))

    @operation("Sign out", answer=None, errors=_SLOW)
    async def logout(self, request: ApiRequest) -> Response:
        """Ends the refresh token that comes as the bearer; without one there is nothing to end."""
        node, refresh_token = self._admitted(), _bearer(request)
        if refresh_token is not None:
            await node.threads.run(lambda: grants.revoke(refresh_token, clock=node.clock))
        return Response(200)

    @operation("Who is signed in", answer=Account, errors=[StorageUnavailable])
    async def me(self, request: ApiRequest) -> Response:
        principal = request.principal
        person = await self._run(lambda: grants.person_of(principal))
        return json_response(_account(principal, person))

    @operation("Is this token valid?", body=Token, answer=Verdict, errors=_SLOW)
    async def verify(self, request: ApiRequest) -> Response:
        node, body = self._admitted(), await decoded_body(request, Token)
        try:
            await node.authenticator.authenticate(f"Bearer {body.token}")
        except Unauthorized:
            return json_response(Verdict(valid=False))
        return json_response(Verdict(valid=True))

    @operation("Change one's password", body=PasswordChange, answer=None, errors=[*_SLOW, Forbidden])
    async def change_password(self, request: ApiRequest) -> Response:
        """Ends all sessions and refresh tokens of the caller."""
        body, visitor = await decoded_body(request, PasswordChange), _visitor(request)
        principal = request.principal
        await self._run(lambda: sign_in.change_password(principal, body.old_password, body.new_password, visitor))
        return Response(200)

    @operation("Ask for a link to set a new password", body=ResetRequest, answer=None, errors=_SLOW)
    async def reset_password_request(self, request: ApiRequest) -> Response:
        """Mails a link if somebody has the address; the answer does not tell."""
        body, visitor = await decoded_body(request, ResetRequest), _visitor(request)
        await self._run(lambda: sign_in.request_reset(body.email, visitor))
        return Response(200)

    @operation("Set a new password with a mailed link", body=Reset, answer=None, errors=_SLOW)
    async def reset_password(self, request: ApiRequest) -> Response:
        body, visitor = await decoded_body(request, Reset), _visitor(request)
        await self._run(lambda: sign_in.reset_password(body.token, body.new_password, visitor))
        return Response(200)

    @operation("What the caller's roles permit", answer=list[str])
    async def permissions(self, request: ApiRequest) -> Response:
        return json_response(sorted(permitted(request.principal.roles)))

    @operation("Do the caller's roles permit this?", answer=bool)
    async def has_permission(self, request: ApiRequest) -> Response:
        return json_response(request.values["permission"] in permitted(request.principal.roles))

    @operation(
        "People of the caller's organisation by their ids",
        body=Annotated[list[str], Meta(max_length=MAX_IDS)],
        answer=list[Colleague],
        errors=[BadRequest, StorageUnavailable],
    )
    async def users_by_ids(self, request: ApiRequest) -> Response:
        """Ids that are none of theirs are left out."""
        tenant = request.principal.tenant
        ids = await decoded_body(request, list[str])
        if len(ids) > MAX_IDS:
            raise BadRequest(f"at most {MAX_IDS} ids")
        people = await self._run(lambda: list(grants.colleagues(tenant, ids)))
        return json_response([_colleague(person) for person in people])

    def routes(self) -> Sequence[Route]:
        rows = (
            ("POST", f"{ROOT}login", self.login, True),
            ("GET", f"{ROOT}token", self.token, True),
            ("POST", f"{ROOT}logout", self.logout, True),
            ("GET", f"{ROOT}me", self.me, False),
            ("POST", f"{ROOT}verify", self.verify, True),
            ("POST", f"{ROOT}change-password", self.change_password, False),
            ("POST", f"{ROOT}reset-password-request", self.reset_password_request, True),
            ("POST", f"{ROOT}reset-password", self.reset_password, True),
            ("GET", f"{ROOT}permissions", self.permissions, False),
            ("GET", f"{ROOT}permissions/{{permission}}", self.has_permission, False),
            ("POST", "/platform-api/users/get-by-ids", self.users_by_ids, False),
        )
        return [
            Route(method, path, handler, public=is_public, operation=operation_of(handler))
            for method, path, handler, is_public in rows
        ]

    def _admitted(self) -> NodeSignIn:
        """Raises NotImplementedHere."""
        if self._node is None:
            raise NotImplementedHere("sign-in requires JWT IAM mode")
        return self._node

    async def _run(self, ask: Callable[[], T]) -> T:
        return await self._admitted().threads.run(ask)

    def _session(self, node: NodeSignIn, grant: Grant) -> Response:
        """Raises ServerError without a key to sign with."""
        try:
            token = node.issuer.for_person(grant.person_id, grant.tenant, grant.roles, grant.username)
        except NoSigningKey:
            raise ServerError("no key pair can sign a person's token") from None
        session = Session(
            token=token,
            refresh_token=grant.refresh_token,
            username=grant.username,
            user_id=grant.person_id,
            legal_entity_id=grant.tenant,
        )
        return json_response(session, headers=NO_STORE)


class AtRoot:
    """`/auth/*` outside the context path is what the dashboard's development proxy asks for: the same endpoints."""

    def __init__(self, api: Callable[[], AsgiApp], context_path: str, fallback: AsgiApp) -> None:
        self._api = api
        self._prefix = context_path.rstrip("/")
        self._fallback = fallback

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(ROOT) and self._prefix:
            below = {"path": self._prefix + scope["path"], "raw_path": self._prefix.encode() + scope["raw_path"]}
            return await self._api()({**scope, **below}, receive, send)
        return await self._fallback(scope, receive, send)


def _bearer(request: ApiRequest) -> str | None:
    scheme, _, token = (request.header(b"authorization") or "").partition(" ")
    return token if scheme == "Bearer" and token else None


def _visitor(request: ApiRequest) -> Visitor:
    address, _ = request.scope.get("client") or ("127.0.0.1", 0)
    return Visitor(
        address=address,
        forwarded_for=request.header(b"x-forwarded-for"),
        user_agent=request.header(b"user-agent") or "",
    )


def _account(principal: Principal, person: Person | None) -> Account:
    name = principal.user_id if person is None else person.user.get_username()
    return Account(username=name, user_id=principal.user_id, legal_entity_id=principal.tenant)


def _colleague(person: Person) -> Colleague:
    user = person.user
    return Colleague(
        id=str(person.id),
        username=user.get_username(),
        first_name=user.first_name,
        last_name=user.last_name,
        email=user.email,
    )
