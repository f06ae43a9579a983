"""A policy on its way to people: only recorded, tried on paper ahead and over the past, given to a ring, taken back, given to everybody."""
import os

import harness
from harness import Fleet, expect, fast_policy, wait_for
from test_loop import count_nudges, posture, result_of, with_people


def policy_file(world, name, text):
    path = os.path.join(world.folder, name)
    with open(path, "w") as f:
        f.write(text)
    return path


def staged(stage, rest=""):
    return fast_policy().replace("    notices_before_close:", "    stage: %s\n    notices_before_close:" % stage, 1) + rest


def story_a_policy_is_tried_before_anybody_meets_it(world):
    slack, (gateway,), device = with_people(world)
    expect("stage: report" in staged("report"), "the policy has a ladder to put a stage into")
    gateway.cli("apply", policy_file(world, "report.yaml", staged("report")), "--yes")
    fleet = Fleet(world, gateway, [device])
    wait_for("a healthy report", lambda: posture(gateway).get("verdict") == "pass")
    fleet.control("break", "dover", "firewall")
    wait_for("the firewall fails", lambda: result_of(gateway, "firewall") == "fail")
    wait_for("what would be is in decisions", lambda: gateway.decide("ana@acme.example", "payroll")["context"].get("would") == "deny")
    answer = gateway.decide("ana@acme.example", "payroll")
    expect(answer["decision"] is True and "remediation_url" not in answer["context"] and answer["context"]["failing"] == [], "and nobody can notice: %s" % answer)
    wait_for("it is in the log", lambda: gateway.events("rung.would_change"))
    wait_for("the login too", lambda: [e for e in gateway.events("decision.made") if e["data"].get("would") == "deny"])
    expect(not gateway.events("rung.changed") and not gateway.events("notice.reserved") and count_nudges(slack) == 0, "nothing was done")
    expect("would" in gateway.cli("explain", "--person", "ana@acme.example", "--app", "payroll"), "explain says so")
    enforced = policy_file(world, "enforced.yaml", fast_policy("2s"))
    ahead = gateway.cli_json("simulate", "--policy", enforced, "--days", "7")["result"]
    expect(ahead["mode"] == "ahead" and ahead["closings"]["persons"] == 1 and ahead["names"][0]["email"] == "ana@acme.example", "ahead: %s" % ahead)
    expect(ahead["nudges"] >= 1 and sum(d["nudges"] for d in ahead["days"]) == ahead["nudges"], "messages by day")
    expect({a["id"]: a["closings"] for a in ahead["apps"]}["payroll"] >= 1, "by app: %s" % ahead["apps"])
    back = gateway.cli_json("simulate", "--policy", enforced, "--since", "1h")["result"]
    expect(back["mode"] == "past" and back["logins"]["stopped"] >= 1, "over the past: %s" % back)
    name = back["logins"]["names"][0]
    expect(name["email"] == "ana@acme.example" and name["app"] == "payroll" and name["check"] == "firewall", "by name: %s" % name)
    gateway.cli("explain", name["decision"])
    text = gateway.cli("simulate", "--policy", enforced, "--since", "1h")
    expect("What this takes for granted" in text and "ana@acme.example" in text, "for people too: %s" % text)
    fleet.process.stop()
    gateway.stop()


def story_a_ring_is_let_on_and_taken_back(world):
    slack, (gateway,), device = with_people(world)
    gateway.cli("apply", policy_file(world, "report.yaml", staged("report")), "--yes")
    gateway.cli("apply", policy_file(world, "ring.yaml", fast_policy() + "rings: { groups: [pilots] }\n"), "--yes")
    fleet = Fleet(world, gateway, [device])
    wait_for("a healthy report", lambda: posture(gateway).get("verdict") == "pass")
    fleet.control("break", "dover", "firewall")
    wait_for("outside of the ring it is only recorded", lambda: gateway.decide("ana@acme.example", "payroll")["context"].get("would") == "deny")
    expect(count_nudges(slack) == 0, "nobody is told")
    gateway.cli("ring", "advance", "--percent", "99", "--why", "quiet days")
    gateway.cli("ring", "advance", "--percent", "50", code=1)
    gateway.cli("person", "import", "-", stdin='[{"email": "ana@acme.example", "groups": ["pilots"]}]')  # her id may be that of the one in a hundred who is still outside
    wait_for("in the ring it closes", lambda: not gateway.decide("ana@acme.example", "payroll")["decision"])
    gateway.cli("ring", "halt", "--why", "somebody called")
    wait_for("taken back it is open", lambda: gateway.decide("ana@acme.example", "payroll")["decision"])
    expect("halted" in gateway.cli("ring", "show") and "ring resume" in gateway.cli("doctor", code=None), "and everybody can see why")
    expect("postern_ring_halted 1" in gateway.get("/metrics", internal=True).text(), "metrics too")
    shown = gateway.cli_json("ring", "resume")
    expect(shown["ring"]["state"] == "under_way" and shown["counts"]["persons"] >= 1, "given back it counts from then on: %s" % shown)
    gateway.cli("ring", "advance", "--percent", "100")
    expect(gateway.cli_json("ring", "show")["ring"]["state"] == "everybody", "everybody's")
    expect(len(gateway.events("ring.*")) == 4, "each move once: %s" % [e["type"] for e in gateway.events("ring.*")])
    fleet.process.stop()
    gateway.stop()


def story_many_at_once_need_their_number(world):
    slack, (gateway,), device = with_people(world)
    gateway.cli("apply", policy_file(world, "nudge.yaml", staged("nudge")), "--yes")
    fleet = Fleet(world, gateway, [device])
    wait_for("a healthy report", lambda: posture(gateway).get("verdict") == "pass")
    fleet.control("break", "dover", "firewall")
    wait_for("they are told", lambda: count_nudges(slack) == 1)
    wait_for("it would close", lambda: gateway.decide("ana@acme.example", "payroll")["context"].get("would") == "deny")
    enforced = policy_file(world, "enforced.yaml", fast_policy())
    plan = gateway.cli_json("plan", enforced)
    expect(plan["blocked_persons"] == 1 and plan["needs_number"] is True, "the plan counts people: %s" % plan)
    refused = gateway.cli("apply", enforced, "--yes", code=1)
    expect("--yes-block 1" in refused, "--yes is not enough: %s" % refused)
    gateway.cli("apply", enforced, "--yes-block", "1")
    wait_for("then it closes", lambda: not gateway.decide("ana@acme.example", "payroll")["decision"])
    fleet.process.stop()
    gateway.stop()


if __name__ == "__main__":
    harness.main(globals())
