"""An OIDC issuer of this machine: it has keys, tells them, and signs tokens with them."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

AUDIENCE = "store-platform"


class Issuer:
    """Answers on entering, is away after leaving. ``asked`` counts how often its keys were read."""

    def __init__(self) -> None:
        self.asked = 0
        self.keys = {"first": new_key()}
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = issuer._answer(self.path)
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(json.dumps(body).encode())

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def token(self, name: str = "olga", *, key: str = "first", signed_with: Any = None, **claims: Any) -> str:
        """A token for somebody; a claim that is None is left out."""
        said = {"iss": self.url, "aud": AUDIENCE, "sub": name, "exp": time.time() + 300, "groups": [], **claims}
        kept = {claim: value for claim, value in said.items() if value is not None}
        return jwt.encode(kept, signed_with or self.keys[key], algorithm="RS256", headers={"kid": key})

    def settings(self) -> dict[str, Any]:
        """What an API that trusts it has as its ``oidc``."""
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
            return {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}
        self.asked += 1
        public = {kid: RSAAlgorithm.to_jwk(key.public_key(), as_dict=True) for kid, key in self.keys.items()}
        return {"keys": [{**jwk, "kid": kid, "use": "sig", "alg": "RS256"} for kid, jwk in public.items()]}


def new_key() -> rsa.RSAPrivateKey:
    """A key to sign with."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)
