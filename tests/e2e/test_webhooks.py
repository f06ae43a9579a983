"""Webhooks on real wires: signed, in order for each device, tried again with the same id, set aside and sent again, secrets that roll, 410.

Twenty tries take hours by the usual waits; a receiver that says `Retry-After: 0` gets them in seconds."""
import hashlib
import hmac
import json
import os
import re
import sys

import harness
from harness import Fleet, expect, fast_policy, request, wait_for

NEW, OLD = "new-secret-of-the-story", "old-secret-of-the-story"
DEVICE = {"name": "dover", "platform": "linux", "serial": "PF-DOVER-01", "uuid": "3b1c0000-0000-4000-8000-00000000d0e1", "hostname": "dover", "defects": []}


class Receiver:
    def __init__(self, world, *secrets):
        self.base = "http://127.0.0.1:%d" % harness.free_port()
        args = [sys.executable, os.path.join(harness.ROOT, "tests/support/fake_webhook.py"), "--port", self.base.rpartition(":")[2]]
        for secret in secrets:
            args += ["--secret", secret]
        self.process = world.process(args, "webhook")
        wait_for("the receiver", lambda: request(self.base + "/control/events").status == 200)

    def get(self, what):
        return request(self.base + "/control/" + what).json()

    def set(self, what, value):
        expect(request(self.base + "/control/" + what, "POST", value).status == 200, "control " + what)

    def events(self):
        return self.get("events")

    def ids(self):
        return [e["id"] for e in self.events()]


def gateway_for(world, receiver, events="[person.*]", old=None, name="gw"):
    lines = ["webhooks:", "  - { id: siem, url: \"%s/in\", events: %s, secret: env:HOOK_SECRET,%s allow_private: true }" % (receiver.base, events, " old_secret: env:HOOK_OLD," if old else "")]
    gateway = world.gateway(name, policy=fast_policy(), config="\n".join(lines) + "\n", env={"HOOK_SECRET": NEW, "HOOK_OLD": old or ""}).start()
    return gateway


def people(gateway, *names):
    gateway.cli("person", "import", "-", stdin=json.dumps([{"email": "%s@acme.example" % name} for name in names]))


def ids_in_log(gateway, type="person.*"):
    return [e["id"] for e in gateway.events(type)]


def deliveries(gateway, state=None):
    return [d for d in gateway.cli_json("delivery", "list")["deliveries"] if state is None or d["state"] == state]


def delivered(gateway, receiver, type="person.*"):
    """Waits until the receiver has all of the log; the ids."""
    return wait_for("every event arrives", lambda: (lambda log, got: log if log and set(log) <= set(got) else None)(ids_in_log(gateway, type), receiver.ids()))


def story_deliveries_are_signed_and_in_order(world):
    receiver = Receiver(world, NEW)
    gateway = gateway_for(world, receiver, "[\"result.*\", \"device.enrolled\"]")
    secret = gateway.cli_json("enroll-secret", "create", "--label", "all")["secret"]
    fleet = Fleet(world, gateway, [dict(DEVICE, enroll_secret=secret), dict(DEVICE, name="calais", serial="PF-CALAIS-01", uuid=DEVICE["uuid"][:-1] + "2", hostname="calais", enroll_secret=secret)])

    def result(serial, check):
        answer = gateway.api("GET", "/v1/posture?serial=" + serial)
        return next((r["result"] for r in answer.json().get("results", []) if r["check"] == check), None)
    for verdict in ("pass", "fail", "pass", "fail"):
        for name in ("dover", "calais"):
            fleet.control("break" if verdict == "fail" else "fix", name, "firewall")
        wait_for("the firewalls say " + verdict, lambda: all(result(s, "firewall") == verdict for s in ("PF-DOVER-01", "PF-CALAIS-01")))
    fleet.process.stop()
    log = gateway.events("result.*") + gateway.events("device.enrolled")
    wait_for("every event arrives", lambda: {e["id"] for e in log} <= set(receiver.ids()))
    got = receiver.events()
    expect(receiver.get("refused") == [], "every signature is right: %s" % receiver.get("refused"))
    expect(all(re.fullmatch(r"t=\d+,v1=[0-9a-f]{64}", e["signature"]) and e["copies"] == 1 and e["path"] == "/in" for e in got), "form: %s" % got[0])
    public = {e["id"]: e for e in log}
    expect(all(e["body"] == public[e["id"]] for e in got), "the body is the event as /v1/events shows it")
    for device in {e["device"] for e in log}:
        told = [e["id"] for e in got if e["body"]["device"] == device]
        known = [e["id"] for e in gateway.events() if e.get("device") == device and e["id"] in told]
        expect(told == known and len(told) >= 5, "the order of %s: %s, log %s" % (device, told, known))
    gateway.stop()


def story_a_failed_delivery_is_tried_again_with_its_id(world):
    receiver = Receiver(world, NEW)
    gateway = gateway_for(world, receiver)
    receiver.set("faults", [{"kind": "500", "times": 2}, {"kind": "reset", "times": 1}, {"kind": "redirect", "times": 1}])
    people(gateway, "ana")
    (one,) = delivered(gateway, receiver)
    expect(receiver.get("faulted") == [one] * 4, "the same id each time: %s" % receiver.get("faulted"))
    expect(receiver.events()[0]["copies"] == 1, "taken once")
    wait_for("nothing waits", lambda: deliveries(gateway) == [])
    gateway.stop()


def story_a_restart_forgets_no_delivery(world):
    receiver = Receiver(world, NEW)
    gateway = gateway_for(world, receiver)
    receiver.set("faults", [{"kind": "500", "retry_after": 3600, "times": 1}])
    people(gateway, "ana")
    waiting = wait_for("a delivery that waits", lambda: deliveries(gateway, "waiting"))
    expect(waiting[0]["destination"] == "webhook:siem" and waiting[0]["event"].startswith("person."), "listed: %s" % waiting)
    wait_for("its try is noted", lambda: deliveries(gateway)[0]["tries"] == 1)
    gateway.process.kill()
    gateway.start()
    wait_for("it is still listed", lambda: [d["id"] for d in deliveries(gateway)] == [waiting[0]["id"]])
    gateway.cli("delivery", "resend", waiting[0]["id"])
    expect(delivered(gateway, receiver) == [waiting[0]["id"]], "sent at once, when asked")
    people(gateway, "ben")
    delivered(gateway, receiver)
    gateway.stop()


def story_what_failed_too_often_is_set_aside_and_can_be_sent_again(world):
    receiver = Receiver(world, NEW)
    gateway = gateway_for(world, receiver)
    receiver.set("faults", [{"kind": "500", "retry_after": 0, "times": 20}])
    people(gateway, "ana")
    (aside,) = wait_for("it is set aside", lambda: deliveries(gateway, "set_aside"))
    expect(aside["tries"] == 20 and "500" in aside["last_error"] and len(set(receiver.get("faulted"))) == 1, "20 tries of one: %s" % aside)
    expect("set_aside" in gateway.cli("delivery", "list") and aside["id"] in gateway.cli("delivery", "list"), "listed for people too")
    people(gateway, "ben")
    wait_for("what comes after it arrives", lambda: len(receiver.ids()) == 1)
    expect(receiver.ids() != [aside["id"]] and [d["id"] for d in deliveries(gateway)] == [aside["id"]], "it stays aside")
    gateway.cli("delivery", "resend", aside["id"])
    wait_for("it arrives", lambda: aside["id"] in receiver.ids())
    wait_for("nothing is set aside", lambda: deliveries(gateway) == [])
    expect(all(e["copies"] == 1 for e in receiver.events()), "each once")
    expect(any(e["type"] == "admin.resend" and e["cause"].startswith("admin:") for e in gateway.events("admin.*")), "the log says who asked")
    gateway.cli("delivery", "resend", aside["id"], code=1)
    gateway.stop()


def story_both_secrets_sign_while_they_roll(world):
    receiver = Receiver(world, OLD)
    gateway = gateway_for(world, receiver, old=OLD)
    people(gateway, "ana")
    delivered(gateway, receiver)
    receiver.set("secrets", [NEW])
    people(gateway, "ben")
    delivered(gateway, receiver)
    expect(receiver.get("refused") == [], "old and new are both good: %s" % receiver.get("refused"))
    for e in receiver.events():
        stamp, *macs = [part.partition("=")[2] for part in e["signature"].split(",")]
        expect(len(macs) == 2 and macs[0] != macs[1], "two signatures: %s" % e["signature"])
        body = json.dumps(e["body"], separators=(",", ":"), ensure_ascii=False).encode()
        wanted = [hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest() for secret in (NEW, OLD)]
        expect(macs == wanted, "the present secret's first: %s" % e["signature"])
    gateway.stop()
    with open(gateway.config_path) as f:
        text = f.read().replace(" old_secret: env:HOOK_OLD,", "")
    with open(gateway.config_path, "w") as f:
        f.write(text)
    receiver.set("secrets", [OLD])
    gateway.start()
    people(gateway, "cleo")
    wait_for("the receiver that stayed behind refuses", lambda: "wrong signature" in receiver.get("refused"))
    receiver.set("secrets", [NEW])
    delivered(gateway, receiver)
    gateway.stop()


def story_a_receiver_that_is_gone_is_left_alone(world):
    receiver = Receiver(world, NEW)
    gateway = gateway_for(world, receiver)
    receiver.set("faults", [{"kind": "410", "times": 1}])
    people(gateway, "ana")
    (aside,) = wait_for("it is set aside", lambda: deliveries(gateway, "set_aside"))
    expect("410" in aside["last_error"], "says why: %s" % aside)

    def status():
        key = gateway.cli_json("key", "create", "--label", "admin", "--scope", "admin")["key"]
        hooks = gateway.call("GET", "/admin/v1/status", None, {"Authorization": "Bearer " + key}, admin=True).json()["webhooks"]
        return next(h for h in hooks if h["id"] == "webhook:siem")
    expect(status()["state"] == "stopped" and "410" in status()["detail"], "status: %s" % status())
    people(gateway, "ben")
    gateway.cli("delivery", "resend", aside["id"])
    wait_for("it waits again", lambda: deliveries(gateway, "waiting"))
    expect(receiver.ids() == [] and receiver.get("faulted") == [aside["id"]], "nothing was sent: %s" % receiver.ids())
    gateway.stop()
    gateway.start()  # the operator's word that the receiver is back
    wait_for("what waited arrives", lambda: aside["id"] in receiver.ids())
    known = set(ids_in_log(gateway))
    people(gateway, "cleo")
    wait_for("what is new arrives", lambda: set(ids_in_log(gateway)) - known and set(ids_in_log(gateway)) - known <= set(receiver.ids()))
    expect(set(receiver.ids()) - {aside["id"]} == set(ids_in_log(gateway)) - known, "and only that: what happened while it was gone is not told")
    gateway.stop()


if __name__ == "__main__":
    harness.main(globals())
