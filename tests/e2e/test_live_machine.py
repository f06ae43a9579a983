"""The machine at hand as a device: its own posture arrives and is true, a setting changed under an overlay changes the result, and what no check
asks for is not kept. The agent reads a file from the overlay when it is there and from the machine otherwise.
"""
import os
import re
import shutil
import socket
import subprocess

import harness
from harness import Fleet, Process, expect, request, wait_for

# The columns are put together in SQL, so that a value found in Redis came from the device and not from the policy's text.
POLICY = """
policy: live
sensitivities: [everyday]
apps:
  - { id: wiki, title: Wiki, sensitivity: everyday }
checks:
  - { use: library/os-updates, interval: 2s }
  - { use: library/ssh-keys-encrypted, interval: 2s }
  - { use: library/automatic-updates, interval: 2s, pass: { linux: "any(apt_on >= 1)" } }
  - id: what-it-is
    title: What a failing check saw is kept
    what: Nothing is wrong.
    why: This check is for a test.
    fix: { linux: [Do nothing.] }
    collects: The name and version of the system.
    osquery: { linux: "SELECT name, version FROM os_version" }
    pass: { linux: "any(name == \\"No such system\\")" }
    saw: { linux: "This is {name}, version {version}." }
    interval: 2s
  - id: canary
    title: Only what is named is kept
    what: Nothing is wrong.
    why: This check is for a test.
    fix: { linux: [Do nothing.] }
    collects: One word.
    osquery: { linux: "SELECT 'kept-' || 'b5f09c' AS kept, 'drop-' || '7a31e4' AS dropped, hostname FROM system_info" }
    pass: { linux: "any(kept == \\"another word\\")" }
    saw: { linux: "It says {kept}." }
    interval: 2s
  - id: pushed
    title: A script pushes this
    what: The script says no.
    why: This check is for a test.
    fix: { linux: [Run the script.] }
    collects: One number.
    pass: "fact.seat == 7"
    interval: 1h
unidentified_device: { everyday: allow }
outage: { everyday: allow }
breaker: off
visible_after: off
"""


class Live:
    """The agent in live mode, with an overlay of our own."""

    def __init__(self, world, gateway, secret):
        self.world, self.folder = world, os.path.join(world.folder, "live")
        self.root = os.path.join(self.folder, "root")
        os.makedirs(os.path.join(self.root, "etc/apt/apt.conf.d"))
        self.home = os.path.join(self.folder, "home")
        os.makedirs(os.path.join(self.home, ".ssh"), mode=0o700)
        self.put("etc/passwd", "root:x:0:0:root:%s:/bin/bash\n" % self.home)
        flags = self.file("osquery.flags", secret["osquery_flags"])
        # The flags as the gateway prints them; only where things lie on this machine, and how often to ask, is another.
        self.log = os.path.join(self.folder, "agent.log")
        self.process = Process([world.agent, "run", "--flagfile", flags, "--tls_server_certs=" + gateway.ca, "--enroll_secret_path=" + self.file("secret", secret["secret"]),
                                "--database_path=" + os.path.join(self.folder, "db"), "--root", self.root, "--distributed_interval=1", "--tls_enroll_max_interval=2"], self.log)

    def file(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w") as f:
            f.write(text)
        return path

    def put(self, path, text):
        full = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full + ".new", "w") as f:
            f.write(text)
        os.replace(full + ".new", full)

    def query(self, sql):
        done = subprocess.run([self.world.agent, "query", sql, "--root", self.root, "--json"], capture_output=True, text=True, timeout=harness.LIMIT_S)
        expect(done.returncode == 0, "the agent's own query: %s%s" % (done.stdout, done.stderr))
        return done.stdout


def only_device(gateway):
    listed = gateway.cli_json("device", "list")
    return listed["devices"][0] if listed["total"] == 1 else None


def result(gateway, check):
    device = only_device(gateway)
    return next((r for r in device["results"] if r["check"] == check), {}) if device else {}


def until(gateway, check, verdict):
    return wait_for("%s is %s" % (check, verdict), condition=lambda: (lambda r: r if r.get("result") == verdict else None)(result(gateway, check)))


def os_release():
    with open("/etc/os-release") as f:
        return dict(line.strip().replace('"', "").split("=", 1) for line in f if "=" in line)


def whole_store(world, redis):
    """Every write Redis was ever told, in plain bytes: its append-only files (no snapshot was made since it started empty), and what is deflated in them."""
    written = b""
    for base, _, files in os.walk(os.path.join(redis.folder, "appendonlydir")):
        for file in sorted(files):
            with open(os.path.join(base, file), "rb") as f:
                written += f.read()
    return subprocess.run([os.path.join(world.build, "tests/redis_plain")], input=written, stdout=subprocess.PIPE, check=True).stdout


def started(world):
    redis = world.redis()
    gateway = world.gateway(policy=POLICY, redis=redis).start()
    secret = gateway.cli_json("enroll-secret", "create", "--label", "live")
    live = Live(world, gateway, secret)
    wait_for("this machine appears", lambda: only_device(gateway))
    return redis, gateway, live


def story_this_machines_posture_is_true(world):
    redis, gateway, live = started(world)
    release = os_release()
    seen = until(gateway, "what-it-is", "fail")["saw"]
    expect(seen.startswith("This is %s, version %s" % (release["NAME"], release["VERSION_ID"])), "the name and version of /etc/os-release: %s" % seen)
    if release["ID"] == "debian":
        until(gateway, "os-updates", "pass" if int(release["VERSION_ID"]) >= 12 else "fail")
    device = only_device(gateway)
    expect(device["platform"] == "linux", "platform: %s" % device)
    expect(device["name"].split(".")[0].lower() == socket.gethostname().split(".")[0].lower(), "its own name: %s, here %s" % (device["name"], socket.gethostname()))
    expect(release["VERSION_ID"] in device["os_version"], "its version: %s" % device["os_version"])
    expect(live.process.alive(), "the agent runs")
    live.process.stop()
    gateway.stop()


def story_an_ssh_key_gets_a_passphrase(world):
    expect(shutil.which("ssh-keygen"), "ssh-keygen is needed (package openssh-client)")
    redis, gateway, live = started(world)
    until(gateway, "ssh-keys-encrypted", "pass")
    key = os.path.join(live.home, ".ssh/id_ed25519")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    bad = until(gateway, "ssh-keys-encrypted", "fail")
    expect(bad["saw"] == "1 of 1 SSH keys have no passphrase.", "what it saw: %s" % bad)
    subprocess.run(["ssh-keygen", "-q", "-p", "-P", "", "-N", "open sesame", "-f", key], check=True)
    until(gateway, "ssh-keys-encrypted", "pass")
    live.process.stop()
    gateway.stop()


def story_a_changed_setting_changes_the_result(world):
    redis, gateway, live = started(world)
    live.put("etc/apt/apt.conf.d/20auto-upgrades", 'APT::Periodic::Update-Package-Lists "1";\nAPT::Periodic::Unattended-Upgrade "0";\n')
    off = until(gateway, "automatic-updates", "fail")
    expect(off["saw"].endswith("In apt, on is 0 and off is 1."), "what it saw: %s" % off)
    live.put("etc/apt/apt.conf.d/20auto-upgrades", 'APT::Periodic::Update-Package-Lists "1";\nAPT::Periodic::Unattended-Upgrade "1";\n')
    on = until(gateway, "automatic-updates", "pass")
    expect("saw" not in on, "nothing is kept of a check that passes: %s" % on)
    device = only_device(gateway)["device"]
    changes = [(c["from"], c["to"]) for e in gateway.events("result.changed") if e["device"] == device for c in e["data"]["changes"] if c["check"] == "automatic-updates"]
    expect(changes[-1] == ("fail", "pass") and all(a[1] == b[0] for a, b in zip(changes, changes[1:])), "the log tells it, each once: %s" % changes)
    live.process.stop()
    gateway.stop()


def story_what_no_check_names_is_not_kept(world):
    redis, gateway, live = started(world)
    kept = until(gateway, "canary", "fail")
    expect(kept["saw"] == "It says kept-b5f09c.", "what is named is there: %s" % kept)
    expect("drop-7a31e4" in live.query("SELECT 'drop-' || '7a31e4' AS dropped"), "the agent does send the other column")
    serial = only_device(gateway)["device"]
    answer = gateway.api("POST", "/v1/facts", {"device": {"id": serial}, "facts": [{"name": "seat", "value": 7, "lifetime": "1h"}, {"name": "diary", "value": "secret-c44d19", "lifetime": "1h"}]})
    expect(answer.status == 200 and answer.json() == {"stored": 1, "dropped": ["diary"]}, "the answer names what is dropped: %d %s" % (answer.status, answer.text()))
    until(gateway, "pushed", "pass")
    stored = whole_store(world, redis)
    expect(b"kept-b5f09c" in stored, "what is named lies in Redis as text, so the next lines mean something")
    for word in (b"drop-7a31e4", b"secret-c44d19"):
        expect(word not in stored, "%r was stored" % word)
    with open(gateway.log, "rb") as f:
        text = f.read()
    for word in (b"drop-7a31e4", b"secret-c44d19"):
        expect(word not in text, "%r was logged" % word)
    live.process.stop()
    gateway.stop()


def story_a_revoked_secret_enrols_nobody(world):
    gateway = world.gateway(policy=POLICY).start()
    made = gateway.cli_json("enroll-secret", "create", "--label", "old")
    good = {"enroll_secret": made["secret"], "host_identifier": "A", "platform_type": "9", "host_details": {"system_info": {"uuid": "5b1c0000-0000-4000-8000-00000000a001", "hardware_serial": "GOODSERIAL1"}}}
    first = request("https://localhost:%d/osquery/enroll" % gateway.public_port, "POST", good, ca=gateway.ca).json()
    expect(first.get("node_key") and "error" not in first, "before: %s" % first)
    gateway.cli("enroll-secret", "revoke", made["id"])
    later = {"enroll_secret": made["secret"], "host_identifier": "B", "platform_type": "9", "host_details": {"system_info": {"uuid": "5b1c0000-0000-4000-8000-00000000a002", "hardware_serial": "GOODSERIAL2"}}}
    refused = request("https://localhost:%d/osquery/enroll" % gateway.public_port, "POST", later, ca=gateway.ca)
    expect("error" in refused.json() and "node_key" not in refused.json(), "after: %d %s" % (refused.status, refused.text()))
    fleet = Fleet(world, gateway, [{"name": "late", "platform": "linux", "serial": "LATE1", "uuid": "5b1c0000-0000-4000-8000-00000000a003", "enroll_secret": made["secret"], "defects": []}])
    wait_for("the agent tried", lambda: fleet.stats()["endpoints"]["enroll"]["failures"] >= 2)
    expect(gateway.cli_json("device", "list")["total"] == 1, "only the first is there")
    still = request("https://localhost:%d/osquery/config" % gateway.public_port, "POST", {"node_key": first["node_key"]}, ca=gateway.ca).json()
    expect("error" not in still, "who is enrolled stays: %s" % still)
    expect(not re.search(re.escape(made["secret"]), gateway.process.text()), "the secret is in no log")
    fleet.process.stop()
    gateway.stop()


if __name__ == "__main__":
    harness.main(globals())
