"""Apps behind mod_auth_mellon (Lasso): one signs its requests, one does not; both get what the policy says."""
import os

import harness
from harness import expect
from login_scene import ANA, Scene, everybody_gets_what_the_policy_says, saml_door, still_here
from peers.mellon import Mellon
from peers.tls import Authority

X509 = "urn:oasis:names:tc:SAML:2.0:ac:classes:X509"


def opened(page):
    return page.header("x-person") if page.status == 200 and page.text.endswith("is open") else None


def sites(world, **kw):
    authority = Authority(os.path.join(world.folder, "sites"))
    wiki, payroll = Mellon(world, authority, "wiki.example", **kw), Mellon(world, authority, "payroll.example", sign=False, **kw)
    scene = Scene(world, saml_door("mellon-wiki", "wiki", wiki) + saml_door("mellon-payroll", "payroll", payroll), authority)
    metadata = scene.saml_metadata()
    return scene, wiki.start(metadata), payroll.start(metadata)


def stop(*parts):
    for part in parts:
        part.stop()


def story_everybody_gets_what_the_policy_says(world):
    scene, wiki, payroll = sites(world)
    everybody_gets_what_the_policy_says(scene, wiki.page("wiki"), payroll.page("payroll"), opened)
    stop(wiki, payroll, scene)


def story_a_certificate_is_the_class_that_was_asked_for(world):
    """Lasso compares the class of the answer with its list and refuses another."""
    scene, wiki, payroll = sites(world, wants=X509, comparison="exact")
    page = scene.browser("dover").go(wiki.page("wiki"))
    expect(opened(page) == ANA, "a certificate was asked for and shown: %r" % page)
    stop(wiki, payroll, scene)


def story_a_passive_login_shows_nothing(world):
    scene, wiki, payroll = sites(world)
    expect(opened(scene.browser("dover").go(payroll.passive("payroll"))) == ANA, "nothing is needed of a healthy laptop")
    for browser in (scene.browser(), scene.stranger()):
        page = browser.go(payroll.passive("payroll"))
        expect(not still_here(page) and opened(page) is None and page.status >= 400, "mellon is told that nothing may be shown: %r" % page)
    scene.break_("dover")
    page = scene.browser("dover").go(payroll.passive("payroll"))
    expect(not still_here(page) and opened(page) is None and page.status >= 400, "a closed app stays closed: %r" % page)
    stop(wiki, payroll, scene)


if __name__ == "__main__":
    harness.main(globals())
