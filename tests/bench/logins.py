"""What a login costs, and what logins cost those who only ask for a decision: AuthZEN's latencies with none, then with 50 logins a second on the same node,
half of them SAML (two RSA signatures each), half OpenID Connect (a code, then a token). Prints figures; judges nothing.
usage: python3 tests/bench/logins.py --build build/release [--agent build/dev/tests/support/agent/postern-agent] [--seconds 15] [--rounds 3]
"""
import argparse
import base64
import http.client
import json
import os
import re
import ssl
import statistics
import subprocess
import sys
import threading
import time
import urllib.parse
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../e2e"))
import harness  # noqa: E402
from login_scene import ANA, SERIALS, Scene, oidc_door, saml_door  # noqa: E402
from test_key_rotation import client_cert_header  # noqa: E402

PER_SECOND, SP, CALLBACK = 50, "https://sp.example", "https://rp.example/cb"
SAML_REQUEST = ('<samlp:AuthnRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_%s" Version="2.0" '
                'IssueInstant="%s" AssertionConsumerServiceURL="%s/acs"><saml:Issuer>%s</saml:Issuer></samlp:AuthnRequest>')


class Provider:
    entity_id, acs = SP, SP + "/acs"


class Person:
    """Logs in again and again over one connection, at a rate of its own."""

    def __init__(self, scene, secret, header, kind, per_second):
        self.scene, self.secret, self.kind, self.pause_s, self.took_ms, self.ended, self.failed = scene, secret, kind, 1 / per_second, [], False, []
        context = ssl.create_default_context(cafile=scene.gateway.ca)
        self.connection = http.client.HTTPSConnection("localhost", scene.gateway.public_port, context=context, timeout=30)
        self.headers = {"Client-Cert": header}
        self.thread = threading.Thread(target=self.run, daemon=True)

    def ask(self, method, path, body=None, headers=None):
        self.connection.request(method, path, body, dict(self.headers, **(headers or {})))
        answer = self.connection.getresponse()
        return answer.status, answer.getheader("Location", ""), answer.read().decode()

    def saml(self):
        xml = SAML_REQUEST % (os.urandom(16).hex(), time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), SP, SP)
        packed = zlib.compressobj(9, zlib.DEFLATED, -15)
        request = base64.b64encode(packed.compress(xml.encode()) + packed.flush()).decode()
        status, _, page = self.ask("GET", "/saml/sso?" + urllib.parse.urlencode({"SAMLRequest": request, "RelayState": "r"}))
        return status == 200 and re.search('name="SAMLResponse" value="[^"]{2000,}"', page) is not None

    def oidc(self):
        query = {"client_id": "rp", "redirect_uri": CALLBACK, "response_type": "code", "scope": "openid", "state": "s", "nonce": "n"}
        status, location, _ = self.ask("GET", "/oidc/authorize?" + urllib.parse.urlencode(query))
        code = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(location).query)).get("code")
        basic = base64.b64encode(("rp:" + urllib.parse.quote_plus(self.secret)).encode()).decode()
        form = urllib.parse.urlencode({"grant_type": "authorization_code", "code": code or "", "redirect_uri": CALLBACK})
        status, _, body = self.ask("POST", "/oidc/token", form, {"Content-Type": "application/x-www-form-urlencoded", "Authorization": "Basic " + basic})
        return status == 200 and "id_token" in body

    def run(self):
        at = time.monotonic()
        while not self.ended:
            begun = time.monotonic()
            if not getattr(self, self.kind)():
                self.failed.append(self.kind)
            self.took_ms.append((time.monotonic() - begun) * 1000)
            at += self.pause_s
            time.sleep(max(0, at - time.monotonic()))


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def decisions(gateway, script, seconds):
    """wrk's latencies in microseconds, and how many a second."""
    out = subprocess.run(["wrk", "-t1", "-c2", "-d%ds" % seconds, "-s", script, "http://127.0.0.1:%d/access/v1/evaluation" % gateway.internal_port], capture_output=True, text=True).stdout
    return json.loads(out.strip().splitlines()[-1])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default=os.path.join(harness.ROOT, "build/release"))
    parser.add_argument("--agent", default=os.path.join(harness.ROOT, "build/dev/tests/support/agent/postern-agent"))
    parser.add_argument("--seconds", type=int, default=15)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    world = harness.World(args.build, False)
    world.agent = os.path.abspath(args.agent)
    scene = Scene(world, saml_door("sp", "wiki", Provider()) + oidc_door("rp", "wiki", [CALLBACK], pkce=False), device_host=False)
    certificate, _ = scene.devices_authority.client("dover", SERIALS["dover"])
    header = client_cert_header(certificate)
    digest = subprocess.run(["openssl", "x509", "-in", certificate, "-outform", "DER"], check=True, capture_output=True).stdout
    path = os.path.join(world.folder, "dover.pem")
    with open(path, "w") as f:
        f.write(ssl.DER_cert_to_PEM_cert(digest))
    scene.gateway.cli("device", "identify", SERIALS["dover"], "--certificate", path)
    secret = scene.client_secret("rp")
    device = scene.gateway.api("GET", "/v1/posture?serial=" + SERIALS["dover"]).json()["device"]
    body = json.dumps({"subject": {"type": "user", "id": ANA}, "action": {"name": "login"}, "resource": {"type": "app", "id": "wiki"}, "context": {"device": {"id": device}}})
    script = os.path.join(world.folder, "decide.lua")
    with open(script, "w") as f:
        f.write('wrk.method = "POST"\nwrk.body = %s\nwrk.headers["Content-Type"] = "application/json"\nwrk.headers["Authorization"] = "Bearer %s"\n' % (json.dumps(body), scene.gateway.key))
        f.write('function done(s, l, r) io.write(string.format(\'\\n{"n": %d, "s": %f, "bad": %d, "p50": %d, "p99": %d, "p999": %d}\\n\', s.requests, s.duration / 1e6, s.errors.status, '
                'l:percentile(50), l:percentile(99), l:percentile(99.9))) end\n')
    print("round            decisions/s   p50 us   p99 us  p99.9 us")
    for number in range(args.rounds):
        for loaded in (False, True):
            people = [Person(scene, secret, header, kind, PER_SECOND / 10) for kind in ("saml", "oidc") * 5] if loaded else []
            for person in people:
                person.thread.start()
            d = decisions(scene.gateway, script, args.seconds)
            for person in people:
                person.ended = True
            for person in people:
                person.thread.join()
            took = {kind: [ms for p in people if p.kind == kind for ms in p.took_ms] for kind in ("saml", "oidc")}
            print("%d %-14s %11.0f %8d %8d %9d  bad %d" % (number + 1, "with logins" if loaded else "alone", d["n"] / d["s"], d["p50"], d["p99"], d["p999"], d["bad"]), flush=True)
            if loaded:
                print("  logins: %.0f a second, failed %d; saml p50 %.1f ms p99 %.1f ms, oidc (code and token) p50 %.1f ms p99 %.1f ms" % (
                    sum(map(len, took.values())) / args.seconds, sum(len(p.failed) for p in people), statistics.median(took["saml"]), percentile(took["saml"], .99),
                    statistics.median(took["oidc"]), percentile(took["oidc"], .99)), flush=True)
    scene.stop()


if __name__ == "__main__":
    main()
