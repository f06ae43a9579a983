"""Apps behind the Shibboleth SP: one signs its requests, one does not; both get what the policy says."""
import os

import harness
from harness import expect
from login_scene import ANA, Scene, everybody_gets_what_the_policy_says, go_on, saml_door, still_here
from peers.shibboleth import Shibboleth
from peers.tls import Authority


def opened(page):
    return page.header("x-person") if page.status == 200 and page.text.endswith("is open") else None


def sites(world):
    authority = Authority(os.path.join(world.folder, "sites"))
    wiki, payroll = Shibboleth(world, authority, "wiki.example"), Shibboleth(world, authority, "payroll.example", sign=False)
    scene = Scene(world, saml_door("shib-wiki", "wiki", wiki) + saml_door("shib-payroll", "payroll", payroll), authority)
    metadata, issuer = scene.saml_metadata(), scene.saml_issuer()
    return scene, wiki.start(issuer, metadata), payroll.start(issuer, metadata)


def story_everybody_gets_what_the_policy_says(world):
    scene, wiki, payroll = sites(world)
    everybody_gets_what_the_policy_says(scene, wiki.page("wiki"), payroll.page("payroll"), opened)
    for part in (wiki, payroll, scene):
        part.stop()


def story_passive_shows_nothing_and_force_shows_it_again(world):
    scene, wiki, payroll = sites(world)
    expect("is open" in scene.browser("dover").go(payroll.page("passive")).text, "nothing is needed of a healthy laptop")
    page = scene.browser().go(payroll.page("passive"))
    expect(not still_here(page) and "is open" not in page.text, "the SP is told that nothing may be shown: %r" % page)
    scene.break_("dover")
    page = scene.browser("dover").go(payroll.page("passive"))
    expect(not still_here(page) and "is open" not in page.text, "a closed app stays closed: %r" % page)
    browser = scene.browser("dover")
    expect(opened(go_on(browser, browser.go(wiki.page("wiki")))) == ANA, "the warning was read")
    expect(opened(scene.browser("dover").go(wiki.page("wiki"))) == ANA, "and is not shown again")
    browser = scene.browser("dover")
    page = browser.go(wiki.page("force"))
    expect(still_here(page), "unless the app wants it afresh: %r" % page)
    expect(opened(go_on(browser, page)) == ANA, "read once more")
    for part in (wiki, payroll, scene):
        part.stop()


if __name__ == "__main__":
    harness.main(globals())
