"""Sign in at an OIDC issuer: authorization code with PKCE, refresh tokens, and RP-initiated logout."""

from __future__ import annotations

import time
from concurrent.futures import Future
from typing import Any
from urllib.parse import urlencode, urlsplit

import requests
import structlog
from authlib.integrations.base_client import OAuthError
from authlib.integrations.flask_client import OAuth
from flask import Flask, session
from joserfc.errors import JoseError
from werkzeug.wrappers import Response as BaseResponse

from storeplatform.common.timeouts import ISSUER

from . import sessions
from .identity import NotConfirmed, expiry_of
from .sessions import SignedIn
from .settings import Settings

# In seconds: how long before its expiry a token is renewed.
EARLY_SECONDS = 60.0
# How many unfinished sign-ins a browser may have at the same time; each needs space in its cookie.
MOST_BEGUN = 2

log = structlog.get_logger("dashboard.issuer")


# Errors that the libraries raise for an invalid response of the issuer.
UNUSABLE = (OAuthError, JoseError, requests.RequestException, LookupError, TypeError, ValueError, AttributeError)


class Issuer:
    """The issuer configured by the settings' ``oidc``."""

    def __init__(self, app: Flask, settings: Settings) -> None:
        oidc = settings.values["oidc"]
        self._id, self._secret = oidc["clientId"], settings.client_secret
        self._public = settings.values["publicURL"].rstrip("/")
        self._renewing: dict[str, Future[SignedIn | None]] = {}
        self.origins = {_origin(oidc["issuer"])}
        oauth = OAuth(app)
        oauth.register(
            "issuer",
            client_id=self._id,
            client_secret=self._secret or None,
            server_metadata_url=oidc["issuer"].rstrip("/") + "/.well-known/openid-configuration",
            client_kwargs={
                "scope": oidc["scopes"],
                "code_challenge_method": "S256",
                "token_endpoint_auth_method": "client_secret_basic" if self._secret else "none",
                "default_timeout": ISSUER,
            },
        )
        self._client: Any = oauth.issuer

    def ask(self) -> BaseResponse:
        """Redirect the browser to the issuer.

        :raise NotConfirmed: the issuer is unavailable.
        """
        begun = [key for key in session if key.startswith("_state_issuer_")]
        for key in begun[: len(begun) + 1 - MOST_BEGUN]:
            del session[key]
        try:
            answer: BaseResponse = self._client.authorize_redirect(f"{self._public}/signin/callback")
        except UNUSABLE as error:
            raise NotConfirmed(type(error).__name__) from error
        return answer

    def confirmed(self) -> tuple[str, str]:
        """Return the ID token for a browser that comes back from the issuer, and the refresh token or "".

        :raise NotConfirmed: the issuer did not confirm the user.
        """
        try:
            token = self._client.authorize_access_token()
            return str(token["id_token"]), str(token.get("refresh_token") or "")
        except UNUSABLE as error:
            log.warning("an issuer confirmed nobody", error=type(error).__name__)
            raise NotConfirmed(type(error).__name__) from error

    def renewed(self, who: SignedIn) -> SignedIn | None:
        """Return the sign-in with a new token; None if it can't be renewed.

        Concurrent requests renew it once: a refresh token may be valid for a single use.
        """
        if not who.refresh or who.expires - EARLY_SECONDS > time.time():
            return who
        key = session["id"]
        if (renewing := self._renewing.get(key)) is not None:
            return renewing.result(2 * ISSUER)
        self._renewing[key] = renewing = Future()
        try:
            renewing.set_result(self._renew(who))
        except BaseException as error:
            renewing.set_exception(error)
            raise
        finally:
            del self._renewing[key]
        return renewing.result()

    def _renew(self, who: SignedIn) -> SignedIn | None:
        # Another request, in this or another process, may have renewed it since this one began.
        if (known := sessions.again()) is None or known.token != who.token:
            return known
        try:
            token, refresh = self._refreshed(who.refresh)
        except UNUSABLE as error:
            log.warning("a token was not renewed", error=type(error).__name__)
            known = sessions.again()
            return known if known and known.expires > time.time() else None
        return sessions.renew(token, expiry_of(token), refresh or who.refresh)

    def _refreshed(self, refresh: str) -> tuple[str, str]:
        form = {"grant_type": "refresh_token", "refresh_token": refresh, "client_id": self._id}
        answer = requests.post(
            self._client.load_server_metadata()["token_endpoint"],
            data=form,
            auth=(self._id, self._secret) if self._secret else None,
            timeout=ISSUER,
        )
        answer.raise_for_status()
        tokens = answer.json()
        return str(tokens["id_token"]), str(tokens.get("refresh_token") or "")

    def leave(self, token: str) -> str:
        """Return the address for signing out at the issuer too; "" if the issuer has none.

        OpenID Connect RP-Initiated Logout 1.0, section 2.
        """
        try:
            place = self._client.load_server_metadata().get("end_session_endpoint")
        except UNUSABLE as error:
            log.warning("the issuer does not say where to sign out", error=type(error).__name__)
            return ""
        if not isinstance(place, str):
            return ""
        self.origins.add(_origin(place))
        asked = {"id_token_hint": token, "client_id": self._id, "post_logout_redirect_uri": f"{self._public}/signin"}
        return f"{place}{'&' if '?' in place else '?'}{urlencode(asked)}"


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
