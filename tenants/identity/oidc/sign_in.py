"""Signing in at a provider to see a token of it: the authorisation code flow with PKCE (RFC 6749, 7636).

It ends with a token that is tried and thrown away; nobody is signed in here by it.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from urllib.parse import quote_plus, urlencode

from tenants.identity.oidc.destinations import InvalidUri, parse_endpoint
from tenants.identity.oidc.documents import InvalidDocument, json_object
from tenants.identity.oidc.fetching import Fetcher, FetchFailed

_SHOWN_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where a provider signs people in, and where it gives tokens for codes."""

    authorization: str
    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A client of ours at the provider asks somebody to sign in; `challenge` is S256 of the verifier."""

    client_id: str
    redirect_uri: str
    scope: str
    state: str
    challenge: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Return:
    """What came back, and what proves that it is ours; `secret` empty: the client has none."""

    client_id: str
    secret: str
    redirect_uri: str
    code: str
    verifier: str


async def fetch_endpoints(uri: str, fetcher: Fetcher, *, require_https: bool) -> Endpoints:
    """As the discovery document at `uri` names them. Raises FetchFailed."""
    try:
        members = json_object(await fetcher.get(uri))
        named = [members.get(name) for name in ("authorization_endpoint", "token_endpoint")]
        for endpoint in named:
            parse_endpoint(endpoint if isinstance(endpoint, str) else "", require_https=require_https)
    except InvalidDocument as fault:
        raise FetchFailed(str(fault)) from None
    except InvalidUri as fault:
        raise FetchFailed(f"the discovery document names no place to sign in: {fault}") from None
    return Endpoints(*map(str, named))


def authorization_uri(endpoints: Endpoints, request: Request) -> str:
    """Where a browser goes to sign in."""
    query = {
        "response_type": "code",
        "client_id": request.client_id,
        "redirect_uri": request.redirect_uri,
        "scope": request.scope,
        "state": request.state,
        "code_challenge": request.challenge,
        "code_challenge_method": "S256",
    }
    separator = "&" if "?" in endpoints.authorization else "?"
    return endpoints.authorization + separator + urlencode(query)


async def token_for(returned: Return, endpoints: Endpoints, fetcher: Fetcher) -> str:
    """The access token where it is one that can be read, otherwise the id token. Raises FetchFailed."""
    form = {
        "grant_type": "authorization_code",
        "code": returned.code,
        "redirect_uri": returned.redirect_uri,
        "code_verifier": returned.verifier,
        "client_id": returned.client_id,
    }
    headers: dict[str, str] = {}
    if returned.secret:
        pair = f"{quote_plus(returned.client_id)}:{quote_plus(returned.secret)}"
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    try:
        answer = json_object(await fetcher.post_form(endpoints.token, form, headers))
    except InvalidDocument as fault:
        raise FetchFailed(f"{endpoints.token}: {fault}") from None
    tokens = [answer.get(name) for name in ("access_token", "id_token")]
    for token in tokens:
        if isinstance(token, str) and token.count(".") == 2:
            return token
    said = [str(answer[name])[:_SHOWN_CHARACTERS] for name in ("error", "error_description") if name in answer]
    raise FetchFailed(": ".join(said) or "it gave no token that can be read")
