"""The API for tools on real wires: posture by every name of a device, pushed facts and their end, the log as pages and as a stream, and what
holds for every route: methods, request ids, metrics."""
import calendar
import hashlib
import http.client
import json
import os
import re
import socket
import ssl
import subprocess
import time

import harness
from harness import Fleet, expect, fast_policy, wait_for

OWN_CHECKS = """
  - { id: backup, title: A backup was made this week, severity: normal, pass: "fact.backup_age < 7d", fresh_for: 2h, interval: 1h }
  - { id: guarded, title: One of two guards runs, severity: normal, pass: "fact.guard_a == true or fact.guard_b == true", fresh_for: 2h, interval: 1h }
ladders:"""
DEVICE = {"name": "dover", "platform": "linux", "serial": "PF-DOVER-01", "uuid": "3b1c0000-0000-4000-8000-00000000d0e1", "hostname": "dover", "defects": []}
JSON = {"Content-Type": "application/json"}


def policy(extra=OWN_CHECKS):
    return fast_policy().replace("\nladders:", extra, 1)


def people(gateway, *names):
    gateway.cli("person", "import", "-", stdin=json.dumps([{"email": "%s@acme.example" % name} for name in names]))


def prepared(world, extra=OWN_CHECKS):
    """A gateway, and ana's healthy device in it: (gateway, fleet, device id)."""
    gateway = world.gateway(policy=policy(extra)).start()
    people(gateway, "ana")
    secret = gateway.cli_json("enroll-secret", "create", "--person", "ana@acme.example")["secret"]
    fleet = Fleet(world, gateway, [dict(DEVICE, enroll_secret=secret)])
    found = wait_for("a healthy first report", lambda: (lambda a: a.status == 200 and a.json()["verdict"] == "pass" and a.json())(posture(gateway, "serial=" + DEVICE["serial"])))
    return gateway, fleet, found["device"]


def posture(gateway, query):
    return gateway.api("GET", "/v1/posture?" + query)


def batch(gateway, body, status=200):
    answer = gateway.api("POST", "/v1/posture", body)
    expect(answer.status == status, "POST /v1/posture: %d, wanted %d: %s" % (answer.status, status, answer.text()[:300]))
    return answer.json()


def result_of(answer, check):
    return next(r for r in answer.json()["results"] if r["check"] == check)


def refused(answer, status, name):
    """A problem as RFC 9457 wants it."""
    expect(answer.status == status, "%s: %d, wanted %d: %s" % (name, answer.status, status, answer.text()[:300]))
    expect(answer.headers["content-type"] == "application/problem+json", "%s: %s" % (name, answer.headers))
    problem = answer.json()
    expect(problem["status"] == status and problem["type"] and problem["title"] and problem["instance"] == answer.headers["x-request-id"], "%s: %s" % (name, problem))


def certificate(world, name):
    """A fresh certificate: its file, and the SHA-256 of its DER."""
    path = os.path.join(world.folder, name + ".pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=" + name, "-days", "2",
                    "-keyout", os.path.join(world.folder, name + ".key"), "-out", path], check=True, capture_output=True)
    with open(path) as f:
        return path, hashlib.sha256(ssl.PEM_cert_to_DER_cert(f.read())).hexdigest()


# ---- posture ----

def story_posture_by_every_name_of_a_device(world):
    gateway, fleet, device = prepared(world)
    pem, digest = certificate(world, "dover")
    gateway.cli("device", "identify", DEVICE["serial"], "--certificate", pem)
    _, second = certificate(world, "dover-second")
    gateway.cli("device", "identify", device, "--certificate-sha256", second)
    for query in ("device=" + device, "serial=" + DEVICE["serial"], "serial=" + DEVICE["serial"].lower(), "serial=%20PF%2dDOVER%2D01", "uuid=" + DEVICE["uuid"],
                  "uuid=" + DEVICE["uuid"].upper(), "certificate=" + digest, "certificate=" + digest.upper(), "certificate=" + second):
        answer = posture(gateway, query)
        expect(answer.status == 200 and answer.json()["device"] == device, "%s: %d %s" % (query, answer.status, answer.text()[:300]))
    whole = wait_for("a posture that is not stale", lambda: (lambda p: p if p["stale"] is False else None)(posture(gateway, "device=" + device).json()))
    expect(whole["verdict"] == "pass" and whole["platform"] == "linux" and whole["serial"] == DEVICE["serial"], "posture: %s" % whole)
    expect({r["check"] for r in whole["results"]} == {"firewall", "disk-encryption", "backup", "guarded"}, "every check in force: %s" % whole["results"])
    firewall = next(r for r in whole["results"] if r["check"] == "firewall")
    expect(firewall["result"] == "pass" and firewall["what"] and firewall["fix"] and firewall["age_s"] >= 0 and firewall["evaluated_at"], "a result with its words and age: %s" % firewall)
    for query in ("person=ana@acme.example", "person=ANA%40acme.example", "person=" + whole["owner"]):
        answer = posture(gateway, query)
        expect(answer.status == 200 and [d["device"] for d in answer.json()["devices"]] == [device], "%s: %d %s" % (query, answer.status, answer.text()[:300]))
    for query, status in (("device=d_nothing", 404), ("serial=nobody", 404), ("serial=none", 404), ("certificate=" + "0" * 64, 404), ("certificate=x", 404), ("uuid=x", 404),
                          ("person=nobody@acme.example", 404), ("", 400), ("serial=a&uuid=b", 400), ("serial=a&serial=a", 400), ("device=%zz", 400),
                          ("max_age_s=5", 400), ("device=%s&max_age_s=0" % device, 400), ("device=%s&max_age_s=-1" % device, 400), ("device=%s&max_age_s=1h" % device, 400),
                          ("device=%s&max_age_s=99999999999999999999" % device, 400)):
        refused(posture(gateway, query), status, query)
    answer = gateway.cli("device", "identify", device, "--certificate-sha256", "ab" * 31, code=1)
    expect("64 hex digits" in answer, "a short digest is refused: %s" % answer)
    fleet.process.stop()
    gateway.cli("device", "remove", device)
    for query in ("device=" + device, "serial=" + DEVICE["serial"], "uuid=" + DEVICE["uuid"], "certificate=" + digest):
        wait_for("404 for a removed device: " + query, lambda: posture(gateway, query).status == 404)
    refused(gateway.api("POST", "/v1/facts", {"device": {"id": device}, "facts": [fact("backup_age", 60)]}), 404, "facts for a removed device")
    expect(posture(gateway, "person=ana@acme.example").json()["devices"] == [], "a person's devices without it")
    gateway.stop()


def story_a_demanded_age_turns_old_results_unknown(world):
    gateway, fleet, device = prepared(world)
    expect(posture(gateway, "device=%s&max_age_s=3600" % device).json()["verdict"] in ("pass", "unknown"), "an hour is enough for what was read")
    fleet.process.stop()
    old = wait_for("results older than a second", lambda: (lambda a: a if result_of(a, "firewall")["result"] == "unknown" else None)(posture(gateway, "device=%s&max_age_s=1" % device)))
    expect(old.json()["verdict"] == "unknown" and "max_age_s" in result_of(old, "firewall")["why_unknown"], "old: %s" % old.text()[:600])
    expect(posture(gateway, "device=" + device).json()["verdict"] == "pass", "without the demand they stand")
    expect(batch(gateway, {"devices": [{"device": device}], "max_age_s": 1})["devices"][0]["verdict"] == "unknown", "a batch may demand it too")
    gateway.stop()


def story_a_batch_answers_each_item(world):
    gateway, fleet, device = prepared(world)
    items = [{"device": device}, {"serial": "nobody"}, {"serial": DEVICE["serial"].lower()}, {"serial": "a", "uuid": "b"}, {"colour": "red"}, 7, {"uuid": DEVICE["uuid"]}, {"device": None},
             {"certificate": "00"}]
    found = batch(gateway, {"devices": items})["devices"]
    expect([d.get("device") or d["error"]["status"] for d in found] == [device, 404, device, 400, 400, 400, device, 400, 404], "in order, errors in place: %s" % [d.get("error") for d in found])
    expect("devices[4]" in found[4]["error"]["message"] and "colour" in found[4]["error"]["message"], "an error names its place: %s" % found[4])
    expect(not any("fix" in r for r in found[0]["results"]), "words only when asked for")
    expect(all("fix" in r for r in batch(gateway, {"devices": [{"device": device}], "words": True})["devices"][0]["results"]), "words when asked for")
    expect(batch(gateway, {"devices": []})["devices"] == [], "an empty batch")
    many = batch(gateway, {"devices": [{"serial": DEVICE["serial"]}] * 1000})["devices"]
    expect(len(many) == 1000 and all(d["device"] == device for d in many), "1,000 items")
    for name, body in (("1,001 items", {"devices": [{"device": device}] * 1001}), ("an unknown member", {"devices": [], "max_age": 5}), ("no devices", {}), ("a list", []),
                       ("devices is an object", {"devices": {}}), ("max_age_s is 0", {"devices": [], "max_age_s": 0}), ("max_age_s is text", {"devices": [], "max_age_s": "5"}),
                       ("words is a number", {"devices": [], "words": 1})):
        refused(gateway.api("POST", "/v1/posture", body), 400, name)
    for name, raw, status in (("empty", b"", 400), ("cut short", b'{"devices":[', 400), ("a member twice", b'{"devices":[],"devices":[]}', 400), ("deep", b"[" * 10000, 400),
                              ("too large", b'{"devices":["' + b"x" * 300000 + b'"]}', 413)):
        refused(gateway.api("POST", "/v1/posture", raw, JSON), status, name)
    refused(gateway.api("POST", "/v1/posture", b'{"devices":[]}', {"Content-Type": "text/plain"}), 400, "a type that is not JSON")
    fleet.process.stop()
    gateway.stop()


def story_an_answer_that_would_be_too_long_is_cut_by_items(world):
    checks = "".join("\n  - { id: own-%d, title: %s, what: %s, why: %s, pass: \"fact.own_%d == 1\", severity: minor, fresh_for: 2h, interval: 1h }" % (i, "t" * 100, "w" * 400, "y" * 400, i)
                     for i in range(30))
    gateway, fleet, device = prepared(world, checks + "\nladders:")
    found = batch(gateway, {"devices": [{"device": device}] * 1000, "words": True})["devices"]
    whole = [d for d in found if "error" not in d]
    expect(len(found) == 1000 and 100 < len(whole) < 1000, "%d of %d fit" % (len(whole), len(found)))
    expect(all(d["error"]["status"] == 413 for d in found[len(whole):]), "the rest says why: %s" % found[-1])
    fleet.process.stop()
    gateway.stop()


# ---- facts ----

def push(gateway, body, status=200):
    answer = gateway.api("POST", "/v1/facts", body)
    expect(answer.status == status, "POST /v1/facts: %d, wanted %d: %s" % (answer.status, status, answer.text()[:300]))
    return answer.json()


def fact(name, value, lifetime="1h"):
    return {"name": name, "value": value, "lifetime": lifetime}


def story_a_pushed_fact_is_judged_and_gone_after_its_lifetime(world):
    gateway, fleet, device = prepared(world)

    def backup():
        return result_of(posture(gateway, "device=" + device), "backup")
    expect(backup()["result"] == "unknown", "nobody pushed anything yet")

    def pushed():
        """Its few seconds may be over on a machine that stood still, then it is pushed anew."""
        expect(push(gateway, {"device": {"serial": DEVICE["serial"]}, "facts": [fact("backup_age", 3600, 5)]}) == {"stored": 1, "dropped": []}, "stored")
        result = backup()
        return result if result["result"] == "pass" else None
    first = wait_for("the fact is judged", pushed)
    fleet.process.stop()  # nothing new comes from here on
    ends = calendar.timegm(time.strptime(first["valid_until"], "%Y-%m-%dT%H:%M:%SZ"))
    last = None
    while last is None:
        asked, result, answered = time.time(), backup(), time.time()
        if result["result"] == "unknown":
            last = result
            expect(answered >= ends, "unknown at %.2f, before its end at %d" % (answered, ends))
        else:
            expect(result["result"] == "pass" and asked < ends + 1, "%s at %.2f, though it ended at %d" % (result["result"], asked, ends))
    expect("ended" in last["why_unknown"], "says why: %s" % last)
    expect(push(gateway, {"device": {"uuid": DEVICE["uuid"]}, "facts": [fact("backup_age", 30 * 86400)]})["stored"] == 1, "by uuid")
    expect(backup()["result"] == "fail", "an answer of 200 is committed and seen at once: %s" % backup())
    expect(posture(gateway, "device=" + device).json()["verdict"] == "fail", "a verdict made of a fact")
    expect(push(gateway, {"device": {"id": device}, "facts": [fact("backup_age", 60, "3d")]})["stored"] == 1, "by id")
    expect(backup()["result"] == "pass", "the newest counts: %s" % backup())
    gateway.stop()


def story_a_verdict_outlives_a_fact_that_it_does_not_need(world):
    gateway, fleet, device = prepared(world)

    def guarded():
        return result_of(posture(gateway, "device=" + device), "guarded")
    push(gateway, {"device": {"id": device}, "facts": [fact("guard_a", True, 2), fact("backup_age", 60, 2)]})
    push(gateway, {"device": {"id": device}, "facts": [fact("guard_b", True, "1h")]})
    wait_for("the backup's fact has ended", lambda: result_of(posture(gateway, "device=" + device), "backup")["result"] == "unknown")
    expect(guarded()["result"] == "pass", "the other guard still runs: %s" % guarded())
    fleet.process.stop()
    gateway.stop()


def story_facts_that_no_check_names_are_dropped(world):
    gateway, fleet, device = prepared(world)
    found = push(gateway, {"device": {"id": device}, "facts": [fact("shoe_size", 43), fact("backup_age", 60), fact("favourite.colour", "red")]})
    expect(found == {"stored": 1, "dropped": ["shoe_size", "favourite.colour"]}, "what was dropped is named: %s" % found)
    expect(push(gateway, {"device": {"id": device}, "facts": [fact("shoe_size", 43)]})["stored"] == 0, "nothing stored")
    reader = "\n  - { id: shoes, title: Shoes, pass: \"fact.shoe_size == 43\", fresh_for: 2h, interval: 1h }" + OWN_CHECKS
    path = os.path.join(world.folder, "next.yaml")
    with open(path, "w") as f:
        f.write(policy(reader))
    gateway.cli("apply", path)
    wait_for("the new policy", lambda: any(r["check"] == "shoes" for r in posture(gateway, "device=" + device).json()["results"]))
    expect(push(gateway, {"device": {"id": device}, "facts": [fact("backup_age", 61)]})["stored"] == 1, "the device is judged again")
    expect(result_of(posture(gateway, "device=" + device), "shoes")["result"] == "unknown", "what was dropped is nowhere to be found")
    expect(push(gateway, {"device": {"id": device}, "facts": [fact("shoe_size", 43)]})["stored"] == 1, "now it is named")
    expect(result_of(posture(gateway, "device=" + device), "shoes")["result"] == "pass", "and judged")
    fleet.process.stop()
    gateway.stop()


def story_facts_are_read_strictly(world):
    gateway, fleet, device = prepared(world)
    who, good = {"id": device}, fact("backup_age", 60)
    bad = [("an unknown member", {"device": who, "facts": [good], "source": "x"}), ("an unknown member of a fact", {"device": who, "facts": [dict(good, unit="s")]}),
           ("an unknown member of a device", {"device": {"id": device, "colour": "red"}, "facts": [good]}), ("two names", {"device": {"id": device, "serial": "x"}, "facts": [good]}),
           ("no device", {"facts": [good]}), ("no facts", {"device": who}), ("empty facts", {"device": who, "facts": []}), ("no lifetime", {"device": who, "facts": [{"name": "a", "value": 1}]}),
           ("no value", {"device": who, "facts": [{"name": "a", "lifetime": 1}]}), ("no name", {"device": who, "facts": [{"value": 1, "lifetime": 1}]}),
           ("lifetime 0", {"device": who, "facts": [fact("a", 1, 0)]}), ("lifetime of two years", {"device": who, "facts": [fact("a", 1, "730d")]}),
           ("lifetime is a list", {"device": who, "facts": [fact("a", 1, [])]}), ("a name with a colon", {"device": who, "facts": [fact("check:firewall", 1)]}),
           ("the same fact twice", {"device": who, "facts": [good, good]}), ("a long name", {"device": who, "facts": [fact("n" * 65, 1)]}),
           ("a large value", {"device": who, "facts": [fact("a", "x" * 5000)]}), ("101 facts", {"device": who, "facts": [fact("f%d" % i, 1) for i in range(101)]}),
           ("1,001 devices", {"devices": [{"device": who, "facts": [good]}] * 1001}), ("one and many", {"device": who, "facts": [good], "devices": []})]
    for name, body in bad:
        refused(gateway.api("POST", "/v1/facts", body), 400, name)
    for name, raw, status in (("not JSON", b"{", 400), ("a member twice", b'{"device":{},"device":{}}', 400), ("too large", b'"' + b"x" * (5 * 1024 * 1024) + b'"', 413)):
        refused(gateway.api("POST", "/v1/facts", raw, JSON), status, name)
    refused(gateway.api("POST", "/v1/facts", {"device": {"serial": "nobody"}, "facts": [good]}), 404, "a device that is not known")
    many = push(gateway, {"devices": [{"device": who, "facts": [good]}, {"device": {"serial": "nobody"}, "facts": [good]}, {"device": who, "facts": [fact("a", 1, 0)]}, {"device": who, "facts": [fact("x", 1)]}]})
    expect([r.get("stored", r.get("error", {}).get("status")) for r in many["results"]] == [1, 404, 400, 0], "each item stands alone: %s" % many)
    expect(result_of(posture(gateway, "device=" + device), "backup")["result"] == "pass", "the good one counts")
    key = gateway.cli_json("key", "create", "--label", "reader", "--scope", "posture")["key"]
    answer = gateway.call("POST", "/v1/facts", {"device": who, "facts": [good]}, {"Authorization": "Bearer " + key}, internal=True)
    refused(answer, 403, "a key without the scope")
    expect('error="insufficient_scope"' in answer.headers["www-authenticate"], "RFC 6750: %s" % answer.headers)
    fleet.process.stop()
    gateway.stop()


# ---- events ----

def page(gateway, query):
    answer = gateway.api("GET", "/v1/events?" + query)
    expect(answer.status == 200, "/v1/events?%s: %d %s" % (query, answer.status, answer.text()[:300]))
    return answer.json()


def pages(gateway, query, limit, cursor="from=start"):
    """All events from a place on, in pages; and the cursor after them."""
    found, more = [], True
    while more:
        got = page(gateway, "%s&limit=%d&%s" % (cursor, limit, query))
        expect(len(got["events"]) <= limit, "a page of %d has %d events" % (limit, len(got["events"])))
        found += got["events"]
        more, cursor = got["more"], "cursor=" + got["cursor"]
    return found, cursor


def by_record(events):
    found = {}
    for e in events:
        found.setdefault(e.get("device") or e.get("person") or e["type"], []).append(e["id"])
    return found


def story_event_pages_miss_nothing(world):
    gateway = world.gateway(policy=policy()).start()
    people(gateway, *["p%03d" % i for i in range(120)])
    people(gateway, "p000")
    wait_for("every event", lambda: len(pages(gateway, "type=person.*", 1000)[0]) >= 120)
    gateway.api("GET", "/v1/posture?serial=x")  # makes the story's key now: no event comes of its own below
    whole, end = pages(gateway, "", 1000)
    small, _ = pages(gateway, "", 7)
    expect(len({e["id"] for e in small}) == len(small), "no event comes twice")
    expect({e["id"] for e in small} == {e["id"] for e in whole}, "pages of 7 hold what pages of 1,000 hold: %d and %d" % (len(small), len(whole)))
    expect(by_record(small) == by_record(whole), "order is kept for each record")
    for e in whole:
        expect(e["id"].startswith(("e_", "x_")) and e["type"] and time.strptime(e["at"], "%Y-%m-%dT%H:%M:%SZ"), "an event: %s" % e)
    for kind in ("person.*", "key.*", "policy.applied", "key.created"):
        wanted = [e["id"] for e in whole if (e["type"].startswith(kind[:-1]) if kind.endswith("*") else e["type"] == kind)]
        for limit in (1, 9, 1000):
            if limit > 1 or len(wanted) < 20:
                found = [e["id"] for e in pages(gateway, "type=" + kind, limit)[0]]
                expect(sorted(found) == sorted(wanted) and wanted, "type %s in pages of %d: %d of %d" % (kind, limit, len(found), len(wanted)))
    expect(pages(gateway, "type=nothing.ever", 5)[0] == [], "a type that nobody uses")
    here = "cursor=" + page(gateway, "")["cursor"]  # no place given: the end
    people(gateway, "late-one", "late-two")
    for cursor in (end, here):
        found = wait_for("what came later", lambda: (lambda got: got if len(got) >= 2 else None)(pages(gateway, "type=person.*", 1, cursor)[0]))
        expect(len(found) == 2 and not {e["id"] for e in found} & {e["id"] for e in whole}, "a cursor goes on where it stopped: %s" % found)
    gateway.stop()
    gateway.start()
    expect(len(pages(gateway, "type=person.*", 50, end)[0]) == 2, "a cursor outlives the process")
    gateway.stop()


def story_forged_cursors_and_wrong_places_are_refused(world):
    gateway = world.gateway(policy=policy()).start()
    cursor = page(gateway, "from=start")["cursor"]
    other = "B" if cursor[20] != "B" else "C"
    forged = cursor[:20] + other + cursor[21:]
    for query in ("cursor=" + forged, "cursor=" + cursor[:-4], "cursor=0-0", "cursor=", "cursor=%00", "cursor=" + "A" * 9000, "from=middle", "limit=0", "limit=1001", "limit=x",
                  "limit=5&limit=5", "cursor=%s&cursor=%s" % (cursor, cursor)):
        refused(gateway.api("GET", "/v1/events?" + query), 400, query[:60])
    refused(gateway.api("GET", "/v1/events", headers={"Last-Event-ID": forged, "Accept": "text/event-stream"}), 400, "a stream from a forged id")
    refused(gateway.api("GET", "/v1/events", headers={"Last-Event-ID": "x"}), 400, "a page from a forged id")
    key = gateway.cli_json("key", "create", "--label", "decider", "--scope", "decide")["key"]
    refused(gateway.call("GET", "/v1/events", None, {"Authorization": "Bearer " + key}, internal=True), 403, "a key without the scope")
    gateway.stop()


class Stream:
    """Server-sent events read from a raw socket (WHATWG HTML, section 9.2)."""

    def __init__(self, gateway, query="", last=None):
        gateway.api("GET", "/v1/events")  # makes the key
        self.socket = socket.create_connection(("127.0.0.1", gateway.internal_port), timeout=harness.LIMIT_S)
        lines = ["GET /v1/events?%s HTTP/1.1" % query, "Host: localhost", "Accept: text/event-stream", "Authorization: Bearer " + gateway.key]
        self.socket.sendall(("\r\n".join(lines + (["Last-Event-ID: " + last] if last else [])) + "\r\n\r\n").encode())
        self.answer = http.client.HTTPResponse(self.socket)
        self.answer.begin()
        self.last = last
        expect(self.answer.status == 200 and self.answer.getheader("Content-Type").startswith("text/event-stream"), "stream: %d %s" % (self.answer.status, self.answer.getheaders()))

    def block(self):
        """The fields of one block; comments are skipped."""
        fields = {}
        while True:
            line = self.answer.readline()
            expect(line.endswith(b"\n"), "the stream ended")
            line = line.rstrip(b"\r\n").decode()
            if line == "" and fields:
                self.last = fields.get("id", self.last)
                return fields
            if line and not line.startswith(":"):
                name, _, value = line.partition(":")
                fields[name] = value[1:] if value.startswith(" ") else value

    def next(self):
        while True:
            fields = self.block()
            if "data" in fields:
                event = json.loads(fields["data"])
                expect(fields["event"] == event["type"], "the event's name is its type: %s" % fields)
                return event

    def take(self, count):
        return [self.next() for _ in range(count)]

    def cut(self):
        self.socket.close()
        self.answer.close()


def story_a_stream_resumes_where_it_was_cut(world):
    gateway = world.gateway(policy=policy()).start()
    gateway.api("GET", "/v1/events")
    people(gateway, *["p%03d" % i for i in range(80)])
    whole = wait_for("every event", lambda: (lambda got: got if len(got) >= 80 else None)(pages(gateway, "type=person.*", 1000)[0]))
    stream = Stream(gateway, "from=start&type=person.*")
    before = stream.take(33)
    stream.cut()
    people(gateway, "late-one")
    again = Stream(gateway, "from=start&type=person.*", stream.last)
    after = again.take(len(whole) + 1 - 33)
    ids = [e["id"] for e in before + after]
    expect(len(set(ids)) == len(ids) and {e["id"] for e in whole} < set(ids), "each once: %d ids, %d different, %d known" % (len(ids), len(set(ids)), len(whole)))
    people(gateway, "live-one")
    live = again.next()
    expect(live["type"].startswith("person.") and live["id"] not in ids, "what happens now comes through: %s" % live)
    again.cut()
    gateway.stop()


def story_a_stream_cut_before_its_first_event_misses_none(world):
    gateway = world.gateway(policy=policy()).start()
    stream = Stream(gateway)  # from the end: nothing to say yet
    first = stream.block()
    expect(set(first) == {"id"}, "a place without an event: %s" % first)
    stream.cut()
    people(gateway, "in-between")
    event = Stream(gateway, "type=person.*", first["id"]).next()
    expect(event["type"].startswith("person."), "what came while nobody listened: %s" % event)
    only = Stream(gateway, "from=start&type=key.created").next()
    expect(only["type"] == "key.created", "the filter holds for streams: %s" % only)
    gateway.stop()  # streams end with it


# ---- every route ----

def story_a_handshake_takes_one_hello_and_old_ones_are_refused(world):
    gateway = world.gateway(policy=policy()).start()
    at = ["openssl", "s_client", "-connect", "127.0.0.1:%d" % gateway.public_port, "-msg"]
    for options, cipher in (([], "TLS_AES_128_GCM_SHA256"), (["-tls1_2"], "ECDHE-ECDSA-AES128-GCM-SHA256"), (["-tls1_2", "-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305"], "ECDHE-ECDSA-CHACHA20-POLY1305"),
                            (["-groups", "P-256"], "TLS_AES_128_GCM_SHA256"), (["-tls1_1"], None), (["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA"], None)):
        said = subprocess.run(at + options, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=60).stdout
        expect(cipher is None or "Cipher is %s" % cipher in said, "%s is taken with %s: %s" % (options, cipher, said[-2000:]))
        expect(cipher is not None or "Cipher is (NONE)" in said, "%s is refused: %s" % (options, said[-2000:]))
        expect(said.count(", ClientHello") <= 1, "nobody is asked again: %s" % said[-2000:])


def story_methods_and_paths(world):
    gateway = world.gateway(policy=policy()).start()
    for path in ("/healthz", "/v1/events?limit=5&from=start", "/.well-known/authzen-configuration", "/metrics"):
        head, get = gateway.api("HEAD", path), gateway.api("GET", path)
        expect(head.status == get.status == 200 and head.body == b"", "HEAD %s: %d, %d bytes" % (path, head.status, len(head.body)))
        expect(head.headers["content-type"] == get.headers["content-type"], "HEAD %s answers the headers of GET" % path)
        expect(path == "/metrics" or int(head.headers["content-length"]) > 0, "HEAD %s says how long the answer is" % path)
    for method, path, allowed in (("PUT", "/v1/posture", {"GET", "HEAD", "POST"}), ("DELETE", "/v1/events", {"GET", "HEAD"}), ("GET", "/access/v1/evaluation", {"POST"}),
                                  ("POST", "/healthz", {"GET", "HEAD"}), ("GET", "/v1/facts", {"POST"}), ("DELETE", "/forward-auth", {"GET", "HEAD", "POST"})):
        answer = gateway.api(method, path)
        refused(answer, 405, "%s %s" % (method, path))
        expect({m.strip() for m in answer.headers["allow"].split(",")} == allowed, "%s %s allows %s" % (method, path, answer.headers["allow"]))
    for path in ("/", "/v1", "/v1/posture/", "/V1/posture", "/v1/postures", "/me", "/admin/v1/status", "/access/v2/evaluation"):
        refused(gateway.api("GET", path), 404, "%s on the internal listener" % path)
    for method in ("PATCH", "OPTIONS", "TRACE", "BREW"):
        answer = gateway.api(method, "/v1/posture")
        expect(answer.status in (405, 501), "%s: %d" % (method, answer.status))
    expect(gateway.get("/v1/posture?serial=x").status == 404, "the decision API is not on the public listener")
    refused(gateway.call("GET", "/v1/posture?serial=x", internal=True), 401, "no key")
    gateway.stop()


def story_every_answer_names_its_request(world):
    gateway = world.gateway(policy=policy()).start()
    sent = "bfe9eb29-ab87-4ca3-be83-a1d5d8305716"
    for method, path, status in (("GET", "/healthz", 200), ("GET", "/nothing", 404), ("DELETE", "/healthz", 405), ("GET", "/v1/posture", 400), ("POST", "/v1/facts", 400)):
        answer = gateway.api(method, path, None, {"X-Request-ID": sent})
        expect(answer.status == status and answer.headers["x-request-id"] == sent, "%s %s: %d %s" % (method, path, answer.status, answer.headers))
        expect(status == 200 or answer.json()["instance"] == sent, "the problem names it: %s" % answer.text())
    made = {gateway.api("GET", "/healthz").headers["x-request-id"] for _ in range(20)}
    expect(len(made) == 20, "made ones differ: %s" % made)
    for bad in ("a b", "x" * 65, "a\tb"):
        answer = gateway.api("GET", "/nothing", None, {"X-Request-ID": bad})
        expect(answer.headers["x-request-id"] not in ("", bad) and bad not in answer.text(), "%r is not taken over: %s" % (bad, answer.headers))
    gateway.stop()


SAMPLE = re.compile(r'^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*",?)*)\})? (-?[0-9.]+(?:[eE][-+]?[0-9]+)?|\+Inf|NaN)$')


def metrics(gateway):
    """Prometheus text format 0.0.4, strictly: {(name, labels): value}, and the types."""
    answer = gateway.call("GET", "/metrics", internal=True)
    expect(answer.status == 200 and answer.headers["content-type"].startswith("text/plain; version=0.0.4"), "metrics: %d %s" % (answer.status, answer.headers))
    expect(answer.text().endswith("\n"), "the last line ends")
    types, helps, found, family = {}, set(), {}, None
    for line in answer.text().splitlines():
        if line.startswith("# "):
            _, what, name, rest = line.split(" ", 3)
            expect(what in ("HELP", "TYPE") and rest, "a comment: %s" % line)
            expect(name not in (types if what == "TYPE" else helps), "%s twice for %s" % (what, name))
            if what == "TYPE":
                types[name] = rest
            else:
                helps.add(name)
            family = name
            continue
        match = SAMPLE.match(line)
        expect(match, "a sample: %r" % line)
        name, labels, value = match.groups()
        base = re.sub("_(bucket|sum|count)$", "", name) if types.get(family) == "histogram" else name
        expect(base == family and family in types and family in helps, "%s stands under its own HELP and TYPE, not %s" % (name, family))
        expect((name, labels) not in found, "one value for %s{%s}" % (name, labels))
        found[name, labels] = float(value)
    return found, types


def story_metrics_are_prometheus_text(world):
    gateway = world.gateway(policy=policy()).start()
    people(gateway, "ana")
    before, types = wait_for("it is ready", lambda: (lambda m: m if m[0]["postern_ready", None] == 1 else None)(metrics(gateway)))
    expect(set(types.values()) <= {"counter", "gauge", "histogram"} and "histogram" in types.values(), "types: %s" % types)
    for name, kind in types.items():
        expect(name.startswith("postern_") and (kind != "counter" or name.endswith("_total")), "%s %s" % (kind, name))
    for name in (n for n, kind in types.items() if kind == "histogram"):
        buckets = [(float(re.search('le="([^"]+)"', labels).group(1).replace("+Inf", "inf")), value) for (n, labels), value in before.items() if n == name + "_bucket"]
        expect(buckets == sorted(buckets) and all(a[1] <= b[1] for a, b in zip(buckets, buckets[1:])), "buckets grow: %s" % buckets)
        expect(buckets[-1][0] == float("inf") and buckets[-1][1] == before[name + "_count", None], "the last bucket is the count")
    expect(before["postern_persons", None] == 1, "gauges: %s" % before)
    gateway.decide("ana@acme.example", "wiki")
    gateway.api("POST", "/v1/facts", b"{", JSON)
    gateway.call("GET", "/v1/posture?serial=x", internal=True)
    gateway.api("GET", "/nothing")
    after, _ = metrics(gateway)

    def grew(name, labels=None):
        return after[name, labels] - before[name, labels]
    expect(sum(grew("postern_decisions_total", 'outcome="%s"' % o) for o in ("allow", "warn", "deny")) == 1, "one decision is counted")
    expect(grew("postern_requests_refused_total", 'reason="bad_json"') == 1 and grew("postern_requests_refused_total", 'reason="credentials"') == 1, "refusals are counted")
    expect(grew("postern_requests_failed_total", 'class="4xx"') == 3 and grew("postern_requests_total") >= 4, "errors are counted: %s" % grew("postern_requests_failed_total", 'class="4xx"'))
    gateway.stop()


# ---- the page ----

def story_the_examples_of_the_page_run(world):
    gateway, fleet, device = prepared(world)
    with open(os.path.join(harness.ROOT, "docs/api.md")) as f:
        blocks = re.findall(r"```sh\n(.*?)```", f.read(), re.S)
    expect(len(blocks) >= 7, "the examples were found: %d" % len(blocks))
    script = "set -e\n" + "\n".join(blocks).replace("http://127.0.0.1:8445", "http://127.0.0.1:%d" % gateway.internal_port)
    environment = dict(os.environ, POSTERN_STATE=gateway.state, PATH=os.path.dirname(world.postern) + ":" + os.environ["PATH"])
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=120, env=environment)
    expect(done.returncode == 0, "an example of docs/api.md fails:\n%s%s" % (done.stdout[-2000:], done.stderr))
    for wanted in ('"decision":true', '"evaluations":[', '"verdict":"pass"', '"stored":1,"dropped":[]', '"type":"person.', "event: policy.applied", "200 "):
        expect(wanted in done.stdout, "the examples say %s: %s" % (wanted, done.stdout[-3000:]))
    fleet.process.stop()
    gateway.stop()


def story_lists_come_in_pages(world):
    """Every person stands on exactly one page, in the order of ids, whatever the size of the pages."""
    gateway = world.gateway(policy=fast_policy()).start()
    gateway.cli("person", "import", "-", stdin=json.dumps([{"email": "p%d@acme.example" % i} for i in range(25)]))
    for size in (1, 7, 24, 25, 26):
        ids, after, pages = [], "", 0
        while after is not None:
            page = gateway.call("GET", "/admin/v1/persons?limit=%d%s" % (size, "&after=" + after if after else ""), admin=True,
                                headers={"Authorization": "Bearer " + admin_key(gateway)}).json()
            expect(page["total"] == 25 and len(page["persons"]) <= size, "page of %d: %s" % (size, page))
            ids += [p["id"] for p in page["persons"]]
            after, pages = page.get("after"), pages + 1
        expect(len(ids) == 25 and ids == sorted(set(ids)), "pages of %d: %s" % (size, ids))
    gateway.stop()


def admin_key(gateway):
    if not getattr(gateway, "admin_api_key", None):
        gateway.admin_api_key = gateway.cli_json("key", "create", "--label", "story", "--scope", "admin")["key"]
    return gateway.admin_api_key


if __name__ == "__main__":
    harness.main(globals())
