"""Apps that use openid-client: every way a client may authenticate, both ways an answer may travel, both algorithms, and what a request may ask."""
import os
import subprocess

import harness
from harness import expect
from login_scene import ANA, BEN, Scene, everybody_gets_what_the_policy_says, go_on, oidc_door, still_here
from peers.node_peers import RelyingParty, trust
from peers.tls import Authority, make_key, openssl

opened, refused, shown = RelyingParty.opened, RelyingParty.refused, RelyingParty.shown


def key_pair(world):
    """A client's key for private_key_jwt: (PEM, its key set as text)."""
    key = make_key(os.path.join(world.folder, "client.key"))
    script = ("const jwk = require('node:crypto').createPublicKey(require('node:fs').readFileSync(process.argv[1])).export({ format: 'jwk' }); "
              "console.log(JSON.stringify({ keys: [{ ...jwk, kid: 'c1', use: 'sig', alg: 'RS256' }] }))")
    done = subprocess.run(["node", "-e", script, "--", key], capture_output=True, text=True, timeout=60)
    expect(done.returncode == 0, "key set: " + done.stderr)
    return openssl("pkcs8", "-topk8", "-nocrypt", "-in", key), done.stdout.strip()


def begin(world):
    """Pages: wiki and payroll; assertion and public for other ways a client may authenticate; at-once for a door that wants refusals at once."""
    authority = Authority(world.folder + "/sites")
    rp = RelyingParty(world, authority)
    key, keys = key_pair(world)
    scene = Scene(world, oidc_door("wiki", "wiki", [rp.callback("wiki")]) + oidc_door("payroll", "payroll", [rp.callback("payroll")], auth="client_secret_post", signing="ES256")
                  + oidc_door("assertion", "wiki", [rp.callback("assertion")], auth="private_key_jwt", jwks=keys) + oidc_door("public", "wiki", [rp.callback("public")], auth="none")
                  + oidc_door("at-once", "payroll", [rp.callback("at-once")], extra="when_denied: answer", pkce=False), authority)
    page = {"issuer": scene.public}
    rp.start({"pages": {
        "wiki": dict(page, client_id="wiki", auth="client_secret_basic", secret=scene.client_secret("wiki"), user_info=True),
        "payroll": dict(page, client_id="payroll", auth="client_secret_post", secret=scene.client_secret("payroll"), signing="ES256", response_mode="form_post"),
        "assertion": dict(page, client_id="assertion", auth="private_key_jwt", key=key, kid="c1"),
        "public": dict(page, client_id="public", auth="none", user_info=True),
        "at-once": dict(page, client_id="at-once", auth="client_secret_basic", secret=scene.client_secret("at-once"), pkce=False),
    }}, trust(world, [authority.certificate, scene.gateway.ca]))
    return scene, rp


def end(scene, rp):
    rp.stop()
    scene.stop()


def story_pages_of_two_apps(world):
    scene, rp = begin(world)
    everybody_gets_what_the_policy_says(scene, rp.page("wiki"), rp.page("payroll"), opened)
    end(scene, rp)


def story_every_way_to_authenticate(world):
    scene, rp = begin(world)
    ana = scene.browser("dover")
    for name, algorithm in (("wiki", "RS256"), ("payroll", "ES256"), ("assertion", "RS256"), ("public", "RS256"), ("at-once", "RS256")):
        page = ana.go(rp.page(name))
        expect(opened(page) == ANA, "%s: %r" % (name, page))
        told = shown(page)
        expect(told["header"]["alg"] == algorithm and told["claims"]["iss"] == scene.public and told["claims"]["aud"] == name, "%s: %s" % (name, told))
    expect(shown(ana.go(rp.page("wiki")))["user_info"]["email"] == ANA, "userinfo says the person's e-mail")
    end(scene, rp)


def story_what_a_request_may_ask(world):
    scene, rp = begin(world)
    healthy, nobody = scene.browser("calais"), scene.browser()
    expect(opened(healthy.go(rp.page("wiki") + "?prompt=none")) == BEN, "prompt=none on a healthy laptop")
    scene.break_("dover")
    broken = scene.browser("dover")
    for browser, page, error in ((broken, rp.page("payroll") + "?prompt=none", "interaction_required"), (nobody, rp.page("payroll") + "?prompt=none", "login_required"),
                                 (broken, rp.page("at-once"), "access_denied"), (nobody, rp.page("at-once"), "access_denied")):
        answer = browser.go(page)
        expect((refused(answer) or {}).get("error") == error, "%s, wanted %s: %r" % (page, error, answer))
    end(scene, rp)


def story_a_warning_is_shown_again_when_the_app_insists(world):
    scene, rp = begin(world)
    scene.break_("dover", until="warn")
    ana, wiki = scene.browser("dover"), rp.page("wiki")
    expect(opened(go_on(ana, ana.go(wiki))) == ANA, "warned, and through")
    ana.go(wiki + "/leave")
    expect(opened(ana.go(wiki)) == ANA, "once a day: %s" % ana.history)
    ana.go(wiki + "/leave")
    expect(still_here(ana.go(wiki + "?prompt=login")), "prompt=login shows it again: %s" % ana.history)
    end(scene, rp)


def story_a_name_alone_opens_nothing(world):
    scene, rp = begin(world)
    wiki, nobody, ana = rp.page("wiki"), scene.browser(), scene.browser("dover")
    page = nobody.go(wiki + "?login_hint=" + ANA)
    expect(opened(page) is None and ANA not in page.text, "a login_hint without a device: %r" % page)
    page = ana.go(wiki + "?login_hint=" + BEN)
    expect(opened(page) is None and BEN not in page.text, "ana's laptop with ben's name: %r" % page)
    expect(opened(ana.go(wiki + "?login_hint=%s&max_age=0" % ANA)) == ANA, "ana's laptop with her own name")
    end(scene, rp)


def story_giving_up_is_told_to_the_app(world):
    scene, rp = begin(world)
    scene.break_("dover")
    ana = scene.browser("dover")
    page = ana.go(rp.page("payroll"))
    expect(still_here(page), "blocked: %r" % page)
    page = ana.submit(page, button="Go back")
    expect((refused(page) or {}).get("error") == "access_denied", "the app was not told: %r" % page)
    end(scene, rp)


if __name__ == "__main__":
    harness.main(globals())
