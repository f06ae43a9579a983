"""The keys that sign: made before anybody logs in, the same on every node, rotated on all at once, published while the store is away."""
import base64
import json
import os
import subprocess

import harness
from harness import expect, fast_policy, wait_for


def key_set(gateway, path="/oidc/jwks", **headers):
    return gateway.get(path, headers)


def kids(gateway):
    return {key["kid"] for key in key_set(gateway).json()["keys"]}


def listed(gateway, use=None):
    return [key for key in gateway.cli_json("signing-key", "list")["signing_keys"] if use in (None, key["use"])]


def story_every_node_publishes_the_same_keys_and_a_rotation_reaches_all(world):
    redis = world.redis()
    one = world.gateway("one", policy=fast_policy("600s"), redis=redis).start()
    two = world.gateway("two", redis=redis).start()
    first = key_set(one)
    expect(first.status == 200 and first.json() == key_set(two).json(), "one set: %s" % first.text())
    expect(sorted(key["alg"] for key in first.json()["keys"]) == ["ES256", "RS256"], "both algorithms from the start")
    expect(key_set(one).body == key_set(one, "/.well-known/jwks.json").body, "both addresses")
    expect("max-age=" in first.headers["cache-control"] and first.headers["content-type"] == "application/json", "%s" % first.headers)
    same = key_set(two, **{"If-None-Match": first.headers["etag"]})
    expect(same.status == 304 and same.body == b"", "known already: %d" % same.status)
    expect(sorted((key["use"], key["algorithm"], key["state"]) for key in listed(one)) ==
           [("archive", "ES256", "signing"), ("saml", "RS256", "signing"), ("tokens", "ES256", "signing"), ("tokens", "RS256", "signing")], "%s" % listed(one))
    one.cli("signing-key", "rotate", "--algorithm", "RS256")
    expect(len(kids(one)) == 3, "published at once where it was asked for")
    wait_for("and on the other node", lambda: kids(two) == kids(one))
    expect([key["state"] for key in listed(two) if key["algorithm"] == "RS256" and key["use"] == "tokens"] == ["signing", "next"], "%s" % listed(two))
    two.cli("signing-key", "rotate", "--use", "saml", "--lead", "45d")
    expect(len(kids(one)) == 3 and [key["state"] for key in listed(one, "saml")] == ["signing", "next"], "SAML's keys are not in the set: %s" % listed(one, "saml"))
    refused = one.cli("signing-key", "rotate", "--now", code=2)
    expect("--accept-failing-logins" in refused, refused)
    answer = one.admin("POST", "/admin/v1/signing-keys/rotate", {"now": True})
    expect(answer.status == 400, "the API asks for the second word too: %d" % answer.status)
    before = kids(one)
    one.cli("signing-key", "rotate", "--now", "--accept-failing-logins", "--algorithm", "RS256")
    wait_for("a lost key is withdrawn everywhere", lambda: kids(two) == kids(one) and len(before & kids(two)) == 1)
    redis.process.kill()
    wait_for("the store is away", lambda: one.get("/readyz", admin=True).status == 503)
    expect(key_set(one).status == 200, "the keys stay published")
    one.stop()
    two.stop()


def story_openssl_reads_what_is_published(world):
    gateway = world.gateway(policy=fast_policy("600s")).start()
    rsa = next(key for key in key_set(gateway).json()["keys"] if key["kty"] == "RSA")
    expect(len(rsa["x5c"]) == 1 and "d" not in rsa, "public, with its certificate: %s" % list(rsa))
    base64.b64decode(rsa["kid"], validate=True)
    path = os.path.join(world.folder, "signing.der")
    with open(path, "wb") as f:
        f.write(base64.b64decode(rsa["x5c"][0], validate=True))
    shown = subprocess.run(["openssl", "x509", "-inform", "DER", "-in", path, "-noout", "-modulus", "-checkend", "315000000"], capture_output=True, text=True, timeout=60)
    modulus = base64.urlsafe_b64decode(rsa["n"] + "==").hex().upper()
    expect("Modulus=" + modulus in shown.stdout and shown.returncode == 0, "the certificate is that key's, and lasts: %s" % shown.stdout)
    gateway.stop()
    again = gateway.start()
    expect(json.dumps(rsa) in json.dumps(key_set(again).json()), "kept over a restart")
    again.stop()


if __name__ == "__main__":
    harness.main(globals())
