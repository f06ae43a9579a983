"""A whole Okta login, from the app's page through Okta and postern and back, with a fake of Okta that refuses whatever Okta refuses."""
import json
import os
import sys

import harness
from harness import expect, wait_for
from login_scene import ANA, Scene, check_again, go_on, quoted, still_here
from peers.tls import Authority

sys.path.insert(0, os.path.join(harness.ROOT, "tests/support"))
from fake_okta import Idp, Okta  # noqa: E402

APPS = {"0oaPay": ("Payroll & more", ["managed", "compliant"]), "0oaWiki": ("Wiki", ["managed"]), "0oaChat": ("Chat", ["managed", "compliant"])}


def door(okta, id="okta", use="okta_posture", extra="", saml=""):
    signed = "signed" if okta.idp.sign else "optional"
    return ("  - { id: %s, kind: saml, use: %s, title: Okta, app: wiki%s, saml: { entity_id: %s, acs: [%s], requests: %s, certificates: [%s]%s } }\n"
            % (id, use, extra and ", " + extra, quoted(okta.entity_id), quoted(okta.acs), signed, quoted(okta.certificate), saml and ", " + saml))


def org(world, idp, config="", policy="", **kw):
    authority = Authority(os.path.join(world.folder, "sites"))
    okta = Okta(world, authority, idp, APPS)
    scene = Scene(world, door(okta, **kw), authority, config=config, policy=policy)
    return scene, okta.start(scene.saml_metadata())


def opened(page):
    """What Okta gave the app, or None."""
    return json.loads(page.text) if page.status == 200 and "/opened/" in page.url else None


def denied(page):
    return json.loads(page.text).get("denied") if page.status == 403 and "/sso/saml2/" in page.url else None


def stop(scene, okta):
    expect(not okta.refusals, "Okta refused an answer: %s" % okta.refusals)
    okta.stop()
    scene.stop()


def story_payroll_closed_and_chat_open_in_the_same_minute(world):
    scene, okta = org(world, Idp())
    browser = scene.browser("dover")
    got = opened(browser.go(okta.page("0oaPay", ANA)))
    expect(got and got["managed"] and got["compliant"] and got["login"] == ANA, "a healthy laptop: %s" % got)
    expect(got["device"].get("OS") and got["device"].get("Model") == "Mac14,2", "what Okta shows of the device: %s" % got)
    expect(len(scene.ours(browser)) <= 2, "back within one redirect: %s" % (scene.ours(browser),))
    scene.break_("dover")
    browser, other = scene.browser("dover"), scene.browser("dover")
    blocked = browser.go(okta.page("0oaPay", ANA))
    expect(still_here(blocked) and "Check again" in blocked.words(), "Payroll is closed: %r" % blocked)
    got = opened(other.go(okta.page("0oaChat", ANA)))
    expect(got and got["compliant"], "Chat is open: %s" % got)
    warned = other.go(okta.page("0oaWiki", ANA))
    expect(still_here(warned), "Wiki warns: %r" % warned)
    expect(opened(go_on(other, warned)), "and opens")
    expect(opened(scene.browser("dover").go(okta.page("0oaWiki", ANA))), "the warning comes once in its period")
    scene.fix("dover")
    expect(opened(check_again(scene, browser, blocked)), "fixed, the same login comes back to Payroll")
    stop(scene, okta)


def story_every_way_okta_may_be_set_up(world):
    rows = [
        ("signed by form", Idp(), {}),
        ("signed by redirect", Idp(binding="HTTP-Redirect"), {}),
        ("unsigned by form", Idp(sign=False), {}),
        ("unsigned by redirect", Idp(binding="HTTP-Redirect", sign=False), {}),
        ("no app context", Idp(context=False), {}),
        ("app context in SAML's namespace", Idp(context_form="saml2p"), {}),
        ("app context in a namespace of its own", Idp(context_form="own"), {}),
        ("only the Response signed", Idp(scope="RESPONSE"), {"saml": "sign: response"}),
        ("only the Assertion signed", Idp(scope="ASSERTION"), {"saml": "sign: assertion"}),
        ("no clock skew at all", Idp(skew_s=0), {}),
        ("a factor", Idp(usage="factor", context=False), {"use": "factor"}),
        ("a factor with app context", Idp(usage="factor"), {"use": "factor"}),
        ("a factor whose claims are shared", Idp(usage="factor", context=False, amr=True), {"use": "factor"}),
    ]
    authority = Authority(os.path.join(world.folder, "sites"))
    orgs = [Okta(world, authority, idp, APPS, host="okta%d.example" % i, number="0oa%d" % i) for i, (_, idp, _) in enumerate(rows)]
    scene = Scene(world, "".join(door(okta, id="okta-%d" % i, **row[2]) for i, (okta, row) in enumerate(zip(orgs, rows))), authority)
    metadata = scene.saml_metadata()
    for okta, (name, _, _) in zip(orgs, rows):
        okta.start(metadata)
        page = scene.browser("dover").go(okta.page("0oaPay", ANA))
        expect(opened(page), "%s: %r %s" % (name, page, okta.refusals))
    for okta, (name, _, _) in zip(orgs, rows):
        page = scene.browser().go(okta.page("0oaPay", ANA))
        shown = still_here(page)
        expect(shown == okta.idp.context or opened(page) or shown, "%s, no device: %r" % (name, page))
        expect(not okta.refusals, "%s: Okta refused %s" % (name, okta.refusals))
        okta.stop()
    scene.stop()


def story_who_gives_up_is_denied_by_okta(world):
    scene, okta = org(world, Idp())
    scene.break_("dover")
    browser = scene.browser("dover")
    page = browser.submit(browser.go(okta.page("0oaPay", ANA)), button="Go back")
    expect(denied(page), "Okta hears that it failed, in an answer it takes: %r %s" % (page, okta.refusals))
    browser = scene.browser()
    page = browser.submit(browser.go(okta.page("0oaPay", ANA)), button="Go back")
    expect(denied(page), "the same without a device: %r %s" % (page, okta.refusals))
    stop(scene, okta)


def story_a_door_that_answers_at_once(world):
    scene, okta = org(world, Idp(), extra="when_denied: answer")
    scene.break_("dover")
    page = scene.browser("dover").go(okta.page("0oaPay", ANA))
    expect(denied(page), "no page of ours, Okta denies: %r %s" % (page, okta.refusals))
    page = scene.browser().go(okta.page("0oaPay", ANA))
    expect(denied(page), "nor without a device: %r %s" % (page, okta.refusals))
    stop(scene, okta)


def recorded(scene, app, proof):
    """The last recorded decision about that app knew its device by that. Decisions come into the log in batches."""
    def last():
        return next((e["data"].get("proof") for e in reversed(scene.gateway.events("decision.made")) if e["data"].get("app") == app), None)
    wait_for("the decision about %s says %s" % (app, proof), lambda: last() == proof)


def story_a_cookie_names_the_laptop_and_proves_least(world):
    scene, okta = org(world, Idp(), policy="proof: { everyday: cookie, sensitive: certificate }\n")
    browser = scene.enrol(scene.browser(), "dover")
    got = opened(browser.go(okta.page("0oaWiki", ANA)))
    expect(got and got["managed"], "a browser that was set up on the laptop: %s" % got)
    recorded(scene, "wiki", "cookie")
    page = browser.go(okta.page("0oaPay", ANA))
    expect(still_here(page), "Payroll wants a certificate: %r" % page)
    expect(opened(scene.browser("dover").go(okta.page("0oaPay", ANA))), "which opens it")
    recorded(scene, "payroll", "certificate")
    swapped = scene.enrol(scene.browser(), "calais")
    page = swapped.go(okta.page("0oaPay", ANA))
    expect(still_here(page), "Ben's cookie is no proof of Ana's laptop: %r" % page)
    scene.gateway.cli("device", "forget-browser", "C02DOVER01", "--all")
    page = wait_for("a cookie that was taken back proves nothing", lambda: (lambda p: p if still_here(p) else None)(browser.go(okta.page("0oaWiki", ANA))))
    expect("laptop" in page.words() or "device" in page.words(), "the page helps: %r" % page)
    stop(scene, okta)


def story_two_tabs_do_not_take_each_others_login_away(world):
    scene, okta = org(world, Idp())
    scene.break_("dover")
    browser = scene.browser("dover")
    first, second = browser.go(okta.page("0oaPay", ANA)), browser.go(okta.page("0oaPay", ANA))
    expect(still_here(first) and still_here(second), "both wait")
    scene.fix("dover")
    for tab in (first, second):
        expect(opened(check_again(scene, browser, tab)), "each goes on: %s" % okta.refusals)
    stop(scene, okta)


def story_an_answer_is_no_use_to_another(world):
    """The page's address in another browser shows nothing and answers nothing; a captured answer does not work twice."""
    scene, okta = org(world, Idp())
    scene.break_("dover")
    blocked = scene.browser("dover").go(okta.page("0oaPay", ANA))
    scene.fix("dover")
    scene.wait_outcome(ANA, "payroll", "allow")
    page = scene.browser().go(blocked.url)
    expect(opened(page) is None and not any(n == "SAMLResponse" for f in page.forms for n in f.names()), "another browser gets no answer: %r" % page)
    browser = scene.browser("dover")
    held = browser.go(okta.page("0oaPay", ANA), hold=lambda method, url, fields: "SAMLResponse" in fields)
    expect(isinstance(held, tuple) and held[1] == okta.acs, "held: %r" % (held,))
    expect(opened(browser.post(held[1], held[2])), "once")
    expect(browser.post(held[1], held[2]).status == 400 and "InResponseTo" in okta.refusals[-1], "not twice: %s" % okta.refusals)
    okta.refusals.clear()
    stop(scene, okta)


if __name__ == "__main__":
    harness.main(globals())
