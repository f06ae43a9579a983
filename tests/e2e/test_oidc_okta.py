"""Okta over OpenID Connect, played by a fake as strict as its guide: postern as device posture provider, with the app's name in both spellings, and as IdP authenticator.
Each login begins at the protected page, shows a password to Okta, proves the device at postern, and ends at the page or at Okta's refusal."""
import json

import harness
from harness import expect
from login_scene import ANA, BEN, Scene, check_again, go_on, oidc_door, still_here
from peers.node_peers import NodePeer, trust
from peers.tls import Authority

APPS = {"0oaPay": {"name": "Payroll & <Pay>", "managed": True, "compliant": True}, "0oaWiki": {"name": "Wiki", "managed": True, "compliant": True}}


def begin(world, use, extra="", auth="client_secret_basic", **okta):
    authority = Authority(world.folder + "/sites")
    fake = NodePeer(world, authority, "fake_okta_oidc.mjs", "okta.example")
    scene = Scene(world, oidc_door("okta", None if use == "okta_posture" else "payroll", [fake.base + "/oauth2/v1/authorize/callback"], use=use, extra=extra, auth=auth), authority)
    config = {"issuer": scene.public, "client_id": "okta", "auth": auth, "secret": scene.client_secret("okta"), "usage": "posture" if use == "okta_posture" else "factor", "apps": APPS}
    fake.start(dict(config, **okta), trust(world, [scene.gateway.ca]))
    return scene, fake


def end(scene, fake):
    fake.stop()
    scene.stop()


def shown(page):
    """What the protected page shows, or None."""
    return json.loads(page.text) if page.status == 200 and page.text.startswith('{"app"') else None


def opened(page):
    return shown(page) and shown(page)["login"]


def refused(page):
    """Why Okta let nobody in, or None."""
    return json.loads(page.text).get("refused") if page.status == 403 else None


def open_app(browser, fake, app, person):
    """Opens the app; shows the password to Okta when it asks."""
    page = browser.go("%s/app/%s" % (fake.base, app))
    asks = page.forms and "password" in page.forms[0].names()
    return browser.submit(page, fields={"login": person, "password": "of the story"}) if asks else page


def a_posture_provider(world, **okta):
    scene, fake = begin(world, "okta_posture", **okta)
    ana = scene.browser("dover")
    page = open_app(ana, fake, "0oaPay", ANA)
    expect(opened(page) == ANA, "healthy: %r" % page)
    expect(shown(page)["claims"]["device_context"]["compliant"] is True and len(scene.ours(ana)) == 2, "healthy: %s %s" % (shown(page), scene.ours(ana)))
    for name, browser in (("unknown", scene.stranger()), ("unproved", scene.browser())):
        page = open_app(browser, fake, "0oaPay", ANA)
        expect(opened(page) is None and still_here(page), "%s: %r" % (name, page))
    scene.break_("dover")
    ana = scene.browser("dover")
    blocked = open_app(ana, fake, "0oaPay", ANA)
    expect(still_here(blocked) and "Payroll" in blocked.words(), "blocked: %r" % blocked)
    page = open_app(ana, fake, "0oaWiki", ANA)
    expect(still_here(page), "the other app in the same minute warns: %r" % page)
    expect(opened(go_on(ana, page)) == ANA, "and opens: %s" % ana.history)
    scene.fix("dover")
    page = check_again(scene, ana, blocked)
    expect(opened(page) == ANA and shown(page)["claims"]["device_context"]["compliant"] is True, "fixed: %r" % page)
    end(scene, fake)


def story_posture_provider_as_the_guide_spells_it(world):
    a_posture_provider(world, spelling="guide", login_hint=True, user_info=True)


def story_posture_provider_as_the_api_spells_it(world):
    a_posture_provider(world, spelling="api")


def story_posture_provider_that_wants_facts_at_once(world):
    scene, fake = begin(world, "okta_posture", extra="when_denied: answer", auth="client_secret_post", spelling="guide", login_hint=True)
    page = open_app(scene.browser(), fake, "0oaPay", ANA)
    expect(refused(page) == "policy: the device is not managed", "unproved: %r" % page)
    page = open_app(scene.browser("calais"), fake, "0oaPay", ANA)
    expect(refused(page) == "policy: the device is not managed", "ben's laptop: %r" % page)
    scene.break_("dover")
    page = open_app(scene.browser("dover"), fake, "0oaPay", ANA)
    expect(refused(page) == "policy: the device is not compliant", "blocked: %r" % page)
    end(scene, fake)


def story_factor(world):
    scene, fake = begin(world, "factor", spelling="off", login_hint=True)
    page = open_app(scene.browser("dover"), fake, "0oaPay", ANA)
    expect(opened(page) == ANA and shown(page)["claims"]["amr"], "healthy: %r" % page)
    for name, browser, person in (("unknown", scene.stranger(), ANA), ("unproved", scene.browser(), ANA), ("ana's laptop for ben", scene.browser("dover"), BEN)):
        page = open_app(browser, fake, "0oaPay", person)
        expect(opened(page) is None, "%s is no factor: %r" % (name, page))
    scene.break_("dover")
    ana = scene.browser("dover")
    page = open_app(ana, fake, "0oaPay", ANA)
    expect(still_here(page), "blocked: %r" % page)
    scene.fix("dover")
    expect(opened(check_again(scene, ana, page)) == ANA, "fixed: %s" % ana.history)
    end(scene, fake)


if __name__ == "__main__":
    harness.main(globals())
