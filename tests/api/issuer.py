"""An OIDC issuer on this machine: it publishes keys, and signs tokens with them.

Every sign-in succeeds as olga, by authorization code with PKCE as in RFC 7636.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

AUDIENCE = "store-platform"


class Issuer:
    """Serves while entered. ``asked`` counts how often its keys were read.

    While ``fails``, it responds 500 to everything. ``named``: what it calls itself. ``lasts``: the lifetime of ID
    tokens in seconds; ``claims``: their additional claims. ``refreshed`` counts uses of refresh tokens; each is valid
    once.
    """

    def __init__(self) -> None:
        self.asked = 0
        self.fails = False
        self.lasts, self.refreshed = 300.0, 0
        self.claims: dict[str, Any] = {}
        self.refresh_tokens: dict[str, str] = {}
        self.codes: dict[str, dict[str, str]] = {}
        self.keys = {"first": first_key()}
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path.startswith("/authorize?"):
                    self.send_response(302)
                    self.send_header("Location", issuer._authorize(dict(parse_qsl(urlsplit(self.path).query))))
                    self.end_headers()
                    return
                self._respond(500 if issuer.fails else 200, issuer._answer(self.path))

            def do_POST(self) -> None:
                form = self.rfile.read(int(self.headers["Content-Length"])).decode()
                self._respond(*((500, {}) if issuer.fails else issuer._exchange(dict(parse_qsl(form)))))

            def _respond(self, status: int, body: dict[str, Any]) -> None:
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(json.dumps(body).encode())

            def log_message(self, *_: object) -> None:
                """Log nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = self.named = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def token(self, name: str = "olga", *, key: str = "first", signed_with: Any = None, **claims: Any) -> str:
        """Return a token for a user; a claim that is None is omitted."""
        said = {"iss": self.url, "aud": AUDIENCE, "sub": name, "exp": time.time() + 300, "groups": [], **claims}
        kept = {claim: value for claim, value in said.items() if value is not None}
        # Not with PyJWT's own encode, which rejects claims that real issuers send.
        body = json.dumps(kept).encode()
        return jwt.PyJWS().encode(body, signed_with or self.keys[key], algorithm="RS256", headers={"kid": key})

    def settings(self) -> dict[str, Any]:
        """Return the ``oidc`` settings of an API that trusts it."""
        return {
            "issuer": self.url,
            "audience": AUDIENCE,
            "usernameClaim": "sub",
            "usernamePrefix": "",
            "groupsClaim": "groups",
            "groupsPrefix": "oidc:",
            "groups": ["shop-owners"],
        }

    def _answer(self, path: str) -> dict[str, Any]:
        if path == "/.well-known/openid-configuration":
            places = {
                "authorization_endpoint": "authorize",
                "end_session_endpoint": "logout",
                "jwks_uri": "keys",
                "token_endpoint": "token",
            }
            return {"issuer": self.named, **{name: f"{self.url}/{path}" for name, path in places.items()}}
        self.asked += 1
        public = {kid: RSAAlgorithm.to_jwk(key.public_key(), as_dict=True) for kid, key in self.keys.items()}
        return {"keys": [{**jwk, "kid": kid, "use": "sig", "alg": "RS256"} for kid, jwk in public.items()]}

    def _authorize(self, asked: dict[str, str]) -> str:
        """Redirect the browser back, with a code."""
        assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
        code = secrets.token_hex(8)
        self.codes[code] = asked
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def _exchange(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """Return a token for a code or a refresh token, once, for the client that it was issued to."""
        if form["grant_type"] == "refresh_token":
            client = self.refresh_tokens.pop(form["refresh_token"], None)
            self.refreshed += client is not None
            return self._granted(client, None) if client else (400, {"error": "invalid_grant"})
        asked = self.codes.pop(form["code"], None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if asked is None or challenge.decode().rstrip("=") != asked["code_challenge"]:
            return 400, {"error": "invalid_grant"}
        return self._granted(asked["client_id"], asked.get("nonce"))

    def _granted(self, client: str, nonce: str | None) -> tuple[int, dict[str, Any]]:
        now = time.time()
        claims = {"aud": client, "nonce": nonce, "iat": now, "exp": now + self.lasts, **self.claims}
        self.refresh_tokens[refresh := secrets.token_hex(8)] = client
        token = {"access_token": "opaque", "token_type": "Bearer", "id_token": self.token(**claims)}
        return 200, {**token, "refresh_token": refresh}


@cache
def first_key() -> rsa.RSAPrivateKey:
    """Return the key that every issuer starts with, cached because generating one is slow."""
    return new_key()


def new_key() -> rsa.RSAPrivateKey:
    """Return a new signing key."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)
