"""/forward-auth behind the real nginx, HAProxy and Caddy, with the very snippets of deploy/: two applications of different sensitivity, forged
headers, kept connections, bodies, a refusal that leads to the page, and closed doors when the gateway is away.
"""
import hashlib
import http.client
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import harness
from harness import Answer, Failure, Fleet, expect, free_port, wait_for
from test_loop import posture, result_of, with_people

PROXIES = os.path.join(harness.ROOT, "tests/support/proxies")
DEPLOY = os.path.join(harness.ROOT, "deploy")
INTERNAL = "127.0.0.1:8445"  # as the snippets have it
ANA = {"Cookie": "session=ana-session"}
FORGED_CERTIFICATE = "ab" * 32
FORGED = {"X-Postern-Person": "ben@acme.example", "X-Postern-Outcome": "allow", "X-Forwarded-Host": "wiki.example", "X-SSL-Client-SHA256": FORGED_CERTIFICATE,
          "Client-Cert": ":AAAA:", "X-SSL-Client-Cert": "x"}


class App:
    """An application behind the proxy: answers what it was sent, as JSON."""

    def __init__(self, name):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                if "chunked" in self.headers.get("Transfer-Encoding", ""):
                    body = b""
                    while size := int(self.rfile.readline(), 16):
                        body += self.rfile.read(size)
                        self.rfile.readline()
                    self.rfile.readline()
                else:
                    body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                text = json.dumps({"app": name, "method": self.command, "path": self.path, "bytes": len(body),
                                   "headers": {k.lower(): v for k, v in self.headers.items()}}).encode()
                self.send_response(403 if self.path == "/forbidden-by-app" else 200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)
            do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = answer

            def log_message(self, *args):
                pass
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.handle_error = lambda *args: None  # a proxy that ends resets what it kept open
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()


class Door:
    """One proxy with its configuration in a folder of its own, asking `gateway`."""

    def __init__(self, world, kind, gateway, pay, wiki):
        self.kind, self.port = kind, free_port()
        self.folder = os.path.join(world.folder, kind)
        os.makedirs(self.folder, exist_ok=True)
        os.chmod(world.folder, 0o755)
        self.tls_port = free_port()
        self.make_certificates()
        self.names = {"PORT": str(self.port), "TLS": str(self.tls_port), "PAY": str(pay.port), "WIKI": str(wiki.port), "FOLDER": self.folder}
        self.internal = "127.0.0.1:%d" % gateway.internal_port
        self.process = world.process(getattr(self, kind)(), kind, env={"HOME": self.folder, "XDG_CONFIG_HOME": self.folder})
        wait_for("%s listens" % kind, self.listens)

    def listens(self):
        if not self.process.alive():
            raise Failure("%s ended:\n%s" % (self.kind, self.process.text()[-2000:]))
        with socket.create_connection(("127.0.0.1", self.port), timeout=2):
            return True

    def make_certificates(self):
        """One for the proxy; one for the device, signed by an authority that the proxy trusts; one that nobody signed."""
        def run(*args):
            subprocess.run(["openssl"] + list(args), check=True, capture_output=True, cwd=self.folder)
        new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        for name in ("server", "device-ca", "stranger"):
            run("req", "-x509", *new, "-keyout", name + ".key", "-out", name + ".crt", "-days", "2", "-subj", "/CN=" + name, "-addext", "subjectAltName=DNS:pay.example")
        run("req", *new, "-keyout", "device.key", "-out", "device.csr", "-subj", "/CN=device")
        run("x509", "-req", "-in", "device.csr", "-CA", "device-ca.crt", "-CAkey", "device-ca.key", "-CAcreateserial", "-days", "2", "-out", "device.crt")
        with open(os.path.join(self.folder, "server.pem"), "w") as f:
            for name in ("server.crt", "server.key"):
                with open(os.path.join(self.folder, name)) as part:
                    f.write(part.read())

    def fingerprint(self, name):
        with open(os.path.join(self.folder, name + ".crt")) as f:
            return hashlib.sha256(ssl.PEM_cert_to_DER_cert(f.read())).hexdigest()

    def connect_tls(self, certificate=None):
        context = ssl._create_unverified_context()
        if certificate:
            path = os.path.join(self.folder, certificate)
            context.load_cert_chain(path + ".crt", path + ".key")
        connection = http.client.HTTPSConnection("127.0.0.1", self.tls_port, timeout=harness.ANSWER_S, context=context)
        raw = socket.create_connection(("127.0.0.1", self.tls_port), timeout=harness.ANSWER_S)
        connection.sock = context.wrap_socket(raw, server_hostname="pay.example")
        return connection

    def shipped(self, path):
        """The text of a file in deploy/, asking this story's gateway. The patience of a proxy is for machines that do only this; here a dozen stories share two cores."""
        with open(os.path.join(DEPLOY, path)) as f:
            text = f.read()
        return re.sub(r"(_timeout) [12]s", r"\1 60s", text).replace("TIMEOUT_MS = 2000", "TIMEOUT_MS = 60000").replace(INTERNAL, self.internal)

    def write(self, name, text):
        for key, value in self.names.items():
            text = text.replace("@%s@" % key, value)
        expect(not re.search("@[A-Z]+@", text), "%s: a name was not filled in" % name)
        with open(os.path.join(self.folder, name), "w") as f:
            f.write(text)
        return os.path.join(self.folder, name)

    def template(self, name):
        with open(os.path.join(PROXIES, name)) as f:
            return f.read()

    def nginx(self):
        upstream = self.shipped("nginx/postern-upstream.conf")
        expect(self.internal in upstream, "the shipped upstream names the gateway's address")
        self.write("postern-upstream.conf", upstream)
        self.write("postern.conf", self.shipped("nginx/postern.conf"))
        return ["nginx", "-p", self.folder, "-e", os.path.join(self.folder, "start.log"), "-c", self.write("nginx.conf", self.template("nginx.conf"))]

    def haproxy(self):
        snippet = self.shipped("haproxy/postern.cfg")
        expect(self.internal in snippet, "the shipped snippet names the gateway's address")
        self.names["POSTERN"] = snippet
        shutil.copy(os.path.join(DEPLOY, "haproxy/postern.lua"), self.folder)
        self.write("sessions.map", self.template("sessions.map"))
        return ["haproxy", "-db", "-f", self.write("haproxy.cfg", self.template("haproxy.cfg"))]

    def caddy(self):
        self.write("postern.caddy", self.shipped("caddy/postern.caddy"))
        return ["caddy", "run", "--adapter", "caddyfile", "--config", self.write("Caddyfile", self.template("Caddyfile"))]

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=harness.ANSWER_S)

    def ask(self, host, headers=ANA, path="/", method="GET", body=None, connection=None):
        own = connection or self.connect()
        try:
            own.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            own.putheader("Host", host)
            for name, value in headers.items():
                own.putheader(name, value)
            chunked = isinstance(body, list)
            if chunked:
                own.putheader("Transfer-Encoding", "chunked")
            elif body is not None:
                own.putheader("Content-Length", str(len(body)))
            own.endheaders(iter(body) if chunked else body, encode_chunked=chunked)
            response = own.getresponse()
            return Answer(response.status, dict((k.lower(), v) for k, v in response.getheaders()), response.read())
        finally:
            if connection is None:
                own.close()

    def page(self, answer):
        """Where a refusal leads: a redirect, or the link in the answer's text."""
        if answer.status in (302, 303):
            return answer.headers["location"]
        expect(answer.status == 403, "a refusal is 302 or 403, not %d: %s" % (answer.status, answer.text()[:300]))
        link = re.search(r'href="([^"]+)"', answer.text())
        expect(link, "the refusal links the page: %s" % answer.text())
        return link.group(1)


def app_of(answer):
    expect(answer.status == 200, "the app should answer, not %d: %s %s" % (answer.status, answer.headers, answer.text()[:300]))
    return answer.json()


def refused(answer):
    return answer.status in (302, 403)


def reads_app(answer):
    return answer.status == 200 and b'"app"' in answer.body


def check_open(door):
    for host, name in (("pay.example", "pay"), ("wiki.example", "wiki")):
        seen = app_of(door.ask(host, path="/a/b?c=d%20e"))
        expect(seen["app"] == name and seen["path"] == "/a/b?c=d%20e", "the right app, the same path: %s" % seen)
        expect(seen["headers"].get("x-postern-person") == "ana@acme.example", "the app learns who it is: %s" % seen)
        expect(seen["headers"].get("x-postern-outcome") == "allow", "and the outcome: %s" % seen)


def check_bodies(door):
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        seen = app_of(door.ask("pay.example", method=method, body=b"x" * 100_000))
        expect(seen["bytes"] == 100_000 and seen["method"] == method, "%s arrives whole: %s" % (method, seen))
    seen = app_of(door.ask("pay.example", method="POST", body=[b"y" * 5000] * 4))
    expect(seen["bytes"] == 20_000, "a chunked body arrives whole: %s" % seen)


def check_nobody_signed_in(door):
    for headers in ({}, {"Cookie": "session=stolen"}, {"X-Postern-Person": "ana@acme.example"}):
        answer = door.ask("wiki.example", headers=headers)
        expect(answer.status == 401, "not signed in (%s) is 401, not %d" % (headers, answer.status))


def check_forged_on_open_door(door):
    seen = app_of(door.ask("wiki.example", headers=dict(ANA, **FORGED)))
    expect(seen["headers"]["x-postern-person"] == "ana@acme.example", "the app is told who really signed in: %s" % seen)
    expect(seen["headers"].get("x-postern-outcome") == "allow", "and the real outcome: %s" % seen)


def check_keep_alive(door, times=40):
    """Alternating doors on one kept connection: each answer is that request's own."""
    connection = door.connect()
    kept = None
    for turn in range(times):
        host = "pay.example" if turn % 2 == 0 else "wiki.example"
        answer = door.ask(host, connection=connection)
        expect(refused(answer) == (turn % 2 == 0), "turn %d, %s: %d" % (turn, host, answer.status))
        kept = kept or connection.sock
        expect(connection.sock is not None and connection.sock is kept, "the connection is kept")
    connection.close()


def check_many_at_once(door, threads=8, each=25):
    """Questions in flight together do not take each other's answers."""
    wrong = []

    def run(host, wanted):
        connection = door.connect()
        try:
            for _ in range(each):
                answer = door.ask(host, connection=connection)
                if refused(answer) != wanted:
                    wrong.append("%s: %d" % (host, answer.status))
        except (OSError, http.client.HTTPException) as error:
            wrong.append("%s: %r" % (host, error))
        connection.close()
    running = [threading.Thread(target=run, args=(("pay.example", True) if i % 2 else ("wiki.example", False))) for i in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    expect(not wrong, "%d wrong answers: %s" % (len(wrong), wrong[:5]))
    expect(door.process.alive(), "%s survives" % door.kind)


def check_closed(door, gateway):
    answer = door.ask("pay.example")
    link = door.page(answer)
    expect(link.startswith("https://localhost:%d/blocked/" % gateway.public_port), "it leads to the page: %s" % link)
    page = harness.request(link, ca=gateway.ca)
    expect(page.status == 200 and "Payroll" in page.text() and "How to fix" in page.text(), "the page explains: %d" % page.status)
    for method, body in (("GET", None), ("POST", b"z" * 10_000), ("DELETE", None), ("PATCH", b"z")):
        expect(refused(door.ask("pay.example", method=method, body=body)), "%s is refused too" % method)
    expect(refused(door.ask("pay.example", headers=dict(ANA, **FORGED))), "forged headers open nothing")
    for twice in ("X-Postern-Person: ben@acme.example\r\nX-Postern-Person: ben@acme.example", "x_postern_person: ben@acme.example"):
        expect(not app_was_reached(door, twice), "%r opens nothing" % twice)
    for host in ("PAY.example", "pay.example:%d" % door.port, "pay.example.", "pay.example:443"):
        answer = door.ask(host)
        expect(not reads_app(answer), "%r must not reach the app: %d" % (host, answer.status))
    app_of(door.ask("wiki.example"))


def app_was_reached(door, line):
    with socket.create_connection(("127.0.0.1", door.port), timeout=harness.ANSWER_S) as s:
        s.sendall(("GET / HTTP/1.1\r\nHost: pay.example\r\nCookie: session=ana-session\r\n%s\r\nConnection: close\r\n\r\n" % line).encode())
        text = b""
        while part := s.recv(65536):
            text += part
    return b'"app"' in text


def healthy_other_device(world, gateway, device):
    """A second, healthy device of hers, known by a certificate: what a forged certificate header would pretend to be."""
    secret = gateway.cli_json("enroll-secret", "create", "--person", "ana@acme.example")["secret"]
    other = dict(device, name="calais", serial="C02CALAIS1", uuid="3b1c0000-0000-4000-8000-00000000ca1a", hostname="calais", enroll_secret=secret, defects=[])
    fleet = Fleet(world, gateway, [other])
    found = wait_for("the second device", lambda: posture(gateway, "C02CALAIS1").get("verdict") == "pass" and posture(gateway, "C02CALAIS1"))
    return fleet, found["device"]


def behind(world, kind):
    slack, (gateway,), device = with_people(world, close="3s")
    pay, wiki = App("pay"), App("wiki")
    door = Door(world, kind, gateway, pay, wiki)
    fleet = Fleet(world, gateway, [device])
    wait_for("a healthy report", lambda: posture(gateway).get("verdict") == "pass")
    check_open(door)
    check_bodies(door)
    check_nobody_signed_in(door)
    check_forged_on_open_door(door)
    app_403 = door.ask("wiki.example", path="/forbidden-by-app")
    expect(app_403.status == 403 and app_403.json()["app"] == "wiki", "the app's own 403 stays the app's: %d %s" % (app_403.status, app_403.text()[:200]))
    fleet.control("break", "dover", "firewall")
    wait_for("the firewall fails", lambda: result_of(gateway, "firewall") == "fail")
    wait_for("the sensitive app closes", lambda: refused(door.ask("pay.example")))
    check_closed(door, gateway)
    check_keep_alive(door)
    check_many_at_once(door)
    fleet.control("fix", "dover", "firewall")
    wait_for("the fix opens it", lambda: door.ask("pay.example").status == 200)
    check_open(door)
    gateway.stop()
    for host in ("pay.example", "wiki.example"):
        answer = door.ask(host)
        expect(answer.status in (500, 502, 503, 504), "with postern away %s is closed, not %d" % (host, answer.status))
    gateway.start()
    wait_for("open again without a restart of the proxy", lambda: door.ask("pay.example").status == 200)
    fleet.process.stop()
    expect(door.process.alive(), "%s still runs" % kind)
    door.process.stop()
    gateway.stop()
    pay.stop()
    wiki.stop()


def story_nginx_auth_request(world):
    behind(world, "nginx")


def story_haproxy_with_lua(world):
    behind(world, "haproxy")


def story_caddy_forward_auth(world):
    behind(world, "caddy")


def ask_directly(gateway, source, headers, query=""):
    """Straight to the internal listener, from an address of our choice on loopback."""
    connection = http.client.HTTPConnection("127.0.0.1", gateway.internal_port, timeout=harness.ANSWER_S, source_address=(source, 0))
    try:
        connection.request("GET", "/forward-auth" + query, headers=headers)
        response = connection.getresponse()
        return Answer(response.status, dict((k.lower(), v) for k, v in response.getheaders()), response.read())
    finally:
        connection.close()


def story_only_a_trusted_proxy_is_believed(world):
    slack, (gateway,), device = with_people(world, close="3s")
    fleet = Fleet(world, gateway, [dict(device, defects=["firewall"])])
    wait_for("the firewall fails", lambda: result_of(gateway, "firewall") == "fail")
    good = {"X-Postern-Person": "ana@acme.example", "X-Forwarded-Host": "wiki.example"}
    answer = ask_directly(gateway, "127.0.0.1", good)
    expect(answer.status == 200 and answer.headers["x-postern-outcome"], "the proxy is answered: %d" % answer.status)
    forged = ask_directly(gateway, "127.0.0.2", good)
    expect(forged.status == 403 and "x-postern-page" not in forged.headers and "x-postern-outcome" not in forged.headers, "another address is not: %d %s" % (forged.status, forged.headers))
    expect(ask_directly(gateway, "127.0.0.2", dict(good, **{"X-Forwarded-For": "127.0.0.1"})).status == 403, "X-Forwarded-For does not help")
    refusal = wait_for("payroll closes", lambda: (lambda a: a if a.status == 403 else None)(ask_directly(gateway, "127.0.0.1", dict(good, **{"X-Forwarded-Host": "pay.example"}))))
    expect(refusal.headers["x-postern-outcome"] == "deny" and refusal.headers["x-postern-page"] in refusal.text(), "a refusal links its page")
    redirect = ask_directly(gateway, "127.0.0.1", dict(good, **{"X-Forwarded-Host": "PAY.EXAMPLE:8443"}), "?redirect=1")
    expect(redirect.status == 302 and "/blocked/" in redirect.headers["location"], "redirect=1 sends the browser there: %d" % redirect.status)
    rows = [({}, 401), ({"X-Postern-Person": "  "}, 401), ({"X-Postern-Person": "ana@acme.example"}, 403), (dict(good, **{"X-Forwarded-Host": "x" * 300}), 403),
            (dict(good, **{"X-Forwarded-Host": "nobody-knows.example"}), 403), (dict(good, **{"X-Postern-Person": "mallory@else.example", "X-Forwarded-Host": "pay.example"}), 403)]
    for headers, status in rows:
        answer = ask_directly(gateway, "127.0.0.1", headers)
        expect(answer.status == status, "%s: %d, wanted %d: %s" % (headers, answer.status, status, answer.text()[:200]))
    public = harness.request("https://localhost:%d/forward-auth" % gateway.public_port, headers=good, ca=gateway.ca)
    expect(public.status == 404, "the public listener does not have this door: %d" % public.status)
    fleet.process.stop()
    gateway.stop()


def certificates_behind(world, kind, gateway, pay, wiki, healthy):
    door = Door(world, kind, gateway, pay, wiki)
    answer = door.ask("pay.example", headers=dict(ANA, **{"X-SSL-Client-SHA256": FORGED_CERTIFICATE}))
    expect(refused(answer), "%s: a forged certificate header opens nothing: %d" % (kind, answer.status))
    register(gateway, healthy, door.fingerprint("device"))
    expect(refused(door.ask("pay.example", connection=door.connect_tls())), "%s: without a certificate her worst device counts" % kind)
    wait_for("%s: the certificate names the healthy device" % kind, lambda: door.ask("pay.example", connection=door.connect_tls("device")).status == 200)
    forged = dict(ANA, **{"X-SSL-Client-SHA256": door.fingerprint("device"), "Client-Cert": ":AAAA:"})
    expect(refused(door.ask("pay.example", headers=forged, connection=door.connect_tls())), "%s: over TLS a header is no certificate either" % kind)
    try:
        status = door.ask("pay.example", connection=door.connect_tls("stranger")).status
    except (OSError, http.client.HTTPException):
        status = 400  # the handshake was refused
    expect(status != 200, "%s: a certificate that nobody signed opens nothing: %d" % (kind, status))
    door.process.stop()


def register(gateway, device, fingerprint):
    added = gateway.admin("POST", "/admin/v1/devices/%s/identifiers" % device, {"certificate_sha256": fingerprint})
    expect(added.status == 200, "the certificate is registered: %d %s" % (added.status, added.text()))


def story_a_certificate_names_the_device(world):
    slack, (gateway,), device = with_people(world, close="3s")
    fleet = Fleet(world, gateway, [dict(device, defects=["firewall"])])
    other, other_id = healthy_other_device(world, gateway, device)
    register(gateway, other_id, FORGED_CERTIFICATE)
    asked = {"X-Postern-Person": "ana@acme.example", "X-Forwarded-Host": "pay.example"}
    wait_for("the worst of her devices closes payroll", lambda: ask_directly(gateway, "127.0.0.1", asked).status == 403)
    named = wait_for("the healthy device is let in", lambda: (lambda a: a if a.status == 200 else None)(ask_directly(gateway, "127.0.0.1", dict(asked, **{"X-SSL-Client-SHA256": FORGED_CERTIFICATE}))))
    expect(named.headers["x-postern-device"] == other_id, "by its name: %s" % named.headers)
    for header, value in (("X-SSL-Client-SHA256", "cd" * 32), ("X-SSL-Client-SHA256", "short"), ("Client-Cert", ":AAAA:"), ("Client-Cert", "no"), ("X-SSL-Client-Cert", "%2")):
        answer = ask_directly(gateway, "127.0.0.1", dict(asked, **{header: value}))
        expect(answer.status == 403, "%s: %s proves nothing: %d" % (header, value, answer.status))
    pay, wiki = App("pay"), App("wiki")
    for kind in ("nginx", "haproxy", "caddy"):
        certificates_behind(world, kind, gateway, pay, wiki, other_id)
    pay.stop()
    wiki.stop()
    fleet.process.stop()
    other.process.stop()
    gateway.stop()


def story_the_shipped_caddyfile_is_valid(world):
    """The other shipped files are run as they are; this one has a sign-in and names of its own."""
    folder = os.path.join(world.folder, "caddy")
    shutil.copytree(os.path.join(DEPLOY, "caddy"), folder)
    with open(os.path.join(folder, "people.caddy"), "w") as f:
        f.write("ana@acme.example $2a$14$Zkx19XLiW6VYouLHR5NmfOFU0z2GTNmpkT/5qqR7hx4IjWJPDhjvG\n")
    done = subprocess.run(["caddy", "adapt", "--adapter", "caddyfile", "--config", os.path.join(folder, "Caddyfile")], capture_output=True, text=True, timeout=60,
                          env=dict(os.environ, HOME=folder, XDG_CONFIG_HOME=folder))
    expect(done.returncode == 0, "caddy adapt: %s" % done.stderr[-1000:])
    sites = json.loads(done.stdout)["apps"]["http"]["servers"]["srv0"]["routes"]
    for site in sites:
        text = json.dumps(site)
        stripped, asked, passed = text.find('"X-Postern-*"'), text.find("/forward-auth"), text.find("127.0.0.1:900")
        expect(0 < stripped < asked < passed, "strip, ask, pass on, in this order: %s" % text[:600])


if __name__ == "__main__":
    harness.main(globals())
