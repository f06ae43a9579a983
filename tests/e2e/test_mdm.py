"""Device managers on real wires: Fleet's list in pages with faults, the real NanoMDM's signed webhook, facts and disagreements on devices, what only a manager knows,
the command line. The fallback takes weeks: with NanoMDM it is walked there and back while the story moves the gateway's clock; test_mdm_fallback has every vendor's."""
import json
import os
import sys

import harness
from harness import Fleet, expect, fast_policy, request, wait_for
from moved_clock import MovedClock

sys.path.insert(0, os.path.join(harness.ROOT, "tests/support"))
import apple_device  # noqa: E402

HMAC = "hook-secret-of-the-story"
MAC = {"name": "dover", "platform": "macos", "serial": "C02DOVER0001", "uuid": "3b1c0000-0000-4000-8000-00000000d0e1", "hostname": "dover", "model": "Mac14,2", "defects": []}
PROFILE = b"""<?xml version="1.0" encoding="UTF-8"?><plist version="1.0"><dict><key>PayloadIdentifier</key><string>com.acme.strict</string><key>PayloadUUID</key><string>u-1</string>
<key>PayloadVersion</key><integer>1</integer><key>PayloadType</key><string>Configuration</string><key>PayloadContent</key><array/></dict></plist>"""
POLICY = fast_policy().replace("\nladders:", "\n  - { id: managed, title: Managed, pass: \"fact.mdm.managed == true\", fresh_for: 2d, severity: minor }\nladders:", 1)


def fleet_server(world, hosts):
    base = "http://127.0.0.1:%d" % harness.free_port()
    world.process([sys.executable, os.path.join(harness.ROOT, "tests/support/fake_fleet.py"), "--port", base.rpartition(":")[2]], "fake-fleet")
    wait_for("the fake Fleet", lambda: request(base + "/control/calls").status == 200)
    request(base + "/control/hosts", "POST", hosts)
    return base


def nanomdm_program(world):
    """The real one, in the version of tests/e2e/nanomdm/go.mod."""
    program = os.path.join(world.folder, "nanomdm")
    harness.fetched(["go", "build", "-mod=readonly", "-o", program, "github.com/micromdm/nanomdm/cmd/nanomdm"], os.path.join(harness.ROOT, "tests/e2e/nanomdm"), dict(os.environ, GOTOOLCHAIN="local"))
    return program


class Nano:
    """The real NanoMDM, its devices' CA, and a gateway that it tells by webhook. `env`, `policy`: of the gateway."""

    def __init__(self, world, policy=POLICY, env=None, **more):
        self.world = world
        profile = os.path.join(world.folder, "strict.mobileconfig")
        with open(profile, "wb") as f:
            f.write(PROFILE)
        port = harness.free_port()
        self.base = "http://127.0.0.1:%d" % port
        manager = "mdm:\n  - { id: nano, kind: nanomdm, url: \"%s\", secret: env:NANO_API, hook_secret: env:NANO_HOOK, strict: com.acme.strict, strict_profile: \"file:%s\" }\n" % (self.base, profile)
        self.gateway = world.gateway(policy=policy, config=manager, env=dict({"NANO_API": "nano-key", "NANO_HOOK": HMAC}, **(env or {})), **more)
        self.ca = apple_device.make_ca(world.folder)
        world.process([nanomdm_program(world), "-api", "nano-key", "-listen", "127.0.0.1:%d" % port, "-storage", "inmem", "-storage-dsn", "", "-ca", self.ca[0], "-cert-header", "X-Device-Certificate",
                       "-webhook-url", "http://127.0.0.1:%d/hooks/mdm/nano" % self.gateway.internal_port, "-webhook-hmac-key", HMAC], "nanomdm")
        wait_for("NanoMDM", lambda: request(self.base + "/version").status == 200)
        self.gateway.start()

    def mac(self, name, udid, serial, **more):
        return apple_device.Mac(self.base, udid, serial, apple_device.make_identity(self.world.folder, name, self.ca), **more)


def managed_device(gateway):
    return gateway.cli_json("mdm", "show", MAC["serial"])


def link(gateway, manager):
    return next((m for m in managed_device(gateway)["managers"] if m["manager"] == manager), None)


def story_fleet_is_read_and_disagrees(world):
    base = fleet_server(world, [{"id": n, "hardware_serial": MAC["serial"].lower() if n == 130 else "S%d" % n, "disk_encryption_enabled": n != 130, "detail_updated_at": "2999-01-01T00:00:00Z",
                                 "team_id": 1} for n in range(1, 151)])
    request(base + "/control/faults", "POST", [{"path": "/hosts", "kind": "429", "retry_after": 1, "times": 1}, {"path": "/hosts", "kind": "garbage", "times": 1}])
    config = "mdm:\n  - { id: fleet, kind: fleet, url: \"%s\", secret: env:FLEET_TOKEN, strict: \"2\", hook_secret: env:FLEET_HOOK, every: 1m }\n" % base
    gateway = world.gateway(policy=POLICY, config=config, env={"FLEET_TOKEN": "fleet-token", "FLEET_HOOK": HMAC}).start()
    secret = gateway.cli_json("enroll-secret", "create", "--label", "story")["secret"]
    fleet = Fleet(world, gateway, [dict(MAC, enroll_secret=secret)])
    wait_for("the device", lambda: MAC["serial"] in gateway.cli("device", "list"))
    gateway.cli("mdm", "sync", "fleet")
    wait_for("Fleet's word", lambda: link(gateway, "fleet"))
    said = link(gateway, "fleet")
    expect(said["id"] == "130" and said["managed"] == "yes" and said["encrypted"] == "no" and said["group"] == "1" and said["owner"] == "ana@acme.example", "the link: %s" % said)
    gateway.cli("device", "recheck", MAC["serial"])
    request(base + "/control/hosts", "POST", [{"id": 130, "hardware_serial": MAC["serial"], "disk_encryption_enabled": False, "detail_updated_at": "2999-01-01T00:00:00Z", "team_id": 1}] +
            [{"id": n, "hardware_serial": "S%d" % n} for n in range(1, 130)])
    hook = {"timestamp": "2026-11-30T12:00:00Z", "policy": {"id": 1, "name": "x"}, "hosts": [{"id": 130, "hostname": "dover", "url": "x"}]}
    expect(gateway.call("POST", "/hooks/mdm/fleet", hook, internal=True).status == 401, "a call without the secret")
    expect(gateway.call("POST", "/hooks/mdm/fleet", hook, {"Authorization": "Bearer " + HMAC[:-1] + "x"}, internal=True).status == 401, "a call with another")
    expect(gateway.call("POST", "/hooks/mdm/fleet", hook, {"X-Postern-Secret": HMAC}, internal=True).status == 200, "a call with it")
    expect(gateway.call("POST", "/hooks/mdm/other", hook, {"X-Postern-Secret": HMAC}, internal=True).status == 404, "a manager that is none")
    wait_for("the host is read alone", lambda: any(c["path"] == "/hosts/130" for c in request(base + "/control/calls").json()))
    gateway.cli("mdm", "sync", "fleet")
    status = wait_for("the new list was read", lambda: next((m for m in gateway.cli_json("mdm", "status")["managers"] if m["devices"] == 130), None))
    expect(status["matched"] == 1 and status["unmatched"] == 129, "what only Fleet knows is listed: %s" % status)
    expect(len(gateway.cli_json("mdm", "list", "--unmatched", "fleet")["unmatched"]) == 129, "and shown")
    expect("fleet" in gateway.cli("mdm", "status") and "1" in gateway.cli("mdm", "list"), "words for people")
    expect(gateway.cli_json("mdm", "list", "--open")["devices"] == [], "nothing is open")
    shown = wait_for("a disagreement", lambda: managed_device(gateway)["disagreements"])
    expect(shown[0]["check"] == "disk-encryption" and shown[0]["osquery"] == "pass" and shown[0]["mdm"] == "fail" and shown[0]["result"] == "unknown", "shown: %s" % shown)
    expect("disk-encryption" in gateway.cli("mdm", "list", "--disagreements"), "and listed")
    doctor = gateway.cli("doctor", code=None)
    expect("mdm fleet" in doctor and "postern mdm list --disagreements" in doctor, "doctor says so: %s" % doctor)
    gateway.cli("mdm", "retry", MAC["serial"], code=1)
    gateway.cli("mdm", "sync", "nobody", code=1)
    gateway.cli("mdm", "list", "--open", "--disagreements", code=2)
    fleet.process.stop()
    gateway.stop()


def story_nanomdm_tells_by_webhook(world):
    nano = Nano(world)
    gateway = nano.gateway
    secret = gateway.cli_json("enroll-secret", "create", "--label", "story")["secret"]
    fleet = Fleet(world, gateway, [dict(MAC, enroll_secret=secret)])
    wait_for("the device", lambda: MAC["serial"] in gateway.cli("device", "list"))
    mac = nano.mac("dover", "00008112-000A1B2C3D4E5F60", MAC["serial"], encrypted=False)
    mac.enrol()
    wait_for("it is managed", lambda: (mac.connect(), (link(gateway, "nano") or {}).get("managed") == "yes")[1])
    wait_for("it is asked what it is, and answers", lambda: (mac.connect(), link(gateway, "nano")["encrypted"] == "no")[1])
    said = link(gateway, "nano")
    expect(said["firewall"] == "yes" and said["group"] == "none" and said["os_version"] == "15.5", "the link: %s" % said)
    expect({"DeviceInformation", "SecurityInfo", "ProfileList"} <= set(mac.seen), "what it was asked: %s" % mac.seen)
    expect(gateway.call("POST", "/hooks/mdm/nano", {"topic": "mdm.CheckOut", "checkin_event": {"udid": mac.udid}}, {"X-Hmac-Signature": "AAAA"}, internal=True).status == 401, "a forged one")
    expect(link(gateway, "nano")["managed"] == "yes", "changes nothing")
    other = nano.mac("other", "00008112-000A1B2C3D4E5F61", "C02NOBODY001")
    other.enrol()
    expect(link(gateway, "nano")["managed"] == "yes", "the first one stays")
    wait_for("one that only NanoMDM knows is listed", lambda: [u["serial"] for u in gateway.cli_json("mdm", "list", "--unmatched", "nano")["unmatched"]] == ["C02NOBODY001"])
    mac.leave()
    wait_for("it left", lambda: link(gateway, "nano")["managed"] == "no")
    fleet.process.stop()
    gateway.stop()

# Announced one day ahead, and one day of good behaviour.
FALLBACK = fast_policy().replace("channels: [slack]", "channels: []").replace("""      - { id: warn, after: 1s, login: warn }
      - { id: sensitive, after: 4s, close: [sensitive, critical] }
""", """      - { id: managed, after: 2s, mdm: fallback }
""") + "mdm: { announce_before: 1d, way_back: 1d }\n"
DAY_S = 86400


def state(gateway):
    return (managed_device(gateway).get("fallback") or {}).get("state", "none")


def story_nanomdm_takes_over_and_lets_go(world):
    clock = MovedClock(world)
    expect("mdm: fallback" in FALLBACK and "channels: []" in FALLBACK, "the policy has what this story needs")
    nano = Nano(world, FALLBACK, clock.env, redis=world.redis())
    gateway = nano.gateway
    gateway.cli("person", "import", "-", stdin=json.dumps([{"email": "ana@acme.example"}]))
    secret = gateway.cli_json("enroll-secret", "create", "--person", "ana@acme.example")["secret"]
    fleet = Fleet(world, gateway, [dict(MAC, enroll_secret=secret, defects=["firewall"])])
    wait_for("the device", lambda: MAC["serial"] in gateway.cli("device", "list"))
    mac = nano.mac("dover", "00008112-000A1B2C3D4E5F60", MAC["serial"])
    mac.enrol()
    wait_for("its profiles are known", lambda: (mac.connect(), (link(gateway, "nano") or {}).get("group") == "none")[1])
    wait_for("it is announced", lambda: state(gateway) == "announced")
    page = request(gateway.cli_json("person", "link", "ana@acme.example")["url"], ca=gateway.ca).text()
    expect("Who looks after this device" in page and "Whether the disk is encrypted" in page, "the page says what will come: %s" % page)
    wait_for("the person was told", lambda: gateway.events("mdm.told"))
    mac.connect()
    expect("InstallProfile" not in mac.seen and not gateway.events("mdm.asked"), "nothing happens before its time: %s" % mac.seen)
    clock.jump(DAY_S + 60)
    wait_for("the profile is installed", lambda: (mac.connect(), "InstallProfile" in mac.seen)[1])
    wait_for("it is read back", lambda: (mac.connect(), state(gateway) == "confirmed")[1])
    expect([p["PayloadIdentifier"] for p in mac.profiles] == ["com.acme.enrolment", "com.acme.strict"], "the Mac has it: %s" % mac.profiles)
    fleet.control("fix", "dover", "firewall")
    wait_for("good behaviour is noticed", lambda: gateway.events("mdm.clean"))
    expect("RemoveProfile" not in mac.seen, "and has to last")
    clock.jump(DAY_S + 60)
    wait_for("the profile is taken away", lambda: (mac.connect(), "RemoveProfile" in mac.seen)[1])
    wait_for("that is read back, too", lambda: (mac.connect(), state(gateway) == "none")[1])
    expect([p["PayloadIdentifier"] for p in mac.profiles] == ["com.acme.enrolment"], "it is managed as before: %s" % mac.profiles)
    types = [e["type"] for e in gateway.events("mdm.*")]
    for once in ("mdm.announced", "mdm.told", "mdm.asked", "mdm.acted", "mdm.confirmed", "mdm.clean", "mdm.undo_asked", "mdm.undone"):
        expect(types.count(once) == 1, "%s stands once in the log: %s" % (once, types))
    fleet.process.stop()
    gateway.stop()
    clock.stop()


if __name__ == "__main__":
    harness.main(globals())
