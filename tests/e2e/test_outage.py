"""With Redis stopped decisions go on from memory, marked stale; ladder time stands still; the policy's outage rule follows at its age limit."""
import calendar
import json
import os
import signal
import time

import harness
from harness import Fleet, expect, fast_policy, wait_for
from test_loop import posture, result_of
from test_overload import gauge

OUTAGE = "outage: { critical: deny, sensitive: { last_known_good: 30s }, everyday: allow }"


def policy(close):
    return fast_policy(close).replace("outage: { critical: deny, sensitive: { last_known_good: 1h }, everyday: allow }", OUTAGE)


def story_decisions_go_on_without_redis(world):
    redis = world.redis()
    gateway = world.gateway(policy=policy("600s"), redis=redis).start()
    gateway.cli("person", "import", "-", stdin=json.dumps([{"email": "ana@acme.example"}]))
    secret = gateway.cli_json("enroll-secret", "create", "--person", "ana@acme.example")["secret"]
    fleet = Fleet(world, gateway, [{"name": "dover", "platform": "linux", "serial": "SER1", "uuid": "3b1c0000-0000-4000-8000-00000000d0e2", "hostname": "dover", "enroll_secret": secret,
                                    "defects": []}])
    wait_for("a healthy report", lambda: posture(gateway, "SER1").get("verdict") == "pass")
    expect(gateway.decide("ana@acme.example", "payroll")["decision"] is True, "let in before")
    redis.process.kill()
    stale = wait_for("answers are marked stale", lambda: (lambda d: d if d["context"]["stale"] else None)(gateway.decide("ana@acme.example", "payroll")))
    expect(stale["decision"] is True, "from memory: let in")
    wait_for("readiness says so", lambda: gateway.get("/readyz", admin=True).status == 503)
    wait_for("the sensitive app follows its outage rule", lambda: not gateway.decide("ana@acme.example", "payroll")["decision"])
    expect(gateway.decide("ana@acme.example", "payroll")["context"]["rule"] == "outage", "the rule is named")
    expect(gateway.decide("ana@acme.example", "wiki")["decision"] is True, "the everyday app stays open")
    refused = gateway.api("POST", "/v1/facts", {"device": {"serial": "SER1"}, "facts": [{"name": "x", "value": 1, "lifetime": "1h"}]})
    expect(refused.status == 503 and "retry-after" in refused.headers, "writes are refused plainly: %d %s" % (refused.status, refused.text()))
    redis.start()
    wait_for("fresh again", lambda: not gateway.decide("ana@acme.example", "payroll")["context"]["stale"])
    expect(gateway.decide("ana@acme.example", "payroll")["decision"] is True, "and open again")
    fleet.process.stop()
    gateway.stop()


def story_a_hanging_redis_is_an_outage_and_ladder_time_stands_still(world):
    redis = world.redis()
    gateway = world.gateway(policy=fast_policy("40s"), redis=redis).start()
    gateway.cli("person", "import", "-", stdin=json.dumps([{"email": "ana@acme.example"}]))
    secret = gateway.cli_json("enroll-secret", "create", "--person", "ana@acme.example")["secret"]
    fleet = Fleet(world, gateway, [{"name": "dover", "platform": "linux", "serial": "SER1", "uuid": "3b1c0000-0000-4000-8000-00000000d0e2", "hostname": "dover", "enroll_secret": secret,
                                    "defects": ["disk-encryption"]}])
    wait_for("it fails", lambda: result_of_serial(gateway) == "fail")
    context = wait_for("a warning, shown to the person", lambda: page_shown(gateway))
    expect(context, "a page")
    named = wait_for("a deadline", lambda: gateway.decide("ana@acme.example", "payroll")["context"].get("deadline"))
    deadline = calendar.timegm(time.strptime(named, "%Y-%m-%dT%H:%M:%SZ"))
    os.kill(redis.process.child.pid, signal.SIGSTOP)
    wait_for("answers are stale", lambda: gateway.decide("ana@acme.example", "payroll")["context"]["stale"])
    wait_for("so it says to a balancer", lambda: gateway.get("/readyz", admin=True).status == 503)
    wait_for("and how far it may be behind", lambda: gauge(gateway, "postern_log_lag_seconds") > 2)
    past = 0
    while past < 5:  # answers that were asked for after the deadline
        past += time.time() > deadline + 2
        answer = gateway.decide("ana@acme.example", "payroll")
        expect(answer["decision"] is True, "nothing closes while the store is away: %s" % answer)
        time.sleep(0.2)
    os.kill(redis.process.child.pid, signal.SIGCONT)
    wait_for("fresh again", lambda: not gateway.decide("ana@acme.example", "payroll")["context"]["stale"])
    wait_for("behind by nothing, though nothing new comes", lambda: gauge(gateway, "postern_log_lag_seconds") < 1)
    wait_for("then the deadline passes", lambda: not gateway.decide("ana@acme.example", "payroll")["decision"])
    wait_for("the outage is in the log", lambda: any(e["type"] == "store.outage" for e in gateway.events()))
    fleet.process.stop()
    gateway.stop()


def result_of_serial(gateway):
    return next((r["result"] for r in posture(gateway, "SER1").get("results", []) if r["check"] == "disk-encryption"), None)


def page_shown(gateway):
    """Without a channel a notice counts when it was shown: the person's own page says what to fix."""
    link = gateway.cli_json("person", "link", "ana@acme.example")["url"]
    answer = harness.request(link, ca=gateway.ca)
    expect(answer.status == 200, "the page: %d" % answer.status)
    context = gateway.decide("ana@acme.example", "payroll")["context"]
    if context.get("remediation_url"):
        harness.request(context["remediation_url"], ca=gateway.ca)
    return True


def redis_servers(gateway):
    """Process ids of the redis-servers that work below this gateway's state folder."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/comm" % pid) as f:
                if f.read().strip() == "redis-server" and os.readlink("/proc/%s/cwd" % pid).startswith(gateway.state):
                    found.append(int(pid))
        except OSError:
            continue
    return found


def story_the_embedded_redis_comes_back_after_sigkill(world):
    gateway = world.gateway(policy=fast_policy()).start()
    gateway.cli("person", "import", "-", stdin=json.dumps([{"email": "ana@acme.example"}]))
    pids = redis_servers(gateway)
    expect(pids, "an embedded redis-server runs")
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    wait_for("a write works again", lambda: gateway.cli("person", "import", "-", stdin=json.dumps([{"email": "ben@acme.example"}]), code=None) and
             gateway.cli_json("person", "list")["total"] == 2)
    gateway.stop()
    expect(not redis_servers(gateway), "and it ends with the gateway")


if __name__ == "__main__":
    harness.main(globals())
