"""LemonLDAP::NG as broker: its portal asks postern, once for each of two clients of different sensitivity, and its handler lets people to the pages."""
import harness
from login_scene import Scene, everybody_gets_what_the_policy_says, oidc_door
from peers.lemonldap import LemonLdap
from peers.node_peers import trust
from peers.tls import Authority


def story_pages_of_two_apps(world):
    authority = Authority(world.folder + "/sites")
    broker = LemonLdap(world, authority)
    scene = Scene(world, oidc_door("llng-wiki", "wiki", [broker.callback], pkce=False) + oidc_door("llng-payroll", "payroll", [broker.callback], auth="client_secret_post", pkce=False), authority)
    document, keys = (scene.gateway.get(path).json() for path in ("/.well-known/openid-configuration", "/oidc/jwks"))
    broker.start({"payroll": broker.provider(document, keys, "llng-payroll", scene.client_secret("llng-payroll"), "client_secret_post", "$ENV{urldc} =~ /payroll/"),
                  "wiki": broker.provider(document, keys, "llng-wiki", scene.client_secret("llng-wiki"), "client_secret_basic", "$ENV{urldc} !~ /payroll/")},
                 trust(world, [scene.gateway.ca]))
    everybody_gets_what_the_policy_says(scene, broker.page("wiki"), broker.page("payroll"), LemonLdap.opened)
    broker.stop()
    scene.stop()


if __name__ == "__main__":
    harness.main(globals())
