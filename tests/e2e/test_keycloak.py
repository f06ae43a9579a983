"""Keycloak as broker, over OpenID Connect and over SAML: an app of the company asks Keycloak, Keycloak asks postern, people go on to the app."""
import harness
from harness import expect
from login_scene import ANA, Scene, check_again, healthy_opens, oidc_door, saml_door, still_here, unproved_is_helped, warned_once
from peers.keycloak import Keycloak
from peers.node_peers import RelyingParty, trust
from peers.tls import Authority

APPS = ("wiki", "payroll")


def story_apps_behind_a_broker(world):
    authority = Authority(world.folder + "/sites")
    keycloak = Keycloak(world, authority).prepare()
    rp = RelyingParty(world, authority)
    sps = {app: keycloak.service_provider("saml-" + app) for app in APPS}
    scene = Scene(world, "".join(oidc_door("kc-" + app, app, [keycloak.broker_url("oidc-" + app)]) + saml_door("saml-" + app, app, sps[app], saml="name_id: email") for app in APPS), authority)
    pages = {}
    for app in APPS:
        keycloak.add_oidc("oidc-" + app, scene.public, "kc-" + app, scene.client_secret("kc-" + app))
        keycloak.add_saml("saml-" + app, scene.public, sps[app].entity_id, scene.saml_issuer())
        for alias in ("oidc-" + app, "saml-" + app):
            keycloak.add_client(alias, "secret-of-" + alias, rp.callback(alias))
            pages[alias] = {"issuer": keycloak.issuer, "client_id": alias, "auth": "client_secret_basic", "secret": "secret-of-" + alias, "ask": {"kc_idp_hint": alias}}
    keycloak.start(scene.gateway)
    rp.start({"pages": pages}, trust(world, [authority.certificate, scene.gateway.ca]))
    for kind in ("oidc", "saml"):
        healthy_opens(scene, rp.page(kind + "-wiki"), rp.page(kind + "-payroll"), RelyingParty.opened)
        for browser in (scene.browser(), scene.stranger()):
            unproved_is_helped(scene, browser, rp.page(kind + "-payroll"), RelyingParty.opened)
    scene.break_("dover")
    warned_once(scene, rp.page("oidc-wiki"), RelyingParty.opened)
    expect(RelyingParty.opened(scene.browser("dover").go(rp.page("saml-wiki"))) == ANA, "a warning that was read holds for the other door, too")
    waiting = []
    for kind in ("oidc", "saml"):
        browser = scene.browser("dover")
        page = browser.go(rp.page(kind + "-payroll"))
        expect(still_here(page) and "Payroll" in page.words(), "%s: closed: %r" % (kind, page))
        waiting.append((kind, browser, page))
    scene.fix("dover")
    for kind, browser, page in waiting:
        page = check_again(scene, browser, page)
        expect(RelyingParty.opened(page) == ANA, "%s: fixed, the same login comes back to the app: %r" % (kind, page))
    rp.stop()
    keycloak.stop()
    scene.stop()


if __name__ == "__main__":
    harness.main(globals())
