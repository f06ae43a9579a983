"""The OpenID Provider as a small RP of raw HTTP meets it: what the basic certification plan of the OpenID Foundation looks at, the four ways of client
authentication, form_post, a login that is blocked and fixed half-way, hostile requests, and two nodes that share nothing but the store."""
import base64
import hashlib
import json
import os
import secrets
import subprocess
import time
import urllib.parse

import harness
from browser import Browser
from harness import expect, fast_policy, request
from login_scene import ANA, Scene, oidc_door, still_here

CALLBACK = "https://rp.example/cb"
P256_SPKI = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200")


def encoded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decoded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def number(text):
    return int.from_bytes(decoded(text), "big")


def rs256_holds(key, data, signature):
    """RFC 8017 section 8.2.2, with the published numbers alone."""
    n = number(key["n"])
    size = (n.bit_length() + 7) // 8
    wanted = b"\x00\x01" + b"\xff" * (size - 54) + b"\x00" + bytes.fromhex("3031300d060960864801650304020105000420") + hashlib.sha256(data).digest()
    return pow(int.from_bytes(signature, "big"), number(key["e"]), n).to_bytes(size, "big") == wanted


def es256_holds(world, key, data, signature):
    der_numbers = []
    for part in (signature[:32], signature[32:]):
        part = part.lstrip(b"\0") or b"\0"
        part = (b"\0" if part[0] & 0x80 else b"") + part
        der_numbers.append(bytes([2, len(part)]) + part)
    files = {"key.der": P256_SPKI + b"\x04" + decoded(key["x"]) + decoded(key["y"]), "signature": b"\x30" + bytes([sum(map(len, der_numbers))]) + b"".join(der_numbers), "data": data}
    for name, content in files.items():
        with open(os.path.join(world.folder, name), "wb") as f:
            f.write(content)
    done = subprocess.run(["openssl", "dgst", "-sha256", "-keyform", "DER", "-verify", "key.der", "-signature", "signature", "data"], cwd=world.folder, capture_output=True)
    return done.returncode == 0


class RP:
    """A relying party: only what it is given and what discovery says."""

    def __init__(self, scene, client_id, auth="client_secret_basic", secret=None, pkce=True, redirect_uri=CALLBACK):
        self.scene, self.client_id, self.auth, self.secret, self.pkce, self.redirect_uri = scene, client_id, auth, secret, pkce, redirect_uri
        answer = self.http("GET", scene.public + "/.well-known/openid-configuration")
        expect(answer.status == 200 and "content-length" in answer.headers and answer.headers["content-type"] == "application/json", "discovery: %d %s" % (answer.status, answer.headers))
        self.about = answer.json()
        expect(self.about["issuer"] == scene.public, "the issuer is %s" % self.about["issuer"])

    def http(self, method, url, fields=None, headers=None):
        headers = dict(headers or {})
        body = None
        if fields is not None:
            body = urllib.parse.urlencode(fields).encode()
            headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
        return request(url, method, body, headers, self.scene.gateway.ca)

    # ---- asking

    def question(self, **more):
        """Parameters of an authorization request; None leaves one out."""
        self.verifier = encoded(secrets.token_bytes(32))
        fields = {"client_id": self.client_id, "redirect_uri": self.redirect_uri, "response_type": "code", "scope": "openid", "state": secrets.token_hex(8), "nonce": secrets.token_hex(8)}
        if self.pkce:
            fields.update(code_challenge=encoded(hashlib.sha256(self.verifier.encode()).digest()), code_challenge_method="S256")
        fields.update(more)
        return {name: value for name, value in fields.items() if value is not None}

    def is_callback(self, method, url, fields):
        return url.startswith(self.redirect_uri)

    def ask(self, browser, fields, post=False):
        """The page that stays, or what came back to the callback as a dict."""
        if post:
            came = browser.post(self.about["authorization_endpoint"], fields, hold=self.is_callback)
        else:
            came = browser.go(self.about["authorization_endpoint"] + "?" + urllib.parse.urlencode(fields), hold=self.is_callback)
        return self.returned(came)

    def returned(self, came):
        if not isinstance(came, tuple):
            return came
        method, url, fields = came
        answer = fields if method == "POST" else dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query, strict_parsing=True))
        expect(answer.get("iss") == self.about["issuer"], "who answers: %s" % answer)
        return answer

    def login(self, browser, post=False, **more):
        """The whole flow: (claims of the ID token, token response)."""
        fields = self.question(**more)
        answer = self.ask(browser, fields, post)
        expect(isinstance(answer, dict) and "code" in answer and answer.get("state") == fields.get("state"), "a code and the state: %s" % (answer,))
        return self.exchange(answer["code"], fields)

    # ---- exchanging

    def credentials(self, fields):
        headers = {}
        if self.auth == "client_secret_basic":
            pair = urllib.parse.quote_plus(self.client_id) + ":" + urllib.parse.quote_plus(self.secret)
            headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        elif self.auth == "client_secret_post":
            fields.update(client_id=self.client_id, client_secret=self.secret)
        elif self.auth == "private_key_jwt":
            fields.update(client_assertion_type="urn:ietf:params:oauth:client-assertion-type:jwt-bearer", client_assertion=self.assertion())
        else:
            fields["client_id"] = self.client_id
        return headers

    def assertion(self):
        now = int(time.time())
        claims = {"iss": self.client_id, "sub": self.client_id, "aud": self.about["issuer"], "iat": now, "exp": now + 60, "jti": secrets.token_hex(16)}
        data = ".".join(encoded(json.dumps(part).encode()) for part in ({"alg": "RS256", "kid": "rp"}, claims))
        done = subprocess.run(["openssl", "dgst", "-sha256", "-sign", self.key], input=data.encode(), capture_output=True, check=True)
        return data + "." + encoded(done.stdout)

    def token(self, code, **more):
        fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": self.redirect_uri}
        if self.pkce:
            fields["code_verifier"] = self.verifier
        fields.update(more)
        headers = self.credentials(fields)
        return self.http("POST", self.about["token_endpoint"], fields, headers)

    def exchange(self, code, asked):
        answer = self.token(code)
        expect(answer.status == 200, "tokens: %d %s" % (answer.status, answer.text()))
        expect(answer.headers["cache-control"] == "no-store" and answer.headers["pragma"] == "no-cache", "not kept: %s" % answer.headers)
        tokens = answer.json()
        expect(tokens["token_type"] == "Bearer" and tokens["expires_in"] > 0, "tokens: %s" % tokens)
        claims = self.verify(tokens["id_token"])
        expect(claims.get("nonce") == asked.get("nonce"), "the nonce: %s" % claims)
        half = encoded(hashlib.sha256(tokens["access_token"].encode()).digest()[:16])
        expect(claims["at_hash"] == half, "at_hash: %s" % claims)
        return claims, tokens

    def verify(self, id_token):
        head, payload, signature = id_token.split(".")
        header = json.loads(decoded(head))
        keys = [k for k in self.http("GET", self.about["jwks_uri"]).json()["keys"] if k["kid"] == header["kid"]]
        expect(len(keys) == 1 and keys[0]["alg"] == header["alg"], "one key: %s for %s" % (keys, header))
        data = (head + "." + payload).encode()
        good = rs256_holds(keys[0], data, decoded(signature)) if header["alg"] == "RS256" else es256_holds(self.scene.world, keys[0], data, decoded(signature))
        expect(good, "the signature of %s" % header)
        claims = json.loads(decoded(payload))
        now = time.time()
        expect(claims["iss"] == self.about["issuer"] and claims["aud"] == self.client_id and claims["exp"] > now - 60 and abs(claims["iat"] - now) < 120, "claims: %s" % claims)
        return claims

    def userinfo(self, access_token, how="header"):
        url = self.about["userinfo_endpoint"]
        if how == "body":
            return self.http("POST", url, {"access_token": access_token})
        return self.http("POST" if how == "post" else "GET", url, None, {"Authorization": "Bearer " + access_token})


def scene_of(world, doors, **more):
    return Scene(world, doors, close="3s", **more)


def rp_of(scene, door="rp", pkce=True, auth="client_secret_basic"):
    return RP(scene, door, auth, scene.client_secret(door) if auth.startswith("client_secret") else None, pkce)


# ---- the certification plan ----

def plan_happy(rp, browser):
    claims, tokens = rp.login(browser, scope="openid profile email")
    expect(claims["sub"].startswith("p_") and claims["email"] == ANA, "whose: %s" % claims)
    expect(claims["device_context"]["managed"] and claims["device_context"]["compliant"] and claims["device_context"]["externalId"] == "C02DOVER01", "the device: %s" % claims)
    for how in ("header", "post", "body"):
        answer = rp.userinfo(tokens["access_token"], how)
        expect(answer.status == 200 and answer.json()["sub"] == claims["sub"] and answer.json()["email"] == ANA, "userinfo by %s: %d %s" % (how, answer.status, answer.text()))


def plan_no_response_type(rp, browser):
    answer = rp.ask(browser, rp.question(response_type=None))
    expect(answer["error"] in ("invalid_request", "unsupported_response_type"), answer)


def plan_without_nonce(rp, browser):
    claims, _ = rp.login(browser, nonce=None)
    expect("nonce" not in claims, claims)


def plan_scopes(rp, browser):
    for scope, name in (("profile", "preferred_username"), ("email", "email"), ("address", None), ("phone", None), ("profile email address phone", "email")):
        claims, tokens = rp.login(browser, scope="openid " + scope)
        told = rp.userinfo(tokens["access_token"]).json()
        expect(name is None or name in told, "scope %s: %s" % (scope, told))


def plan_display(rp, browser):
    for display in ("page", "popup", "touch"):
        rp.login(browser, display=display)


def plan_prompt(rp, browser):
    first, _ = rp.login(browser)
    again, _ = rp.login(browser, prompt="login")
    expect(again["auth_time"] >= first["auth_time"] and again["sub"] == first["sub"], "a fresh check: %s %s" % (first, again))
    silent, _ = rp.login(browser, prompt="none")
    expect(silent["sub"] == first["sub"], silent)
    nobody = rp.ask(Browser(ca=[rp.scene.gateway.ca]), rp.question(prompt="none"))
    expect(nobody["error"] in ("login_required", "interaction_required"), "nothing proved, no page: %s" % nobody)
    both = rp.ask(browser, rp.question(prompt="none login"))
    expect(both["error"] == "invalid_request", both)


def plan_max_age(rp, browser):
    first, _ = rp.login(browser)
    harness.wait_for("a second passes", lambda: time.time() > first["auth_time"] + 1.1)
    second, _ = rp.login(browser, max_age="1")
    expect(second["auth_time"] > first["auth_time"], "fresh: %s %s" % (first, second))
    third, _ = rp.login(browser, max_age="10000")
    expect("auth_time" in third and third["sub"] == first["sub"], third)


def plan_hints(rp, browser):
    claims, tokens = rp.login(browser)
    again, _ = rp.login(browser, prompt="none", id_token_hint=tokens["id_token"])
    expect(again["sub"] == claims["sub"], again)
    rp.login(browser, login_hint="buffy@rp.example")
    rp.login(browser, login_hint=ANA)
    other = rp.ask(browser, rp.question(id_token_hint=tokens["id_token"][:-6] + "AAAAAA"))
    expect(other["error"] == "invalid_request", other)


def plan_parameters_that_change_nothing(rp, browser):
    rp.login(browser, extra="foobar", ui_locales="se", claims_locales="se", acr_values="1 2")


def plan_acr(rp, browser):
    for acr in rp.about["acr_values_supported"]:
        rp.login(browser, acr_values=acr)
    reached, _ = rp.login(browser, claims=json.dumps({"id_token": {"acr": {"essential": True, "values": rp.about["acr_values_supported"]}}}))
    expect(reached["acr"] in rp.about["acr_values_supported"], reached)
    answer = rp.ask(browser, rp.question(claims=json.dumps({"id_token": {"acr": {"essential": True, "values": ["urn:perfect"]}}})))
    expect(answer["error"] == "unmet_authentication_requirements", answer)


def plan_claims(rp, browser):
    _, tokens = rp.login(browser, claims=json.dumps({"userinfo": {"email": {"essential": True}, "name": {"essential": True}, "picture": None}}))
    expect(rp.userinfo(tokens["access_token"]).json()["email"] == ANA, "an essential claim is told")


def plan_code_reuse(rp, browser):
    fields = rp.question()
    code = rp.ask(browser, fields)["code"]
    _, tokens = rp.exchange(code, fields)
    again = rp.token(code)
    expect(again.status == 400 and again.json()["error"] == "invalid_grant", "a second time: %d %s" % (again.status, again.text()))
    expect(rp.userinfo(tokens["access_token"]).status == 401, "what the first gave is taken back")


def plan_redirect_uri(rp, browser):
    for bad in (CALLBACK + "x", CALLBACK + "/", CALLBACK + "?a=b", CALLBACK.upper(), "https://evil.example/cb", None):
        page = rp.ask(browser, rp.question(redirect_uri=bad))
        expect(not isinstance(page, dict) and page.status == 400 and "evil" not in page.text, "a page and nowhere else: %r" % (page,))
    fields = rp.question()
    code = rp.ask(browser, fields)["code"]
    wrong = rp.token(code, redirect_uri=CALLBACK + "x")
    expect(wrong.status == 400 and wrong.json()["error"] == "invalid_grant", wrong.text())
    rp.exchange(code, fields)


def plan_post(rp, browser):
    rp.login(browser, post=True)


def plan_longest(rp, browser):
    """What a state may hold comes back whole, at once and over a page whose address carries it."""
    longest = {"state": "s" * 4096, "nonce": "n" * 512}
    claims, _ = rp.login(browser, post=True, **longest)
    expect(claims["nonce"] == longest["nonce"], claims)
    stranger = Browser(ca=[rp.scene.gateway.ca])
    page = rp.ask(stranger, rp.question(**longest), post=True)
    expect(not isinstance(page, dict) and page.status == 200 and "We do not know this device yet" in page.text, "a page: %r" % (page,))
    over = rp.ask(browser, rp.question(state="s" * 4097), post=True)
    expect(not isinstance(over, dict) or over.get("error") == "invalid_request", over)


def plan_request_objects(rp, browser):
    unsigned = encoded(b'{"alg":"none"}') + "." + encoded(json.dumps({"redirect_uri": "https://evil.example/cb"}).encode()) + "."
    for name, value, error in (("request", unsigned, "request_not_supported"), ("request_uri", "https://rp.example/request.jwt", "request_uri_not_supported")):
        answer = rp.ask(browser, rp.question(**{name: value}))
        expect(answer["error"] == error, answer)


def plan_form_post(rp, browser):
    claims, _ = rp.login(browser, response_mode="form_post")
    expect(claims["sub"], claims)


def story_the_basic_certification_plan(world):
    scene = scene_of(world, oidc_door("rp", "wiki", [CALLBACK], pkce=False))
    for pkce in (False, True):
        rp = rp_of(scene, pkce=pkce)
        for name, part in sorted(globals().items()):
            if name.startswith("plan_"):
                part(rp, scene.browser("dover"))
    scene.stop()


# ---- clients ----

def story_each_client_authenticates_in_its_own_way(world):
    key = os.path.join(world.folder, "rp.key")
    subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
    modulus = subprocess.run(["openssl", "rsa", "-in", key, "-noout", "-modulus"], check=True, capture_output=True, text=True).stdout.strip().partition("=")[2]
    jwks = {"keys": [{"kty": "RSA", "kid": "rp", "n": encoded(bytes.fromhex(modulus)), "e": "AQAB"}]}
    scene = scene_of(world, oidc_door("basic", "wiki", [CALLBACK]) + oidc_door("post", "wiki", [CALLBACK], auth="client_secret_post", signing="ES256")
                     + oidc_door("jwt", "wiki", [CALLBACK], auth="private_key_jwt", jwks=json.dumps(jwks)) + oidc_door("spa", "wiki", [CALLBACK], auth="none"))
    rps = {"basic": rp_of(scene, "basic"), "post": rp_of(scene, "post", auth="client_secret_post"), "jwt": rp_of(scene, "jwt", auth="private_key_jwt"), "spa": rp_of(scene, "spa", auth="none")}
    rps["jwt"].key = key
    browser = scene.browser("dover")
    for name, rp in rps.items():
        claims, _ = rp.login(browser)
        expect(claims["sub"].startswith("p_"), "%s: %s" % (name, claims))
    for name, rp in rps.items():
        right = rp.auth
        for wrong in {other.auth for other in rps.values()} - {right}:
            fields = rp.question()
            code = rp.ask(browser, fields)["code"]
            rp.auth, rp.secret, rp.key = wrong, rp.secret or "pst_x_" + "a" * 43, key
            answer = rp.token(code)
            expect(answer.status == 401 and answer.json()["error"] == "invalid_client" and "Basic" in answer.headers["www-authenticate"], "%s by %s: %d %s" % (name, wrong, answer.status, answer.text()))
            rp.auth = right
            rp.exchange(code, fields)
    rotated = scene.client_secret("basic")
    old, rps["basic"].secret = rps["basic"].secret, rotated
    rps["basic"].login(browser)
    scene.gateway.cli("key", "revoke", old.split("_")[1])
    rps["basic"].login(browser)
    rps["basic"].secret = old
    answer = rps["basic"].token(rps["basic"].ask(browser, rps["basic"].question())["code"])
    expect(answer.status == 401, "a revoked secret: %d" % answer.status)
    scene.stop()


# ---- in the browser ----

def story_a_blocked_login_goes_on_when_it_is_fixed(world):
    scene = scene_of(world, oidc_door("wiki-rp", "wiki", [CALLBACK]) + oidc_door("pay-rp", "payroll", [CALLBACK]))
    wiki, pay = rp_of(scene, "wiki-rp"), rp_of(scene, "pay-rp")
    scene.break_("dover")
    browser = scene.browser("dover")
    fields = wiki.question()
    page = wiki.ask(browser, fields)
    expect(still_here(page), "a warning comes first: %r" % (page,))
    answer = wiki.returned(browser.follow(page, "Continue", hold=wiki.is_callback) if any("Continue" in t for _, t in page.links) else browser.submit(page, button="Continue", hold=wiki.is_callback))
    expect(answer["state"] == fields["state"], answer)
    claims, _ = wiki.exchange(answer["code"], fields)
    expect(claims["postern"]["outcome"] == "warn", "the warning is told: %s" % claims)
    silent = pay.ask(scene.browser("dover"), pay.question(prompt="none"))
    expect(silent["error"] == "interaction_required", "no page was wanted: %s" % silent)
    fields = pay.question()
    page = pay.ask(browser, fields)
    expect(still_here(page) and "How to fix" in page.words(), "closed in the same minute: %r" % (page,))
    scene.fix("dover")
    page = browser.submit(page, button="Check again")

    def back():
        nonlocal page
        came = browser.go(page.url, hold=pay.is_callback)
        page = page if isinstance(came, tuple) else came
        return came if isinstance(came, tuple) else None
    answer = pay.returned(harness.wait_for("the same login goes on", back))
    expect(answer["state"] == fields["state"], answer)
    claims, _ = pay.exchange(answer["code"], fields)
    expect(claims["postern"]["app"] == "payroll" and claims["device_context"]["compliant"], claims)
    scene.stop()


# ---- hostile ----

def story_nothing_hostile_is_redirected(world):
    scene = scene_of(world, oidc_door("rp", "wiki", [CALLBACK]))
    rp = rp_of(scene)
    good = rp.question()
    base = rp.about["authorization_endpoint"]
    rows = [("an unknown client", dict(good, client_id="nobody"), 400), ("8 KiB and more", dict(good, state="s" * 9000), 414), ("no parameters", {}, 400)]
    for name, fields, status in rows:
        answer = rp.http("GET", base + "?" + urllib.parse.urlencode(fields))
        expect(answer.status in (status, 400, 431) and "location" not in answer.headers, "%s: %d %s" % (name, answer.status, answer.headers))
        expect("text/html" in answer.headers.get("content-type", "") or answer.status != 400 or not answer.body or b"{" in answer.body, "%s: %s" % (name, answer.headers))
    answer = rp.http("POST", base, dict(good, state="s" * 1000000))
    expect(answer.status == 413, "a state of 1 MB: %d" % answer.status)
    answer = rp.http("POST", base, dict(good, state="s" * 5000))
    expect(answer.status == 303 and "error=invalid_request" in answer.headers["location"] and "sssss" not in answer.headers["location"], "a long state: %s" % answer.headers)
    for twice in good:
        answer = rp.http("GET", base + "?" + urllib.parse.urlencode(list(good.items()) + [(twice, good[twice])]))
        location = answer.headers.get("location", "")
        expect(answer.status == 400 if twice in ("client_id", "redirect_uri") else location.startswith(CALLBACK + "?error=invalid_request&"), "%s twice: %d %s" % (twice, answer.status, location))
    for body in (b"", b"\xff\xfe", b"grant_type=%zz", b"grant_type=authorization_code", b"&&&&", b"=" * 1000):
        answer = request(rp.about["token_endpoint"], "POST", body, {"Content-Type": "application/x-www-form-urlencoded"}, scene.gateway.ca)
        expect(answer.status in (400, 401) and answer.json()["error"] in ("invalid_client", "invalid_request"), "%r: %d %s" % (body, answer.status, answer.text()))
    for method in ("GET", "PUT", "DELETE"):
        expect(rp.http(method, rp.about["token_endpoint"]).status == 405, "%s of the token endpoint" % method)
    scene.stop()


# ---- nodes ----

def story_any_node_goes_on_with_a_code_and_none_twice(world):
    redis = world.redis()
    scene = scene_of(world, oidc_door("rp", "wiki", [CALLBACK]), redis=redis)
    other = world.gateway("other", policy=fast_policy(), redis=redis, public_url=scene.public).start()
    rp = rp_of(scene)
    elsewhere = "https://localhost:%d/oidc/token" % other.public_port
    here = rp.about["token_endpoint"]

    def redeemed(at, code):
        fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": rp.verifier}
        return request(at, "POST", urllib.parse.urlencode(fields).encode(), dict(rp.credentials(fields), **{"Content-Type": "application/x-www-form-urlencoded"}))
    rp.question()
    harness.wait_for("the other node knows the door and its secret", lambda: redeemed(elsewhere, "none").json().get("error") == "invalid_grant")
    for first, second in ((here, elsewhere), (elsewhere, here)):
        code = rp.ask(scene.browser("dover"), rp.question())["code"]
        answers = [redeemed(at, code) for at in (first, second)]
        expect([a.status for a in answers] == [200, 400], "once over all nodes: %s" % [(a.status, a.text()) for a in answers])
        revoked = request(rp.about["userinfo_endpoint"], "GET", None, {"Authorization": "Bearer " + answers[0].json()["access_token"]}, scene.gateway.ca)
        expect(revoked.status == 401, "taken back everywhere: %d" % revoked.status)
    other.stop()
    scene.stop()


if __name__ == "__main__":
    harness.main(globals())
