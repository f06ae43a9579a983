"""SIGKILL at any moment: two gateways on one real redis-server behind a balancer, devices that break and are fixed, people, facts, secrets and
enrolments written all the while, and a random gateway or Redis killed and started again. In the end nothing acknowledged is lost, nothing is
recorded twice, nobody was told twice. 12 kills; with --long 200 in ten minutes. `--seed N` repeats what was chosen at random.
"""
import collections
import http.client
import json
import os
import random
import subprocess
import threading
import time
import zlib

import harness
from harness import Failure, Fleet, expect, fast_policy, free_port, request, wait_for
from test_loop import fake_slack, slack_id_of, slack_messages, slack_nudges

CHECK = """  - id: campaign
    title: The campaign is on
    what: A fact says that the campaign is off.
    why: This check reads a pushed fact.
    fix: { linux: [Push the fact again.], macos: [Push the fact again.], windows: [Push the fact again.] }
    collects: One number.
    severity: minor
    pass: "fact.campaign == 1"
    interval: 1h
"""
ANSWERS_ALLOWED = (200, 503)  # a node that starts or has lost its store says so; anything else is wrong


def make_certificate(world):
    certificate, key = os.path.join(world.folder, "shared.crt"), os.path.join(world.folder, "shared.key")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", certificate, "-days", "30",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"], check=True, capture_output=True)
    return certificate, key


# People, applications and devices of the campaign are known from its start.
NEVER = ("unknown_person", "unknown_app", "unknown_action", "no_device")


class Campaign:
    def __init__(self, world, people):
        self.world, self.random, self.stop = world, world.random, threading.Event()
        self.problems, self.kills, self.statuses, self.rules = [], collections.Counter(), collections.Counter(), collections.Counter()
        self.lost_connections = 0
        self.people = ["p%02d@acme.example" % i for i in range(people)]
        self.slack, self.slack_process = fake_slack(world)
        self.redis = world.redis()
        self.tls, self.port = make_certificate(world), free_port()
        config = "slack: { token: env:SLACK_TOKEN, signing_secret: env:SLACK_SECRET, api_url: \"http://127.0.0.1:%d/api\" }\n" % self.slack
        env = {"SLACK_TOKEN": "xoxb-test-token", "SLACK_SECRET": "not-a-secret"}
        policy = fast_policy("2s").replace("ladders:\n", CHECK + "ladders:\n")
        self.gateways = [world.gateway("gw%d" % i, policy=policy, config=config, redis=self.redis, env=env, tls=self.tls, public_url="https://localhost:%d" % self.port).start()
                         for i in range(2)]
        self.balancer = world.process(["haproxy", "-db", "-f", self.balancer_config()], "balancer")
        self.gateways[0].api("GET", "/v1/events?limit=1")  # makes the key
        self.gateways[1].key = self.gateways[0].key
        self.prepare()

    def balancer_config(self):
        with open(os.path.join(harness.ROOT, "tests/support/proxies/balancer.cfg")) as f:
            text = f.read()
        for key, value in (("PORT", self.port), ("ONE", self.gateways[0].public_port), ("TWO", self.gateways[1].public_port)):
            text = text.replace("@%s@" % key, str(value))
        path = os.path.join(self.world.folder, "balancer.cfg")
        with open(path, "w") as f:
            f.write(text)
        return path

    def prepare(self):
        first = self.gateways[0]
        slack_people = [{"id": "U0P%02d" % i, "email": p} for i, p in enumerate(self.people)]
        expect(request("http://127.0.0.1:%d/control/people" % self.slack, "POST", slack_people).status == 200, "the fake Slack takes people")
        first.cli("person", "import", "-", stdin=json.dumps([{"email": p, "name": "P%d" % i, "slack": "U0P%02d" % i} for i, p in enumerate(self.people)]))
        devices = []
        for i, person in enumerate(self.people):
            secret = first.cli_json("enroll-secret", "create", "--person", person)["secret"]
            devices.append({"name": "d%02d" % i, "platform": ("macos", "linux", "windows")[i % 3], "serial": "C02FLEET%02d" % i, "uuid": "3b1c0000-0000-4000-8000-0000000000%02x" % i,
                            "hostname": "d%02d" % i, "enroll_secret": secret, "defects": []})
        self.secret = first.cli_json("enroll-secret", "create", "--label", "anyone")["secret"]
        self.fleet_devices = devices
        self.fleet = Fleet(self.world, first, devices, interval=1, port=self.port, ca=self.tls[0])
        wait_for("healthy first reports", lambda: all(self.posture(first, d["serial"]).get("verdict") == "pass" for d in devices))
        self.acked_people, self.acked_secrets, self.acked_devices, self.acked_facts = [], [], {}, []
        self.attempts = collections.Counter()  # of enrolling, by serial
        self.seat = self.enrol("SEAT0000001")
        expect(self.seat, "the device of the pushed facts enrols")

    # ---- asking ----

    def any_gateway(self):
        return random.choice(self.gateways)  # from many threads: not of the seed, which is for what is killed when

    def posture(self, gateway, serial):
        answer = gateway.api("GET", "/v1/posture?serial=" + serial)
        return answer.json() if answer.status == 200 else {}

    def cli(self, *args, stdin=None):
        """Output of a command that said it was done; None otherwise (done or not: nobody knows)."""
        try:
            return json.loads(self.any_gateway().cli(*args, "--json", stdin=stdin))
        except (Failure, subprocess.TimeoutExpired, ValueError):
            return None

    def enrol(self, serial):
        body = {"enroll_secret": self.secret, "host_identifier": serial, "platform_type": "9", "host_details": {
            "os_version": {"name": "Debian GNU/Linux", "version": "12", "platform": "debian"}, "osquery_info": {"version": "5.23.1", "instance_id": "i-" + serial},
            "system_info": {"uuid": "0000%s-0000-4000-8000-%012x" % (serial[-4:], zlib.crc32(serial.encode())), "hardware_serial": serial, "hostname": serial.lower(), "hardware_vendor": "LENOVO", "hardware_model": "20X"}}}
        self.attempts[serial] += 1
        try:
            answer = request("https://localhost:%d/osquery/enroll" % self.port, "POST", body, ca=self.tls[0], timeout=10).json()
        except (OSError, http.client.HTTPException, ValueError):
            return None
        if "error" in answer or "node_key" not in answer:
            return None
        self.acked_devices[serial] = answer["node_key"]
        return answer["node_key"]

    # ---- what goes on meanwhile; each until told to stop ----

    def write_people(self, random_):
        count = 0
        while not self.stop.is_set():
            count += 1
            email = "w%04d@acme.example" % count
            answer = self.cli("person", "import", "-", stdin=json.dumps([{"email": email, "name": "W%d" % count}]))
            if answer is not None:
                expect(answer["refused"] == 0, "a good person is not refused: %s" % answer)
                self.acked_people.append(email)
            self.stop.wait(random_.uniform(0.1, 0.6))

    def write_secrets(self, random_):
        while not self.stop.is_set():
            answer = self.cli("enroll-secret", "create", "--label", "campaign")
            if answer is not None:
                self.acked_secrets.append(answer["id"])
            self.stop.wait(random_.uniform(0.5, 2))

    def write_devices(self, random_):
        """Each serial is tried until it is acknowledged: an ambiguous first try must not become a second device."""
        count = 0
        while not self.stop.is_set():
            count += 1
            serial = "NEW%07d" % count
            for _ in range(10):
                if self.stop.is_set() or self.enrol(serial):
                    break
                self.stop.wait(0.3)
            self.stop.wait(random_.uniform(0.2, 1))

    def write_facts(self, random_):
        """One writer, 1 and 0 in turn, each repeated until acknowledged: the log must have exactly these changes, in this order."""
        value = 1
        while not self.stop.is_set():
            try:
                answer = self.any_gateway().api("POST", "/v1/facts", {"device": {"serial": "SEAT0000001"}, "facts": [{"name": "campaign", "value": value, "lifetime": "1d"}]})
                if answer.status == 200:
                    expect(answer.json() == {"stored": 1, "dropped": []}, "the fact is stored: %s" % answer.text())
                    self.acked_facts.append(value)
                    value = 1 - value
                else:
                    expect(answer.status == 503, "a fact is stored or refused plainly: %d %s" % (answer.status, answer.text()))
            except (OSError, http.client.HTTPException, ValueError):
                self.lost_connections += 1
            self.stop.wait(random_.uniform(0.1, 0.5))

    def break_and_fix(self, random_):
        """The first device goes back and forth; each other one breaks once, at a moment of its own, and stays so for a while."""
        others = self.fleet_devices[1:]
        while not self.stop.is_set():
            self.fleet.control("break", "d00", "firewall")
            self.stop.wait(random_.uniform(1, 5))
            if others and random_.random() < 0.7:
                self.fleet.control("break", others.pop()["name"], "disk-encryption")
            self.fleet.control("fix", "d00", "firewall")
            self.stop.wait(random_.uniform(1, 4))
        self.fleet.control("break", "d00", "firewall")
        for device in others:
            self.fleet.control("break", device["name"], "disk-encryption")

    def keep_deciding(self, random_):
        while not self.stop.is_set():
            try:
                body = {"subject": {"type": "user", "id": random_.choice(self.people)}, "action": {"name": "login"}, "resource": {"type": "app", "id": random_.choice(["payroll", "wiki"])}}
                answer = random_.choice(self.gateways).api("POST", "/access/v1/evaluation", body)
                self.statuses[answer.status] += 1
                expect(answer.status in ANSWERS_ALLOWED, "a decision answered %d: %s" % (answer.status, answer.text()[:300]))
                rule = answer.json()["context"]["rule"] if answer.status == 200 else "none"
                self.rules[rule] += 1
                expect(rule not in NEVER, "a node that does not know yet must not refuse as if it knew: %s" % answer.text()[:600])
            except (OSError, http.client.HTTPException):
                self.lost_connections += 1
            self.stop.wait(0.02)

    def start(self):
        def guard(work, seed):
            try:
                work(random.Random(seed))
            except Exception as error:
                self.problems.append("%s: %r" % (work.__name__, error))
        works = [self.write_people, self.write_secrets, self.write_devices, self.write_facts, self.break_and_fix, self.keep_deciding]
        self.threads = [threading.Thread(target=guard, args=(w, self.world.seed + i), daemon=True) for i, w in enumerate(works)]
        for thread in self.threads:
            thread.start()

    def finish(self):
        self.stop.set()
        for thread in self.threads:
            thread.join(harness.LIMIT_S)
            expect(not thread.is_alive(), "a writer ends")

    # ---- killing ----

    def kill(self, target):
        process = target.process
        if not process.alive():
            raise Failure("%s had ended by itself with %s:\n%s" % (process.args[0], process.child.returncode, process.text()[-4000:]))
        process.kill()
        self.kills["redis" if target is self.redis else target.name] += 1

    def revive(self, target):
        if target is self.redis:
            target.start()
        else:
            target.start(wait=False)

    def all_ready(self):
        for gateway in self.gateways:
            gateway.wait_ready()

    def kill_all_the_time(self, kills, spacing):
        """Mostly one at a time, at any moment; sometimes two together, sometimes again while it starts."""
        done = 0
        while done < kills:
            time.sleep(self.random.uniform(0, spacing))
            targets = self.random.sample(self.gateways + [self.redis], 2 if self.random.random() < 0.2 and kills - done > 1 else 1)
            for target in targets:
                self.kill(target)
                done += 1
            time.sleep(self.random.uniform(0, 0.5))
            for target in sorted(targets, key=lambda t: t is not self.redis):
                self.revive(target)
            if self.random.random() < 0.8:
                self.all_ready()
            expect(not self.problems, "; ".join(self.problems))


# ---- what must hold in the end ----

def settled_events(gateway):
    last = []

    def quiet():
        nonlocal last
        before, last = last, gateway.events()
        return len(before) == len(last) and last
    return wait_for("the log is quiet", quiet, pause_s=1.5)


def check_log(events):
    ids = [e["id"] for e in events]
    expect(len(ids) == len(set(ids)), "an id stands twice: %s" % [i for i, n in collections.Counter(ids).items() if n > 1][:5])
    verdicts, rungs = {}, {}
    for event in events:
        if event["type"] == "result.changed":
            for change in event["data"]["changes"]:
                key = (event["device"], change["check"])
                expect(change["from"] != change["to"], "a change changes something: %s" % event)
                expect(key not in verdicts or verdicts[key] == change["from"], "%s was %s, then changed from %s: %s" % (key, verdicts.get(key), change["from"], event))
                verdicts[key] = change["to"]
        if event["type"] == "rung.changed":
            data = event["data"]
            expect(data["from"] != data["to"] and rungs.get(event["device"], "") == data["from"], "the rung was %r: %s" % (rungs.get(event["device"], ""), event))
            rungs[event["device"]] = data["to"]
    first = collections.Counter(e["device"] for e in events if e["type"] == "device.enrolled" and not e["data"]["again"])
    expect(not first or max(first.values()) == 1, "device.enrolled for the first time twice: %s" % first.most_common(1))
    expect(sum(e["type"] == "policy.applied" for e in events) == 1, "one policy was applied, once")


def of_people(events, type_, wanted=lambda data: True):
    return collections.Counter(e["person"] for e in events if e["type"] == type_ and wanted(e["data"]))


def is_slack(data):
    return data.get("channel") == "slack"


def is_unclear(data):
    return data.get("error") == "ambiguous"


def check_nudges(c, events):
    """At most one message to a person; none only where its end could not be known, and it was given up for the day."""
    messages = {k: len(v) for k, v in slack_nudges(c.slack).items() if v}
    for person, all_of in slack_messages(c.slack).items():
        expect(len({slack_id_of(m) for m in all_of}) == len(all_of), "nothing was told twice to %s: %s" % (person, all_of))
    expect(not messages or max(messages.values()) == 1, "told more than once in a day: %s" % messages)
    reserved, told, failed = of_people(events, "notice.reserved"), of_people(events, "notice.delivered", is_slack), of_people(events, "notice.failed")
    unclear = of_people(events, "notice.failed", is_unclear)
    expect(len(reserved) == len(c.people), "everybody's device broke, so everybody was to be told: %d of %d" % (len(reserved), len(c.people)))
    for person, times in reserved.items():
        expect(times == told[person] + failed[person] and told[person] <= 1, "each notice of %s came to one end: %d reserved, %d delivered, %d failed" % (person, times, told[person], failed[person]))
        expect(told[person] == 1 or unclear[person] == 1, "%s was told, or it could not be known" % person)
    expect(len(told) <= len(messages) <= len(told) + len(unclear), "what counts as delivered was sent: %d messages, %d delivered, %d unclear" % (len(messages), len(told), len(unclear)))
    print("      %d of %d people told exactly once; %d given up because the end could not be known" % (len(messages), len(c.people), len(unclear)))


def check_facts(c, events):
    seat = c.posture(c.gateways[0], "SEAT0000001")["device"]
    logged = [change["to"] for e in events if e["type"] == "result.changed" and e["device"] == seat for change in e["data"]["changes"] if change["check"] == "campaign"]
    wanted = ["pass" if value else "fail" for value in c.acked_facts]
    # The last push may have been committed without an answer.
    expect(logged[:len(wanted)] == wanted and len(logged) <= len(wanted) + 1, "acknowledged changes %d, in the log %d" % (len(wanted), len(logged)))


def check_nothing_lost(c, gateway):
    for email in c.acked_people + c.people:
        expect(email in gateway.cli("person", "show", email, "--json"), "%s was acknowledged and is gone" % email)
    known = {s["id"] for s in gateway.cli_json("enroll-secret", "list")["enroll_secrets"]}
    expect(set(c.acked_secrets) <= known, "acknowledged secrets are gone: %s" % (set(c.acked_secrets) - known))
    for serial, key in c.acked_devices.items():
        expect(c.posture(gateway, serial).get("device"), "%s enrolled and is gone" % serial)
        answer = request("https://localhost:%d/osquery/config" % gateway.public_port, "POST", {"node_key": key}, ca=c.tls[0]).json()
        expect("error" not in answer and not answer.get("node_invalid"), "the key of %s is refused: %s" % (serial, answer))


def check_devices(c, events):
    def on_both():
        first, second = (g.cli_json("device", "list")["total"] for g in c.gateways)
        return [first, second] if first == second else None
    listed = wait_for("both have the same devices", on_both)
    least, most = len(c.acked_devices) + len(c.fleet_devices), len(c.attempts) + len(c.fleet_devices)
    expect(least <= listed[0] <= most, "devices: %s listed, %d acknowledged, %d tried" % (listed, least, most))
    for serial in [d["serial"] for d in c.fleet_devices] + list(c.acked_devices):
        ids = {c.posture(g, serial).get("device") for g in c.gateways}
        expect(len(ids) == 1 and None not in ids, "%s is one device on both: %s" % (serial, ids))
        enrolled = sum(e["type"] == "device.enrolled" and e["device"] in ids for e in events)
        # An agent whose answer was lost asks again, and that is logged; nothing is logged that it did not ask.
        expect(serial not in c.attempts or 1 <= enrolled <= c.attempts[serial], "%s enrolled %d times, tried %d times" % (serial, enrolled, c.attempts[serial]))


def check_explained(c):
    """After all that the loop still works and each step of a refusal can be named, by the other gateway as well."""
    one, two = c.gateways
    c.fleet.control("break", "d00", "firewall")

    def closed():
        answer = one.decide(c.people[0], "payroll")
        if not answer["decision"]:
            return answer["context"]
        if answer["context"].get("remediation_url"):  # shown to the person: that counts as told, whatever the cap
            request(answer["context"]["remediation_url"], ca=c.tls[0])
        return None
    context = wait_for("payroll closes once more", closed)
    wait_for("on both", lambda: not two.decide(c.people[0], "payroll")["decision"])
    for gateway in (one, two):
        text = gateway.cli("explain", context["decision_id"])
        for words in ("firewall", "sensitive", "default", "ladder_closed"):
            expect(words in text, "explain names %r:\n%s" % (words, text))
    c.fleet.control("fix", "d00", "firewall")
    wait_for("and opens", lambda: one.decide(c.people[0], "payroll")["decision"] and two.decide(c.people[0], "payroll")["decision"])
    versions = {g.decide(c.people[0], "wiki")["context"]["policy_version"] for g in c.gateways}
    expect(len(versions) == 1, "one policy: %s" % versions)


def story_sigkill_at_random(world):
    kills, people, seconds = (200, 20, 600) if world.long else (12, 5, 40)
    print("      seed %d: %d kills" % (world.seed, kills), flush=True)
    c = Campaign(world, people)
    c.start()
    began = time.monotonic()
    c.kill_all_the_time(kills, 2 * max(seconds / kills - 1.5, 0.3))
    c.finish()
    took = time.monotonic() - began
    c.all_ready()
    expect(not c.problems, "; ".join(c.problems))
    print("      %s in %.0f s; decisions %s, %d connections lost; acknowledged: %d people, %d devices, %d secrets, %d facts" %
          (dict(c.kills), took, dict(c.statuses), c.lost_connections, len(c.acked_people), len(c.acked_devices), len(c.acked_secrets), len(c.acked_facts)), flush=True)
    expect(c.acked_people and c.acked_devices and c.acked_facts and c.acked_secrets and c.statuses[200], "there was work under the kills")

    def all_told():
        events = c.gateways[0].events()
        return len(of_people(events, "notice.delivered", is_slack) + of_people(events, "notice.failed", is_unclear)) == len(c.people)
    wait_for("everybody is told", all_told)
    c.fleet.control("fix-all")
    for gateway in c.gateways:
        wait_for("all devices pass", lambda: all(c.posture(gateway, d["serial"]).get("verdict") == "pass" for d in c.fleet_devices))
    # The log goes on while it is read (devices speak), so the one in between must hold the earlier and be held by the later.
    events = [settled_events(c.gateways[0]), c.gateways[1].events(), c.gateways[0].events()]
    ids = [{e["id"] for e in log} for log in events]
    expect(ids[0] <= ids[1] <= ids[2], "both gateways have the same log; only in one: %s" % ((ids[0] - ids[1]) | (ids[1] - ids[2])))
    for log in events:
        check_log(log)
    check_nudges(c, events[0])
    check_facts(c, events[0])
    check_devices(c, events[0])
    for gateway in c.gateways:
        check_nothing_lost(c, gateway)
    check_explained(c)
    expect(c.fleet.stats()["would_lose_data"] == 0, "an agent would have lost data: %s" % c.fleet.stats())
    c.fleet.process.stop()
    for gateway in c.gateways:
        gateway.stop()


if __name__ == "__main__":
    harness.main(globals())
