"""A sign-in provider on loopback: authorisation code with PKCE, one registered client, people who have no passwords."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import secrets
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, quote_plus, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

CLIENT_ID, CLIENT_SECRET = "cyoda", "the secret at the provider"


@dataclass
class Code:
    """What an authorisation code stands for, once."""

    email: str
    redirect_uri: str
    challenge: str


@dataclass
class Provider:
    """Serves while entered. `unverified` addresses are ones that it does not vouch for."""

    unverified: set[str] = field(default_factory=set[str])
    refuses_tokens: bool = False
    codes: dict[str, Code] = field(default_factory=dict[str, Code])
    tokens: dict[str, str] = field(default_factory=dict[str, str])

    def __post_init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Provider:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    # --- endpoints ------------------------------------------------------------------------------------------------

    def discovery(self) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "userinfo_endpoint": f"{self.url}/userinfo",
            "jwks_uri": f"{self.url}/jwks",
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            "code_challenge_methods_supported": ["S256"],
        }

    def jwks(self) -> dict[str, Any]:
        key = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self._key.public_key()))
        return {"keys": [key | {"kid": "k", "alg": "RS256", "use": "sig"}]}

    def page(self, query: dict[str, str]) -> str:
        """Where a person would prove who they are; here they say it."""
        assert query["client_id"] == CLIENT_ID
        assert query["response_type"] == "code"
        assert query["code_challenge_method"] == "S256"
        hidden = "".join(
            f'<input type="hidden" name="{name}" value="{html.escape(query[name])}">'
            for name in ("redirect_uri", "state", "code_challenge")
        )
        return f'<form action="/approve">{hidden}<input name="email"><button name="ok">Approve</button></form>'

    def approve(self, query: dict[str, str]) -> str:
        code = secrets.token_urlsafe()
        self.codes[code] = Code(query["email"], query["redirect_uri"], query["code_challenge"])
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}"

    def token(self, form: dict[str, str], authorization: str) -> dict[str, Any] | None:
        code = self.codes.pop(form.get("code", ""), None)
        pairs = (f"{CLIENT_ID}:{CLIENT_SECRET}", f"{CLIENT_ID}:{quote_plus(CLIENT_SECRET)}")
        expected = [f"Basic {base64.b64encode(pair.encode()).decode()}" for pair in pairs]  # clients encode it or not
        if self.refuses_tokens or code is None or authorization not in expected:
            return None
        verifier = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(verifier).rstrip(b"=").decode()
        if challenge != code.challenge or form.get("redirect_uri") != code.redirect_uri:
            return None
        access_token, now = secrets.token_urlsafe(), int(time.time())
        self.tokens[access_token] = code.email
        claims = self.claims(code.email) | {"iss": self.url, "aud": CLIENT_ID, "iat": now, "exp": now + 60}
        id_token = jwt.encode(claims, self._key, algorithm="RS256", headers={"kid": "k"})
        return {"access_token": access_token, "token_type": "Bearer", "expires_in": 60, "id_token": id_token}

    def claims(self, email: str) -> dict[str, Any]:
        return {"sub": f"id of {email}", "email": email, "email_verified": email not in self.unverified}

    def _handler(provider: Provider) -> type[BaseHTTPRequestHandler]:  # noqa: N805 - the handler has a self of its own
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                address = urlsplit(self.path)
                query = {name: values[0] for name, values in parse_qs(address.query).items()}
                match address.path:
                    case "/.well-known/openid-configuration":
                        self.answer(200, json.dumps(provider.discovery()))
                    case "/jwks":
                        self.answer(200, json.dumps(provider.jwks()))
                    case "/authorize":
                        self.answer(200, provider.page(query), "text/html")
                    case "/approve":
                        self.send_response(302)
                        self.send_header("Location", provider.approve(query))
                        self.end_headers()
                    case "/userinfo":
                        token = (self.headers["Authorization"] or "").removeprefix("Bearer ")
                        self.answer(200, json.dumps(provider.claims(provider.tokens[token])))
                    case _:
                        self.answer(404, "{}")

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                form = {name: values[0] for name, values in parse_qs(body).items()}
                answer = provider.token(form, self.headers["Authorization"] or "")
                self.answer(400 if answer is None else 200, json.dumps(answer or {"error": "invalid_grant"}))

            def answer(self, status: int, text: str, kind: str = "application/json") -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, format: str, *args: Any) -> None:
                """Quiet."""

        return Handler
