"""The bench's rows that are no ratio: what the design promises in seconds and bytes. Each runs nodes of its own, on all cores, and says what it measured."""
import json
import os
import re
import subprocess
import sys
import threading
import time

import coherence
from bench_tools import ROOT, TOOLS, build_programs, run_or_fail
from harness import Failure, Fleet, World, expect, request, wait_for
from test_loop import with_people

CHANGES, LAPTOPS, DEVICES, DAYS = 20000, 8, 1000000, 30


def own_world(scene):
    world = World(scene.world.build, False)
    world.agent = scene.world.agent
    return world


def coherence_row(scene, table, _):
    """Both nodes answer a quarter of what they can meanwhile."""
    client = build_programs(["coherence"])["coherence"]
    world = own_world(scene)
    nodes, serials = coherence.two_nodes(world)
    load = int(coherence.full_load(nodes[1], serials[0]) / 4 / 2)
    code, found = coherence.measure(world, nodes, serials, client, CHANGES, 8, load)
    for node in nodes:
        node.stop()
    if code != 0:
        raise Failure("two nodes disagreed: %s" % json.dumps(found))
    table.figure("a commit is seen by the other node within 5 ms", found["within_5ms"] * 100, " %", 99, most=False,
                 note="%d changes; p50 %.1f ms, p99 %.1f ms" % (found["changes"], found["p50_us"] / 1000, found["p99_us"] / 1000))


def opened_after_s(gateway, laptop, found):
    """Seconds from the button to the door, of one laptop."""
    begun = time.monotonic()
    answer = request(laptop["page"] + "/recheck", "POST", b"", {"Content-Type": "application/x-www-form-urlencoded"}, ca=gateway.ca)
    expect(answer.status == 303, "Check again answered %d" % answer.status)
    while not gateway.decide(laptop["owner"], "payroll")["decision"]:
        time.sleep(0.02)
        expect(time.monotonic() - begun < 120, "%s stayed shut" % laptop["serial"])
    found.append(time.monotonic() - begun)


def laptop_of(gateway, like, i):
    """With an owner of its own: one message a day would name the first laptop alone."""
    owner = "person%d@acme.example" % i
    gateway.cli("person", "import", "-", stdin=json.dumps([{"email": owner, "name": "Person %d" % i, "slack": "U0PERSON%d" % i}]))
    return dict(like, name="m%d" % i, hostname="m%d" % i, serial="C02AGAIN%02d" % i, uuid="3b1c0000-0000-4000-8000-0000000000%02d" % i, defects=["firewall"], owner=owner,
                enroll_secret=gateway.cli_json("enroll-secret", "create", "--person", owner)["secret"])


def check_again_row(scene, table, _):
    """Agents at their usual poll of 15 s; the page was up for longer than one poll before the button."""
    world = own_world(scene)
    _, (gateway,), like = with_people(world, close="2s", more=LAPTOPS)
    laptops = [laptop_of(gateway, like, i) for i in range(LAPTOPS)]
    fleet = Fleet(world, gateway, laptops, interval=15)
    for laptop in laptops:
        shut = wait_for("payroll closes for " + laptop["name"], lambda: (lambda d: d if d["context"].get("rule") == "ladder_closed" else None)(gateway.decide(laptop["owner"], "payroll")))
        laptop["page"] = shut["context"]["remediation_url"]
    time.sleep(16)  # one poll at the usual pace after the last door was shut: this is the promise's own condition
    found, threads = [], []
    for laptop in laptops:
        fleet.control("fix", laptop["name"], "firewall")
        threads.append(threading.Thread(target=opened_after_s, args=(gateway, laptop, found)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    fleet.process.stop()
    gateway.stop()
    expect(len(found) == LAPTOPS, "some doors stayed shut")
    table.figure("Check again to open door, the slowest of %d" % LAPTOPS, max(found), " s", 10, note="agents that poll every 15 s, their pages up before")


def growth_rows(scene, table, _):
    """A million devices with twenty results each: what tests/bench/growth measures, on one node."""
    out = os.path.join(TOOLS, "growth-%d.json" % DEVICES)
    run_or_fail([sys.executable, os.path.join(ROOT, "tests/bench/growth"), "--sizes", str(DEVICES), "--nodes", "1", "--seconds", "1", "--release", scene.world.build, "--json", out])
    with open(out) as f:
        row = json.load(f)["rows"][0]
    run = row["runs"][0]
    table.figure("directory, bytes a device of a million", row["directory"]["device_bytes"], " B", 640, note="20 results each, all indexes included")
    table.figure("Redis, bytes a device of a million", row["redis_bytes"], " B", 2560, note="log excluded")
    table.figure("start with a million devices: first decision", run["first_decision_s"], " s", 2)
    table.figure("start with a million devices: complete", run["complete_s"], " s", 20, note="%.1f s of CPU in the node" % run["start_cpu_s"])


def simulate_row(scene, table, _):
    program = build_programs(["bench_simulate"])["bench_simulate"]
    out = subprocess.run([program, str(DEVICES), str(DAYS)], capture_output=True, text=True)
    took = re.search(r"in ([0-9.]+) s on (\d+) threads", out.stdout)
    if took is None:
        raise Failure("bench_simulate: %s%s" % (out.stdout[-500:], out.stderr[-500:]))
    table.figure("simulate %d days over a million devices" % DAYS, float(took.group(1)), " s", 30, note="%s threads" % took.group(2))


ROWS = [("coherence nodes", coherence_row), ("check again door", check_again_row), ("growth start memory directory", growth_rows), ("simulate", simulate_row)]
