"""Pages behind Apache's mod_auth_openidc, one with a secret in the header and the answer in the address, one with a secret in the form, the answer posted, and ES256."""
import harness
from login_scene import Scene, everybody_gets_what_the_policy_says, oidc_door
from peers.mod_auth_openidc import ModAuthOpenidc
from peers.node_peers import trust
from peers.tls import Authority


def story_pages_of_two_apps(world):
    authority = Authority(world.folder + "/sites")
    wiki, payroll = ModAuthOpenidc(world, authority, "wiki.example"), ModAuthOpenidc(world, authority, "payroll.example")
    scene = Scene(world, oidc_door("wiki", "wiki", [wiki.callback]) + oidc_door("payroll", "payroll", [payroll.callback], auth="client_secret_post", signing="ES256"), authority)
    trusted = trust(world, [scene.gateway.ca])
    wiki.start(scene.public, trusted, "wiki", scene.client_secret("wiki"))
    payroll.start(scene.public, trusted, "payroll", scene.client_secret("payroll"), auth="client_secret_post", response_mode="form_post", signing="ES256")
    everybody_gets_what_the_policy_says(scene, wiki.page, payroll.page, ModAuthOpenidc.opened)
    wiki.stop()
    payroll.stop()
    scene.stop()


if __name__ == "__main__":
    harness.main(globals())
