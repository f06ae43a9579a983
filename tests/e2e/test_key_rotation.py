"""Signing keys are rotated while people log in, on two nodes whose clock the story moves: a relying party that keeps a key set as long as it may misses nothing."""
import base64
import json
import os

import harness
from harness import Process, expect, wait_for
from login_scene import SERIALS, Scene, oidc_door
from moved_clock import MovedClock
from peers.node_peers import command, trust
from peers.tls import openssl

FAST = 5                   # seconds of the nodes in one of ours: the ten minutes until a new ES256 key signs become two, and a code has 12 s on a busy machine
KEY_SET_S = 300            # max-age of the key set
PER_SECOND = 5


def client_cert_header(certificate):
    """As a proxy that this gateway trusts passes it on (RFC 9440): the laptop is proved without a hop."""
    der = certificate + ".der"
    openssl("x509", "-in", certificate, "-outform", "DER", "-out", der)
    with open(der, "rb") as f:
        return ":%s:" % base64.b64encode(f.read()).decode()


class Load:
    def __init__(self, world, scene, gateways, secret):
        certificate, _ = scene.devices_authority.client("dover", SERIALS["dover"])
        config = {"issuer": scene.public, "ports": [g.public_port for g in gateways], "client_id": "wiki", "secret": secret, "redirect_uri": "https://rp.example/callback", "signing": "ES256",
                  "headers": {"Client-Cert": client_cert_header(certificate)}, "per_second": PER_SECOND, "keys_kept_s": KEY_SET_S / FAST, "leeway_s": 86400}
        path = os.path.join(world.folder, "load.json")
        with open(path, "w") as f:
            json.dump(config, f)
        args, env = command(world, "login_load.mjs", trust(world, [scene.gateway.ca]), path)
        self.process = Process(args, os.path.join(world.folder, "load.log"), env=env)

    def report(self):
        lines = [line for line in self.process.text().splitlines() if line.startswith("{")]
        expect(self.process.alive() or lines, "the load ended: " + self.process.text())
        return json.loads(lines[-1]) if lines else {"logins": 0, "failed": 0, "keys": {}}

    def more(self, count):
        """Waits until so many more logins were made, none of which failed."""
        before = self.report()["logins"]
        wait_for("%d more logins" % count, lambda: self.report()["logins"] >= before + count)
        expect(self.report()["failed"] == 0, "logins failed: %s" % self.report())

    def stop(self):
        self.process.stop()
        return self.report()


def story_nobody_notices_a_rotation(world):
    clock = MovedClock(world, FAST)
    scene = Scene(world, oidc_door("wiki", "wiki", ["https://rp.example/callback"], signing="ES256"), redis=world.redis(), env=clock.env)
    second = scene.another_gateway("second")
    load = Load(world, scene, [scene.gateway, second], scene.client_secret("wiki"))
    load.more(2 * PER_SECOND)
    first = set(load.report()["keys"])
    expect(len(first) == 1, "one key signs on both nodes: %s" % first)
    scene.gateway.cli("signing-key", "rotate", "--use", "tokens")
    load.more(2 * PER_SECOND)
    expect(set(load.report()["keys"]) == first, "the new key signed before verifiers could know it: %s" % load.report())
    wait_for("the new key signs", lambda: len(load.report()["keys"]) == 2, limit_s=2 * harness.LIMIT_S)
    load.more(4 * PER_SECOND)
    report = load.stop()
    expect(report["failed"] == 0, "logins failed: %s" % report)
    expect(len(report["keys"]) == 2 and report["keys"][first.pop()] < report["logins"], "both keys were used: %s" % report)
    print("      %(logins)d logins, none failed, p50 %(p50_ms)d ms, p99 %(p99_ms)d ms" % report)
    second.stop()
    scene.stop()
    clock.stop()


if __name__ == "__main__":
    harness.main(globals())
