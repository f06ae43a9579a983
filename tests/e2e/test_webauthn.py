"""Proof of device by WebAuthn, in a real Chromium with a virtual authenticator: set up, log in, copied ones count for less, taken away, used twice, stolen."""
import json
import os
import urllib.parse

import harness
from harness import expect, request, wait_for
from login_scene import ANA, BEN, Scene, oidc_door
from peers.node_peers import RelyingParty, trust
from peers.tls import Authority
from real_browser import RealBrowser, client_certificate_header

ASKS = "Show that this is your device"


class Laptops:
    """A scene with two pages behind openid-client: wiki takes any proof, payroll wants a credential that stays on its device. And a browser."""

    def __init__(self, world, least="webauthn"):
        self.authority = Authority(world.folder + "/sites")
        self.rp = RelyingParty(world, self.authority)
        doors = oidc_door("wiki", "wiki", [self.rp.callback("wiki")]) + oidc_door("payroll", "payroll", [self.rp.callback("payroll")])
        self.scene = Scene(world, doors, self.authority, policy="proof: { sensitive: %s }\n" % least)
        self.gateway = self.scene.gateway
        pages = {name: {"issuer": self.scene.public, "client_id": name, "auth": "client_secret_basic", "secret": self.scene.client_secret(name)} for name in ("wiki", "payroll")}
        self.rp.start({"pages": pages}, trust(world, [self.authority.certificate, self.gateway.ca]))
        self.browser = RealBrowser(world, [self.gateway.ca, self.rp.tls[0]])
        self.certificates = {}

    def header(self, device):
        """The certificate of that laptop, as the company's proxy passes it on."""
        if device not in self.certificates:
            serial = {"dover": "C02DOVER01", "calais": "PF2CALAIS"}[device]
            self.certificates[device] = client_certificate_header(self.scene.devices_authority.client(device, serial)[0])
        return self.certificates[device]

    def me(self, person=ANA):
        return self.gateway.cli_json("person", "link", person)["url"]

    def device(self, person=ANA):
        return next(d["id"] for d in self.gateway.cli_json("device", "list")["devices"] if d.get("owner") in (person, self.id_of(person)))

    def id_of(self, person):
        return self.gateway.cli_json("person", "show", person)["id"]

    def set_up(self, person=ANA, device="dover"):
        """In the present profile, which shows its certificate on the way and not afterwards."""
        self.browser.headers(headers=self.header(device))
        self.browser.go(url=self.me(person))
        self.browser.follow(name="Show this device by fingerprint or PIN")
        self.browser.press(name="Set it up")
        said = self.browser.wait_for("Done.")["text"]
        self.browser.headers(headers={})
        return said

    def open(self, page, query=""):
        """Anew: the page behind the login forgets who was there."""
        self.browser.go(url=self.rp.page(page) + "/leave")
        self.browser.go(url=self.rp.page(page) + query)

    def opened(self, text="\"email\""):
        """What the page behind the login knows of it."""
        seen = self.browser.wait_for(text)
        expect(urllib.parse.urlsplit(seen["url"]).port == self.rp.port, "not at the page behind the login: %s" % seen)
        return json.loads(seen["text"][seen["text"].index("{"):])

    def refusals(self):
        return [line for line in self.gateway.process.text().splitlines() if "webauthn.refused" in line]

    def stop(self):
        faults = self.browser.faults()["faults"]
        expect(not faults, "the pages' scripts: %s" % faults)
        self.browser.stop()
        self.rp.stop()
        self.scene.stop()


def story_set_up_log_in_take_away(world):
    l = Laptops(world)
    b = l.browser
    b.profile()
    said = l.set_up()
    expect("can show itself" in said, said)
    expect(len(b.credentials()["credentials"]) == 1 and not b.credentials()["credentials"][0]["backupEligibility"], "one credential, bound to the laptop")
    l.open("payroll")
    told = l.opened()
    expect(told["claims"]["email"] == ANA and told["claims"]["postern"]["proof"] == "webauthn", told)
    added = l.gateway.events("device.credential_added")
    expect(len(added) == 1 and added[0]["data"]["backup_eligible"] is False and added[0]["data"]["proved_by"] == "certificate" and added[0]["cause"] == "person:" + added[0]["person"], added)
    wait_for("the decision says how the device was proved", lambda: any(e["data"].get("proof") == "webauthn" for e in l.gateway.events("decision.made")))
    b.go(url=l.me())
    b.follow(name="Show this device by fingerprint or PIN")
    expect("It stays on this device." in b.see()["text"], b.see()["text"])
    b.press(name="Take it away")
    b.wait_for("It is taken away.")
    removed = l.gateway.events("device.credential_removed")
    expect(len(removed) == 1 and removed[0]["data"]["credential"] == added[0]["data"]["credential"], removed)
    l.open("payroll")
    b.wait_for("We do not know this device yet")
    expect(any("no device has this credential" in line for line in l.refusals()), l.refusals())
    b.profile()
    l.set_up()
    device = added[0]["device"]
    listed = [c for c in l.gateway.cli_json("device", "show", device)["credentials"] if c["kind"] == "webauthn"]
    expect(len(listed) == 1, listed)
    l.gateway.cli("device", "forget-browser", device, listed[0]["id"])
    expect(l.gateway.events("device.credential_removed")[-1]["cause"].startswith("admin:"), l.gateway.events("device.credential_removed")[-1])
    l.open("payroll")
    b.wait_for("We do not know this device yet")
    l.stop()


def story_a_copied_credential_counts_for_less(world):
    l = Laptops(world)
    b = l.browser
    b.profile(synced=True)
    said = l.set_up()
    expect("counts for less" in said, said)
    l.open("payroll")
    b.wait_for("Payroll needs a surer sign of this device")
    wait_for("the decision says so", lambda: any((e["data"].get("proof"), e["data"]["rule"]) == ("webauthn_synced", "weak_proof") for e in l.gateway.events("decision.made")))
    l.open("wiki")
    expect(l.opened()["claims"]["postern"]["proof"] == "webauthn_synced", "the wiki takes it")
    l.stop()


def story_somebody_else_and_nobody(world):
    """Ben's laptop in a login that hints at Ana; a browser without an authenticator; a person whom the sensor does not know; no JavaScript."""
    l = Laptops(world)
    b = l.browser
    b.profile()
    l.set_up(BEN, "calais")
    l.open("payroll", "?login_hint=" + ANA)
    b.wait_for("We do not know this device yet")
    expect(any("another person" in line for line in l.refusals()), l.refusals())
    b.profile(laptop=False)
    l.open("payroll")
    b.wait_for(ASKS)
    b.follow(name="Go on without")
    b.wait_for("We do not know this device yet")
    b.profile()
    l.set_up()
    b.verifies(yes=False)
    l.open("payroll")
    b.wait_for(ASKS)
    b.press(name="Use fingerprint, face or PIN")
    b.wait_for("That did not work, or it was stopped.")
    b.verifies(yes=True)
    b.press(name="Use fingerprint, face or PIN")
    expect(l.opened()["claims"]["postern"]["proof"] == "webauthn", "tried once more")
    b.profile(script=False)
    l.open("payroll")
    seen = b.see()["text"]
    expect("This needs JavaScript" in seen and "Use fingerprint" not in seen, seen)
    b.follow(name="Go on without")
    expect("We do not know this device yet" in b.see()["text"], b.see()["text"])
    l.stop()


def post(held, cookies, **changes):
    """What the browser would have sent, sent by somebody else."""
    fields = dict(urllib.parse.parse_qsl(held["body"], keep_blank_values=True), **{k: v for k, v in changes.items() if v is not None})
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin", "Cookie": "; ".join("%s=%s" % (c["name"], c["value"]) for c in cookies)}
    return request(held["url"], "POST", urllib.parse.urlencode(fields).encode(), headers)


def goes_on(l, answer, cookies):
    """Follows the login as the page's script does; where it ends."""
    where = answer.text().split("data-go=\"", 1)[1].split("\"", 1)[0]
    return request(where, headers={"Cookie": "; ".join("%s=%s" % (c["name"], c["value"]) for c in cookies)})


def story_an_answer_that_was_caught(world):
    """Caught on its way: it counts once, in its own login and its own browser, as it was signed; a copied key with an older counter does not count."""
    l = Laptops(world)
    b = l.browser
    b.profile()
    l.set_up()
    kept = b.credentials()["credentials"][0]
    b.hold()
    l.open("payroll")
    held = b.held()
    cookies = b.cookies()["cookies"]
    ours = [c for c in cookies if c["domain"] == "localhost"]
    expect(post(held, []).status == 403, "without the browser's cookie it is not looked at")
    page = goes_on(l, post(held, ours, signature="AAAA"), ours)
    expect(page.status == 200 and "We do not know this device yet" in page.text() and "not the credential's" in l.refusals()[-1], "%d %s" % (page.status, l.refusals()))
    first = goes_on(l, post(held, ours), ours)
    expect(first.status in (302, 303) and "code=" in first.headers["location"], "once it counts: %d %s" % (first.status, first.text()[:300]))
    second = goes_on(l, post(held, ours), ours)
    expect("We do not know this device yet" in second.text() and "says 2 after 2" in l.refusals()[-1], "twice it does not; this authenticator counts: %s" % l.refusals()[-1])
    b.hold()
    l.open("payroll")
    another = b.held()
    crossed = goes_on(l, post(dict(held, url=another["url"]), ours), ours)
    expect("We do not know this device yet" in crossed.text() and "another one" in l.refusals()[-1], l.refusals()[-1])
    b.profile()
    b.go(url=l.scene.public + "/me")
    b.put_credential(credential=dict(kept, signCount=0))
    l.open("payroll")
    b.wait_for("We do not know this device yet")
    expect("a copied key, or an old answer" in l.refusals()[-1], l.refusals()[-1])
    l.stop()


def story_the_pages_are_open_to_everybody(world):
    l = Laptops(world)
    b = l.browser
    shots = os.environ.get("POSTERN_SHOTS")
    for look in ({"width": 320, "height": 640}, {"width": 320, "height": 640, "dark": True}, {"width": 1280, "height": 800}):
        name = "%d%s" % (look["width"], "-dark" if look.get("dark") else "")

        def check(page):
            faults = b.axe()["faults"]
            expect(not faults, "%s at %s: %s" % (page, name, faults))
            if shots:
                b.shot(path=os.path.join(shots, "%s-%s.png" % (page, name)))
        b.profile(headers=l.header("dover"), **look)
        b.go(url=l.me())
        b.follow(name="Show this device by fingerprint or PIN")
        b.wait_for("Set it up")
        check("set-up")
        b.press(name="Set it up")
        b.wait_for("Done.")
        check("done")
        b.follow(name="Show this device by fingerprint or PIN")
        b.headers(headers={})
        b.go(url=b.see()["url"])
        b.wait_for("First: is this dover?")
        check("not-shown")
        b.press(name="Take it away")
        b.wait_for("It is taken away.")
        b.profile(laptop=False, **look)
        l.open("payroll")
        b.wait_for(ASKS)
        check("login")
    l.stop()


if __name__ == "__main__":
    harness.main(globals())
