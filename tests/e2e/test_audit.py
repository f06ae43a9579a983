"""The archive: two gateways with a disk each, killed while they write it; in the end their folders together are whole, hold every event of the log exactly
once, and say so without a gateway. A change of one letter is found and named. A person is erased and nobody can tell any more; reports come from a copy."""
import glob
import hashlib
import json
import os
import re
import shutil
import time

import harness
from harness import Fleet, expect, fast_policy, wait_for

NEVER = ("device.seen", "device.recheck", "result.updated", "device.credential_used", "person.archive_salt", "device.on")


def folders(*gateways):
    return [os.path.join(g.state, "archive") for g in gateways]


def records(gateway, *dirs):
    lines = gateway.cli("audit", "export", *dirs).splitlines()
    return [json.loads(line) for line in lines]


def add(gateway, *persons):
    """Told again until it is done: a node that was killed a moment ago holds its partitions until their leases end."""
    wait_for("%s of %s are stored" % (len(persons), gateway.name), lambda: gateway.admin("POST", "/admin/v1/persons", {"persons": list(persons)}).status == 200)


def story_what_two_killed_gateways_archived_is_whole(world):
    redis = world.redis()
    one, two = [world.gateway("gw%d" % i, policy=fast_policy("2s"), redis=redis).start() for i in range(2)]
    for i in range(40):
        person = {"email": "p%02d@acme.example" % i, "name": "Person %d" % i}
        add(one if i % 3 else two, person)
        if i % 13 == 12:
            victim = two if i % 2 else one
            victim.process.kill()
            victim.start()
    expect("No such file" in one.cli("audit", "export", *folders(one), os.path.join(world.folder, "nowhere"), code=1), "a folder that is missing is no empty one")

    def begun():
        """The folders that there are: the one of a node that has not had its turn yet is not."""
        return [f for f in folders(one, two) if os.path.isdir(f)]
    logged = lambda: [e["id"] for e in one.events() if e["type"] not in NEVER]
    wait_for("the archive has caught up", lambda: set(logged()) <= {r["id"] for r in records(one, *begun())})
    one.stop()
    add(two, {"email": "last@acme.example"})
    wait_for("the other one goes on", lambda: any(os.listdir(f) for f in glob.glob(folders(two)[0] + "/p*")) and len({r["id"] for r in records(two, *begun()) if r["type"] == "person.created"}) == 41)
    two.stop()
    found = [r["id"] for r in records(one, *folders(one, two))]
    expect(len(found) == len(set(found)) and len(found) >= 40, "each event once: %d records, %d of them different" % (len(found), len(set(found))))
    answer = json.loads(one.cli("audit", "verify", *folders(one, two), "--json"))
    expect(answer["whole"], "whole: %s" % [c for c in answer["chains"] if not c["whole"]])
    one.cli("audit", "verify", folders(two)[0], code=1)  # one disk of two is not the whole


def story_a_changed_letter_is_found_and_named(world):
    gateway = world.gateway(policy=fast_policy("2s")).start()
    add(gateway, *({"email": "p%02d@acme.example" % i} for i in range(20)))
    wait_for("the archive has them", lambda: sum(r["type"] == "person.created" for r in records(gateway)) == 20)
    keys, head = os.path.join(world.folder, "keys.json"), os.path.join(world.folder, "head.txt")
    for path, command in ((keys, "keys"), (head, "head")):
        with open(path, "w") as f:
            f.write(gateway.cli("audit", command))
    gateway.stop()
    copy = os.path.join(world.folder, "copy")
    shutil.copytree(folders(gateway)[0], copy)
    expect("whole" in gateway.cli("audit", "verify", copy, "--key", keys, "--head", head), "whole")
    path = next(p for p in glob.glob(copy + "/p*/*.jsonl") if "person.created" in open(p).read())
    lines = open(path).read().splitlines()
    at = next(i for i, line in enumerate(lines) if "person.created" in line)
    victim = json.loads(lines[at])
    changed = lines[at].replace("person.created", "person.Created")
    with open(path, "w") as f:
        f.write("\n".join(lines[:at] + [changed] + lines[at + 1:]) + "\n")
    said = gateway.cli("audit", "verify", copy, "--key", keys, code=1)
    expect(victim["id"] in said and "line %d" % (at + 1) in said and "changed" in said, "the record is named: %s" % said)
    body = changed.rsplit(',"hash":"', 1)[0]
    anew = body + ',"hash":"' + hashlib.sha256(body.encode()).hexdigest() + '"}'
    with open(path, "w") as f:
        f.write("\n".join(lines[:at] + [anew]) + "\n")
    said = gateway.cli("audit", "verify", copy, "--key", keys, "--head", head, code=1)
    expect("replaced" in said or "truncated" in said, "the head tells what the folder alone could not: %s" % said)
    expect("holds no archive" in gateway.cli("audit", "verify", world.folder, "--key", keys, code=1), "no archive, no verdict")


def story_an_erased_person_is_nobody_and_reports_come_from_a_copy(world):
    gateway = world.gateway(policy=fast_policy("2s")).start()
    add(gateway, {"email": "ana@acme.example", "name": "Ana Lima"})
    secret = gateway.cli_json("enroll-secret", "create", "--person", "ana@acme.example", "--label", "Limas-laptop")["secret"]
    fleet = Fleet(world, gateway, [{"name": "dover", "platform": "macos", "serial": "C02DOVER01", "uuid": "3b1c0000-0000-4000-8000-00000000d0e1", "hostname": "dover", "enroll_secret": secret}])
    wait_for("a healthy report", lambda: gateway.api("GET", "/v1/posture?serial=C02DOVER01").json().get("verdict") == "pass")
    fleet.control("break", "dover", "firewall")
    wait_for("the firewall fails in the archive", lambda: any(r.get("state", {}).get("results", {}).get("firewall") == "fail" for r in records(gateway)))
    record = next(r for r in records(gateway) if r["type"] == "person.created")
    expect("ana@acme.example" in gateway.cli("audit", "list", "--names", "--type", "person.*"), "the gateway knows who it was")
    opened = gateway.cli("audit", "show", record["id"], "--open")
    expect('"person":"p_' in opened, "and opens it: %s" % opened)
    fleet.process.stop()
    gateway.cli("person", "erase", "ana@acme.example", code=2)
    gateway.cli("person", "erase", "ana@acme.example", "--for-ever")
    wait_for("it is archived", lambda: any(r["type"] == "person.erased" for r in records(gateway)))
    gateway.cli("audit", "show", record["id"], "--open", code=1)
    text = "".join(open(p).read() for p in glob.glob(folders(gateway)[0] + "/*/*.jsonl"))
    person = json.loads(opened.splitlines()[-1])["person"]
    for word in ("ana@acme.example", "Ana Lima", "Limas-laptop", "dover", "C02DOVER01", person):
        expect(not re.search(r"(?<![A-Za-z0-9])%s(?![A-Za-z0-9])" % re.escape(word), text), "%s stands in the archive" % word)  # by chance it may stand within an id
    expect("whole" in gateway.cli("audit", "verify"), "and it is whole")
    expect(gateway.get("/admin/v1/persons", admin=True).status in (401, 403), "the admin's door needs a key")
    expect(gateway.cli_json("device", "show", "C02DOVER01").get("owner") in (None, ""), "the device is nobody's")
    signed = gateway.cli_json("report", "as-of", "2099-01-01", "--sign")
    expect(signed["signature"].count(".") == 2 and [d["owned"] for d in signed["state"]["devices"]] == [False], "signed, and the device is there once, as nobody's: %s" % signed)
    soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 60))
    expect(signed["state"]["as_of"] <= soon, "nobody signs what has not come yet: %s" % signed["state"]["as_of"])
    gateway.stop()
    copy = os.path.join(world.folder, "copy")
    shutil.move(folders(gateway)[0], copy)
    state = json.loads(gateway.cli("report", "as-of", "2099-01-01", copy, "--json"))
    expect([d["failing"] for d in state["devices"]] == [["firewall"]], "as it was: %s" % state)
    expect(state["as_of"] <= soon, "and the copy is asked about now at the latest: %s" % state["as_of"])
    ahead = json.loads(gateway.cli("report", copy, "--until", "2099-01-01", "--json"))
    expect(ahead["until"] <= soon and ahead["rows"][0]["violation_days_tenths"] == 0, "years that have not come are not counted: %s" % ahead["rows"][0])
    rows = json.loads(gateway.cli("report", copy, "--json"))["rows"]
    expect(rows[0]["name"] == "all" and rows[0]["people"] >= 1, "rows: %s" % rows)
    expect(gateway.cli("report", copy, "--csv").startswith("check,people,"), "csv")


if __name__ == "__main__":
    harness.main(globals())
