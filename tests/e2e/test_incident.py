"""The incident switch: everything freezes, nothing rises and nobody is written to; released, ladders go on and no clock has counted the time."""
import harness
from harness import Fleet, expect, wait_for
from test_loop import count_nudges, posture, result_of, with_people


def story_an_incident_freezes_and_releases(world):
    slack, (gateway,), device = with_people(world, close="6s")
    fleet = Fleet(world, gateway, [device])
    wait_for("a healthy report", lambda: posture(gateway).get("verdict") == "pass")
    gateway.cli("incident", "start", "--why", "a vendor's update")
    expect(gateway.cli_json("incident", "show")["frozen"] is True, "it says so")
    expect("incident stop" in gateway.cli("doctor", code=None), "doctor says what releases it")
    fleet.control("break", "dover", "firewall")
    wait_for("the firewall fails", lambda: result_of(gateway, "firewall") == "fail")
    context = wait_for("the failure is known to decisions", lambda: gateway.decide("ana@acme.example", "payroll")["context"])
    expect(context["outcome"] == "allow" and count_nudges(slack) == 0, "nothing rises, nobody is told: %s" % context)
    shown = gateway.cli_json("incident", "show")
    expect(shown["declared"] is True and shown["why"] == "a vendor's update" and shown["opens"] == ["everyday", "sensitive"] and shown["keeps"] == ["critical"], "why and what: %s" % shown)
    expect("postern_incident 1" in gateway.get("/metrics", internal=True).text(), "metrics say so")
    gateway.cli("incident", "stop")
    wait_for("then somebody is told", lambda: count_nudges(slack) == 1)
    wait_for("and the app closes", lambda: not gateway.decide("ana@acme.example", "payroll")["decision"])
    gateway.cli("incident", "start", "--why", "again")
    opened = gateway.decide("ana@acme.example", "payroll")
    expect(opened["decision"] is True and opened["context"]["rule"] == "incident", "what was closed opens: %s" % opened)
    expect(not gateway.decide("nobody@acme.example", "payroll")["decision"], "but not to everybody")
    gateway.cli("incident", "stop")
    wait_for("and closes again", lambda: not gateway.decide("ana@acme.example", "payroll")["decision"])
    types = [e["type"] for e in gateway.events("incident.*")]
    expect(sorted(types) == ["incident.started"] * 2 + ["incident.stopped"] * 2, "all stand in the log once: %s" % types)
    fleet.process.stop()
    gateway.stop()


if __name__ == "__main__":
    harness.main(globals())
