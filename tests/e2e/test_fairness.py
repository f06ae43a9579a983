"""Pressure valves on a real gateway: a person uses them on their page, the door answers accordingly at once, and those who help decide at the command line."""
import os
import time
import urllib.parse

import harness
from harness import Fleet, expect, wait_for

POLICY = """policy: acme
sensitivities: [everyday, sensitive]
apps: [{ id: payroll, title: Payroll, sensitivity: sensitive }, { id: chat, sensitivity: everyday, repair: true }]
checks: [{ use: library/firewall, severity: high, interval: 5s }]
ladders:
  - id: default
    rungs: [{ id: notice, after: 0s, nudge: true }, { id: closed, after: 2s, close: [sensitive] }]
    clock: { pauses: [absence, holiday, dispute, incident, store_outage] }
    notices_before_close: 1
    rise: { notice_before: 0s, working_hours: false, per_day: 0 }
    snooze: { times: 1, length: 1d, per: 7d }
    continue_once: { times: 1, length: 8h, per: 7d }
visible_after: { reads: 1, apart: 0s }
grace: { new_device: 0s, after_absence: 0s }
nudges: { hours: "00:00-24:00", days: [mon, tue, wed, thu, fri, sat, sun], channels: [] }
exemptions: { length: 30d, longest: 90d }
breaker: off
unidentified_device: { everyday: warn, sensitive: deny }
"""
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
SERIAL = "C02DOVER01"


def payroll(gateway):
    body = {"subject": {"type": "user", "id": "ana@acme.example"}, "action": {"name": "login"}, "resource": {"type": "app", "id": "payroll"},
            "context": {"device": {"serial": SERIAL}}}
    return gateway.api("POST", "/access/v1/evaluation", body).json()["context"]


def file(gateway, name, text):
    path = os.path.join(gateway.state, name)
    with open(path, "w") as f:
        f.write(text)
    return path


def press(gateway, page, button, **fields):
    answer = gateway.call("POST", "%s/%s" % (page, button), urllib.parse.urlencode(fields).encode(), FORM)
    expect(answer.status == 303, "%s: %d" % (button, answer.status))
    return answer.headers["location"].rpartition("said=")[2]


def begin(world):
    gateway = world.gateway(policy=POLICY).start()
    gateway.cli("person", "import", "-", stdin="email,name,region,days,write_at\nana@acme.example,Ana,de-by,mon;tue;wed;thu;fri;sat;sun,13:30\nben@acme.example,Ben,,,\n")
    secret = gateway.cli_json("enroll-secret", "create", "--person", "ana@acme.example")
    fleet = Fleet(world, gateway, [{"name": "dover", "platform": "macos", "serial": SERIAL, "uuid": "3b1c0000-0000-4000-8000-00000000d0e1", "hostname": "dover", "defects": ["firewall"],
                                    "enroll_secret": secret["secret"]}])
    wait_for("the firewall fails", lambda: gateway.api("GET", "/v1/posture?serial=" + SERIAL).json().get("failing"))
    return gateway, fleet


def story_valves_act_in_the_door_at_once(world):
    gateway, fleet = begin(world)
    blocked = "/blocked/" + payroll(gateway)["remediation_url"].rpartition("/")[2]
    gateway.call("GET", blocked)  # shown: that is the notice
    wait_for("payroll closes", lambda: payroll(gateway)["rule"] == "ladder_closed")
    text = gateway.call("GET", blocked).text()
    expect("Continue once (1 left)" in text and "Remind me tomorrow" not in text, "the buttons that may be pressed, and no others")
    expect(press(gateway, blocked, "once", text="") == "words", "a reason is needed")
    expect(press(gateway, blocked, "once", text="the payment run") == "once", "continue once")
    expect(payroll(gateway)["rule"] == "continued_once", "the door opens")
    steps = gateway.cli_json("explain", "--person", "ana@acme.example", "--device", SERIAL, "--app", "payroll")["steps"]
    expect(any("the payment run" in s for s in steps), "explain says why: %s" % steps)

    expect(press(gateway, blocked, "wrong", check="firewall", text="it is on") == "told", "this looks wrong")
    dispute = gateway.cli_json("dispute", "list")["disputes"][0]
    expect(dispute["evidence"]["query"] and dispute["text"] == "it is on", "the evidence is kept")
    gateway.cli_json("dispute", "answer", dispute["id"], "--outcome", "explained", "--answer", "It is off since Monday.")
    expect("It is off since Monday." in gateway.call("GET", blocked).text(), "the person reads the answer")
    expect(press(gateway, blocked, "ask", text="How long does it take?") == "ask_sent", "ask a person")
    question = gateway.cli_json("ask", "list")["asks"][0]
    gateway.cli_json("ask", "answer", question["id"], "--answer", "Two minutes.")
    expect("Two minutes." in gateway.call("GET", blocked).text(), "and that one")

    expect(press(gateway, blocked, "exempt", check="firewall", text="lab network") == "exempt_asked", "an exemption is asked for")
    wanted = gateway.cli_json("exemption", "list", "--only", "asked")["exemptions"][0]
    expect(wanted["requester_email"] == "ana@acme.example", "by whom")
    gateway.cli_json("exemption", "approve", wanted["id"], "--answer", "in the lab only")
    gateway.cli("apply", file(gateway, "policy2.yaml", POLICY.replace("Payroll", "Pay roll")), "--yes")  # ends what was continued once
    wait_for("the exemption holds", lambda: payroll(gateway)["rule"] == "good")
    expect("It was agreed that this may wait" in gateway.call("GET", blocked).text() or payroll(gateway)["outcome"] == "allow", "the page says so")
    gateway.cli_json("exemption", "end", wanted["id"])
    wait_for("it closes again", lambda: payroll(gateway)["rule"] == "ladder_closed")
    expect(press(gateway, blocked, "once", text="again") == "spent", "once a week")

    own = gateway.cli_json("exemption", "ask", "--group", "lab", "--check", "firewall", "--reason", "x")
    expect("cannot approve it" in gateway.cli("exemption", "approve", own["id"], code=1), "not by whoever asked")
    for type in ("person.passed_once", "person.disputed", "person.dispute_answered", "person.asked", "person.ask_answered", "exemption.asked", "exemption.approved", "exemption.ended"):
        expect(all(e["cause"] for e in gateway.events(type)) and gateway.events(type), type + " says who")
    fleet.process.stop()
    gateway.stop()


def story_days_that_do_not_count_come_from_files(world):
    gateway = world.gateway(policy=POLICY).start()
    gateway.cli("person", "import", "-", stdin="email,zone\nana@acme.example,Europe/Berlin\n")
    year = time.gmtime().tm_year + 1
    days = file(gateway, "holidays.csv", "region,date,title\nDE,%d-12-25,Christmas\n*,%d-01-01,New Year\n" % (year, year + 1))
    expect(len(gateway.cli_json("holiday", "import", days)["holidays"]) == 2, "two days")
    expect("line 2" in gateway.cli("holiday", "import", file(gateway, "bad.csv", "region,date\nDE,%d-02-30\n" % year), code=1), "a wrong line is named")
    away = gateway.cli("person", "absences", file(gateway, "away.csv", "person,from,to\nana@acme.example,%d-12-24,%d-12-26\nnobody,%d-12-24,%d-12-26\n" % (year, year, year, year)), code=1)
    expect("1 added, 0 same, 1 refused" in away and "line 3" in away, away)
    ana = gateway.cli_json("person", "show", "ana@acme.example")
    expect((ana["absences"][0]["from"], ana["absences"][0]["to"]) == ("%d-12-23T23:00:00Z" % year, "%d-12-26T23:00:00Z" % year), "both days included, where she is: %s" % ana["absences"])
    why = gateway.cli("person", "absences", file(gateway, "why.csv", "person,from,to,reason\nana@acme.example,%d-12-24,%d-12-26,ill\n" % (year, year)), code=1)
    expect("nobody's business" in why, why)
    expect(gateway.cli_json("person", "back", "ana@acme.example")["changed"], "an absence that was announced is taken back")
    gateway.stop()


if __name__ == "__main__":
    harness.main(globals())
