"""What a person sees in the middle of a login, in Debian's Chromium at a phone's width: straight through, a warning and Continue, a closed app, Check again and on by itself."""
import json
import os

import harness
from harness import Process, expect, wait_for
from login_scene import ANA, SERIALS, Scene, oidc_door
from peers.node_peers import RelyingParty, trust
from peers.tls import Authority
from test_pages import tool

APPS = ("wiki", "payroll")


def begin(world):
    authority = Authority(world.folder + "/sites")
    rp = RelyingParty(world, authority, "localhost")  # what presents the certificate for Chromium finds no other names
    scene = Scene(world, "".join(oidc_door(app, app, [rp.callback(app)]) for app in APPS), authority)
    pages = {app: {"issuer": scene.public, "client_id": app, "auth": "client_secret_basic", "secret": scene.client_secret(app)} for app in APPS}
    rp.start({"pages": pages}, trust(world, [authority.certificate, scene.gateway.ca]))
    return scene, rp


class Walk:
    """Chromium on dover, from a protected page through postern and back."""

    def __init__(self, world, scene, rp, app, walk):
        script = tool(world)
        certificate, key = scene.devices_authority.client("dover", SERIALS["dover"])
        self.shots = os.path.join(world.folder, "shots")
        os.makedirs(self.shots, exist_ok=True)
        path = os.path.join(world.folder, "walk.json")
        with open(path, "w") as f:
            json.dump({"open": rp.page(app), "origins": ["https://localhost:%d" % scene.device_port], "certificate": certificate, "key": key, "walk": walk, "title": ANA, "shots": self.shots}, f)
        self.process = Process(["node", script.replace("pages_axe", "pages_login"), path], os.path.join(world.folder, "walk.log"))

    def arrived(self):
        wait_for("the browser to end", lambda: not self.process.alive())
        expect(self.process.child.returncode == 0 and "arrived" in self.process.text(), "browser: " + self.process.text())


def story_straight_through(world):
    scene, rp = begin(world)
    Walk(world, scene, rp, "payroll", "through").arrived()
    rp.stop()
    scene.stop()


def story_a_warning(world):
    scene, rp = begin(world)
    scene.break_("dover", until="warn")
    Walk(world, scene, rp, "wiki", "continue").arrived()
    rp.stop()
    scene.stop()


def story_check_again_goes_on_by_itself(world):
    scene, rp = begin(world)
    scene.break_("dover")
    walk = Walk(world, scene, rp, "payroll", "check again")
    wait_for("Check again was pressed", lambda: "asked" in walk.process.text() or not walk.process.alive())
    scene.fix("dover")
    walk.arrived()
    rp.stop()
    scene.stop()


if __name__ == "__main__":
    harness.main(globals())
