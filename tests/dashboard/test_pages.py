"""The pages without scripts: their texts, what they reject, and what they must never contain."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from storeplatform.common.times import written
from storeplatform.dashboard.signin import here
from tests.api.issuer import AUDIENCE, Issuer
from tests.api.server import Api, token_of
from tests.cluster.controlplane import ControlPlane
from tests.cluster.waiting import wait_until
from tests.stores.platform import API, Platform

from .server import Dashboard, Visitor


@pytest.fixture(scope="module")
def shop(api: Api, platform: Platform) -> str:
    """A store of ann's that is open."""
    api.caller("ann").create("shop")
    platform.await_phase("shop", "Ready")
    return "shop"


def words(answer: requests.Response) -> str:
    """Return a page's text, without tags."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


def test_a_visitor_is_sent_to_sign_in_and_back(visitor: Visitor, plane: ControlPlane, shop: str) -> None:
    asked = visitor.get(f"/stores/{shop}/")
    assert asked.url == f"{visitor.url}/signin?next=/stores/{shop}/"
    back = visitor.send("/signin", {"token": token_of(plane, "ann"), "next": f"/stores/{shop}/"})
    assert back.url == f"{visitor.url}/stores/{shop}/"


def test_an_unknown_token_is_rejected_beside_its_field(visitor: Visitor) -> None:
    answer = visitor.sign_in("wrong")
    assert answer.status_code == 401
    assert "This token is invalid or has expired." in words(answer)


def test_signing_in_starts_a_new_session_and_signing_out_ends_it(visitor: Visitor, plane: ControlPlane) -> None:
    visitor.get("/signin")
    before = visitor.session.cookies["session"]
    visitor.sign_in(token_of(plane, "ann"))
    signed_in = visitor.session.cookies["session"]
    assert signed_in != before
    visitor.send("/signout", {}, page="/")
    with Visitor(visitor.url) as thief:
        thief.session.cookies.set("session", signed_in)
        assert thief.get("/").url.startswith(f"{visitor.url}/signin")


def test_the_cookie_is_httponly_samesite_and_contains_no_token(ann: Visitor, plane: ControlPlane) -> None:
    answer = ann.send("/signin", {"token": token_of(plane, "ann")}, allow_redirects=False)
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert token_of(plane, "ann") not in cookie


def test_the_token_is_in_no_page(ann: Visitor, plane: ControlPlane, shop: str) -> None:
    pages = ("/", "/stores/new", f"/stores/{shop}/", "/audit", f"/stores/{shop}/delete")
    assert [page for page in pages if token_of(plane, "ann") in ann.get(page).text] == []


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/stores/a/", "/stores/a/"),
        ("/?text=a&sort=name", "/?text=a&sort=name"),
        ("", "/"),
        ("stores", "/"),
        ("//evil.example.com", "/"),
        ("/\\evil.example.com", "/"),
        ("https://evil.example.com/", "/"),
        ("javascript:alert(1)", "/"),
        ("/a\r\nSet-Cookie: b", "/"),
    ],
)
def test_signing_in_redirects_only_to_this_dashboard(target: str, path: str) -> None:
    assert here(target) == path


def test_a_form_without_its_token_changes_nothing(ann: Visitor, plane: ControlPlane, shop: str) -> None:
    answer = ann.session.post(f"{ann.url}/stores/{shop}/do/suspend", timeout=10)
    assert answer.status_code == 400
    assert "This form is no longer valid" in words(answer)
    assert plane.client.get(API, "Store", shop)["spec"]["suspended"] is False


def test_sign_ins_are_rate_limited(api: Api) -> None:
    with Dashboard(api.url, {"rates": {"signIn": "2/minute"}}) as dashboard, Visitor(dashboard.url) as visitor:
        statuses = [visitor.sign_in("wrong").status_code for _ in range(3)]
    assert statuses == [401, 401, 429]


def test_pages_contain_no_inline_script_or_style(ann: Visitor, shop: str) -> None:
    for page in ("/signin", "/", "/stores/new", f"/stores/{shop}/", "/audit"):
        answer = ann.get(page)
        assert "unsafe" not in answer.headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        assert re.findall(r"<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon[a-z]+=", answer.text) == []


def test_a_first_visit_takes_less_than_60_kb_and_nothing_external(visitor: Visitor, plane: ControlPlane) -> None:
    page = visitor.sign_in(token_of(plane, "ann")).text
    own = set(re.findall(r'(?:href|src)="(/static/[^"#]+)', page))
    assert len(own) == 4
    assert len(page) + sum(len(visitor.get(path).content) for path in own) < 60_000
    assert [url for url in re.findall(r'(?:src|<link[^>]*href)="([^"]+)"', page) if not url.startswith("/")] == []


def test_errors_are_beside_their_fields_and_input_is_kept(ann: Visitor, plane: ControlPlane) -> None:
    form = {"name": "Wrong Name", "engine": "medusa", "plan": "medium", "hostname": "nodots", "shop.title": "Tee & Tea"}
    answer = ann.send("/stores/new", form)
    assert answer.status_code == 422
    for kept in ("Wrong Name", "nodots", "Tee &amp; Tea"):
        assert f'value="{kept}"' in answer.text
    assert re.search(r'id="error-name">.*Choose a name that no other shop has', answer.text, re.DOTALL)
    assert re.search(r'value="medium" checked', answer.text)
    assert plane.client.find(API, "Store", "Wrong Name") is None


def test_the_manifest_can_be_seen_before_anything_is_created(ann: Visitor, plane: ControlPlane) -> None:
    form = {"name": "only-seen", "engine": "medusa", "plan": "small", "backup": "yes", "do": "preview"}
    shown = html.unescape(ann.send("/stores/new", form).text)
    assert "kind: Store\nmetadata:\n  name: only-seen\n" in shown
    assert "schedule: 0 3 * * *" in shown
    assert plane.client.find(API, "Store", "only-seen") is None


def test_a_name_is_validated_while_it_is_typed(ann: Visitor, shop: str) -> None:
    assert ann.get("/stores/new/name?name=a-free-one").json() == {"free": True, "words": "This name is free."}
    assert ann.get(f"/stores/new/name?name={shop}").json()["free"] is False
    assert "Choose a name" in ann.get("/stores/new/name?name=Not_Free").json()["words"]


S3 = {"backup": {"s3": {"endpoint": "https://s3.example.com", "bucket": "stores", "region": "eu"}}}


def test_a_new_shop_can_be_created_from_another_shops_backup(plane: ControlPlane, platform: Platform) -> None:
    backup, store = "2030-01-31T03:00:00Z", {"apiVersion": API, "kind": "Store", "metadata": {"name": "source"}}
    with Api(plane, hooks_settings=S3) as api, Dashboard(api.url) as dashboard, Visitor(dashboard.url) as ann:
        api.caller("ann").create("source", plan="medium", shop={"title": "Tea", "country": "CH", "currency": "CHF"})
        platform.await_phase("source", "Ready")

        def link() -> str:
            plane.client.patch(store, {"status": {"backups": [backup]}}, "status")
            found = re.findall(r'href="([^"]*restoreFrom.store=source[^"]*)"', ann.get("/stores/source/").text)
            return html.unescape(found[0]) if found else ""

        ann.sign_in(token_of(plane, "ann"))
        form = wait_until(link, "the backup is listed")
        page = ann.get(form)
        assert "everything from a backup of source" in words(page)
        assert re.findall(r'name="engine" value="(\w+)"', page.text) == ["medusa"]
        assert re.search(r'value="medium" checked', page.text)
        # The prices come with the data, so neither currency nor country is asked for.
        assert "<select" not in page.text
        hidden = dict(re.findall(r'type="hidden" name="((?:restoreFrom|shop)\.\w+)" value="([^"]*)"', page.text))
        ann.send("/stores/new", {"name": "copied", "engine": "medusa", **hidden}, page=form)
        copied = plane.client.get(API, "Store", "copied")["spec"]
        assert copied["restoreFrom"] == {"store": "source", "backup": backup}
        assert copied["shop"] == {"country": "CH", "currency": "CHF"}
        for name in ("source", "copied"):  # an owner's limit is for other tests
            plane.client.delete({**store, "metadata": {"name": name}})


def test_no_new_shop_is_offered_from_a_backup_on_a_volume(ann: Visitor, plane: ControlPlane) -> None:
    store = {"apiVersion": API, "kind": "Store", "metadata": {"name": "own-volume"}}
    spec = {"engine": "medusa", "owner": "ann@example.com", "version": "0.0.0"}
    plane.client.create({**store, "spec": spec})

    def listed() -> str:
        plane.client.patch(store, {"status": {"backups": ["2030-01-31T03:00:00Z"]}}, "status")
        text = ann.get("/stores/own-volume/").text
        return text if "Restore …" in text else ""

    assert "restoreFrom.store" not in wait_until(listed, "the backup is listed")
    plane.client.delete(store)


def test_a_form_can_not_start_from_another_owners_backup(dashboard: Dashboard, plane: ControlPlane, shop: str) -> None:
    with Visitor(dashboard.url) as ben:
        ben.sign_in(token_of(plane, "ben"))
        assert ben.get(f"/stores/new?restoreFrom.store={shop}").status_code == 404


def test_a_backup_is_requested_and_listed_once_it_is_made(ann: Visitor, plane: ControlPlane, shop: str) -> None:
    page = f"/stores/{shop}/"
    ann.send(f"{page}do/backup", {"hour": "3"}, page=page)
    ann.send(f"{page}do/back-up-now", {}, page=page)
    wait_until(lambda: "The last one:" in words(ann.get(page)), "the backup is listed", 90)
    store = plane.client.get(API, "Store", shop)
    assert store["spec"]["backup"]["requestedAt"]
    assert len(store["status"]["backups"]) == 1
    sentence = f"You asked for a backup of {shop}"
    wait_until(lambda: sentence in words(ann.get(f"/audit?store={shop}")), "the history has it", 20)
    ann.send(f"{page}do/backup", {"hour": ""}, page=page)
    assert "Back up now" not in words(ann.get(page))


def test_passwords_are_in_the_page_only_after_a_request(ann: Visitor, api: Api, shop: str) -> None:
    password = api.caller("ann").get(f"/stores/{shop}/credentials")["password"]
    assert password not in ann.get(f"/stores/{shop}/").text
    shown = ann.send(f"/stores/{shop}/credentials", {}, page=f"/stores/{shop}/")
    assert password in shown.text
    assert shown.headers["Cache-Control"] == "no-store"
    assert password not in ann.get(f"/stores/{shop}/").text


def test_hostile_values_in_a_store_are_shown_as_text(ann: Visitor, plane: ControlPlane) -> None:
    evil = "<script>alert(1)</script>\"'><img src=x>{{ 7*7 }}"
    store = {"apiVersion": API, "kind": "Store", "metadata": {"name": "hostile"}}
    spec = {"engine": "medusa", "owner": "ann@example.com", "version": "0.0.0", "shop": {"title": evil}}
    plane.client.create({**store, "spec": spec})
    conditions = [
        {
            "type": "Ready",
            "status": "False",
            "reason": "Because",
            "message": evil,
            "lastTransitionTime": "2030-01-01T00:00:00Z",
        }
    ]
    status = {"phase": "Failed", "conditions": conditions, "url": "javascript:alert(1)"}
    plane.client.patch(store, {"status": status}, "status")
    for page in ("/?text=hostile", "/stores/hostile/", "/stores/hostile/delete"):
        text = ann.get(page).text
        assert "<script>alert" not in text
        assert "<img src=x" not in text
        assert 'href="javascript' not in text


def test_another_owners_store_is_not_found(dashboard: Dashboard, plane: ControlPlane, shop: str) -> None:
    with Visitor(dashboard.url) as ben:
        ben.sign_in(token_of(plane, "ben"))
        answer = ben.get(f"/stores/{shop}/")
        assert (answer.status_code, "There is no such shop" in words(answer)) == (404, True)


def test_a_page_that_a_role_may_not_see_says_so(ann: Visitor) -> None:
    answer = ann.get("/quotas")
    assert (answer.status_code, "You may not see this page" in words(answer)) == (403, True)


def test_support_sees_everything_and_changes_nothing(dashboard: Dashboard, plane: ControlPlane, shop: str) -> None:
    with Visitor(dashboard.url) as sue:
        sue.sign_in(token_of(plane, "sue"))
        assert shop in words(sue.get("/"))
        page = words(sue.get(f"/stores/{shop}/"))
        assert "There is nothing you can change here." in page
        assert [each for each in ("Show sign-in", "Change the plan", "Delete") if each in page] == []


def test_an_admin_sets_a_limit_and_it_applies(ada: Visitor, api: Api) -> None:
    answer = ada.send("/quotas", {"owner": "ann@example.com", "maxStores": "7"})
    assert "The limit applies from now on." in words(answer)
    assert api.caller("ann").get("/quota")["maxStores"] == 7
    assert ada.send("/quotas", {"owner": "ann@example.com", "maxStores": "many"}).status_code == 422
    ada.send("/quotas", {"owner": "ann@example.com", "maxStores": ""})
    assert api.caller("ann").get("/quota")["isDefault"] is True


def test_the_history_shows_what_was_done_here(ann: Visitor, shop: str) -> None:
    ann.send(f"/stores/{shop}/do/plan", {"plan": "medium"}, page=f"/stores/{shop}/")
    sentence = "You changed shop: plan medium"
    wait_until(lambda: sentence in words(ann.get(f"/audit?store={shop}")), "the history has it", 20)
    assert "system:" not in re.sub(r"<details>.*?</details>", "", ann.get("/audit").text, flags=re.DOTALL)
    assert "dashboard,update,shop" in ann.get(f"/audit.csv?store={shop}").text


def test_a_refused_change_shows_the_reason_at_its_form(ann: Visitor, shop: str) -> None:
    answer = ann.send(f"/stores/{shop}/do/address", {"hostname": "nodots"}, page=f"/stores/{shop}/")
    assert answer.status_code == 200
    assert answer.url.partition("#")[0] == f"{ann.url}/stores/{shop}/"
    assert re.search(r'value="nodots"[^>]*aria-invalid="true"', answer.text)
    assert "Choose a full address of your own that no other shop has" in words(answer)
    again = ann.get(f"/stores/{shop}/")
    assert "Choose a full address of your own that no other shop has" not in words(again)


def test_every_address_of_a_form_can_be_reloaded(ann: Visitor, shop: str) -> None:
    for path in ("do/address", "do/suspend", "credentials"):
        answer = ann.get(f"/stores/{shop}/{path}")
        assert (answer.status_code, answer.url) == (200, f"{ann.url}/stores/{shop}/")
    for path in ("/language", "/signout"):
        answer = ann.get(path)
        assert (answer.status_code, answer.url) == (200, f"{ann.url}/")


def test_a_form_that_is_sent_after_the_session_leads_back_to_its_page(
    ann: Visitor, plane: ControlPlane, shop: str
) -> None:
    page = f"/stores/{shop}/"
    secret = dict(re.findall(r'name="(csrf_token)" value="([^"]*)"', ann.get(page).text))
    with Visitor(ann.url) as other:
        other.session.cookies.update(ann.session.cookies)
        other.send("/signout", {}, page=page)
    asked = ann.session.post(f"{ann.url}{page}do/restart", data=secret, timeout=30)
    assert asked.url == f"{ann.url}/signin?next={page}do/restart"
    back = ann.send("/signin", {"token": token_of(plane, "ann"), "next": f"{page}do/restart"})
    assert back.url == f"{ann.url}{page}"


def test_reloading_the_shown_password_shows_and_records_nothing(ann: Visitor, api: Api, shop: str) -> None:
    page = ann.get(f"/stores/{shop}/").text
    form = {name: re.findall(f'name="{name}" value="([^"]+)"', page)[0] for name in ("csrf_token", "once")}

    def revealed() -> int:
        return len(api.caller("ann").get(f"/audit?store={shop}&action=reveal-credentials&limit=500")["items"])

    earlier = revealed()
    first = ann.session.post(f"{ann.url}/stores/{shop}/credentials", data=form, timeout=30)
    assert 'id="password"' in first.text
    wait_until(lambda: revealed() > earlier, "the history has it", 20)
    before = revealed()
    second = ann.session.post(f"{ann.url}/stores/{shop}/credentials", data=form, timeout=30)
    assert 'id="password"' not in second.text
    ann.send(f"/stores/{shop}/credentials", {}, page=f"/stores/{shop}/")
    wait_until(lambda: revealed() > before, "the history has the next", 20)
    assert revealed() == before + 1


def test_a_limit_below_an_owners_number_of_shops_is_set_with_a_warning(ada: Visitor, shop: str) -> None:
    answer = words(ada.send("/quotas", {"owner": "ann@example.com", "maxStores": "0"}))
    assert "more than the new limit of 0. They stay; another one is refused." in answer
    ada.send("/quotas", {"owner": "ann@example.com", "maxStores": ""})


def test_an_owner_at_their_limit_gets_no_form(ann: Visitor, ada: Visitor, shop: str) -> None:
    ada.send("/quotas", {"owner": "ann@example.com", "maxStores": "0"})
    page = ann.get("/stores/new").text
    assert "ask your platform team for a higher limit" in page
    assert 'name="name"' not in page
    ada.send("/quotas", {"owner": "ann@example.com", "maxStores": ""})


def test_pages_are_in_the_readers_language(visitor: Visitor) -> None:
    assert 'lang="de"' in visitor.get("/signin", headers={"Accept-Language": "de"}).text
    assert 'lang="en-GB"' in visitor.get("/signin", headers={"Accept-Language": "en-GB,en;q=0.5"}).text
    assert "Anmelden" in words(visitor.get("/signin", headers={"Accept-Language": "de-AT,en;q=0.5"}))
    visitor.send("/language", {"language": "de", "next": "/signin"}, page="/signin")
    assert "Anmelden" in words(visitor.get("/signin"))


def test_filter_order_and_page_are_in_the_address(ann: Visitor, shop: str) -> None:
    assert shop in words(ann.get(f"/?text={shop}&phase=&sort=-createdAt"))
    nothing = words(ann.get("/?text=no-such-store"))
    assert "No shops match." in nothing


def test_an_owner_without_shops_is_shown_how_to_start(dashboard: Dashboard, plane: ControlPlane) -> None:
    with Visitor(dashboard.url) as ben:
        ben.sign_in(token_of(plane, "ben"))
        assert "Begin with a small sample shop" in words(ben.get("/"))
        assert 'value="my-first-shop"' in ben.get("/stores/new?name=my-first-shop").text


def test_an_unknown_address_has_an_error_page(ann: Visitor) -> None:
    answer = ann.get("/nowhere")
    assert (answer.status_code, "There is no such page" in words(answer)) == (404, True)


@pytest.mark.parametrize("query", ["sort=unheard", "phase=Broken", "cursor=x", f"text={'x' * 20_000}"])
def test_an_invalid_filter_is_a_client_error(ann: Visitor, query: str) -> None:
    page = ann.get(f"/?{query}")
    assert 400 <= page.status_code < 500
    assert "Go back to your shops." in words(page) or page.status_code == 414


def test_hidden_fields_may_contain_anything(ann: Visitor, shop: str) -> None:
    form = {"name": "hidden-fields", "engine": "unheard", "plan": "small", "key": "\u2603" * 20}
    assert ann.send("/stores/new", form).status_code == 422
    assert ann.send(f"/stores/{shop}/do/plan", {"plan": "medium", "seen": "\u2603"}).status_code < 500


def test_without_the_api_a_page_explains_what_still_works(plane: ControlPlane) -> None:
    with Api(plane) as api, Dashboard(api.url) as dashboard, Visitor(dashboard.url) as ann:
        ann.sign_in(token_of(plane, "ann"))
        form = dict(re.findall(r'name="(csrf_token|key)" value="([^"]*)"', ann.get("/stores/new").text))
        api.processes[0].stop()
        answer = ann.get("/")
        assert answer.status_code == 503
        assert "The shops keep selling" in words(answer)
        sent = ann.session.post(f"{ann.url}/stores/new", data={**form, "name": "unknown"}, timeout=30)
        assert (sent.status_code, "look before you repeat it" in words(sent)) == (503, True)
        assert requests.get(f"{dashboard.url}/readyz", timeout=5).status_code == 503
        assert requests.get(f"{dashboard.url}/healthz", timeout=5).status_code == 200
        api.start()
        assert ann.get("/").status_code == 200


def test_a_rate_limited_reader_sees_how_long_to_wait(plane: ControlPlane) -> None:
    rates = {"url": "memory://", "read": "5/minute", "write": "5/minute", "costly": "5/minute", "refused": "5/minute"}
    with Api(plane, settings={"rates": rates}) as api, Dashboard(api.url) as dashboard, Visitor(dashboard.url) as ann:
        ann.sign_in(token_of(plane, "ann"))
        answer = ann.get("/")
        assert answer.status_code == 429
        assert re.search(r"Try again in \d+ seconds", words(answer))


@pytest.fixture
def with_issuer(plane: ControlPlane) -> Iterator[tuple[Issuer, Dashboard]]:
    """A dashboard where users sign in at an issuer, with an API that trusts it."""
    with Issuer() as issuer, Api(plane, settings={"oidc": issuer.settings()}) as api:
        oidc = {"issuer": issuer.url, "clientId": AUDIENCE, "scopes": "openid"}
        with Dashboard(api.url, {"oidc": oidc}) as dashboard:
            yield issuer, dashboard


def test_signing_in_at_an_issuer_uses_a_code_with_pkce(with_issuer: tuple[Issuer, Dashboard]) -> None:
    _, dashboard = with_issuer
    with Visitor(dashboard.url) as visitor:
        page = visitor.get("/signin/issuer?next=/audit")
        assert (page.url, "olga" in words(page)) == (f"{dashboard.url}/audit", True)


def test_another_browsers_code_signs_nobody_in(with_issuer: tuple[Issuer, Dashboard]) -> None:
    _, dashboard = with_issuer
    with Visitor(dashboard.url) as began, Visitor(dashboard.url) as other:
        to_issuer = began.get("/signin/issuer", allow_redirects=False).headers["Location"]
        back = requests.get(to_issuer, allow_redirects=False, timeout=10).headers["Location"]
        answer = other.session.get(back, timeout=10)
        assert answer.status_code == 401
        assert "did not confirm who you are" in words(answer)


def test_a_sign_in_link_works_only_where_it_is_configured(
    api: Api, plane: ControlPlane, dashboard: Dashboard, visitor: Visitor
) -> None:
    path = f"/signin/link/{'a' * 40}"
    assert visitor.get(path).url == f"{dashboard.url}/signin"
    with Dashboard(api.url, links={"a" * 40: token_of(plane, "ann")}) as demo, Visitor(demo.url) as ann:
        assert "ann@example.com" in words(ann.get(path))


KEYS = {
    "integration": "payments",
    "provider": "stripe",
    "field.secretKey": "sk_test_NotToBeShown1234",
    "field.publishableKey": "pk_test_51HaveANiceDay5678",
    "field.webhookSecret": "whsec_NotToBeShown",
}


def test_payment_keys_are_set_and_never_shown(ann: Visitor, shop: str) -> None:
    page = f"/stores/{shop}/"
    answer = ann.send(f"{page}do/connect", KEYS, page=page)
    assert answer.url.partition("#")[0] == f"{ann.url}{page}"
    wait_until(lambda: "…1234" in words(ann.get(page)), "the end of the key is shown", 60)
    assert "NotToBeShown" not in ann.get(page).text
    ann.send(f"{page}do/disconnect", {"integration": "payments"}, page=page)
    wait_until(lambda: "…1234" not in words(ann.get(page)), "the key is forgotten", 60)


def test_a_mail_server_is_set_and_its_password_never_shown(ann: Visitor, shop: str) -> None:
    page = f"/stores/{shop}/"
    server = {
        "integration": "mail",
        "provider": "smtp",
        "field.host": "smtp.ann.example",
        "field.port": "587",
        "field.username": "ann",
        "field.password": "NotToBeShown",
        "field.from": "shop@example.com",
    }
    ann.send(f"{page}do/connect", server, page=page)
    wait_until(lambda: "shop@example.com" in words(ann.get(page)), "the sender is shown", 60)
    assert "smtp.ann.example" in words(ann.get(page))
    assert "NotToBeShown" not in ann.get(page).text
    ann.send(f"{page}do/disconnect", {"integration": "mail"}, page=page)
    wait_until(lambda: "smtp.ann.example" not in words(ann.get(page)), "the server is forgotten", 60)


def test_a_rejected_key_is_not_shown_again(ann: Visitor, shop: str) -> None:
    page = f"/stores/{shop}/"
    answer = ann.send(f"{page}do/connect", {**KEYS, "field.secretKey": "NotToBeShown"}, page=page)
    assert answer.url.endswith("#field-field.secretKey")
    wrong = re.findall(r'<input id="field-field.(\w+)"[^>]*aria-invalid="true"', answer.text)
    assert (wrong, "Check this field and enter it again." in words(answer)) == (["secretKey"], True)
    assert "NotToBeShown" not in answer.text
    assert "NotToBeShown" not in str(ann.session.cookies)


def test_a_refused_mail_servers_input_is_kept_except_the_password(ann: Visitor, shop: str) -> None:
    page = f"/stores/{shop}/"
    fields = {
        "host": "smtp.ann.example",
        "port": "25",
        "username": "ann",
        "password": "NotToBeShown",
        "from": "a@b.example",
    }
    form = {"integration": "mail", "provider": "smtp", **{f"field.{name}": value for name, value in fields.items()}}
    answer = ann.send(f"{page}do/connect", form, page=page).text
    assert re.search(r'name="field.port"[^>]* value="25"[^>]*aria-invalid="true"', answer)
    assert re.search(r'name="field.host"[^>]* value="smtp.ann.example"', answer)
    assert re.search(r'<details class="confirm" open><summary>[^<]*SMTP', answer)
    assert "NotToBeShown" not in answer


def test_a_new_shop_shows_its_expected_time_and_an_expired_one_no_actions(
    ann: Visitor, api: Api, plane: ControlPlane, platform: Platform, shop: str
) -> None:
    def put(name: str, status: dict[str, Any]) -> None:
        plane.client.patch(
            {"apiVersion": API, "kind": "Store", "metadata": {"name": name}}, {"status": status}, "status"
        )

    def page_with(text: str) -> str:
        def shown() -> str | None:
            page = words(ann.get("/stores/slow/"))
            return page if text in page else None

        return wait_until(shown, f"the page says {text!r}")

    since = written(datetime.now(UTC))
    steps = [("DatabaseReady", "True"), ("BackendReady", "False"), ("Ready", "False")]
    conditions = [
        {"type": kind, "status": status, "reason": "AsDesired", "message": "", "lastTransitionTime": since}
        for kind, status in steps
    ]
    status = {"phase": "Provisioning", "url": "http://slow.example.com", "conditions": conditions}
    platform.hooks.stop()  # nothing changes the store then
    try:
        spec = {"backup": {"schedule": "0 3 * * *"}, "expiresAt": "2031-12-24T00:00:00Z"}
        api.caller("ann").create("slow", engine="woocommerce", **spec)
        put("slow", {**status, "release": {"target": "11.0.1", "since": since}})
        page = page_with("Step 2 of 2")
        assert "This usually takes a few minutes." in page
        assert "Shoppers will reach your shop at http://slow.example.com." in page
        assert "Visit shop" not in page
        # Another one of the same software took three hours, and then a second.
        api.caller("ann").create("measured", engine="woocommerce")
        made = plane.client.get(API, "Store", "measured")["metadata"]["creationTimestamp"]
        put("measured", {"firstReady": written(datetime.fromisoformat(made) + timedelta(hours=3))})
        page_with("Expected to be ready in")
        put("measured", {"firstReady": written(datetime.fromisoformat(made) + timedelta(seconds=1))})
        assert "Back up now" in page_with("This is taking longer than usual.")
        put("slow", {"phase": "Suspended", "deletesAt": "2031-12-31T00:00:00Z"})
        page = page_with("It has ended. It is deleted with its data unless you choose a later end date.")
        assert [
            offer for offer in ("Back up now", "Close the shop", "Open the shop", "Restart the shop") if offer in page
        ] == []
    finally:
        platform.start_hooks()
