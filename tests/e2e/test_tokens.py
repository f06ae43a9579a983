"""Who may use our API besides API keys: access tokens of issuers that nobody here wrote (node's own crypto), each way to get them wrong, keys that roll
while the gateway runs, an issuer that is away; and client certificates, alone and as what a token is bound to."""
import base64
import hashlib
import http.client
import json
import os
import ssl
import subprocess
import sys

import harness
from harness import ROOT, Process, expect, fast_policy, free_port, request, wait_for

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "peers"))
from tls import Authority  # noqa: E402

POSTURE = "/v1/posture?device=SER1"


class Issuer:
    def __init__(self, world, name):
        self.port = free_port()
        self.base = "http://127.0.0.1:%d" % self.port
        self.process = Process(["node", os.path.join(ROOT, "tests/support/fake_issuer.mjs"), str(self.port)], os.path.join(world.folder, name + ".log"))
        wait_for("issuer %s listens" % name, lambda: self.process.alive() and "listening" in self.process.text())

    def call(self, path, body=None):
        answer = request(self.base + "/control/" + path, "POST" if body is not None else "GET", body)
        expect(answer.status == 200, "%s: %d" % (path, answer.status))
        return answer

    def key(self, name, kind="rsa"):
        self.call("key", {"name": name, "type": kind})

    def publish(self, *names, status=200):
        self.call("publish", {"names": list(names), "status": status} if names else {"status": status})

    def token(self, key="a", **more):
        return self.call("token", dict(more, key=key)).text()

    def gets(self):
        return self.call("gets").json()["gets"]


def configuration(issuers, callers=()):
    rows = ["  - { id: %s, issuer: \"%s\", audience: postern, scopes: [\"posture:read=posture\", \"posture:admin=admin\"], allow_private: true%s }" % (name, issuer.base, more)
            for name, issuer, more in issuers]
    return "issuers:\n" + "\n".join(rows) + "\n" + ("callers:\n" + "\n".join(callers) + "\n" if callers else "")


def ask(gateway, token, path=POSTURE, port=None):
    headers = {"Authorization": "Bearer " + token} if token is not None else {}
    return request("http://127.0.0.1:%d%s" % (port or gateway.internal_port, path), headers=headers)


def known_device(gateway):
    gateway.cli("person", "import", "-", stdin=json.dumps([{"email": "ana@acme.example"}]))


def accepted(answer):
    """Let in: the device is not known, and that is what is said."""
    return answer.status == 404


def story_a_token_opens_what_its_scopes_say_and_nothing_else(world):
    issuer = Issuer(world, "a")
    issuer.key("a")
    issuer.key("e", "ec")
    issuer.key("rogue")
    issuer.publish("a", "e")
    gateway = world.gateway(policy=fast_policy("600s"), config=configuration([("sso", issuer, ", clients: [tool]")])).start()
    known_device(gateway)
    wait_for("keys were fetched and a token opens", lambda: accepted(ask(gateway, issuer.token())))
    expect(accepted(ask(gateway, issuer.token("e", alg="ES256"))), "ES256 opens too")
    rows = [
        ("no token", None, 401), ("not a token", "abc", 401), ("two dots", "a.b.c", 401),
        ("another key", issuer.token("rogue", header={"kid": "a"}), 401), ("an unpublished key", issuer.token("rogue"), 401),
        ("alg none", issuer.token(alg="none"), 401), ("PS256, which is not in the list", issuer.token(alg="PS256"), 401),
        ("an ID token", issuer.token(header={"typ": "JWT"}), 401), ("no typ", issuer.token(header={"typ": None}), 401),
        ("crit", issuer.token(header={"crit": ["exp"]}), 401),
        ("another issuer", issuer.token(claims={"iss": "https://elsewhere.example"}), 401), ("no issuer", issuer.token(claims={"iss": None}), 401),
        ("another audience", issuer.token(claims={"aud": "wiki"}), 401), ("a list without us", issuer.token(claims={"aud": ["wiki", "mail"]}), 401),
        ("expired", issuer.token(claims={"exp": 1}), 401), ("no exp", issuer.token(claims={"exp": None}), 401), ("not yet", issuer.token(claims={"nbf": 9999999999}), 401),
        ("another client", issuer.token(claims={"client_id": "evil"}), 401), ("no client", issuer.token(claims={"client_id": None}), 401),
        ("bound to a DPoP key", issuer.token(claims={"cnf": {"jkt": "x"}}), 401), ("bound to a certificate", issuer.token(claims={"cnf": {"x5t#S256": "A" * 43}}), 401),
        ("long", issuer.token(claims={"x": "y" * 5000}), 404), ("longer than a header may be", issuer.token(claims={"x": "y" * 9000}), 400),
        ("no scope of ours", issuer.token(claims={"scope": "openid"}), 403), ("a list with us", issuer.token(claims={"aud": ["wiki", "postern"]}), 404),
        ("scp as Okta has it", issuer.token(claims={"scope": None, "client_id": None, "cid": "tool", "scp": ["posture:read"]}), 404),
    ]
    for again in range(2):
        for name, token, status in rows:
            answer = ask(gateway, token)
            expect(answer.status == status, "%s: %d %s" % (name, answer.status, answer.text()))
            challenge = answer.headers.get("www-authenticate", "")
            wanted = {401: "Bearer realm=\"postern\"" + (", error=\"invalid_token\"" if token else ""), 403: "insufficient_scope", 404: "", 400: ""}[status]
            expect(challenge == wanted if status != 403 else wanted in challenge and "scope=\"posture\"" in challenge, "%s: %s" % (name, challenge))
    expect(ask(gateway, issuer.token(), "/v1/events").status == 403, "another route, another scope")
    expect(ask(gateway, issuer.token(), "/admin/v1/keys", gateway.admin_port).status == 403, "administration is not open")
    expect(ask(gateway, issuer.token(claims={"scope": "posture:admin"}), "/admin/v1/keys", gateway.admin_port).status == 200, "unless its scope is")
    expect(ask(gateway, issuer.token() + "&access_token=x").status == 401, "one token")
    query = request("http://127.0.0.1:%d%s&access_token=%s" % (gateway.internal_port, POSTURE, issuer.token()))
    expect(query.status == 401, "never from the query")
    log = gateway.process.text()
    expect("eyJ" not in log, "no token in the log")
    gateway.stop()


def story_a_token_of_one_issuer_is_not_taken_for_another(world):
    one, two = Issuer(world, "one"), Issuer(world, "two")
    for issuer in (one, two):
        issuer.key("a")
        issuer.publish("a")
    gateway = world.gateway(policy=fast_policy("600s"), config=configuration([("one", one, ""), ("two", two, "")])).start()
    known_device(gateway)
    wait_for("one's keys", lambda: accepted(ask(gateway, one.token())))
    wait_for("two's keys", lambda: accepted(ask(gateway, two.token())))
    good = one.token()
    for _ in range(3):
        expect(accepted(ask(gateway, good)), "one's own")
        expect(ask(gateway, one.token(claims={"iss": two.base})).status == 401, "one's key, two's name")
        expect(ask(gateway, two.token(claims={"iss": one.base})).status == 401, "two's key, one's name")
    gateway.stop()


def story_keys_roll_and_issuers_go_away(world):
    issuer = Issuer(world, "rolling")
    issuer.key("a")
    issuer.publish("a", status=503)
    gateway = world.gateway(policy=fast_policy("600s"), config=configuration([("sso", issuer, "")])).start()
    known_device(gateway)
    early = ask(gateway, issuer.token())
    expect(early.status == 503, "no keys yet is our trouble, not the token's: %d" % early.status)
    wait_for("the issuer was asked", lambda: "keys.not_fetched" in gateway.process.text())
    issuer.publish("a")
    wait_for("its keys come", lambda: accepted(ask(gateway, issuer.token())))
    old = issuer.token()
    expect(accepted(ask(gateway, old)), "the old key's")
    issuer.key("b")
    before = issuer.gets()
    for i in range(50):
        expect(ask(gateway, issuer.token("b")).status == 401, "not published yet")
    expect(issuer.gets() - before <= 1, "a flood of unknown keys is at most one fetch a minute: %d" % (issuer.gets() - before))
    issuer.publish("a", "b")
    wait_for("the new key is fetched when it is met, within the minute", lambda: accepted(ask(gateway, issuer.token("b"))), pause_s=0.5)
    expect(accepted(ask(gateway, old)), "the old one goes on")
    issuer.process.kill()
    expect(accepted(ask(gateway, old)), "and with the issuer away too")
    gateway.stop()


def https(gateway, path, certificate=None, token=None):
    context = ssl._create_unverified_context()
    if certificate:
        context.load_cert_chain(*certificate)
    connection = http.client.HTTPSConnection("127.0.0.1", gateway.internal_port, timeout=harness.ANSWER_S, context=context)
    connection.request("GET", path, headers={"Authorization": "Bearer " + token} if token else {})
    response = connection.getresponse()
    answer = harness.Answer(response.status, dict((k.lower(), v) for k, v in response.getheaders()), response.read())
    connection.close()
    return answer


def fingerprint(path):
    with open(path) as f:
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(f.read()))


def story_client_certificates_are_callers_and_bind_tokens(world):
    issuer = Issuer(world, "mtls")
    issuer.key("a")
    issuer.publish("a")
    authority, stranger = Authority(os.path.join(world.folder, "callers-ca"), "callers"), Authority(os.path.join(world.folder, "other-ca"), "others")
    server, vpn, wiki, nobody = authority.server("localhost"), authority.client("vpn", "vpn"), authority.client("wiki", "wiki"), authority.client("nobody", "nobody")
    foreign = stranger.client("vpn", "vpn")
    callers = ["  - { id: vpn, subject: \"CN=vpn\", scopes: [posture] }", "  - { id: wiki, certificate_sha256: \"%s\", scopes: [decide] }" % fingerprint(wiki[0]).hexdigest().upper()]
    env = {"POSTERN_LISTEN_INTERNAL_TLS_CERTIFICATE": "file:" + server[0], "POSTERN_LISTEN_INTERNAL_TLS_KEY": "file:" + server[1],
           "POSTERN_LISTEN_INTERNAL_CLIENT_CA": "file:" + authority.certificate}
    gateway = world.gateway(policy=fast_policy("600s"), config=configuration([("sso", issuer, "")], callers), env=env).start()
    known_device(gateway)
    wait_for("the listener answers and keys are there", lambda: https(gateway, POSTURE, token=issuer.token()).status == 404)
    expect(https(gateway, POSTURE, vpn).status == 404, "by subject")
    expect(https(gateway, POSTURE, wiki).status == 403, "another scope: %s" % https(gateway, POSTURE, wiki).text())
    expect(https(gateway, POSTURE, nobody).status == 401, "of our CA, but nobody's")
    expect(https(gateway, POSTURE, foreign).status == 401, "the same name from another CA")
    expect(https(gateway, POSTURE).status == 401, "none")
    expect(https(gateway, POSTURE, vpn, "pst_x_" + "y" * 43).status == 401, "a bad key is not rescued by a good certificate")
    thumbprint = base64.urlsafe_b64encode(fingerprint(nobody[0]).digest()).decode().rstrip("=")
    bound = issuer.token(claims={"cnf": {"x5t#S256": thumbprint}})
    for _ in range(2):
        expect(https(gateway, POSTURE, nobody, bound).status == 404, "bound, with its certificate")
        expect(https(gateway, POSTURE, vpn, bound).status == 401, "bound, with another's")
        expect(https(gateway, POSTURE, None, bound).status == 401, "bound, as a plain bearer token")
        expect(https(gateway, POSTURE, vpn, issuer.token()).status == 404, "not bound, a certificate beside it")
    gateway.stop()


def story_a_trusted_proxy_passes_certificates_on(world):
    issuer = Issuer(world, "proxied")
    issuer.key("a")
    issuer.publish("a")
    authority = Authority(os.path.join(world.folder, "proxied-ca"), "callers")
    vpn, other = authority.client("vpn", "vpn"), authority.client("other", "other")
    callers = ["  - { id: vpn, certificate_sha256: \"%s\", scopes: [posture] }" % fingerprint(vpn[0]).hexdigest(), "  - { id: other, subject: \"CN=other\", scopes: [posture] }"]
    gateway = world.gateway(policy=fast_policy("600s"), config=configuration([("sso", issuer, "")], callers), listen="  device: { proxy_headers: [rfc9440] }\n").start()
    known_device(gateway)
    wait_for("keys", lambda: accepted(ask(gateway, issuer.token())))

    def header(pair):
        with open(pair[0]) as f:
            return ":" + base64.b64encode(ssl.PEM_cert_to_DER_cert(f.read())).decode() + ":"

    def through_proxy(token=None, **headers):
        if token:
            headers["Authorization"] = "Bearer " + token
        return request("http://127.0.0.1:%d%s" % (gateway.internal_port, POSTURE), headers={name.replace("_", "-"): value for name, value in headers.items()}).status

    bound = issuer.token(claims={"cnf": {"x5t#S256": base64.urlsafe_b64encode(fingerprint(vpn[0]).digest()).decode().rstrip("=")}})
    rows = [("by its certificate", {"Client_Cert": header(vpn)}, 404), ("a subject is not enough behind a proxy", {"Client_Cert": header(other)}, 401),
            ("a header that this proxy does not set", {"X_Forwarded_Client_Cert": "Hash=" + fingerprint(vpn[0]).hexdigest()}, 401), ("nonsense", {"Client_Cert": ":AAAA:"}, 401),
            ("none", {}, 401), ("bound, with its certificate", {"token": bound, "Client_Cert": header(vpn)}, 404), ("bound, with another's", {"token": bound, "Client_Cert": header(other)}, 401),
            ("bound, without", {"token": bound}, 401)]
    for name, what, status in rows:
        got = through_proxy(**what)
        expect(got == status, "%s: %d" % (name, got))
    gateway.stop()


def story_a_mistake_in_the_configuration_is_said_with_its_place(world):
    rows = [
        ("issuers: [{ id: a, issuer: \"https://a\", audience: x, scopes: [\"y=root\"] }]", "theirs=ours"),
        ("issuers: [{ id: a, issuer: \"https://a\", audience: x, scopes: [\"y=login\"] }]", "theirs=ours"),
        ("issuers: [{ id: a, issuer: \"https://a\", audience: x, scopes: [\"y=admin\"], algorithms: [HS256] }]", "HS256"),
        ("issuers: [{ id: a, issuer: \"http://a\", audience: x, scopes: [\"y=admin\"] }]", "cannot be fetched"),
        ("issuers: [{ id: a, issuer: \"https://a\", scopes: [\"y=admin\"] }]", "audience"),
        ("issuers: [{ id: a, issuer: \"https://a\", audience: x, scopes: [\"y=admin\"] }, { id: b, issuer: \"https://a\", audience: x, scopes: [\"y=admin\"] }]", "same id or issuer"),
        ("callers: [{ id: a, scopes: [decide] }]", "either certificate_sha256 or subject"),
        ("callers: [{ id: a, certificate_sha256: abc, scopes: [decide] }]", "64 hexadecimal"),
        ("callers: [{ id: a, subject: CN=a, scopes: [root] }]", "root"),
    ]
    path = os.path.join(world.folder, "mistake.yaml")
    for text, said in rows:
        with open(path, "w") as f:
            f.write(text + "\n")
        done = subprocess.run([world.postern, "check", path], capture_output=True, text=True, timeout=60)
        expect(done.returncode != 0 and said in done.stdout + done.stderr, "%s: %s" % (text, done.stdout + done.stderr))


if __name__ == "__main__":
    harness.main(globals())
