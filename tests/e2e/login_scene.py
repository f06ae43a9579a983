"""What the stories of a login share: a gateway with doors, two people, a laptop each that can be broken and fixed, browsers that prove which laptop they are on.

Ana has dover, Ben has calais. `everyday` doors use the app wiki (a warning there), `sensitive` ones payroll (closed there); chat is a repair app (always open)."""
import json
import os
import urllib.parse
import xml.etree.ElementTree as ElementTree

from browser import Browser
from harness import Fleet, expect, fast_policy, free_port, request, wait_for
from peers import saml_wire
from peers.tls import Authority
from test_loop import PEOPLE, fake_slack, posture

ANA, BEN = "ana@acme.example", "ben@acme.example"
SERIALS = {"dover": "C02DOVER01", "calais": "PF2CALAIS"}
OWNERS = {"dover": ANA, "calais": BEN}


def quoted(text):
    """As a text in double quotes of YAML."""
    return json.dumps(text)


def saml_door(id, app, sp, use="login", extra="", saml=""):
    """A door of the policy for `sp`: it has entity_id, acs, certificate and sign."""
    asks = "requests: signed, certificates: [%s]" % quoted(sp.certificate) if getattr(sp, "sign", False) else "requests: optional"
    return "  - { id: %s, kind: saml, use: %s, title: %s, app: %s%s, saml: { entity_id: %s, acs: [%s], %s%s } }\n" % (
        id, use, id.capitalize(), app, extra and ", " + extra, quoted(sp.entity_id), quoted(sp.acs), asks, saml and ", " + saml)


def oidc_door(id, app, redirect_uris, use="login", extra="", **oidc):
    """A door of the policy for a relying party; its client id is the door's unless `client_id` is given. app None: the request names it."""
    section = json.dumps(dict({"redirect_uris": redirect_uris}, **oidc))
    return "  - { id: %s, kind: oidc, use: %s, title: %s%s%s, oidc: %s }\n" % (id, use, id.capitalize(), app and ", app: " + app or "", extra and ", " + extra, section)


class Scene:
    """doors: lines of the policy's `doors`. close: when a failing check closes sensitive apps. policy, config: further text of either file. env, more: of the gateway."""

    def __init__(self, world, doors, authority=None, close="4s", policy="", config="", device_host=True, env=None, **more):
        self.world = world
        self.authority = authority or Authority(os.path.join(world.folder, "sites"))
        self.devices_authority = Authority(os.path.join(world.folder, "devices"), "devices of the stories")
        slack, _ = fake_slack(world)
        self.device_port = free_port()
        config = "slack: { token: env:SLACK_TOKEN, signing_secret: env:SLACK_SECRET, api_url: \"http://127.0.0.1:%d/api\" }\n" % slack + config
        listen = self.device_listener(self.device_port) if device_host else ""
        env = dict({"SLACK_TOKEN": "xoxb-test-token", "SLACK_SECRET": "not-a-secret"}, **(env or {}))
        self.made_with = dict(policy=fast_policy(close) + policy + "doors:\n" + doors, config=config, listen=listen, env=env, **more)
        self.gateway = world.gateway(**self.made_with)
        self.gateway.start()
        self.public = "https://localhost:%d" % self.gateway.public_port
        self.gateway.cli("person", "import", "-", stdin=PEOPLE)
        self.fleet = Fleet(world, self.gateway, [self.device(name) for name in SERIALS])
        for name in SERIALS:
            wait_for(name + " reports", lambda: posture(self.gateway, SERIALS[name]).get("verdict") == "pass")

    def device(self, name):
        secret = self.gateway.cli_json("enroll-secret", "create", "--person", OWNERS[name])["secret"]
        return {"name": name, "platform": "macos", "serial": SERIALS[name], "uuid": "3b1c0000-0000-4000-8000-%012d" % (list(SERIALS).index(name) + 1), "hostname": name, "model": "Mac14,2",
                "enroll_secret": secret, "defects": []}

    def device_listener(self, port):
        """A node's own listener of the device host, whose name is that of the first node's."""
        return ("  device: { address: \"127.0.0.1:%d\", public_url: \"https://localhost:%d\", client_ca: \"file:%s\", bind: serial, bind_field: subject.CN }\n"
                % (port, self.device_port, self.devices_authority.certificate))

    def another_gateway(self, name):
        """A second node of the same names, certificate and store (the scene was made with redis=...)."""
        tls = (self.gateway.ca, self.gateway.ca.replace(".crt", ".key"))
        node = self.world.gateway(name, **dict(self.made_with, listen=self.device_listener(free_port()), public_url=self.public, tls=tls))
        node.ca = self.gateway.ca
        return node.start()

    def stop(self):
        self.fleet.process.stop()
        self.gateway.stop()

    # ---- the laptops

    def break_(self, name="dover", until="deny"):
        """Its firewall goes off, which is looked at once; waits until payroll is closed to its owner, or only warned about. Once a story: the second time
        nobody is told again on the same day, so nothing closes."""
        self.fleet.control("break", name, "firewall")
        self.gateway.cli("device", "recheck", SERIALS[name])
        self.wait_outcome(OWNERS[name], "payroll" if until == "deny" else "wiki", until)

    def fix(self, name="dover"):
        self.fleet.control("fix", name, "firewall")

    def wait_outcome(self, person, app, outcome):
        wait_for("%s of %s: %s" % (app, person, outcome), lambda: self.gateway.decide(person, app)["context"].get("outcome", "allow") == outcome)

    # ---- browsers

    def browser(self, device=None, **kw):
        """On that laptop, with its certificate; None: it can prove nothing."""
        certificate = self.devices_authority.client(device, SERIALS[device]) if device else None
        return Browser(ca=[self.gateway.ca, self.authority.certificate], certificate=certificate, **kw)

    def stranger(self):
        """On a laptop with a certificate of the company's CA that postern knows nothing of."""
        return Browser(ca=[self.gateway.ca, self.authority.certificate], certificate=self.devices_authority.client("stranger", "C02STRANGER"))

    def enrol(self, browser, device):
        """Opens the device's one-time link in that browser: from then on its cookie names the device."""
        link = self.gateway.cli_json("device", "link", SERIALS[device])["url"]
        page = browser.submit(browser.go(link), button="Yes, this is")
        expect(browser.cookie("__Host-postern-device"), "the cookie is set: %r" % page)
        return browser

    def ours(self, browser):
        """The steps that browser took at the gateway."""
        ports = (self.gateway.public_port, self.device_port)
        return [step for step in browser.history if urllib.parse.urlsplit(step.url).port in ports]

    # ---- OpenID Connect

    def client_secret(self, door):
        return self.gateway.cli_json("key", "create", "--label", door, "--scope", "login", "--door", door)["key"]

    # ---- SAML

    def saml_metadata(self):
        answer = request(self.public + "/saml/metadata", ca=self.gateway.ca)
        expect(answer.status == 200 and answer.headers["content-type"].startswith("application/samlmetadata+xml"), "/saml/metadata: %d %s" % (answer.status, answer.headers))
        faults = saml_wire.schema_errors(answer.text(), "metadata")
        expect(not faults, "metadata against the schema: " + faults)
        return answer.text()

    def saml_issuer(self):
        return ElementTree.fromstring(self.saml_metadata()).get("entityID")


# ---- one login, as every kind of SP has it

def still_here(page):
    """The page is ours: the login has not come back."""
    return "/login/" in page.url


def go_on(browser, page):
    """Reads a warning and goes on."""
    return browser.follow(page, "Continue") if any("Continue" in text for _, text in page.links) else browser.submit(page, button="Continue")


def check_again(scene, browser, page):
    """Presses Check again until the same login comes back to its app."""
    page = browser.submit(page, button="Check again")

    def back():
        nonlocal page
        if still_here(page):
            page = browser.go(page.url)
        return not still_here(page)
    wait_for("the same login goes on", back)
    return page


def everybody_gets_what_the_policy_says(scene, wiki, payroll, opened):
    """wiki, payroll: addresses of protected pages of the two apps. opened(page): the person's name where the page is the app's own, else None."""
    healthy_opens(scene, wiki, payroll, opened)
    unproved_is_helped(scene, scene.browser(), payroll, opened)
    unproved_is_helped(scene, scene.stranger(), payroll, opened)
    scene.break_("dover")
    warned_once(scene, wiki, opened)
    blocked_until_fixed(scene, payroll, opened)


def healthy_opens(scene, wiki, payroll, opened):
    for app in (wiki, payroll):
        browser = scene.browser("dover")
        page = browser.go(app)
        expect(opened(page) == ANA, "a healthy laptop opens it: %r" % page)
        steps = scene.ours(browser)
        expect(len(steps) <= 2, "back within one redirect: %s" % (steps,))
        before = len(browser.history)
        expect(opened(browser.go(app)) == ANA and len(browser.history) == before + 1, "and keeps its session there")


def unproved_is_helped(scene, browser, app, opened):
    page = browser.go(app)
    expect(opened(page) is None and still_here(page), "no device, no app: %r" % page)
    expect(not any(step.method == "POST" and "localhost" not in step.url for step in browser.history), "nothing was answered to the SP: %s" % browser.history)
    expect(any(words in page.words() for words in ("laptop", "device")), "the page helps: %s" % page.words())


def warned_once(scene, app, opened):
    browser = scene.browser("dover")
    page = browser.go(app)
    expect(opened(page) is None and still_here(page), "a warning comes first: %r" % page)
    for words in ("dover", "firewall"):
        expect(words in page.words().lower(), "the warning says %r: %s" % (words, page.words()))
    page = go_on(browser, page)
    expect(opened(page) == ANA, "and lets through: %r" % page)
    later = scene.browser("dover")
    expect(opened(later.go(app)) == ANA, "once in its period, in any browser: %s" % later.history)


def blocked_until_fixed(scene, app, opened):
    browser = scene.browser("dover")
    page = browser.go(app)
    expect(opened(page) is None and still_here(page), "it is closed: %r" % page)
    for words in ("Payroll", "dover", "How to fix", "Check again"):
        expect(words in page.words(), "the page says %r: %s" % (words, page.words()))
    expect(not any(step.method == "POST" and "localhost" not in step.url for step in browser.history), "nothing was answered to the SP: %s" % browser.history)
    scene.fix("dover")
    page = check_again(scene, browser, page)
    expect(opened(page) == ANA, "fixed, the same login comes back to the app: %r" % page)
