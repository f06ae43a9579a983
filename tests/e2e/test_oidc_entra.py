"""Entra with postern as external MFA method, played by a fake that refuses what Entra refuses. Each login begins at the protected page, shows a password to Entra, and comes
back from postern with exactly one acr and one amr, or with a refusal. Hints that Entra did not write are refused."""
import json

import harness
from harness import expect, request, wait_for
from login_scene import ANA, BEN, Scene, check_again, go_on, oidc_door, still_here
from peers.node_peers import NodePeer, trust
from peers.tls import Authority

HOST = "login.microsoftonline.com"
TENANT, OTHER_TENANT = "6babcaad-604b-40ac-a9d7-9fd97c0b779f", "11111111-2222-4333-8444-555555555555"
APP_ID = "0c7a5b1e-7d3f-4a55-9a0c-3f1e0d9b6c11"
OIDS = {ANA: "aaaaaaaa-0000-4000-8000-000000000001", BEN: "bbbbbbbb-0000-4000-8000-000000000002"}


def begin(world, app="payroll", upn=True):
    authority = Authority(world.folder + "/sites")
    fake = NodePeer(world, authority, "fake_entra.mjs", HOST, default_port=True)
    door = oidc_door("entra", app, ["https://%s/common/federation/externalauthprovider" % HOST], use="entra", client_id="postern-entra", tenants=[TENANT], hint_audience=APP_ID,
                     hint_metadata="http://127.0.0.1:%d/common/v2.0/.well-known/openid-configuration" % fake.plain_port)
    scene = Scene(world, door, authority)
    config = {"tenant": TENANT, "client_id": "postern-entra", "hint_audience": APP_ID, "discovery": scene.public + "/.well-known/openid-configuration", "people": OIDS, "upn": upn}
    fake.start(config, trust(world, [scene.gateway.ca]))
    wait_for("postern has the keys of the hints", lambda: "event=keys.fetched" in scene.gateway.process.text())
    return scene, fake, config


def end(scene, fake):
    fake.stop()
    scene.stop()


def shown(page):
    """What the protected page shows, or None."""
    return json.loads(page.text) if page.status == 200 and page.text.startswith('{"login"') else None


def opened(page):
    return shown(page) and shown(page)["login"]


def refused(page):
    """Why Entra let nobody in, or None."""
    return json.loads(page.text).get("refused") if page.status == 403 else None


def open_app(browser, fake, person=ANA):
    browser.ports = {HOST: fake.port}
    page = browser.go(fake.base + "/app")
    asks = page.forms and "password" in page.forms[0].names()
    return browser.submit(page, fields={"login": person, "password": "of the story"}) if asks else page


def story_a_sensitive_app(world):
    scene, fake, _ = begin(world)
    page = open_app(scene.browser("dover"), fake)
    expect(opened(page) == ANA, "healthy: %r" % page)
    claims = shown(page)["claims"]
    expect(claims["acr"] == "possessionorinherence" and len(claims["amr"]) == 1, "one acr and one amr: %s" % claims)
    for name, browser, person in (("unknown", scene.stranger(), ANA), ("unproved", scene.browser(), ANA), ("ana's laptop for ben", scene.browser("dover"), BEN)):
        page = open_app(browser, fake, person)
        expect(opened(page) is None and still_here(page), "%s: %r" % (name, page))
    scene.break_("dover")
    ana = scene.browser("dover")
    page = open_app(ana, fake)
    expect(still_here(page) and "Payroll" in page.words(), "blocked: %r" % page)
    scene.fix("dover")
    expect(opened(check_again(scene, ana, page)) == ANA, "fixed: %s" % ana.history)
    end(scene, fake)


def story_an_everyday_app_of_people_known_by_their_object_id(world):
    scene, fake, _ = begin(world, "wiki", upn=False)
    scene.gateway.cli("person", "import", "-", stdin=json.dumps([{"email": ANA, "aliases": ["%s:%s" % (TENANT, OIDS[ANA])]}]))
    scene.break_("dover")
    ana = scene.browser("dover")
    page = open_app(ana, fake)
    expect(still_here(page), "warned: %r" % page)
    expect(opened(go_on(ana, page)) == ANA, "and through: %s" % ana.history)
    end(scene, fake)


# What is wrong with the hint. Each must end without an answer that Entra takes, and without a page that says whose it is.
WRONG_HINTS = [
    ("signed by somebody else", {"key": "stranger"}), ("a key that is not published", {"header": {"kid": "other"}}), ("too old", {"age_s": 3600}), ("of the future", {"age_s": -3600}),
    ("another tenant", {"claims": {"tid": OTHER_TENANT, "iss": "https://%s/%s/v2.0" % (HOST, OTHER_TENANT)}}), ("tid and iss differ", {"claims": {"tid": OTHER_TENANT}}),
    ("issuer", {"claims": {"iss": "https://%s.example/%s/v2.0" % (HOST, TENANT)}}), ("audience", {"claims": {"aud": "somebody-else"}}), ("no audience", {"claims": {"aud": None}}),
    ("no subject", {"claims": {"sub": None}}), ("no oid", {"claims": {"oid": None, "preferred_username": None, "name": None}}), ("no iat", {"claims": {"iat": None}}),
]


def story_hints_that_are_not_entras(world):
    scene, fake, config = begin(world)
    for what, wrong in WRONG_HINTS:
        fake.write(dict(config, hint=wrong))
        page = open_app(scene.browser("dover"), fake)
        told = (refused(page) or "").startswith(("postern said access_denied", "postern said invalid_request"))
        expect(opened(page) is None and (told or page.status == 400), "%s: %r" % (what, page))
    fake.write(config)
    expect(opened(open_app(scene.browser("dover"), fake)) == ANA, "a good hint after all the wrong ones")
    end(scene, fake)


def story_a_key_from_the_cache_of_a_day(world):
    """Entra keeps keys for 24 hours: a rotation must not be noticed by whoever has the old set."""
    scene, fake, _ = begin(world)
    expect(opened(open_app(scene.browser("dover"), fake)) == ANA, "before the rotation")
    scene.gateway.cli("signing-key", "rotate")
    expect(opened(open_app(scene.browser("dover"), fake)) == ANA, "after it, with the keys of before")
    request(fake.local + "/forget-keys", ca=fake.trusted)
    expect(opened(open_app(scene.browser("dover"), fake)) == ANA, "after it, with the keys of now")
    end(scene, fake)


if __name__ == "__main__":
    harness.main(globals())
