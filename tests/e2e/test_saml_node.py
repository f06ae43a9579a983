"""Apps behind node-saml, which wants Response and Assertion signed and allows no clock skew: one asks by HTTP-Redirect, one by HTTP-POST."""
import json
import os

import harness
from harness import expect
from login_scene import ANA, Scene, everybody_gets_what_the_policy_says, go_on, saml_door, still_here
from peers.node_saml import NodeSaml
from peers.tls import Authority

MINIMUM = {"disableRequestedAuthnContext": False, "authnContext": ["urn:oasis:names:tc:SAML:2.0:ac:classes:unspecified"], "racComparison": "minimum"}


def opened(page):
    return json.loads(page.text)["person"] if page.status == 200 and "json" in page.header("content-type") else None


def sites(world):
    authority = Authority(os.path.join(world.folder, "sites"))
    wiki = NodeSaml(world, authority, "wiki.example", binding="HTTP-Redirect")
    payroll = NodeSaml(world, authority, "payroll.example", binding="HTTP-POST", options=MINIMUM)
    scene = Scene(world, saml_door("node-wiki", "wiki", wiki) + saml_door("node-payroll", "payroll", payroll), authority)
    metadata, issuer = scene.saml_metadata(), scene.saml_issuer()
    return scene, wiki.start(issuer, metadata), payroll.start(issuer, metadata)


def story_everybody_gets_what_the_policy_says(world):
    scene, wiki, payroll = sites(world)
    everybody_gets_what_the_policy_says(scene, wiki.page("wiki"), payroll.page("payroll"), opened)
    for part in (wiki, payroll, scene):
        part.stop()


def story_passive_shows_nothing_and_force_shows_it_again(world):
    scene, wiki, payroll = sites(world)
    expect(opened(scene.browser("dover").go(payroll.page("payroll", "passive"))) == ANA, "nothing is needed of a healthy laptop")
    page = scene.browser().go(payroll.page("payroll", "passive"))
    expect(page.status == 403 and "no profile" in page.text, "NoPassive is what node-saml calls no profile: %r" % page)
    scene.break_("dover")
    page = scene.browser("dover").go(payroll.page("payroll", "passive"))
    expect(page.status == 403 and "no profile" in page.text, "a closed app stays closed: %r" % page)
    browser = scene.browser("dover")
    expect(opened(go_on(browser, browser.go(wiki.page("wiki")))) == ANA, "the warning was read")
    browser = scene.browser("dover")
    page = browser.go(wiki.page("wiki", "force"))
    expect(still_here(page), "the app wants it afresh: %r" % page)
    for part in (wiki, payroll, scene):
        part.stop()


if __name__ == "__main__":
    harness.main(globals())
