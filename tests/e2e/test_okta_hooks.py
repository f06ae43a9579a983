"""Okta's hooks over the wire: a token or an assertion gets its claim, a shorter life or the person's reason, also while Redis is away; the event hook is
verified, taken once and warms up; whoever has no key is refused; whatever is malformed is a problem and never a stack."""
import json
import time
import urllib.parse

import harness
from harness import Fleet, expect, fast_policy, wait_for

DOOR = "\ndoors:\n  - { id: okta-hooks, kind: okta_hook, app: wiki, hook: { claim: device_posture, warned_lifetime: 10m, denied_lifetime: 5m } }\n"
DEVICE = {"name": "dover", "platform": "linux", "serial": "SER1", "uuid": "3b1c0000-0000-4000-8000-00000000d0e2", "hostname": "dover"}
count = 0


def token(login="ana@acme.example", client="0oaPay", user="00uA", access=3600, identity=None, **more):
    global count
    count += 1
    context = {"request": {"id": "r", "method": "POST", "url": {"value": "https://corp.okta.example/oauth2/default/v1/token"}, "ipAddress": "192.0.2.7"},
               "protocol": {"type": "OAUTH2.0", "client": {"id": client, "name": "An app", "type": "PUBLIC"}, "issuer": {"uri": "https://corp.okta.example/oauth2/default"},
                            "request": {"grant_type": "authorization_code", "scope": "openid"}},
               "session": {"id": "s1", "userId": user, "amr": ["PASSWORD"]}, "user": {"id": user, "profile": {"login": login, "locale": "en"}, "_links": {}},
               "policy": {"id": "00p", "rule": {"id": "0pr"}}}
    data = {"context": context}
    if access is not None:
        data["access"] = {"claims": {"ver": 1, "sub": login}, "token": {"lifetime": {"expiration": access}}, "scopes": {"openid": {"action": "GRANT"}}}
    if identity is not None:
        data["identity"] = {"claims": {"sub": user}, "token": {"lifetime": {"expiration": identity}}}
    return dict({"source": "https://corp.okta.example/oauth2/default/v1/token", "eventId": "e%d" % count, "eventTime": "2026-01-01T10:00:00.000Z", "eventTypeVersion": "1.0",
                 "cloudEventVersion": "0.1", "contentType": "application/json", "eventType": "com.okta.oauth2.tokens.transform", "data": data}, **more)


def assertion(login="ana@acme.example", app="0oaWiki"):
    body = token(login)
    body["eventType"] = "com.okta.saml.tokens.transform"
    body["data"]["context"]["protocol"] = {"type": "SAML2.0", "issuer": {"id": app, "name": "Wiki", "uri": "http://www.okta.com/" + app}}
    body["data"].pop("access")
    body["data"]["assertion"] = {"subject": {"nameId": login}, "authentication": {"sessionIndex": "id1", "authnContext": {"authnContextClassRef": "x"}}, "claims": {},
                                 "lifetime": {"expiration": 300}}
    return body


def delivery(*events, id=None):
    global count
    count += 1
    return {"eventType": "com.okta.event_hook", "eventTypeVersion": "1.0", "cloudEventsVersion": "0.1", "source": "https://corp.okta.example/api/v1/eventHooks/who1", "eventId": id or "d%d" % count,
            "eventTime": "2026-01-01T10:00:00.000Z", "contentType": "application/json", "data": {"events": list(events)}}


def failed_hook(uuid):
    return {"uuid": uuid, "published": "2026-01-01T10:00:00.000Z", "eventType": "inline_hook.executed", "actor": {"id": "system", "type": "SystemPrincipal"},
            "outcome": {"result": "FAILURE", "reason": "Timeout"}, "target": [{"id": "cal1", "type": "InlineHook", "displayName": "postern"}]}


class Hooks:
    def __init__(self, gateway, key, scheme=""):
        self.gateway, self.headers = gateway, {"Authorization": scheme + key} if key else {}

    def post(self, where, body, headers=None):
        data = body if isinstance(body, (bytes, str)) else json.dumps(body)
        return self.gateway.call("POST", "/hooks/okta/" + where, data, dict(self.headers, **dict({"Content-Type": "application/json"}, **(headers or {}))))

    def ask(self, where, body):
        answer = self.post(where, body)
        expect(answer.status == 200, "%s: %d %s" % (where, answer.status, answer.text()))
        expect(answer.headers["content-type"] == "application/json" and answer.headers["cache-control"] == "no-store", str(answer.headers))
        expect(len(answer.body) < 256 * 1024, "Okta's limit")
        return answer.json()


def operations(answer, kind):
    found = [c["value"] for c in answer.get("commands", []) if c["type"] == "com.okta.%s.patch" % kind]
    expect(len(found) <= 1, "one command a kind: %s" % answer)
    return {o["path"]: (o["op"], o["value"]) for o in (found[0] if found else [])}


def prepared(world, defects=(), **kw):
    gateway = world.gateway(policy=fast_policy().replace("host: [wiki.example]", "host: [wiki.example], saml_entity_id: [0oaWiki]") + DOOR, **kw).start()
    gateway.cli("person", "import", "-", stdin=json.dumps([{"email": "ana@acme.example", "aliases": ["00uA"]}, {"email": "ben@acme.example"}]))
    secret = gateway.cli_json("enroll-secret", "create", "--person", "ana@acme.example")["secret"]
    fleet = Fleet(world, gateway, [dict(DEVICE, enroll_secret=secret, defects=list(defects))])
    key = gateway.cli_json("key", "create", "--scope", "hooks", "--door", "okta-hooks", "--label", "okta")["key"]
    return gateway, fleet, Hooks(gateway, key)


def verdict(gateway, wanted):
    return lambda: gateway.api("GET", "/v1/posture?serial=SER1").json().get("verdict") == wanted


def story_a_healthy_device_gets_its_claim_and_two_apps_differ(world):
    gateway, fleet, hooks = prepared(world)
    wait_for("a healthy report", verdict(gateway, "pass"))
    answer = hooks.ask("token", token(identity=3600))
    for kind in ("access", "identity"):
        expect(operations(answer, kind) == {"/claims/device_posture": ("add", "allow")}, "%s: %s" % (kind, answer))
    expect("error" not in answer, str(answer))
    expect(operations(hooks.ask("token", token(identity=3600, access=None)), "access") == {}, "a token that was not asked for is not patched")
    expect(operations(hooks.ask("token", token(login="00uA", user="nobody")), "access")["/claims/device_posture"][1] == "allow", "known by an alias")
    expect(operations(hooks.ask("token", token(login="someone@else.example")), "access")["/claims/device_posture"][1] == "allow", "known by Okta's id")
    saml = operations(hooks.ask("saml", assertion()), "assertion")
    expect(list(saml) == ["/claims/device_posture"] and saml["/claims/device_posture"][1]["attributeValues"][0]["value"] == "allow", str(saml))
    nobody = hooks.ask("token", token(login="nobody@acme.example", user="00uX"))
    expect("errorSummary" in nobody["error"] and "commands" not in nobody, "somebody unknown: %s" % nobody)
    expect(hooks.ask("token", token(client="0oaUnknown"))["commands"], "an app that the policy does not know counts as the door's own")
    machine = token()
    machine["data"]["context"].pop("user"), machine["data"]["context"].pop("session")
    machine["data"]["context"]["protocol"]["request"]["grant_type"] = "client_credentials"
    answer = hooks.post("token", machine)
    expect(answer.status == 204 and not answer.body, "a service's own token is left alone: %d %s" % (answer.status, answer.text()))

    fleet.control("break", "dover", "firewall")
    page = wait_for("a page that helps", lambda: gateway.decide("ana@acme.example", "wiki")["context"].get("remediation_url"))
    expect(gateway.call("GET", urllib.parse.urlsplit(page).path).status == 200, "the person is told, so the ladder goes on")
    warned = wait_for("a warning", lambda: (lambda a: a if operations(a, "access").get("/claims/device_posture", ("", ""))[1] == "warn" else None)(hooks.ask("token", token(client="0oaWiki"))))
    expect(operations(warned, "access")["/token/lifetime/expiration"] == ("replace", 600) and "/claims/device_posture_rung" in operations(warned, "access"), "warned: %s" % warned)
    expect("/token/lifetime/expiration" not in operations(hooks.ask("token", token(client="0oaWiki", access=300)), "access"), "never to a longer life")
    saml = operations(hooks.ask("saml", assertion()), "assertion")
    expect(saml["/authentication/sessionLifetime"] == ("add", 600), "a short session: %s" % saml)
    closed = wait_for("the sensitive app closes", lambda: (lambda a: a if "error" in a else None)(hooks.ask("token", token(client="0oaPay"))))
    summary = closed["error"]["errorSummary"]
    expect("firewall" in summary.lower() and "https://localhost:%d/blocked/" % gateway.public_port in summary, "the person's reason and the page: %s" % summary)
    expect("commands" not in closed and closed["debugContext"]["postern"].startswith("x_"), str(closed))
    expect(gateway.call("GET", urllib.parse.urlsplit(summary[summary.index("https://"):]).path).status == 200, "the page in the summary opens")
    expect("error" not in hooks.ask("token", token(client="0oaWiki")), "the everyday app stays open in the same minute")
    made = wait_for("the refusal is in the log", lambda: [e for e in gateway.events("decision.made") if e["data"].get("door") == "okta_hook" and e["data"].get("outcome") == "deny"])
    expect(made, "recorded")
    fleet.process.stop()
    gateway.stop()


def story_answers_continue_while_redis_is_away(world):
    redis = world.redis()
    gateway, fleet, hooks = prepared(world, redis=redis)
    wait_for("a healthy report", verdict(gateway, "pass"))
    asked, slowest = 0, 0.0
    for phase in ("with", "without", "with again"):
        if phase == "without":
            redis.process.kill()
        elif phase == "with again":
            redis.start()
        for where, body in [("token", token), ("saml", assertion)] * 20:
            before = time.monotonic()
            answer = hooks.ask(where, body())
            slowest = max(slowest, time.monotonic() - before)
            asked += 1
            kind = "access" if where == "token" else "assertion"
            expect("/claims/device_posture" in operations(answer, kind), "%s Redis, %s: %s" % (phase, where, answer))
        if phase != "with":
            expect(hooks.post("events", delivery(failed_hook("gone-%s" % phase))).status == 204, "events are taken")
    print("      %d answers, the slowest after %.0f ms" % (asked, slowest * 1000))
    fleet.process.stop()
    gateway.stop()


def story_okta_verifies_the_address_and_tells_what_happened_once(world):
    gateway, fleet, hooks = prepared(world)
    for headers in (hooks.headers, {}):
        answer = gateway.get("/hooks/okta/events", dict(headers, **{"X-Okta-Verification-Challenge": "Jz-a.b_c~1"}))
        expect(answer.status == 200 and answer.json() == {"verification": "Jz-a.b_c~1"}, "%d %s" % (answer.status, answer.text()))
    for challenge in (None, "", "x" * 513, "a b", "a\u00e4"):
        headers = {} if challenge is None else {"X-Okta-Verification-Challenge": challenge}
        answer = gateway.get("/hooks/okta/events", headers)
        expect(answer.status == 400 and "Jz" not in answer.text(), "%r: %d" % (challenge, answer.status))
    expect(gateway.get("/hooks/okta/events", {"Authorization": "wrong", "X-Okta-Verification-Challenge": "x"}).status == 401, "a wrong secret is refused even there")

    session = {"uuid": "u1", "published": "2026-01-01T10:00:00.000Z", "eventType": "user.session.start", "actor": {"id": "00uA", "type": "User", "alternateId": "ana@acme.example"},
               "outcome": {"result": "SUCCESS"}, "target": None, "device": None}
    answer = hooks.post("events", delivery(session, failed_hook("u2"), {"uuid": "u3", "eventType": "something.new", "outcome": 7}))
    expect(answer.status == 204 and not answer.body, "%d %s" % (answer.status, answer.text()))
    hooks.post("events", delivery(failed_hook("u2"), id="other"))
    for _ in range(3):
        hooks.post("events", delivery(failed_hook("u4"), failed_hook("u4"), id="same"))
    hooks.post("events", delivery(failed_hook("u5"), id="same"))
    wait_for("two failures", lambda: "postern_okta_hook_failed_total 2" in gateway.get("/metrics", admin=True).text())
    wait_for("an admin is told", lambda: any("Okta reported 2 inline hooks that failed" in w for w in gateway.admin("GET", "/admin/v1/status").json()["warnings"]))
    expect("okta.hook_failed_open" in gateway.process.text(), "in the gateway's own log")
    fleet.process.stop()
    gateway.stop()


def story_who_has_no_key_and_what_is_malformed_is_refused(world):
    gateway, fleet, hooks = prepared(world)
    key = hooks.headers["Authorization"]
    other = gateway.cli_json("key", "create", "--scope", "decide")["key"]
    revoked = gateway.cli_json("key", "create", "--scope", "hooks")
    gateway.cli("key", "revoke", revoked["id"])
    expect(Hooks(gateway, key, "Bearer ").post("token", token()).status == 200, "with Bearer")
    for name, value, status in [("none", None, 401), ("empty", "", 401), ("wrong", key[:-1] + ("A" if key[-1] != "A" else "B"), 401), ("cut short", key[:-1], 401), ("longer", key + "x", 401),
                                ("basic", "Basic " + key, 401), ("another scope", other, 401), ("another scope, with Bearer", "Bearer " + other, 403), ("revoked", revoked["key"], 401),
                                ("no scheme known", "Token " + key, 401), ("long", "x" * 4000, 401)]:
        for where in ("token", "saml", "events"):
            headers = {} if value is None else {"Authorization": value}
            answer = gateway.call("POST", "/hooks/okta/" + where, json.dumps(token()), headers)
            wanted = {status, 403} if name == "another scope" else {status}
            expect(answer.status in wanted and "www-authenticate" in answer.headers, "%s, %s: %d %s" % (where, name, answer.status, answer.text()))
    good, wrong_type = token(), token()
    wrong_type["eventType"] = "com.okta.import.transform"
    rows = {"empty": b"", "not JSON": b"{", "a list": b"[]", "text": b"\"x\"", "number": b"7", "null": b"null", "invalid UTF-8": b"{\"eventType\":\"\xff\"}", "deep": b"[" * 5000, "another hook": json.dumps(wrong_type).encode(),
            "doubled": b"{\"eventType\":\"com.okta.oauth2.tokens.transform\"," + json.dumps(good).encode()[1:], "no data": b"{\"eventType\":\"com.okta.oauth2.tokens.transform\"}",
            "login too long": json.dumps(token(login="a" * 400)).encode(), "login a list": json.dumps(token(login=["a"])).encode(), "lifetime text": json.dumps(token(access="3600")).encode()}
    for name, body in rows.items():
        for where in ("token", "saml", "events"):
            answer = hooks.post(where, body)
            expect(answer.status == 400 and answer.headers["content-type"] == "application/problem+json", "%s, %s: %d %s" % (where, name, answer.status, answer.text()))
    expect(hooks.post("token", b" " * 300 * 1024).status == 413, "one over the limit")
    expect(hooks.post("events", b" " * 1100 * 1024).status == 413, "one over the limit")
    expect(gateway.call("PUT", "/hooks/okta/token", b"{}", hooks.headers).status == 405 and gateway.get("/hooks/okta/token", hooks.headers).status == 405, "POST only")
    expect(hooks.ask("token", token(login="ana@acme.example\u202e<script>", user="x"))["error"], "odd names are nobody's")
    fleet.process.stop()
    gateway.stop()


def story_the_key_names_the_door_where_there_are_several(world):
    gateway, fleet, hooks = prepared(world)
    wait_for("a healthy report", verdict(gateway, "pass"))
    added = gateway.cli_json("door", "add", "okta-hooks", "--id", "second", "--app", "payroll")
    second = Hooks(gateway, added["secret"])
    loose = Hooks(gateway, gateway.cli_json("key", "create", "--scope", "hooks")["key"])
    expect(second.ask("token", token())["commands"], "a key for one door")
    expect(loose.post("token", token()).status == 404, "a key for none, and two doors")
    expect(loose.post("token?door=second", token()).status == 200, "named in the address")
    expect(loose.post("token?door=nowhere", token()).status == 404 and loose.post("token?door=a&door=b", token()).status == 400, "a wrong name")
    gateway.cli("door", "remove", "second", "--yes")
    wait_for("its key is refused", lambda: second.post("token", token()).status == 401)
    expect(loose.post("token", token()).status == 200, "one door again")
    gateway.cli("door", "remove", "okta-hooks", "--yes")
    expect(loose.post("token", token()).status == 404, "no door")
    fleet.process.stop()
    gateway.stop()


if __name__ == "__main__":
    harness.main(globals())
