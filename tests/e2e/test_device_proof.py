"""Which device a browser is on: client certificates on our own listener and through the real nginx, HAProxy and Caddy (with the very files of deploy/), forged headers,
numbers in hex and decimal, revocation while it runs, the one-time link and its cookie, and Debian's Chromium that shows its certificate without a click.
"""
import base64
import http.client
import json
import os
import re
import socket
import ssl
import subprocess
import time
import urllib.parse

import harness
from browser import Browser
from harness import Answer, Failure, Fleet, expect, fast_policy, free_port, wait_for
from peers.tls import Authority, openssl
from test_loop import PEOPLE, posture

PROXIES = os.path.join(harness.ROOT, "tests/support/proxies")
DEPLOY = os.path.join(harness.ROOT, "deploy")
ANA, BEN = "ana@acme.example", "ben@acme.example"
DEVICES = {"dover": ("C02DOVER01", ANA), "calais": ("PF2CALAIS", BEN)}
POLICIES = "/etc/chromium/policies/managed"


class Revocable(Authority):
    """A CA that can take certificates back."""

    def __init__(self, folder, name):
        super().__init__(folder, name)
        self.list = os.path.join(folder, "ca.crl")
        self.revoked = {}
        with open(os.path.join(folder, "crlnumber"), "w") as f:
            f.write("01\n")
        with open(os.path.join(folder, "ca.cnf"), "w") as f:
            f.write("[ca]\ndefault_ca=c\n[c]\ndatabase=%s/index.txt\ncrlnumber=%s/crlnumber\ndefault_md=sha256\ncertificate=%s\nprivate_key=%s\n" % (folder, folder, self.certificate, self.key))
        self.publish()

    def publish(self, hours=24):
        """A new list, in place of the old one at once."""
        with open(os.path.join(self.folder, "index.txt"), "w") as f:
            for serial in self.revoked:
                f.write("R\t301231235959Z\t260101000000Z\t%s\tunknown\t/CN=x\n" % serial)
        when = [] if hours > 0 else ["-crl_lastupdate", "20260101000000Z", "-crl_nextupdate", "20260102000000Z"]
        openssl("ca", "-config", os.path.join(self.folder, "ca.cnf"), "-gencrl", *(when or ["-crlhours", str(hours)]), "-out", self.list + ".new")
        os.replace(self.list + ".new", self.list)

    def revoke(self, certificate):
        serial = openssl("x509", "-in", certificate, "-noout", "-serial").strip().partition("=")[2]
        self.revoked[serial] = True
        self.publish()

    def expired(self, file, common_name):
        certificate, key = self.client(file, common_name)
        openssl("x509", "-in", os.path.join(self.folder, file + ".csr"), "-req", "-CA", self.certificate, "-CAkey", self.key, "-days", "-1", "-set_serial", "77",
                "-extfile", os.path.join(self.folder, file + ".ext"), "-out", certificate)
        return certificate, key


class Office:
    """A gateway with two people and a laptop each. `device` is what stands in listen.device besides address and CA; own False: no listener of ours."""

    def __init__(self, world, device="", own=True, ca=True, policy="", url=None):
        self.world = world
        self.authority = Revocable(os.path.join(world.folder, "devices"), "Acme Devices")
        self.device_port = free_port()
        parts = (["address: \"127.0.0.1:%d\"" % self.device_port] if own else []) + (["client_ca: \"file:%s\"" % self.authority.certificate] if ca else [])
        parts += ["public_url: \"%s\"" % url] if url else []
        self.gateway = world.gateway(policy=fast_policy("4s") + policy, listen="  device: { %s }\n" % ", ".join(parts + ([device] if device else [])))
        self.gateway.start()
        self.public = "https://localhost:%d" % self.gateway.public_port
        self.gateway.cli("person", "import", "-", stdin=PEOPLE)
        fleet = []
        for number, (name, (serial, owner)) in enumerate(DEVICES.items()):
            secret = self.gateway.cli_json("enroll-secret", "create", "--person", owner)["secret"]
            fleet.append({"name": name, "platform": "macos", "serial": serial, "uuid": "3b1c0000-0000-4000-8000-%012d" % (number + 1), "hostname": name, "model": "Mac14,2",
                          "enroll_secret": secret, "defects": []})
        self.fleet = Fleet(world, self.gateway, fleet)
        for serial, _ in DEVICES.values():
            wait_for(serial + " reports", lambda: posture(self.gateway, serial).get("verdict") == "pass")

    def stop(self):
        self.fleet.process.stop()
        self.gateway.stop()

    def certificate(self, name, **kw):
        return self.authority.client(name, DEVICES[name][0], **kw)

    def me(self, person=ANA):
        return self.gateway.cli("person", "link", person).strip().partition("/me/")[2]

    def device(self, name):
        return self.gateway.cli_json("device", "show", DEVICES[name][0])

    def refusals(self):
        return re.findall(r"event=device_proof.refused way=(\S+) reason=(\S+)", self.gateway.process.text())

    def refused(self, way, reason):
        wait_for("the log says %s of a %s" % (reason, way), lambda: (way, reason) in self.refusals())


class Connection:
    """Kept open: what a client certificate proves is asked anew for each request."""

    def __init__(self, port, certificate=None, host="localhost", source=None):
        context = ssl._create_unverified_context()
        if certificate:
            context.load_cert_chain(*certificate)
        self.host = host
        self.connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=harness.ANSWER_S, context=context, source_address=(source, 0) if source else None)
        raw = socket.create_connection(("127.0.0.1", port), timeout=harness.ANSWER_S, source_address=(source, 0) if source else None)
        self.connection.sock = context.wrap_socket(raw, server_hostname=host)

    def get(self, path, headers=()):
        self.connection.putrequest("GET", path, skip_host=True)
        self.connection.putheader("Host", self.host)
        for name, value in headers.items() if isinstance(headers, dict) else headers:
            self.connection.putheader(name, value)
        self.connection.endheaders()
        response = self.connection.getresponse()
        return Answer(response.status, dict((k.lower(), v) for k, v in response.getheaders()), response.read())


def proved(answer):
    """Whether /device/remember/ saw the person's own device."""
    expect(answer.status == 303, "an answer in any case: %d %s" % (answer.status, answer.text()[:300]))
    return "/device/enroll/" in answer.headers["location"]


def der_base64(certificate):
    with open(certificate) as f:
        return base64.b64encode(ssl.PEM_cert_to_DER_cert(f.read())).decode()


# ---- our own listener

def story_our_own_listener(world):
    office = Office(world, "bind: serial, bind_field: subject.CN, revocations: [\"file:%s\"]" % os.path.join(world.folder, "devices/ca.crl"))
    ask = "/device/remember/" + office.me()
    good, stranger = office.certificate("dover"), Authority(os.path.join(world.folder, "foreign"), "Acme Devices")
    rows = [("good", good, True, None), ("expired", office.authority.expired("old", DEVICES["dover"][0]), False, "expired"),
            ("of another CA of the same name", stranger.client("dover", DEVICES["dover"][0]), False, "foreign_ca"),
            ("of an unknown device", office.authority.client("unknown", "C02NOBODY"), False, "unknown_device"),
            ("of somebody else's device", office.certificate("calais"), False, None), ("none", None, False, None)]
    for what, certificate, wanted, reason in rows:
        expect(proved(Connection(office.device_port, certificate).get(ask)) == wanted, "a certificate %s: %s" % (what, wanted))
        if reason:
            office.refused("certificate", reason)
    open_before = Connection(office.device_port, good)
    expect(proved(open_before.get(ask)), "a kept connection proves it")
    office.authority.revoke(good[0])
    wait_for("a revoked certificate proves nothing, without a restart", lambda: open_before.get("/healthz") and not proved(Connection(office.device_port, good).get(ask)))  # kept from being idle
    office.refused("certificate", "revoked")
    expect(not proved(open_before.get(ask)), "nor on the connection that was open before")
    stale_lists(office, ask)
    what_stands_there(office)
    office.stop()


def stale_lists(office, ask):
    other = office.authority.client("dover-new", DEVICES["dover"][0])
    expect(proved(Connection(office.device_port, other).get(ask)), "another certificate of the device does")
    office.authority.publish(hours=0)
    wait_for("a list out of date closes", lambda: not proved(Connection(office.device_port, other).get(ask)))
    office.refused("certificate", "stale_list")
    wait_for("it is logged", lambda: "event=device_proof.stale_revocations" in office.gateway.process.text())
    expect("out of date" in office.gateway.cli("doctor", code=None), "doctor says so")
    office.authority.publish()
    wait_for("a new list opens again", lambda: proved(Connection(office.device_port, other).get(ask)))


def what_stands_there(office):
    connection = Connection(office.device_port)
    expect(connection.get("/healthz").status == 200, "the device listener is alive")
    for path in ("/me/" + office.me(), "/forward-auth", "/admin/v1/devices", "/v1/posture/devices", "/metrics", "/access/v1/evaluation", "/device/enroll/x", "/"):
        answer = Connection(office.device_port).get(path)
        expect(answer.status == 404, "%s is not there: %d" % (path, answer.status))


def story_a_listener_without_a_ca_does_not_start(world):
    gateway = world.gateway(policy=fast_policy("4s"), listen="  device: { address: \"127.0.0.1:%d\" }\n" % free_port())
    gateway.start(wait=False)
    wait_for("it ends", lambda: not gateway.process.alive())
    expect("listen.device.client_ca is missing" in gateway.process.text(), gateway.process.text()[-500:])


# ---- headers, from a proxy's address and from another

def ask_directly(office, headers, source="127.0.0.1"):
    """/forward-auth, as a proxy asks: the device that it names, or None."""
    connection = http.client.HTTPConnection("127.0.0.1", office.gateway.internal_port, timeout=harness.ANSWER_S, source_address=(source, 0))
    connection.putrequest("GET", "/forward-auth")
    for name, value in [("X-Postern-Person", ANA), ("X-Forwarded-Host", "pay.example")] + list(headers):
        connection.putheader(name, value)
    connection.endheaders()
    response = connection.getresponse()
    response.read()
    return response.status, response.getheader("x-postern-device")


def story_headers_of_every_kind(world):
    office = Office(world, "bind: serial, bind_field: subject.CN, proxy_headers: [rfc9440, xfcc, ssl_client, traefik]", own=False)
    dover, calais = office.device("dover")["device"], office.device("calais")["device"]
    pem, der = office.certificate("dover")[0], der_base64(office.certificate("dover")[0])
    with open(pem) as f:
        text = f.read()
    escaped, ca = urllib.parse.quote(text, safe=""), der_base64(office.authority.certificate)
    other = der_base64(office.certificate("calais")[0])
    good = [[("Client-Cert", ":%s:" % der)], [("Client-Cert", ":%s:" % der), ("Client-Cert-Chain", ":%s:" % ca)], [("X-Forwarded-Client-Cert", "Cert=\"%s\"" % escaped)],
            [("X-Forwarded-Client-Cert", "By=spiffe://a/b;Chain=\"%s\";Subject=\"CN=x,O=\\\"y\\\"\"" % escaped)], [("X-SSL-Client-Cert", escaped), ("X-SSL-Client-Verify", "SUCCESS")],
            [("X-SSL-Client-Cert", der), ("X-SSL-Client-Verify", "0")], [("X-SSL-Client-Cert", text.replace("\n", " ").strip()), ("X-SSL-Client-Verify", "SUCCESS")],
            [("X-Forwarded-Tls-Client-Cert", urllib.parse.quote(der))], [("X-Forwarded-Tls-Client-Cert", der + "," + ca)]]
    for headers in good:
        expect(ask_directly(office, headers) == (200, dover), "%s names dover: %s" % (headers[0][0], ask_directly(office, headers)))
    bad = [[("Client-Cert", ":%s:" % der)] * 2, [("Client-Cert", ":%s:" % der), ("Client-Cert", ":%s:" % other)], [("Client-Cert", ":%s:" % der), ("X-SSL-Client-Cert", other)],
           [("X-Forwarded-Client-Cert", "Cert=\"%s\",Cert=\"%s\"" % (escaped, escaped))], [("X-SSL-Client-Cert", escaped), ("X-SSL-Client-Verify", "FAILED:x")],
           [("Client-Cert", ":%s:" % der), ("X-SSL-Client-Verify", "NONE")], [("Client-Cert", ":AAAA:")], [("Client-Cert", der)]]
    for headers in bad:
        status, device = ask_directly(office, headers)
        expect(status in (400, 403) and device is None, "%s proves nothing: %d %s" % (headers[0][0], status, device))
    expect(ask_directly(office, [("Client-Cert", ":%s:" % other)])[0] == 403, "Ben's laptop does not let Ana in")
    forged = Connection(office.gateway.public_port, source="127.0.0.2").get("/device/remember/" + office.me(), {"Client-Cert": ":%s:" % der})
    expect(not proved(forged), "from an address that is no proxy it proves nothing")
    wait_for("it is logged", lambda: "event=device_proof.forged_header header=Client-Cert peer=127.0.0.2" in office.gateway.process.text())
    expect(proved(Connection(office.gateway.public_port).get("/device/remember/" + office.me(), {"Client-Cert": ":%s:" % der})), "from the proxy it does")
    office.fleet.process.stop()  # or its agent enrols anew at its next poll
    office.gateway.cli("device", "remove", DEVICES["dover"][0])
    expect(ask_directly(office, good[0])[0] == 403 and calais, "a removed device proves nothing")
    metrics = office.gateway.get("/metrics", internal=True).text()
    for line in ("postern_device_proofs_total{proof=\"certificate\"}", "postern_device_proofs_refused_total{reason=\"does_not_hold\"}", "postern_device_proofs_refused_total{reason=\"forged_header\"}"):
        expect(re.search(re.escape(line) + r" [1-9]", metrics), "%s is counted" % line)
    office.stop()


def story_numbers_in_hex_and_decimal(world):
    for word, spell in (("serial_hex", lambda n: "%X" % n), ("serial_hex", lambda n: ":".join(re.findall("..", "%08x" % n))), ("serial_decimal", str)):
        numbers(world, word, spell)


def numbers(world, word, spell):
    office = Office(world, "bind: certificate_serial, proxy_headers: [%s]" % word, own=False, ca=False)
    number, good = 0x0a1b2c3d, [("X-SSL-Client-Verify", "SUCCESS")]
    option = ("--certificate-serial", "%x" % number) if word == "serial_hex" else ("--certificate-serial-decimal", str(number))
    office.gateway.cli("device", "identify", DEVICES["dover"][0], *option)
    dover = office.device("dover")["device"]
    wait_for("%s %s names dover" % (word, spell(number)), lambda: ask_directly(office, good + [("X-SSL-Client-Serial", spell(number))]) == (200, dover))
    for headers in ([("X-SSL-Client-Serial", spell(number))], [("X-SSL-Client-Serial", spell(number)), ("X-SSL-Client-Verify", "FAILED:x")], good + [("X-SSL-Client-Serial", spell(number + 1))],
                    good + [("X-SSL-Client-Serial", spell(number))] * 2, good + [("X-SSL-Client-Serial", "x")]):
        expect(ask_directly(office, headers)[0] in (400, 403), "%s proves nothing" % headers)
    office.stop()


# ---- real proxies as the device host

class DeviceHost:
    """A proxy that asks browsers for their certificate, with the file of deploy/."""

    def __init__(self, world, kind, office):
        self.folder = os.path.join(world.folder, kind)
        os.makedirs(self.folder, exist_ok=True)
        os.chmod(world.folder, 0o755)
        self.port = free_port()
        self.sites = Authority(os.path.join(world.folder, kind + "-site"))
        certificate, key = self.sites.server("device.example", "localhost")
        pem = os.path.join(self.folder, "device-host.pem")
        with open(pem, "w") as out:
            for part in (certificate, key):
                with open(part) as f:
                    out.write(f.read())
        self.names = {"PORT": str(self.port), "PUBLIC": str(office.gateway.public_port), "FOLDER": self.folder, "CERTIFICATE": certificate, "KEY": key, "PEM": pem, "CA": office.authority.certificate}
        self.process = world.process(getattr(self, kind)(), kind, env={"HOME": self.folder, "XDG_CONFIG_HOME": self.folder})
        wait_for(kind + " listens", self.listens)

    def listens(self):
        if not self.process.alive():
            raise Failure("the proxy ended:\n" + self.process.text()[-2000:])
        with socket.create_connection(("127.0.0.1", self.port), timeout=2):
            return True

    def shipped(self, path):
        with open(os.path.join(DEPLOY, path)) as f:
            return f.read().replace("127.0.0.1:8443", "127.0.0.1:" + self.names["PUBLIC"])

    def write(self, name, text):
        for key, value in self.names.items():
            text = text.replace("@%s@" % key, value)
        expect(not re.search("@[A-Z]+@", text), "%s: a name was not filled in" % name)
        path = os.path.join(self.folder, name)
        with open(path, "w") as f:
            f.write(text)
        return path

    def template(self, name):
        with open(os.path.join(PROXIES, "device_host_" + name)) as f:
            return f.read()

    def nginx(self):
        self.write("postern-device-host.conf", self.shipped("nginx/postern-device-host.conf"))
        return ["nginx", "-p", self.folder, "-e", os.path.join(self.folder, "start.log"), "-c", self.write("nginx.conf", self.template("nginx.conf"))]

    def haproxy(self):
        text = self.template("haproxy.cfg").replace("@POSTERN@", self.shipped("haproxy/postern-device-host.cfg"))
        return ["haproxy", "-db", "-f", self.write("haproxy.cfg", text)]

    def caddy(self):
        self.write("postern-device-host.caddy", self.shipped("caddy/postern-device-host.caddy"))
        return ["caddy", "run", "--adapter", "caddyfile", "--config", self.write("Caddyfile", self.template("Caddyfile"))]

    def get(self, path, certificate=None, headers=()):
        return Connection(self.port, certificate, host="device.example").get(path, headers)


def behind(world, kind, word):
    office = Office(world, "bind: serial, bind_field: subject.CN, proxy_headers: [%s], revocations: [\"file:%s\"]" % (word, os.path.join(world.folder, "devices/ca.crl")), own=False)
    host = DeviceHost(world, kind, office)
    ask, good = "/device/remember/" + office.me(), office.certificate("dover")
    der = der_base64(good[0])
    expect(proved(host.get(ask, good)), "%s: the certificate names dover" % kind)
    expect(not proved(host.get(ask)), "%s: without one there is no proof" % kind)
    expect(not proved(host.get(ask, office.certificate("calais"))), "%s: another person's laptop is not hers" % kind)
    with open(good[0]) as f:
        escaped = urllib.parse.quote(f.read(), safe="")
    forged = [("Client-Cert", ":%s:" % der), ("X-SSL-Client-Cert", escaped), ("X-SSL-Client-Cert", der), ("X-Forwarded-Client-Cert", "Cert=\"%s\"" % escaped), ("X-Forwarded-Tls-Client-Cert", der),
              ("x-ssl-client-sha256", "ab" * 32)]
    for header in forged:
        expect(not proved(host.get(ask, None, [header])), "%s: a forged %s proves nothing" % (kind, header[0]))
        expect(not proved(host.get(ask, None, [header, ("X-SSL-Client-Verify", "SUCCESS")])), "%s: a forged %s with a verdict proves nothing" % (kind, header[0]))
        expect(proved(host.get(ask, good, [header])), "%s: nor does a forged %s undo a good certificate" % (kind, header[0]))
    foreign = Authority(os.path.join(world.folder, "foreign"), "Acme Devices").client("dover", DEVICES["dover"][0])
    try:
        opened = proved(host.get(ask, foreign))
    except (OSError, http.client.HTTPException, Failure):
        opened = False  # refused in the handshake, or by the proxy
    expect(not opened, "%s: a certificate of another CA proves nothing" % kind)
    office.authority.revoke(good[0])
    wait_for("%s: a revoked one proves nothing, whatever the proxy thinks" % kind, lambda: not proved(host.get(ask, good)))
    host.process.stop()
    office.stop()


def story_behind_nginx(world):
    behind(world, "nginx", "ssl_client")


def story_behind_haproxy(world):
    behind(world, "haproxy", "ssl_client")


def story_behind_caddy(world):
    behind(world, "caddy", "rfc9440")


# ---- the one-time link

def story_a_link_and_its_cookie(world):
    office = Office(world, own=False, ca=False)
    link = office.gateway.cli("device", "link", DEVICES["dover"][0]).strip()
    expect(link.startswith(office.public + "/device/enroll/"), "an address of ours: " + link[:60])
    browser = Browser(ca=[office.gateway.ca])
    page = browser.go(link)
    for words in ("Is this browser on dover", "can be copied", "proves least"):
        expect(words in page.words(), "the page says %r: %s" % (words, page.words()))
    page = browser.submit(page)
    expect(page.status == 200 and "This browser is known as dover" in page.words(), "it is known now: %r" % page)
    again = Browser(ca=[office.gateway.ca]).go(link)
    expect(again.status == 410 and not again.forms, "the link does not work in a second browser: %r" % again)
    replay = Browser(ca=[office.gateway.ca])
    expect(replay.post(link, {}).status == 410 and not replay.cookies, "nor replayed")
    office.refused("link", "used_link")
    cookie = next(c for c in browser.cookies if c.name == "__Host-postern-device")
    send = [("Cookie", "%s=%s" % (cookie.name, cookie.value))]
    dover = office.device("dover")["device"]
    expect(ask_directly(office, send) == (200, dover), "the cookie names dover: %s" % (ask_directly(office, send),))
    expect(ask_directly(office, [("Cookie", "%s=%sx" % (cookie.name, cookie.value))])[0] == 403, "bent, it proves nothing")
    shown = office.device("dover")["credentials"]
    expect([c["kind"] for c in shown] == ["cookie"] and shown[0]["source"] == "127.0.0.1", "device show lists it: %s" % shown)
    expect("cookie" in office.gateway.cli("device", "show", DEVICES["dover"][0]), "in words too")
    office.gateway.cli("device", "forget-browser", DEVICES["dover"][0], shown[0]["id"])
    wait_for("taken back, it proves nothing", lambda: ask_directly(office, send)[0] == 403)
    office.refused("cookie", "forgotten_browser")
    office.gateway.cli("device", "forget-browser", DEVICES["dover"][0], "--all", code=1)
    swapped(office)
    office.stop()


def swapped(office):
    """Links and cookies are for the owner of that moment, and for a device that is there."""
    link, browser = office.gateway.cli("device", "link", DEVICES["dover"][0]).strip(), Browser(ca=[office.gateway.ca])
    browser.submit(browser.go(link))
    cookie = [("Cookie", "__Host-postern-device=" + browser.cookie("__Host-postern-device"))]
    late = office.gateway.cli("device", "link", DEVICES["dover"][0]).strip()
    expect(ask_directly(office, cookie)[0] == 200, "Ana's browser is known")
    office.gateway.cli("device", "assign", DEVICES["dover"][0], BEN, "--force")
    wait_for("the next owner does not inherit it", lambda: ask_directly(office, cookie)[0] == 403)
    office.refused("cookie", "other_owner")
    expect(Browser(ca=[office.gateway.ca]).go(late).status == 410, "nor a link")
    office.fleet.process.stop()  # or its agent enrols anew at its next poll
    office.gateway.cli("device", "remove", DEVICES["dover"][0])
    expect(Browser(ca=[office.gateway.ca]).go(late).status == 410, "a removed device has none")
    office.gateway.cli("device", "link", DEVICES["dover"][0], code=1)


def story_a_certificate_makes_a_browser_known(world):
    """From a person's own page: the device host sees which device it is, and hands out a link for it."""
    office = Office(world, "bind: serial, bind_field: subject.CN")
    browser = Browser(ca=[office.gateway.ca], certificate=office.certificate("dover"))
    page = browser.follow(browser.go("%s/me/%s" % (office.public, office.me())), "Remember this browser")
    expect("Is this browser on dover" in page.words(), "straight to the question: %r" % page)
    browser.submit(page)
    expect(browser.cookie("__Host-postern-device"), "and known")
    other = Browser(ca=[office.gateway.ca])
    page = other.follow(other.go("%s/me/%s" % (office.public, office.me())), "Remember this browser")
    expect("could not see which device" in page.words(), "without a certificate it says so: %r" % page)
    office.stop()


# ---- Chromium

def story_chromium_shows_its_certificate_without_a_click(world):
    office = Office(world, "bind: serial, bind_field: subject.CN")
    home = os.path.join(world.folder, "home")
    store = os.path.join(home, ".pki/nssdb")
    os.makedirs(store)
    certificate, key = office.certificate("dover")
    bundle = os.path.join(world.folder, "dover.p12")
    openssl("pkcs12", "-export", "-inkey", key, "-in", certificate, "-name", "dover", "-passout", "pass:", "-out", bundle)
    run(["certutil", "-N", "-d", "sql:" + store, "--empty-password"])
    run(["pk12util", "-i", bundle, "-d", "sql:" + store, "-W", ""])
    run(["certutil", "-A", "-n", "gateway", "-t", "C,,", "-d", "sql:" + store, "-i", office.gateway.ca])
    policy = os.path.join(POLICIES, "postern-story-%d.json" % os.getpid())
    os.makedirs(POLICIES, exist_ok=True)
    rule = {"pattern": "https://localhost:%d" % office.device_port, "filter": {"ISSUER": {"CN": "Acme Devices"}}}
    try:
        text = chromium(home, office, None)
        expect("Is this browser on" not in text, "without the policy it waits for a person to choose: %s" % text[:500])
        with open(policy, "w") as f:
            json.dump({"AutoSelectCertificateForUrls": [json.dumps(rule)]}, f)
        last = ""

        def asks():  # a slow machine may not get it there in Chromium's own time
            nonlocal last
            last = chromium(home, office, policy)
            return "Is this browser on" in last
        wait_for("with it, the device is proved without a click", asks, limit_s=2 * harness.LIMIT_S)
        expect("dover" in last, "and named: %s" % last[:800])
    finally:
        if os.path.exists(policy):
            os.remove(policy)
    office.stop()


def run(args):
    done = subprocess.run(args, capture_output=True, text=True, timeout=120)
    expect(done.returncode == 0, "%s: %s" % (" ".join(args[:3]), done.stderr))


def chromium(home, office, policy):
    """The words of the page at which it ends up."""
    url = "https://localhost:%d/device/remember/%s" % (office.device_port, office.me())
    done = subprocess.run(["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--user-data-dir=" + os.path.join(home, "with" if policy else "without"),
                           "--timeout=%d" % (60000 if policy else 10000), "--dump-dom", url], capture_output=True, text=True, timeout=300, env=dict(os.environ, HOME=home))
    return re.sub(r"<[^>]*>", " ", done.stdout)


if __name__ == "__main__":
    harness.main(globals())
