"""Ten thousand logins that are begun and never finished: nothing is kept of them, in memory or in the store, and people who log in meanwhile notice nothing."""
import http.client
import ssl
import urllib.parse

import harness
from harness import expect
from login_scene import ANA, Scene, oidc_door
from peers.node_peers import RelyingParty, trust
from peers.tls import Authority

WARM_UP, LOGINS, GROWTH_MB, STORE_GROWTH = 2000, 10000, 24, 20


def resident_mb(process):
    with open("/proc/%d/status" % process.child.pid) as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS:")) / 1024


class Beginner:
    """Opens logins over one connection and leaves them."""

    def __init__(self, scene, rp):
        context = ssl.create_default_context(cafile=scene.gateway.ca)
        self.connection = http.client.HTTPSConnection("localhost", scene.gateway.public_port, timeout=harness.ANSWER_S, context=context)
        self.query = {"client_id": "wiki", "response_type": "code", "scope": "openid", "redirect_uri": rp.callback("wiki"), "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
                      "code_challenge_method": "S256"}

    def get(self, path):
        self.connection.request("GET", path, headers={"Accept": "text/html"})
        answer = self.connection.getresponse()
        answer.read()
        return answer

    def begin(self, count):
        for i in range(count):
            answer = self.get("/oidc/authorize?" + urllib.parse.urlencode(dict(self.query, state="s%d" % i, nonce="n%d" % i)))
            expect(answer.status == 303 and "/login/" in answer.headers["Location"], "login %d: %d %s" % (i, answer.status, answer.headers["Location"]))
            if i % 10 == 0:
                token = answer.headers["Location"].partition("/login/")[2]
                expect(self.get("/login/" + token).status in (200, 303, 403), "the page of login %d" % i)


def keys_in(redis):
    return int(redis.command("DBSIZE").strip().lstrip(b":"))


def story_ten_thousand_that_nobody_finishes(world):
    authority, redis = Authority(world.folder + "/sites"), world.redis()
    rp = RelyingParty(world, authority)
    # What AddressSanitizer keeps of freed memory is not what is measured.
    scene = Scene(world, oidc_door("wiki", "wiki", [rp.callback("wiki")]), authority, redis=redis, env={"ASAN_OPTIONS": "detect_leaks=1:quarantine_size_mb=4:thread_local_quarantine_size_kb=64"})
    rp.start({"pages": {"wiki": {"issuer": scene.public, "client_id": "wiki", "auth": "client_secret_basic", "secret": scene.client_secret("wiki")}}},
             trust(world, [authority.certificate, scene.gateway.ca]))
    beginner = Beginner(scene, rp)
    beginner.begin(WARM_UP)
    before, stored = resident_mb(scene.gateway.process), keys_in(redis)
    beginner.begin(LOGINS)
    grown, more = resident_mb(scene.gateway.process) - before, keys_in(redis) - stored
    expect(grown < GROWTH_MB, "memory grew by %.1f MB over %d half-finished logins" % (grown, LOGINS))
    expect(more < STORE_GROWTH, "the store grew by %d keys" % more)
    expect(RelyingParty.opened(scene.browser("dover").go(rp.page("wiki"))) == ANA, "a real login among them")
    print("      %d logins: memory %+.1f MB, store %+d keys" % (LOGINS, grown, more))
    rp.stop()
    scene.stop()


if __name__ == "__main__":
    harness.main(globals())
