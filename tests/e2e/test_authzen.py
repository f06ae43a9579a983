"""The protocol part of the AuthZEN certification scenario: formats, errors, header echo, batch semantics, discovery.
Source: OpenID AuthZEN, Authorization API 1.0, and its certification scenario (rows restated)."""
import json

import harness
from harness import expect, fast_policy, request

EVALUATION = "/access/v1/evaluation"
EVALUATIONS = "/access/v1/evaluations"
GOOD = {"subject": {"type": "user", "id": "ana@acme.example"}, "action": {"name": "login"}, "resource": {"type": "app", "id": "wiki"}}


def prepared(world):
    gateway = world.gateway(policy=fast_policy()).start()
    gateway.cli("person", "import", "-", stdin=json.dumps([{"email": "ana@acme.example"}]))
    return gateway


def without(path):
    body = json.loads(json.dumps(GOOD))
    at = body
    *above, last = path.split(".")
    for key in above:
        at = at[key]
    del at[last]
    return body


def with_value(path, value):
    body = json.loads(json.dumps(GOOD))
    at = body
    *above, last = path.split(".")
    for key in above:
        at = at[key]
    at[last] = value
    return body


def story_formats_and_errors(world):
    gateway = prepared(world)
    answer = gateway.api("POST", EVALUATION, GOOD)
    expect(answer.status == 200 and isinstance(answer.json()["decision"], bool), "a good question: %d %s" % (answer.status, answer.text()))
    expect(answer.headers["content-type"].startswith("application/json"), "content type %s" % answer.headers["content-type"])
    expect(answer.headers.get("cache-control") == "no-store", "answers are not cached")
    bad = [("no subject", without("subject")), ("no action", without("action")), ("no resource", without("resource")), ("no subject.type", without("subject.type")),
           ("no subject.id", without("subject.id")), ("no action.name", without("action.name")), ("no resource.type", without("resource.type")),
           ("no resource.id", without("resource.id")), ("subject is text", with_value("subject", "alice")), ("action.name is a number", with_value("action.name", 123)),
           ("resource is a list", with_value("resource", [])), ("context is text", with_value("context", "x")), ("properties is text", with_value("subject.properties", "x")),
           ("a list", [GOOD])]
    for name, body in bad:
        answer = gateway.api("POST", EVALUATION, body)
        expect(answer.status == 400, "%s: %d %s" % (name, answer.status, answer.text()))
    raw = [("empty", b"", 400), ("not JSON", b"{", 400), ("duplicate members", b'{"subject":1,"subject":2}', 400), ("deep", b"[" * 10000, 400), ("bad UTF-8", b'{"a":"\xff"}', 400),
           ("too large", b'{"a":"' + b"x" * 70000 + b'"}', 413)]
    for name, body, status in raw:
        answer = gateway.api("POST", EVALUATION, body, {"Content-Type": "application/json"})
        expect(answer.status == status, "%s: %d %s" % (name, answer.status, answer.text()[:200]))
    answer = gateway.api("POST", EVALUATION, json.dumps(GOOD).encode(), {"Content-Type": "text/plain"})
    expect(answer.status == 400, "wrong content type: %d" % answer.status)
    answer = gateway.api("POST", EVALUATION, json.dumps(GOOD).encode(), {"Content-Type": "application/json; charset=utf-8"})
    expect(answer.status == 200, "charset parameter: %d" % answer.status)
    unknown = dict(GOOD, extra={"a": 1}, context={"time": "now"})
    expect(gateway.api("POST", EVALUATION, unknown).status == 200, "unknown members are ignored")
    gateway.stop()


def story_callers_are_known(world):
    gateway = prepared(world)
    answer = gateway.call("POST", EVALUATION, GOOD, internal=True)
    expect(answer.status == 401 and answer.headers.get("www-authenticate", "").startswith("Bearer"), "no credentials: %d %s" % (answer.status, answer.headers))
    answer = gateway.call("POST", EVALUATION, GOOD, {"Authorization": "Bearer pst_nobody_" + "x" * 43}, internal=True)
    expect(answer.status == 401, "wrong key: %d" % answer.status)
    key = gateway.cli_json("key", "create", "--label", "events only", "--scope", "events")
    answer = gateway.call("POST", EVALUATION, GOOD, {"Authorization": "Bearer " + key["key"]}, internal=True)
    expect(answer.status == 403, "wrong scope: %d" % answer.status)
    key = gateway.cli_json("key", "create", "--label", "short", "--scope", "decide", "--expires", "1s")
    harness.wait_for("the key expires", lambda: gateway.call("POST", EVALUATION, GOOD, {"Authorization": "Bearer " + key["key"]}, internal=True).status == 401)
    key = gateway.cli_json("key", "create", "--label", "gone", "--scope", "decide")
    headers = {"Authorization": "Bearer " + key["key"]}
    expect(gateway.call("POST", EVALUATION, GOOD, headers, internal=True).status == 200, "a fresh key works")
    gateway.cli("key", "revoke", key["id"])
    expect(gateway.call("POST", EVALUATION, GOOD, headers, internal=True).status == 401, "a revoked key does not")
    gateway.stop()


def story_request_id_and_idempotency(world):
    gateway = prepared(world)
    answer = gateway.api("POST", EVALUATION, GOOD, {"X-Request-ID": "bfe9eb29-ab87-4ca3-be83-a1d5d8305716"})
    expect(answer.headers.get("x-request-id") == "bfe9eb29-ab87-4ca3-be83-a1d5d8305716", "echo: %s" % answer.headers)
    expect(gateway.api("POST", EVALUATION, GOOD).headers.get("x-request-id"), "one is made when none was sent")
    decisions = {gateway.api("POST", EVALUATION, GOOD).json()["decision"] for _ in range(20)}
    expect(len(decisions) == 1, "the same question gets the same answer")
    gateway.stop()


def story_unknown_entities_are_questions(world):
    gateway = prepared(world)
    for name, body in [("record", {"subject": {"type": "user", "id": "alice"}, "action": {"name": "read"}, "resource": {"type": "record", "id": "record-1"}}),
                       ("unknown person", with_value("subject.id", "nobody@acme.example")), ("unknown app", with_value("resource.id", "nothing")),
                       ("unknown action", with_value("action.name", "delete")), ("unknown subject type", with_value("subject.type", "robot"))]:
        answer = gateway.api("POST", EVALUATION, body)
        expect(answer.status == 200 and answer.json()["decision"] is False and answer.json().get("context"), "%s: %d %s" % (name, answer.status, answer.text()))
    gateway.stop()


def story_batches(world):
    gateway = prepared(world)
    allowed, refused = {"resource": {"type": "app", "id": "chat"}}, {"resource": {"type": "app", "id": "nothing"}}
    defaults = {"subject": GOOD["subject"], "action": GOOD["action"]}

    def ask(items, semantic=None, extra=None):
        body = dict(defaults, evaluations=items, **(extra or {}))
        if semantic:
            body["options"] = {"evaluations_semantic": semantic}
        answer = gateway.api("POST", EVALUATIONS, body)
        expect(answer.status == 200, "batch: %d %s" % (answer.status, answer.text()[:300]))
        return answer.json()

    first = gateway.api("POST", EVALUATION, dict(defaults, **allowed)).json()["decision"]
    expect(first is True or first is False, "a decision")
    expect([e["decision"] for e in ask([allowed, refused, allowed])["evaluations"]] == [first, False, first], "order is kept")
    expect("decision" not in ask([allowed]), "no top-level decision")
    expect(len(ask([refused, allowed, allowed], "deny_on_first_deny")["evaluations"]) == 1, "deny_on_first_deny")
    permits = ask([refused, allowed, allowed], "permit_on_first_permit")["evaluations"]
    expect(len(permits) == (2 if first else 3), "permit_on_first_permit: %s" % permits)
    expect(len(ask([{}, {}], extra=allowed)["evaluations"]) == 2, "{} takes every default")
    for body in (dict(GOOD), dict(GOOD, evaluations=[])):
        answer = gateway.api("POST", EVALUATIONS, body)
        expect(answer.status == 200 and isinstance(answer.json().get("decision"), bool), "an absent or empty array is a single evaluation: %s" % answer.text())
    mixed = ask([allowed, {"resource": {"type": "app"}}, allowed])["evaluations"]
    expect(mixed[1]["decision"] is False and mixed[1]["context"]["error"]["status"] == 400 and mixed[2]["decision"] == first, "one bad item: %s" % mixed)
    answer = gateway.api("POST", EVALUATIONS, dict(defaults, evaluations=[allowed] * 1001))
    expect(answer.status == 400, "1,001 items: %d" % answer.status)
    expect(len(ask([allowed] * 1000)["evaluations"]) == 1000, "1,000 items")
    crowded = ask([{}, allowed], extra={"context": {"device": {"m%d" % i: 0 for i in range(1001)}}, "resource": dict(allowed["resource"], **{"m%d" % i: 0 for i in range(1001)})})
    expect(all("at most 1000 members" in e["context"]["error"]["message"] for e in crowded["evaluations"]), "what each item would look through is bounded: %s" % crowded)
    answer = gateway.api("POST", EVALUATIONS, dict(defaults, evaluations=[allowed], options={"evaluations_semantic": "sometimes"}))
    expect(answer.status == 400, "unknown semantic: %d" % answer.status)
    gateway.stop()


def story_discovery(world):
    gateway = prepared(world)
    answer = gateway.get("/.well-known/authzen-configuration")
    document = answer.json()
    base = "https://localhost:%d" % gateway.public_port
    expect(answer.status == 200 and document["policy_decision_point"] == base, "metadata: %s" % document)
    expect(document["access_evaluation_endpoint"] == base + EVALUATION and document["access_evaluations_endpoint"] == base + EVALUATIONS, "endpoints: %s" % document)
    expect(not any(k.startswith("search_") for k in document), "what is not offered is absent")
    expect("max-age" in answer.headers.get("cache-control", ""), "cacheable: %s" % answer.headers)
    gateway.stop()


if __name__ == "__main__":
    harness.main(globals())
