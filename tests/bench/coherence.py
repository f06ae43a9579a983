"""Two nodes on one Redis: how long after one node's reply the other's first answer shows the change, over many changes, while both answer a quarter of what
they can. Prints one line of JSON and judges what must always hold: nothing failed, no answer went back to the state before.
usage: python3 tests/bench/coherence.py [--build build/release] [--agent FILE] [--client FILE] [--changes 100000] [--lanes 8] [--load PER_S]
"""
import argparse
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../e2e"))
import harness  # noqa: E402

DEVICES = 64
POLICY = """
policy: lamps
sensitivities: [everyday]
apps: [{ id: wiki, title: Wiki, sensitivity: everyday }]
checks:
  - { id: lamp, title: The lamp is lit, what: The lamp of this device is dark., why: Nobody can see in the dark., minutes: 1, needs_admin: false, restart: false,
      severity: normal, collects: Whether the lamp is lit. Nothing else., fix: { macos: [Light it], windows: [Light it], linux: [Light it] }, pass: "fact.lamp == 1", fresh_for: 3d }
ladders:
  - { id: default, applies_to: { severity: [normal], groups: [everyone] }, rungs: [{ id: notice, after: 0d, nudge: true }] }
visible_after: off
grace: off
breaker: off
outage: { everyday: allow }
unidentified_device: { everyday: allow }
person_verdict: worst
"""


def full_load(gateway, serial):
    """Postures a second that the node answers with both nodes' clients away."""
    done = subprocess.run(["wrk", "-t1", "-c8", "-d3s", "-H", "Authorization: Bearer " + gateway.key, "http://127.0.0.1:%d/v1/posture?serial=%s" % (gateway.internal_port, serial)],
                          capture_output=True, text=True, check=True)
    return float(done.stdout.split("Requests/sec:")[1].split()[0])


def two_nodes(world):
    """Two nodes on one Redis, with DEVICES devices that both know; the devices' serials."""
    redis = world.redis(args=["--appendfsync", "everysec"])  # the disk of the machine is not what is asked about
    nodes = [world.gateway(name, policy=POLICY, redis=redis).start() for name in ("a", "b")]
    secret = os.path.join(world.folder, "enroll.secret")
    with open(secret, "w") as f:
        f.write(nodes[0].cli_json("enroll-secret", "create", "--label", "bench")["secret"])
    fleet = harness.Fleet(world, nodes[0], None, interval=3600, args=["--count", str(DEVICES), "--seed", "1", "--enroll-secret-file", secret])
    for node in nodes:
        harness.wait_for("all devices are known to " + node.name, lambda: len(node.cli_json("device", "list")["devices"]) == DEVICES, 120)
    fleet.process.stop()
    nodes[0].api("GET", "/v1/posture?serial=x")
    nodes[1].key = nodes[0].key
    serials = [d["serial"] for d in nodes[0].cli_json("device", "list")["devices"]]
    harness.wait_for("the key is known to b", lambda: nodes[1].api("GET", "/v1/posture?serial=" + serials[0]).status == 200)
    return nodes, serials


def measure(world, nodes, serials, client, changes, lanes, load):
    key = os.path.join(world.folder, "api.key")
    with open(os.open(key, os.O_WRONLY | os.O_CREAT, 0o600), "w") as f:
        f.write(nodes[0].key + "\n")
    done = subprocess.run([client, str(nodes[0].internal_port), str(nodes[1].internal_port), key, str(changes), str(lanes), str(load)] + serials, stdout=subprocess.PIPE, text=True)
    harness.expect(done.stdout != "", "the client ended with %d" % done.returncode)
    return done.returncode, json.loads(done.stdout)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default=os.path.join(harness.ROOT, "build/release"))
    parser.add_argument("--agent", default=os.path.join(harness.ROOT, "build/dev/tests/support/agent/postern-agent"))
    parser.add_argument("--client", default=os.path.join(harness.ROOT, "build/dev/tests/coherence"))
    parser.add_argument("--changes", type=int, default=100000)
    parser.add_argument("--lanes", type=int, default=8)
    parser.add_argument("--load", type=int, help="postures a second and node beside the changes; a quarter of what is measured first")
    args = parser.parse_args()
    world = harness.World(args.build, False)
    world.agent = os.path.abspath(args.agent)
    nodes, serials = two_nodes(world)
    load = args.load if args.load is not None else int(full_load(nodes[1], serials[0]) / 4 / 2)  # two nodes share the machine
    code, figures = measure(world, nodes, serials, os.path.abspath(args.client), args.changes, args.lanes, load)
    print(json.dumps(figures))
    for node in nodes:
        node.stop()
    sys.exit(code)


if __name__ == "__main__":
    main()
