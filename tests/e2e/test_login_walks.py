"""A login's pages in a real Chromium, with its own rules for cookies, forms and redirects: behind OpenID Connect by redirect and by form_post. Warned, blocked
and fixed half-way, given up, taken up in another browser, opened twice, from a page that a person went back to."""
import time
import urllib.parse

import harness
from harness import expect, wait_for
from login_scene import ANA, Scene, oidc_door
from peers.node_peers import RelyingParty, trust
from peers.tls import Authority
from real_browser import RealBrowser, client_certificate_header


class Logins:
    """Pages wiki and payroll behind openid-client; payroll's answers come as forms that post themselves."""

    def __init__(self, world):
        self.authority = Authority(world.folder + "/sites")
        self.rp = RelyingParty(world, self.authority)
        doors = oidc_door("wiki", "wiki", [self.rp.callback("wiki")]) + oidc_door("payroll", "payroll", [self.rp.callback("payroll")])
        self.scene = Scene(world, doors, self.authority)
        pages = {name: {"issuer": self.scene.public, "client_id": name, "auth": "client_secret_basic", "secret": self.scene.client_secret(name)} for name in ("wiki", "payroll")}
        pages["payroll"]["response_mode"] = "form_post"
        self.rp.start({"pages": pages}, trust(world, [self.authority.certificate, self.scene.gateway.ca]))
        self.browser = RealBrowser(world, [self.scene.gateway.ca, self.rp.tls[0]])
        self.dover = client_certificate_header(self.scene.devices_authority.client("dover", "C02DOVER01")[0])

    def open(self, page):
        self.browser.go(url=self.rp.page(page) + "/leave")
        self.browser.go(url=self.rp.page(page))

    def at_app(self, page, text):
        """The login came back: the app shows who it is, or why not."""
        seen = self.browser.wait_for(text)
        expect(seen["url"].startswith(self.rp.page(page)), "not back at %s: %s" % (page, seen))
        return seen["text"]

    def stop(self):
        faults = self.browser.faults()["faults"]
        expect(not faults, "the pages' scripts: %s" % faults)
        self.browser.stop()
        self.rp.stop()
        self.scene.stop()


def story_healthy_is_not_interrupted(world):
    l = Logins(world)
    l.browser.profile(headers=l.dover)
    for page in ("wiki", "payroll"):
        l.open(page)
        expect(ANA in l.at_app(page, "\"email\""), page)
    l.stop()


def story_warned_reads_and_goes_on(world):
    l = Logins(world)
    b = l.browser
    l.scene.break_("dover", until="warn")
    b.profile(headers=l.dover)
    l.open("wiki")
    b.wait_for("Continue to Wiki")
    faults = b.axe()["faults"]
    expect(not faults, faults)
    b.follow(name="Continue to Wiki")
    expect(ANA in l.at_app("wiki", "\"email\""), "after the warning")
    l.open("wiki")
    expect(ANA in l.at_app("wiki", "\"email\""), "it is read once a day")
    l.stop()


def check_again(l):
    """A device is asked once in ten seconds, and breaking it asked already: the button is pressed until it asks anew. The answer may wait for the device."""
    asked = len(l.scene.gateway.events("device.recheck"))

    def asks():
        l.browser.press(name="Check again")
        time.sleep(2)
        return len(l.scene.gateway.events("device.recheck")) > asked
    wait_for("Check again asks the device", asks)


def story_blocked_fixed_and_on(world):
    l = Logins(world)
    b = l.browser
    l.scene.break_("dover")
    b.profile(headers=l.dover)
    l.open("payroll")
    b.wait_for("One thing to fix before you can open Payroll")
    check_again(l)
    l.scene.fix("dover")
    expect(ANA in l.at_app("payroll", "\"email\""), "the same login goes on by itself")
    l.stop()


def story_blocked_gives_up(world):
    """The form's answer leads to another site, which a browser allows only if the page's own policy does."""
    l = Logins(world)
    b = l.browser
    l.scene.break_("dover")
    for page in ("payroll",):
        b.profile(headers=l.dover)
        l.open(page)
        b.wait_for("One thing to fix")
        b.press(name="Go back to")
        expect("access_denied" in l.at_app(page, "access_denied"), page)
    l.stop()


def story_a_login_belongs_to_its_browser(world):
    l = Logins(world)
    b = l.browser
    l.scene.break_("dover")
    b.profile(headers=l.dover)
    l.open("payroll")
    stolen = b.wait_for("One thing to fix")["url"]
    expect("/login/" in stolen, stolen)
    b.profile(headers=l.dover)
    b.go(url=stolen)
    seen = b.wait_for("This login was begun in another browser")
    expect("Payroll" not in seen["text"] and "dover" not in seen["text"], "it tells nothing of the person: " + seen["text"])
    l.stop()


def story_two_tabs_and_a_page_gone_back_to(world):
    """Two logins of one browser go on beside each other; an answered one that is opened again gives a fresh answer or none, never an error page of ours."""
    l = Logins(world)
    b = l.browser
    l.scene.break_("dover")
    b.profile(headers=l.dover)
    l.open("payroll")
    first = b.wait_for("One thing to fix")["url"]
    b.go(url=l.rp.page("payroll"))
    second = b.wait_for("One thing to fix")["url"]
    expect(first != second, "each login is one of its own")
    l.scene.fix("dover")
    l.scene.wait_outcome(ANA, "payroll", "allow")
    b.go(url=second)
    expect(ANA in l.at_app("payroll", "\"email\""), "the second tab")
    b.go(url=first)
    seen = b.wait_for("\"page\"")
    expect(urllib.parse.urlsplit(seen["url"]).port == l.rp.port, "the first one comes back to its app, which says what it thinks of an old state: %s" % seen)
    b.faults()
    l.stop()


if __name__ == "__main__":
    harness.main(globals())
