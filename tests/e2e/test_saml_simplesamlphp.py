"""SimpleSAMLphp as the closest stand-in for Okta: it sends the posture class with Comparison minimum, the person in Subject and the app in Extensions."""
import json
import os
import re

import harness
from harness import expect
from login_scene import ANA, BEN, Scene, check_again, go_on, saml_door, still_here
from peers import saml_wire
from peers.simplesamlphp import SimpleSamlPhp
from peers.tls import Authority

APPS = {"payroll": ("0oaPay", "Payroll & more"), "wiki": ("0oaWiki", "Wiki"), "chat": ("0oaChat", "Chat")}


def opened(page):
    """What the SP learnt, or None."""
    return json.loads(page.text) if page.status == 200 and "json" in page.header("content-type") else None


def sites(world, bindings=("HTTP-Redirect", "HTTP-POST")):
    """One SP that signs and asks by HTTP-Redirect, one that does not and asks by HTTP-POST."""
    authority = Authority(os.path.join(world.folder, "sites"))
    sps = [SimpleSamlPhp(world, authority, "signs.example", sign=True), SimpleSamlPhp(world, authority, "asks.example", sign=False)]
    scene = Scene(world, saml_door("signs", "wiki", sps[0], use="okta_posture") + saml_door("asks", "wiki", sps[1], use="okta_posture"), authority)
    metadata, issuer = scene.saml_metadata(), scene.saml_issuer()
    for sp, binding in zip(sps, bindings):
        sp.start(issuer, only(metadata, binding))
    return (scene, *sps)


def only(metadata, binding):
    """SimpleSAMLphp takes the first binding it knows; this leaves it one."""
    return re.sub(r"<(md:)?SingleSignOnService(?![^>]*%s\")[^>]*/>" % binding, "", metadata)


def ask(app, person=ANA, **more):
    number, title = APPS[app]
    return dict({"class": saml_wire.POSTURE, "comparison": "minimum", "person": person, "app": number, "title": title, "format": saml_wire.UNSPECIFIED}, **more)


def story_two_apps_differ_in_the_same_minute(world):
    scene, signs, asks = sites(world)
    for sp in (signs, asks):
        page = scene.browser("dover").go(sp.page(**ask("payroll")))
        got = opened(page)
        expect(got and got["person"] == ANA and got["class"] == saml_wire.POSTURE, "a healthy laptop opens Payroll: %r" % page)
        expect(got["attributes"]["OktaAppInstanceId"] == ["0oaPay"] and got["attributes"]["OktaAppName"] == ["Payroll & more"], "the app comes back: %s" % got)
        expect(got["session"], "SessionIndex: %s" % got)
    scene.break_("dover")
    browser = scene.browser("dover")
    blocked = browser.go(signs.page(**ask("payroll")))
    expect(opened(blocked) is None and still_here(blocked) and "Check again" in blocked.words(), "Payroll is closed: %r" % blocked)
    other = scene.browser("dover")
    expect(opened(other.go(asks.page(**ask("chat")))), "Chat is open in the same minute")
    warned = other.go(signs.page(**ask("wiki")))
    expect(still_here(warned), "Wiki warns: %r" % warned)
    expect(opened(go_on(other, warned))["person"] == ANA, "and opens")
    scene.fix("dover")
    page = check_again(scene, browser, blocked)
    expect(opened(page)["person"] == ANA, "fixed, the same login comes back to Payroll: %r" % page)
    for part in (signs, asks, scene):
        part.stop()


def story_whoever_cannot_be_told_gets_what_the_policy_says(world):
    scene, signs, asks = sites(world)
    rows = [  # name, browser, sp, app, person, what happens
        ("no device, sensitive", scene.browser(), signs, "payroll", ANA, "page"),
        ("no device, everyday", scene.browser(), signs, "wiki", ANA, "page"),
        ("no device, sensitive, unsigned", scene.browser(), asks, "payroll", ANA, "page"),
        ("a device nobody knows", scene.stranger(), signs, "payroll", ANA, "page"),
        ("somebody else's device", scene.browser("calais"), signs, "payroll", ANA, "page"),
        ("somebody else's device, unsigned", scene.browser("calais"), asks, "payroll", ANA, "page"),
        ("a person nobody knows", scene.browser("dover"), signs, "payroll", "nobody@acme.example", "page"),
        ("an app nobody knows", scene.browser("dover"), signs, "unknown", ANA, "page"),
        ("their own device", scene.browser("calais"), signs, "payroll", BEN, "open"),
    ]
    APPS["unknown"] = ("0oaUnknown", "Unknown")
    for name, browser, sp, app, person, wanted in rows:
        page = browser.go(sp.page(**ask(app, person)))
        got = "open" if opened(page) else "page" if still_here(page) else "%r" % page
        expect(got == wanted, "%s: wanted %s, got %s" % (name, wanted, got))
        if sp is asks:
            expect("dover" not in page.text and "Ana" not in page.words(), "%s: anybody could have written her name, so nothing of hers is shown: %r" % (name, page))
    browser = scene.browser()
    page = browser.go(signs.page(**ask("wiki")))
    got = opened(go_on(browser, page))
    expect(got and got["person"] == ANA, "an everyday app warns about an unproved device, and opens: %s" % got)
    for part in (signs, asks, scene):
        part.stop()


def story_passive_force_and_formats(world):
    scene, signs, asks = sites(world)
    expect(opened(scene.browser("dover").go(asks.page(**ask("payroll", passive=1)))), "passive on a healthy laptop")
    page = scene.browser().go(asks.page(**ask("payroll", passive=1)))
    expect(not still_here(page) and "NoPassive" in page.text, "passive without a device: %r" % page)
    scene.break_("dover")
    page = scene.browser("dover").go(asks.page(**ask("payroll", passive=1)))
    expect(not still_here(page) and "NoPassive" in page.text, "passive on a broken laptop: %r" % page)
    browser = scene.browser("dover")
    expect(opened(go_on(browser, browser.go(signs.page(**ask("wiki"))))), "the warning was read")
    expect(opened(scene.browser("dover").go(signs.page(**ask("wiki")))), "once in its period")
    expect(still_here(scene.browser("dover").go(signs.page(**ask("wiki", force=1)))), "ForceAuthn shows it again")
    for part in (signs, asks, scene):
        part.stop()


def story_going_back_tells_the_app(world):
    scene, signs, asks = sites(world)
    scene.break_("dover")
    browser = scene.browser("dover")
    page = browser.submit(browser.go(signs.page(**ask("payroll"))), button="Go back")
    expect(not still_here(page) and opened(page) is None and ("AuthnFailed" in page.text or "Responder" in page.text), "the SP hears that it failed: %r" % page)
    for part in (signs, asks, scene):
        part.stop()


if __name__ == "__main__":
    harness.main(globals())
