"""Closings at Okta on real wires: sessions end and a group fills when access closes, and empties with the fix; nothing is lost or doubled by a gateway that is killed or a Redis that is restarted."""
import json
import os
import sys

import harness
import test_loop
from harness import Fleet, expect, fast_policy, request, wait_for
from test_loop import PEOPLE, posture

DEVICE = {"name": "dover", "platform": "macos", "serial": "C02DOVER01", "uuid": "3b1c0000-0000-4000-8000-00000000d0e1", "hostname": "dover", "model": "Mac14,2", "defects": []}


class Okta:
    def __init__(self, world, gateway_port, ca):
        self.port = harness.free_port()
        self.base = "http://127.0.0.1:%d" % self.port
        self.process = world.process([sys.executable, os.path.join(harness.ROOT, "tests/support/fake_okta_api.py"), "--port", str(self.port), "--client", "0oaPostern",
                                      "--jwks", "https://localhost:%d/oidc/jwks" % gateway_port, "--ca", ca, "--page", "1"], "okta")
        wait_for("the fake Okta", lambda: self.see("calls") == [])

    def see(self, what):
        return request("%s/control/%s" % (self.base, what)).json()

    def put(self, what, value):
        expect(request("%s/control/%s" % (self.base, what), "POST", json.dumps(value).encode()).status == 200, "steering the fake Okta")

    def is_closed(self, user="00uAna"):
        return user in self.see("members")["00gClosed"]

    def calls(self, name):
        return [c for c in self.see("calls") if c["call"] == name]


def start(world):
    """A gateway whose own signing key proves it to Okta."""
    slack, _ = test_loop.fake_slack(world)
    redis = world.redis()
    port, ca = harness.free_port(), os.path.join(world.states, "gw", "self-signed.crt")
    okta = Okta(world, port, ca)
    policy = fast_policy("3s").replace("close: [sensitive, critical] }", "close: [sensitive, critical], end_sessions: true }")
    config = "slack: { token: env:SLACK_TOKEN, signing_secret: env:SLACK_SECRET, api_url: \"http://127.0.0.1:%d/api\" }\n" % slack
    config += "okta: { url: \"%s\", client_id: 0oaPostern, groups: [{ sensitivity: sensitive, group: 00gClosed, when_closed: add }] }\n" % okta.base
    gateway = world.gateway("gw", policy=policy, config=config, redis=redis, public_port=port, env={"SLACK_TOKEN": "xoxb-test-token", "SLACK_SECRET": "not-a-secret"}).start()
    gateway.cli("person", "import", "-", stdin=PEOPLE)
    secret = gateway.cli_json("enroll-secret", "create", "--person", "ana@acme.example")["secret"]
    fleet = Fleet(world, gateway, [dict(DEVICE, enroll_secret=secret)])
    wait_for("a healthy first report", lambda: posture(gateway).get("verdict") == "pass")
    return gateway, redis, okta, fleet


def okta_state(gateway):
    """Doctor's exit code is about everything; here only its line on Okta counts."""
    return next(f for f in json.loads(gateway.cli("doctor", "--json", code=None))["findings"] if f["what"] == "okta")


def story_there_and_back(world):
    gateway, _, okta, fleet = start(world)
    fleet.control("break", "dover", "firewall")
    wait_for("the group has her", okta.is_closed)
    wait_for("her sessions ended", lambda: okta.see("ended").get("00uAna") == 1)
    expect(not gateway.decide("ana@acme.example", "payroll")["decision"], "the doors are closed, too")
    shown = wait_for("all is confirmed", lambda: (lambda p: p if all(c["state"] == "done" for c in p["closings"]) else None)(gateway.cli_json("person", "show", "ana@acme.example")))
    expect(sorted(c["kind"] for c in shown["closings"]) == ["okta.add", "okta.sessions"], "shown: %s" % shown["closings"])
    expect(okta_state(gateway)["state"] == "ok", "doctor: %s" % okta_state(gateway))
    fleet.control("fix", "dover", "firewall")
    wait_for("the group lets her go", lambda: not okta.is_closed())
    wait_for("nothing is left", lambda: gateway.cli_json("person", "show", "ana@acme.example")["closings"] == [])
    expect(okta.see("ended") == {"00uAna": 1}, "sessions ended once: %s" % okta.see("ended"))
    expect(len(okta.calls("add")) == 1 and len(okta.calls("remove")) == 1, "one call there, one back")
    expect(okta.see("refused") == [], "requests no client should make: %s" % okta.see("refused"))
    types = [e["type"] for e in gateway.events()]
    for once in ("okta.group_added", "okta.group_removed", "okta.sessions_ended"):
        expect(types.count(once) == 1, "%s stands once in the log: %s" % (once, [t for t in types if t.startswith("okta.")]))
    fleet.process.stop()
    gateway.stop()


def story_killed_in_the_middle(world):
    gateway, redis, okta, fleet = start(world)
    okta.put("faults", [{"call": "add", "kind": "500_before", "times": 1000}])
    fleet.control("break", "dover", "firewall")
    wait_for("it was begun", lambda: len(okta.calls("add")) > 0)
    waiting = wait_for("it is open work", lambda: [d for d in gateway.cli_json("delivery", "list")["deliveries"] if d["destination"] == "okta"])
    expect(waiting[0]["event"] == "okta.wanted", "the delivery: %s" % waiting)
    gateway.process.kill()
    redis.process.stop()
    okta.put("faults", [])
    redis.start()
    gateway.start()
    wait_for("the group has her", okta.is_closed)
    wait_for("her sessions ended", lambda: okta.see("ended").get("00uAna") == 1)
    wait_for("nothing waits", lambda: not [d for d in gateway.cli_json("delivery", "list")["deliveries"] if d["destination"] == "okta"])
    types = [e["type"] for e in gateway.events() if e["type"].startswith("okta.")]
    expect(types.count("okta.group_added") == 1 and types.count("okta.sessions_ended") == 1, "once each: %s" % types)
    fleet.control("fix", "dover", "firewall")
    wait_for("the group lets her go", lambda: not okta.is_closed())
    fleet.process.stop()
    gateway.stop()


if __name__ == "__main__":
    harness.main(globals())
