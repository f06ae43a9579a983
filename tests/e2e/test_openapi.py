"""docs/openapi.yaml tells the truth: every route of the gateway is in it with its listeners and scope, nothing else is, and live answers have the
shapes it gives. Schemas of answers are taken as closed: a member that the page does not name fails the story."""
import glob
import hashlib
import hmac
import json
import os
import re
import sys
import time
import urllib.parse

import jsonschema
import yaml

import harness
from harness import Fleet, expect, fast_policy, request, wait_for
from test_loop import fake_slack, slack_messages

SLACK_SECRET = "not-a-secret-of-anybody"
METHODS = ("get", "put", "post", "delete", "patch", "head", "options", "trace")
POLICY = fast_policy().replace("\nladders:", "\n  - { id: backup, title: A backup, pass: \"fact.backup_age < 7d\", fresh_for: 2h, interval: 1h }\nladders:", 1)


def document():
    with open(os.path.join(harness.ROOT, "docs/openapi.yaml")) as f:
        return yaml.safe_load(f)


def resolve(doc, node):
    while isinstance(node, dict) and "$ref" in node and node["$ref"].startswith("#/"):
        found = doc
        for part in node["$ref"][2:].split("/"):
            found = found[part.replace("~1", "/").replace("~0", "~")]
        node = found
    return node


def operations(doc):
    """(METHOD, path) -> operation, with the parameters of its path."""
    found = {}
    for path, item in doc["paths"].items():
        item = resolve(doc, item)
        for method in METHODS:
            if method in item:
                found[method.upper(), path] = dict(item[method], parameters=item.get("parameters", []) + item[method].get("parameters", []))
    return found


# ---- the router's rows, read from the sources ----

def macros(text):
    """The names that stand for listeners: of #define, and of enumerators."""
    found = dict(re.findall(r"#define (\w+) (\(?LISTENER_[^\n]*)", text))
    found.update(re.findall(r"(\w+) = (LISTENER_\w+(?: \| LISTENER_\w+)+)", text))
    return found


def routes():
    """(METHOD, path) -> (listeners, scopes)."""
    sources = [open(path).read() for path in sorted(glob.glob(os.path.join(harness.ROOT, "gateway/**/*.[ch]"), recursive=True))]
    shared = {}
    for text in sources:
        shared.update(macros(text))
    found = {}

    def add(method, path, listeners, scopes):
        names = frozenset(n.lower() for n in re.findall(r"LISTENER_(\w+)", shared.get(listeners.strip(), listeners)))
        expect(names, "no listeners for %s %s: %s" % (method, path, listeners))
        expect((method, path) not in found, "%s %s stands twice" % (method, path))
        found[method, path] = names, frozenset(s.lower() for s in re.findall(r"SCOPE_(\w+)", scopes))
    for text in sources:
        if "route_table" not in text:
            continue
        for method, path, listeners, scopes in re.findall(r'\{ HTTP_(\w+), "([^"]+)", ([^,]+), ([^,]+),', text):
            add(method, path, listeners, scopes)
        row = re.search(r"#define ROW\([^)]*\) \{ method, path, ([^,]+), ([^,]+),", text)
        for method, path in re.findall(r'ROW\(HTTP_(\w+), "([^"]+)"', text):
            add(method, path, row.group(1), row.group(2))
        for base in re.findall(r'AGENT_ROUTES\("([^"]+)"\)', text):
            for method, end, listeners, scopes in re.findall(r'\{ HTTP_(\w+), base "([^"]+)", ([^,]+), ([^,]+),', text):
                add(method, base + end, listeners, scopes)
    return found


def listed_tables():
    with open(os.path.join(harness.ROOT, "gateway/http/router.c")) as f:
        return set(re.findall(r"&(\w+_routes)\b", f.read()))


# ---- stories about the page alone ----

def story_the_page_and_the_router_name_the_same_routes(world):
    doc = document()
    told, known = operations(doc), routes()
    expect(len(known) > 50, "the rows were found: %d" % len(known))
    expect(set(known) - set(told) == set(), "not in docs/openapi.yaml: %s" % sorted(set(known) - set(told)))
    expect(set(told) - set(known) == set(), "no such route: %s" % sorted(set(told) - set(known)))
    for key, (listeners, scopes) in known.items():
        expect(set(told[key]["x-listeners"]) == listeners, "%s %s: listeners %s, told %s" % (*key, sorted(listeners), told[key]["x-listeners"]))
        asked = frozenset(s for need in told[key]["security"] for names in need.values() for s in names)
        expect(asked == scopes, "%s %s: scopes %s, told %s" % (*key, sorted(scopes), sorted(asked)))
    defined = {name for path in glob.glob(os.path.join(harness.ROOT, "gateway/**/*.c"), recursive=True) for name in re.findall(r"const struct route_table (\w+) =", open(path).read())}
    expect(defined == listed_tables(), "tables defined and tables listed in router.c differ: %s" % (defined ^ listed_tables()))


def references(node):
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def story_the_page_is_whole(world):
    doc = document()
    used = set(references(doc))
    for reference in used:
        try:
            resolve(doc, {"$ref": reference})
        except (KeyError, TypeError):
            raise harness.Failure("%s points nowhere" % reference)
    for kind, names in doc["components"].items():
        if kind != "securitySchemes":
            unused = {n for n in names if "#/components/%s/%s" % (kind, n) not in used}
            expect(not unused, "nobody uses components/%s %s" % (kind, sorted(unused)))
    for name, schema in doc["components"]["schemas"].items():
        jsonschema.Draft202012Validator.check_schema(schema)
        expect(set(schema.get("required", [])) <= set(schema.get("properties", {})), "%s requires what it does not have" % name)
    ids = {}
    for key, operation in operations(doc).items():
        expect(operation["responses"] and operation["operationId"], "%s %s" % key)
        ids.setdefault(operation["operationId"], set()).add(re.sub("^(/api(/v1)?)?/osquery", "/osquery", key[1]).replace("/carve/block", "/carve/begin"))
        wanted = set(re.findall(r"\{(\w+)\}", key[1]))
        given = {p["name"] for p in (resolve(doc, p) for p in operation["parameters"]) if p["in"] == "path"}
        expect(wanted == given, "%s %s: path parameters %s, told %s" % (*key, wanted, given))
    expect(all(len(paths) == 1 for paths in ids.values()), "an operationId names one operation: %s" % {k: v for k, v in ids.items() if len(v) > 1})


# ---- stories about live answers ----

def closed(doc, node):
    """The schema with its references put in and its objects closed."""
    node = resolve(doc, node)
    if isinstance(node, list):
        return [closed(doc, n) for n in node]
    if not isinstance(node, dict):
        return node
    made = {key: closed(doc, value) for key, value in node.items() if key not in ("properties", "additionalProperties")}
    if "properties" in node:
        made["properties"] = {name: closed(doc, value) for name, value in node["properties"].items()}
    if "additionalProperties" in node:
        made["additionalProperties"] = closed(doc, node["additionalProperties"])
    elif "properties" in node:
        made["additionalProperties"] = False
    return made


class Page:
    """Calls the gateway, and holds each answer against the page."""

    def __init__(self, gateway):
        self.doc, self.gateway, self.seen = document(), gateway, set()
        self.operations = operations(self.doc)
        self.admin = gateway.cli_json("key", "create", "--label", "page", "--scope", "admin")["key"]

    def check(self, method, path, status, answer):
        operation = self.operations[method, path]
        expect(answer.status == status, "%s %s: %d, wanted %d: %s" % (method, path, answer.status, status, answer.text()[:400]))
        told = operation["responses"].get(str(status)) or (operation["responses"].get("default") if status >= 400 else None)
        expect(told, "%s %s: %d is not in the page" % (method, path, status))
        kinds = resolve(self.doc, told).get("content", {})
        kind = answer.headers.get("content-type", "").split(";")[0]
        expect(kind in kinds or (not kinds and not answer.body), "%s %s: %d is %r, told %s" % (method, path, status, kind, sorted(kinds)))
        if kind.endswith("json"):
            errors = list(jsonschema.Draft202012Validator(closed(self.doc, kinds[kind]["schema"])).iter_errors(answer.json()))
            expect(not errors, "%s %s: %s in %s" % (method, path, "; ".join("%s: %s" % (e.json_path, e.message[:300]) for e in errors), answer.text()[:600]))
        self.seen.add((method, path))
        return answer.json() if kind.endswith("json") else answer.text()

    def call(self, method, path, status=200, at=None, body=None, headers=None):
        """`at`: the path with its parameters filled in, and the query."""
        if isinstance(body, dict) and status < 400:
            schema = resolve(self.doc, self.operations[method, path]["requestBody"])["content"]["application/json"]["schema"]
            jsonschema.Draft202012Validator(closed_request(self.doc, schema)).validate(body)
        if path.startswith("/admin/"):
            answer = self.gateway.call(method, at or path, body, dict(headers or {}, Authorization="Bearer " + self.admin), admin=True)
        elif "internal" in self.operations[method, path]["x-listeners"]:
            answer = self.gateway.api(method, at or path, body, headers)
        else:
            answer = self.gateway.call(method, at or path, body, headers)
        return self.check(method, path, status, answer)


def closed_request(doc, node):
    """References put in; what the page leaves open stays open."""
    node = resolve(doc, node)
    if isinstance(node, list):
        return [closed_request(doc, n) for n in node]
    return {key: closed_request(doc, value) for key, value in node.items()} if isinstance(node, dict) else node


def ask(person, app, **more):
    return dict({"subject": {"type": "user", "id": person}, "action": {"name": "login"}, "resource": {"type": "app", "id": app}}, **more)


def valves(page, mine, device, form):
    """Pressure taken off: by the person on their page, and by those who help."""
    about = ("device=%s&check=firewall&text=please" % device).encode()
    for path in ("/wrong", "/exempt", "/ask", "/snooze", "/approve", "/decline"): # the last two are nobody's here
        page.call("POST", "/me/{token}" + path, 303, at=mine + path, body=about, headers=form)
    dispute = page.call("GET", "/admin/v1/disputes")["disputes"][0]
    expect(dispute["text"] == "please" and dispute["evidence"]["query"], "the evidence is kept: %s" % dispute)
    for status in (200, 409):
        page.call("POST", "/admin/v1/disputes/{id}/answer", status, at="/admin/v1/disputes/%s/answer" % dispute["id"], body={"outcome": "explained", "answer": "It is off since Monday."})
    page.call("GET", "/admin/v1/disputes", at="/admin/v1/disputes?all=true&limit=1")
    question = page.call("GET", "/admin/v1/asks")["asks"][0]
    page.call("POST", "/admin/v1/asks/{id}/answer", at="/admin/v1/asks/%s/answer" % question["id"], body={"answer": "Here is how."})
    page.call("POST", "/admin/v1/asks/{id}/answer", 404, at="/admin/v1/asks/e_x/answer", body={"answer": "Here is how."})
    wanted = page.call("GET", "/admin/v1/exemptions", at="/admin/v1/exemptions?state=asked")["exemptions"][0]["id"]
    page.call("GET", "/admin/v1/exemptions", 400, at="/admin/v1/exemptions?state=x")
    page.call("POST", "/admin/v1/exemptions/{id}/approve", at="/admin/v1/exemptions/%s/approve" % wanted, body={"answer": "Until Easter."})
    page.call("POST", "/admin/v1/exemptions/{id}/refuse", 409, at="/admin/v1/exemptions/%s/refuse" % wanted, body={})
    page.call("POST", "/admin/v1/exemptions/{id}/end", at="/admin/v1/exemptions/%s/end" % wanted, body={})
    mine_to_ask = page.call("POST", "/admin/v1/exemptions", 201, body={"scope": "group", "subject": "staff", "check": "firewall", "reason": "the new firewall comes in May", "measure": "VPN only"})
    page.call("POST", "/admin/v1/exemptions", 200, body={"scope": "group", "subject": "staff", "check": "firewall", "reason": "again"})
    page.call("POST", "/admin/v1/exemptions/{id}/approve", 403, at="/admin/v1/exemptions/%s/approve" % mine_to_ask["id"], body={})
    page.call("POST", "/admin/v1/exemptions/{id}/refuse", at="/admin/v1/exemptions/%s/refuse" % mine_to_ask["id"], body={"answer": "no"})
    page.call("POST", "/admin/v1/exemptions", 400, body={"scope": "group", "subject": "staff", "check": "no-such", "reason": "x"})
    page.call("POST", "/admin/v1/persons/{id}/snooze", 409, at="/admin/v1/persons/ana@acme.example/snooze", body={"device": device, "check": "firewall"})
    page.call("PUT", "/admin/v1/holidays", body={"holidays": [{"region": "DE-BY", "date": "2026-01-06", "title": "Epiphany"}, {"region": "*", "date": "2027-01-01"}]})
    page.call("PUT", "/admin/v1/holidays", 400, body={"holidays": [{"region": "DE", "date": "2026-02-30"}]})
    page.call("GET", "/admin/v1/holidays")
    page.call("POST", "/admin/v1/absences", body={"absences": [{"person": "ben@acme.example", "from": "2099-12-24", "to": "2099-12-26"}, {"person": "nobody", "from": "2099-12-24", "to": "2099-12-26"}]})
    page.call("POST", "/admin/v1/absences", 400, body={"absences": "x"})


def signed_by_slack(body, kind, at_s=None):
    stamp = str(int(at_s or time.time()))
    mac = hmac.new(SLACK_SECRET.encode(), b"v0:" + stamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    return {"Content-Type": kind, "X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": "v0=" + mac}


def slack(page):
    event = json.dumps({"type": "url_verification", "challenge": "c"}).encode()
    form = urllib.parse.urlencode({"command": "/device", "user_id": "U0ANA", "team_id": "T0ACME", "text": "help"}).encode()
    click = urllib.parse.urlencode({"payload": json.dumps({"type": "block_actions", "team": {"id": "T0ACME"}, "user": {"id": "U0ANA"}, "actions": [{"type": "button", "action_id": "x", "block_id": "b", "value": "v", "action_ts": "1.1"}]})}).encode()
    for path, body, kind in (("/slack/events", event, "application/json"), ("/slack/command", form, "application/x-www-form-urlencoded"),
                             ("/slack/interactive", click, "application/x-www-form-urlencoded")):
        page.call("POST", path, body=body, headers=signed_by_slack(body, kind))
        page.call("POST", path, 401, body=body, headers=signed_by_slack(body, kind, time.time() - 301))


def archive(page):
    page.call("GET", "/admin/v1/archive/keys")
    page.call("GET", "/admin/v1/archive/head")
    page.call("GET", "/admin/v1/archive/names")
    page.call("GET", "/admin/v1/report")
    page.call("GET", "/admin/v1/report", 400, at="/admin/v1/report?since=x")
    page.call("GET", "/admin/v1/report/as-of", at="/admin/v1/report/as-of?at=" + time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))
    page.call("POST", "/admin/v1/archive/open", 400, body={"id": "e_x"})
    page.call("POST", "/admin/v1/persons/{id}/erase", 400, at="/admin/v1/persons/ben@acme.example/erase", body={"confirm": "somebody else"})
    page.call("POST", "/admin/v1/persons/{id}/erase", at="/admin/v1/persons/ben@acme.example/erase", body={"confirm": "ben@acme.example"})


def onboarding(page, slack_port, form):
    """Somebody new is greeted, opens their first page, and is led to the agent."""
    request("http://127.0.0.1:%d/control/people" % slack_port, "POST", [{"id": "U0" + name.upper(), "email": name + "@acme.example"} for name in ("ana", "ben", "cas")])
    page.call("POST", "/admin/v1/persons", body={"persons": [{"email": "cas@acme.example", "name": "Cas", "slack": "U0CAS"}]})
    page.call("POST", "/admin/v1/onboarding", body={"person": "cas@acme.example", "test": True})
    page.call("POST", "/admin/v1/onboarding", 400, body={})
    posted = wait_for("the greeting", lambda: re.search(r"/welcome/[A-Za-z0-9_.-]+", json.dumps(slack_messages(slack_port))))
    welcome = posted.group(0)
    page.call("GET", "/welcome/{token}", at=welcome)
    led = page.gateway.call("POST", welcome + "/link", b"", form)
    page.check("POST", "/welcome/{token}/link", 303, led)
    page.call("GET", "/install/{token}", at="/install/" + led.headers["location"].partition("/install/")[2])
    for what in ("mine", "not-mine"):
        page.call("POST", "/welcome/{token}/" + what, 303, at=welcome + "/" + what, body=b"device=d_none", headers=form)
    page.call("GET", "/admin/v1/onboarding")
    page.call("POST", "/admin/v1/slack/reconnect", 202)
    page.call("GET", "/admin/v1/slack/preview/{id}", at="/admin/v1/slack/preview/cas@acme.example")
    page.call("GET", "/admin/v1/slack/preview/{id}", 404, at="/admin/v1/slack/preview/nobody")
    page.call("GET", "/admin/v1/slack/people", at="/admin/v1/slack/people?unmapped=true")


def fake_fleet(world):
    port = harness.free_port()
    world.process([sys.executable, os.path.join(harness.ROOT, "tests/support/fake_fleet.py"), "--port", str(port)], "fleet-manager")
    base = "http://127.0.0.1:%d" % port
    hosts = [{"id": 7, "hardware_serial": "C02DOVER01"}, {"id": 8, "hardware_serial": "C02NOBODYS"}]
    wait_for("the device manager", lambda: request(base + "/control/hosts", "POST", hosts).status == 200)
    return base


def managers(page):
    """A device manager that knows dover, and one more that nobody else knows."""
    page.call("POST", "/admin/v1/mdm/{id}/sync", 202, at="/admin/v1/mdm/fleet/sync")
    page.call("POST", "/admin/v1/mdm/{id}/sync", 404, at="/admin/v1/mdm/none/sync")
    wait_for("its list was read", lambda: page.call("GET", "/admin/v1/mdm/{id}/unmatched", at="/admin/v1/mdm/fleet/unmatched")["total"] == 1)
    page.call("GET", "/admin/v1/mdm")
    known = wait_for("dover is known by it", lambda: page.call("GET", "/admin/v1/mdm-devices")["devices"])
    page.call("GET", "/admin/v1/mdm-devices", at="/admin/v1/mdm-devices?show=open")
    expect(len(known) == 1, "only dover is a device here: %s" % known)
    page.call("GET", "/admin/v1/mdm-devices/{id}", at="/admin/v1/mdm-devices/C02DOVER01")
    page.call("POST", "/admin/v1/mdm-devices/{id}/retry", 404, at="/admin/v1/mdm-devices/C02DOVER01/retry")
    page.call("POST", "/hooks/mdm/{id}", 401, at="/hooks/mdm/fleet", body={"x": 1})


def walk_evidence(page):
    page.gateway.admin("POST", "/admin/v1/persons", {"persons": [{"email": "cy@acme.example"}]})
    wait_for("the archive reaches the people", lambda: page.gateway.cli("audit", "list", "--type", "person.created", "--person", "cy@acme.example", code=None).count("person.created") == 1)
    page.call("GET", "/admin/v1/archive/keys")
    page.call("GET", "/admin/v1/archive/head")
    names = page.call("GET", "/admin/v1/archive/names")
    name = next(p["name"] for p in names["persons"] if p.get("email") == "cy@acme.example")
    record = next(r for r in json.loads(page.gateway.cli("audit", "list", "--limit", "100000", "--json"))["records"] if r.get("person") == name)
    page.call("POST", "/admin/v1/archive/open", body={"id": record["id"], "sealed": record["sealed"], "person": "cy@acme.example"})
    page.call("POST", "/admin/v1/archive/open", 403, body={"id": "e_x", "sealed": record["sealed"], "person": "cy@acme.example"})
    page.call("GET", "/admin/v1/report")
    page.call("GET", "/admin/v1/report", at="/admin/v1/report?by=month&since=2026-01-01")
    page.call("GET", "/admin/v1/report", 400, at="/admin/v1/report?by=shoe")
    page.call("GET", "/admin/v1/report/as-of")
    page.call("POST", "/admin/v1/persons/{id}/erase", 400, at="/admin/v1/persons/cy@acme.example/erase", body={"confirm": "ana"})
    page.call("POST", "/admin/v1/persons/{id}/erase", at="/admin/v1/persons/cy@acme.example/erase", body={"confirm": "cy@acme.example"})
    page.call("POST", "/admin/v1/persons/{id}/erase", 404, at="/admin/v1/persons/cy@acme.example/erase", body={"confirm": "cy@acme.example"})


def story_live_answers_have_the_shapes_of_the_page(world):
    port, _ = fake_slack(world)
    config = "slack: { token: env:SLACK_TOKEN, signing_secret: env:SLACK_SECRET, api_url: \"http://127.0.0.1:%d/api\" }\n" % port
    config += "mdm: [{ id: fleet, kind: fleet, url: \"%s\", secret: env:FLEET_TOKEN, hook_secret: env:HOOK_SECRET, allow_private: true }]\n" % fake_fleet(world)
    gateway = world.gateway(policy=POLICY, config=config, env={"SLACK_TOKEN": "xoxb-test-token", "SLACK_SECRET": SLACK_SECRET, "FLEET_TOKEN": "fleet-token", "HOOK_SECRET": "0123456789abcdef0123"}).start()
    page = Page(gateway)
    imported = page.call("POST", "/admin/v1/persons", body={"persons": [{"email": "ana@acme.example", "name": "Ana", "zone": "Europe/Berlin", "groups": ["staff"]}]})
    page.call("POST", "/admin/v1/persons", body={"persons": [{"email": "ben@acme.example"}, {"email": "nobody"}]})
    page.call("POST", "/admin/v1/persons", 400, body={"people": []})
    secret = page.call("POST", "/admin/v1/enroll-secrets", 201, body={"person": "ana@acme.example", "expires": "1h"})
    device = {"name": "dover", "platform": "macos", "serial": "C02DOVER01", "uuid": "3b1c0000-0000-4000-8000-00000000d0e1", "hostname": "dover", "defects": ["firewall"],
              "enroll_secret": secret["secret"]}
    fleet = Fleet(world, gateway, [device])
    wait_for("the firewall fails", lambda: gateway.api("GET", "/v1/posture?serial=C02DOVER01").json().get("verdict") == "fail")

    found = page.call("GET", "/v1/posture", at="/v1/posture?serial=C02DOVER01")
    page.call("GET", "/v1/posture", at="/v1/posture?person=ana@acme.example&max_age_s=3600")
    page.call("GET", "/v1/posture", 400)
    page.call("GET", "/v1/posture", 404, at="/v1/posture?device=d_x")
    page.call("POST", "/v1/posture", body={"devices": [{"serial": "C02DOVER01"}, {"serial": "x"}], "words": True, "max_age_s": 3600})
    page.call("POST", "/v1/posture", 400, body={"device": []})
    push = {"device": {"serial": "C02DOVER01"}, "facts": [{"name": "backup_age", "value": 60, "lifetime": "1h"}, {"name": "shoe_size", "value": 43, "lifetime": 5}]}
    page.call("POST", "/v1/facts", body=push)
    page.call("POST", "/v1/facts", body={"devices": [push, dict(push, device={"id": "d_x"})]})
    page.call("POST", "/v1/facts", 404, body=dict(push, device={"serial": "x"}))
    page.call("GET", "/v1/posture", at="/v1/posture?serial=C02DOVER01")

    for app, device_of in (("payroll", {}), ("wiki", {"context": {"device": {"id": found["device"]}}}), ("chat", {}), ("payroll", {"context": {"device": {"serial": "x"}}}), ("nothing", {})):
        page.call("POST", "/access/v1/evaluation", body=ask("ana@acme.example", app, **device_of))
    page.call("POST", "/access/v1/evaluation", body={"subject": {"type": "robot", "id": "x"}, "action": {"name": "login"}, "resource": {"type": "app", "id": "wiki"}})
    page.call("POST", "/access/v1/evaluation", 400, body={})
    refused = page.call("POST", "/access/v1/evaluation", body=ask("ana@acme.example", "payroll", context={"device": {"serial": "x"}}))["context"]
    page.call("POST", "/access/v1/evaluations", body=ask("ana@acme.example", "wiki", evaluations=[{}, {"resource": {"type": "app"}}, {"resource": {"type": "app", "id": "chat"}}]))
    page.call("POST", "/access/v1/evaluations", body=ask("ana@acme.example", "wiki"))
    page.call("GET", "/.well-known/authzen-configuration")

    door = {"X-Postern-Person": "ana@acme.example", "X-Forwarded-Host": "wiki.example"}
    page.call("GET", "/forward-auth", headers=door)
    page.call("POST", "/forward-auth", headers=door)
    closed_door = dict(door, **{"X-Forwarded-Host": "pay.example", "X-SSL-Client-SHA256": "0" * 64})
    page.call("GET", "/forward-auth", 403, headers=closed_door)
    page.call("GET", "/forward-auth", 302, at="/forward-auth?redirect=1", headers=closed_door)
    page.call("GET", "/forward-auth", 401)
    page.call("GET", "/forward-auth", 403, headers={"X-Postern-Person": "ana@acme.example"})

    wait_for("the refusal is in the log", lambda: any(e["id"] == refused["decision_id"] or e["data"].get("id") == refused["decision_id"] for e in gateway.events("decision.made")))
    page.call("GET", "/v1/events", at="/v1/events?from=start&limit=1000")
    page.call("GET", "/v1/events", 400, at="/v1/events?cursor=x")
    page.call("GET", "/healthz")
    page.check("GET", "/readyz", 200, wait_for("it is ready", lambda: (lambda a: a if a.status == 200 else None)(gateway.get("/readyz", internal=True))))
    page.call("GET", "/metrics")
    page.call("GET", "/.well-known/jwks.json")
    walk_evidence(page)
    page.call("GET", "/oidc/jwks")

    token = refused["remediation_url"].rpartition("/")[2]
    page.call("GET", "/blocked/{token}", at="/blocked/" + token)
    page.call("GET", "/blocked/{token}", 404, at="/blocked/x")
    link = page.call("POST", "/admin/v1/persons/{id}/link", at="/admin/v1/persons/ana@acme.example/link", body=None)
    mine = "/me/" + link["url"].rpartition("/")[2]
    page.call("GET", "/me")
    page.call("GET", "/me/{token}", at=mine)
    page.call("GET", "/me/{token}/data", at=mine + "/data")
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    page.call("GET", "/me/{token}/key", at=mine + "/key?device=" + found["device"])
    page.call("GET", "/me/{token}/key/check", 303, at=mine + "/key/check?device=" + found["device"])
    page.call("GET", "/me/{token}/key/here", 303, at=mine + "/key/here?device=" + found["device"])
    for path in ("/key-add", "/key-remove"):
        page.call("POST", "/me/{token}" + path, 303, at=mine + path, body="device=%s&credential=x" % found["device"], headers=form)
    page.call("GET", "/login/{token}", 404, at="/login/x")
    for path in ("/device", "/recheck", "/wrong", "/stop", "/snooze", "/once", "/exempt", "/ask", "/not-mine"):
        page.call("POST", "/login/{token}" + path, 404, at="/login/x" + path, body="check=x", headers=form)
    page.call("GET", "/.well-known/openid-configuration")
    page.call("GET", "/oidc/authorize", 400)
    page.call("POST", "/oidc/token", 401, body="grant_type=authorization_code&code=x", headers=form)
    page.call("GET", "/oidc/userinfo", 401)
    page.call("GET", "/saml/metadata")
    page.call("GET", "/saml/sso", 400)

    page.call("POST", "/blocked/{token}/recheck", 303, at="/blocked/%s/recheck" % token, body=b"", headers=form)
    page.call("POST", "/blocked/{token}/wrong", 303, at="/blocked/%s/wrong" % token, body=b"check=firewall&reason=other", headers=form)
    for path in ("/snooze", "/once", "/exempt", "/ask", "/not-mine"): # this page is about no device of hers: they change nothing
        page.call("POST", "/blocked/{token}" + path, 303, at="/blocked/" + token + path, body=b"check=firewall&text=please", headers=form)
    valves(page, mine, found["device"], form)
    page.call("POST", "/me/{token}/recheck", 303, at=mine + "/recheck", body=b"device=" + found["device"].encode(), headers=form)
    page.call("POST", "/me/{token}/claim", 303, at=mine + "/claim", body=b"serial=C02DOVER01", headers=form)
    page.call("POST", "/me/{token}/not-mine", 303, at=mine + "/not-mine", body=b"device=" + found["device"].encode(), headers=form)
    page.call("POST", "/me/{token}/claim", 404, at="/me/x/claim", body=b"serial=C02DOVER01", headers=form)

    page.call("GET", "/admin/v1/status")
    page.call("GET", "/admin/v1/persons", at="/admin/v1/persons?limit=1")
    page.call("GET", "/admin/v1/persons/{id}", at="/admin/v1/persons/" + imported["persons"][0]["id"])
    page.call("GET", "/admin/v1/persons/{id}", 404, at="/admin/v1/persons/nobody")
    page.call("POST", "/admin/v1/persons/{id}/absences", at="/admin/v1/persons/ben@acme.example/absences", body={"to": "2099-01-01T00:00:00Z"})
    page.call("DELETE", "/admin/v1/persons/{id}/absences", at="/admin/v1/persons/ben@acme.example/absences")
    page.call("GET", "/admin/v1/devices")
    page.call("GET", "/admin/v1/devices/{id}", at="/admin/v1/devices/C02DOVER01")
    page.call("POST", "/admin/v1/devices/{id}/identifiers", at="/admin/v1/devices/C02DOVER01/identifiers", body={"certificate_sha256": "ab" * 32})
    page.call("POST", "/admin/v1/devices/{id}/identifiers", at="/admin/v1/devices/C02DOVER01/identifiers", body={"certificate_serial": "0A:1B"})
    page.call("POST", "/admin/v1/devices/{id}/identifiers", 400, at="/admin/v1/devices/C02DOVER01/identifiers", body={"certificate_serial": "0A", "certificate_serial_decimal": "1"})
    browser = page.call("POST", "/admin/v1/devices/{id}/link", at="/admin/v1/devices/C02DOVER01/link")["url"].partition("/device/")[2]
    page.call("GET", "/device/enroll/{token}", at="/device/" + browser)
    page.call("POST", "/device/enroll/{token}", 303, at="/device/" + browser, body=b"", headers=form)
    page.call("GET", "/device/enroll/{token}", 410, at="/device/" + browser)
    page.call("GET", "/device/remember/{token}", 303, at=mine.replace("/me/", "/device/remember/"))
    known = page.call("GET", "/admin/v1/devices/{id}", at="/admin/v1/devices/C02DOVER01")["credentials"]
    page.call("DELETE", "/admin/v1/devices/{id}/credentials/{credential}", at="/admin/v1/devices/C02DOVER01/credentials/" + known[0]["id"])
    page.call("DELETE", "/admin/v1/devices/{id}/credentials", 404, at="/admin/v1/devices/C02DOVER01/credentials")
    page.call("PUT", "/admin/v1/devices/{id}/owner", at="/admin/v1/devices/C02DOVER01/owner", body={"person": "ben@acme.example", "force": True})
    page.call("GET", "/admin/v1/keys")
    key = page.call("POST", "/admin/v1/keys", 201, body={"label": "x", "scopes": ["decide"], "expires": "1h"})
    page.call("DELETE", "/admin/v1/keys/{id}", at="/admin/v1/keys/" + key["id"])
    page.call("GET", "/admin/v1/enroll-secrets")
    page.call("DELETE", "/admin/v1/enroll-secrets/{id}", at="/admin/v1/enroll-secrets/" + secret["id"])
    page.call("POST", "/admin/v1/devices/{id}/recheck", at="/admin/v1/devices/C02DOVER01/recheck")
    page.call("POST", "/admin/v1/signing-keys/rotate", body={})
    page.call("GET", "/admin/v1/signing-keys")
    page.call("GET", "/admin/v1/policy")
    page.call("POST", "/admin/v1/policy/plan", body={"text": POLICY.replace("4s", "9s"), "file": "policy.yaml"})
    page.call("POST", "/admin/v1/policy/plan", 422, body={"text": "policy: [", "file": "policy.yaml"})
    page.call("POST", "/admin/v1/policy/apply", body={"text": POLICY.replace("Payroll", "Pay roll")})
    page.call("GET", "/admin/v1/policy/ring")
    page.call("POST", "/admin/v1/policy/ring", 409, body={"move": "halt"})
    page.call("POST", "/admin/v1/policy/apply", body={"text": POLICY.replace("Payroll", "Pay roll") + "rings: { percent: 5, groups: [it] }\n"})
    page.call("GET", "/admin/v1/policy/ring")
    page.call("POST", "/admin/v1/policy/ring", body={"move": "advance", "percent": 25, "why": "quiet days"})
    page.call("POST", "/admin/v1/policy/ring", 400, body={"move": "advance", "percent": 5})
    page.call("POST", "/admin/v1/policy/ring", body={"move": "halt"})
    page.call("POST", "/admin/v1/policy/ring", body={"move": "resume"})
    page.call("POST", "/admin/v1/policy/ring", body={"move": "advance", "percent": 100})
    for what in ({"days": 7}, {"since_s": 3600, "names": 5}):
        begun = page.call("POST", "/admin/v1/simulations", 202, body=dict({"text": POLICY, "file": "policy.yaml"}, **what))
        at = "/admin/v1/simulations/" + begun["id"]
        wait_for("a simulation", lambda: page.call("GET", "/admin/v1/simulations/{id}", at=at)["state"] == "done")
    page.call("DELETE", "/admin/v1/simulations/{id}", at=at)
    page.call("GET", "/admin/v1/simulations/{id}", 404, at="/admin/v1/simulations/e_none")
    page.call("POST", "/admin/v1/simulations", 422, body={"text": "policy: ["})
    client = {"id": "kc", "kind": "oidc", "app": "wiki", "oidc": {"redirect_uris": ["https://kc.example/realms/acme/broker/postern/endpoint"]}}
    page.call("POST", "/admin/v1/doors", 201, body={"door": client})
    page.call("POST", "/admin/v1/doors", 422, body={"door": client})
    page.call("POST", "/admin/v1/doors", 422, body={"door": {"id": "sp", "kind": "saml", "app": "wiki"}})
    page.call("POST", "/admin/v1/doors", 400, body={"doors": []})
    hooks = page.call("POST", "/admin/v1/doors", 201, body={"door": {"id": "hooks", "kind": "okta_hook", "app": "wiki", "hook": {"refuse": False}}})
    okta = {"Authorization": hooks["secret"]}
    asked = {"eventId": "e", "eventType": "com.okta.oauth2.tokens.transform", "data": {"context": {"user": {"profile": {"login": "ana@acme.example"}}}, "access": {}}}
    page.call("POST", "/hooks/okta/token", body=asked, headers=okta)
    page.call("POST", "/hooks/okta/token", body=dict(asked, data={"context": {"user": {"profile": {"login": "nobody"}}}, "access": {}}), headers=okta)
    page.call("POST", "/hooks/okta/token", 401, body=asked)
    page.call("POST", "/hooks/okta/saml", body=dict(asked, eventType="com.okta.saml.tokens.transform", data=dict(asked["data"], assertion={})), headers=okta)
    page.call("POST", "/hooks/okta/saml", 400, body={}, headers=okta)
    page.call("POST", "/hooks/okta/events", 204, body={"eventType": "com.okta.event_hook", "data": {"events": []}}, headers=okta)
    page.call("GET", "/hooks/okta/events", headers={"X-Okta-Verification-Challenge": "x"})
    page.call("GET", "/admin/v1/doors")
    page.call("GET", "/admin/v1/doors/{id}", at="/admin/v1/doors/kc")
    page.call("GET", "/admin/v1/doors/{id}", 404, at="/admin/v1/doors/kd")
    page.call("DELETE", "/admin/v1/doors/{id}", at="/admin/v1/doors/kc")
    page.call("GET", "/admin/v1/explain", at="/admin/v1/explain?decision=" + refused["decision_id"])
    page.call("GET", "/admin/v1/explain", at="/admin/v1/explain?person=ana@acme.example&app=wiki")
    page.call("GET", "/admin/v1/explain", 400)
    page.call("POST", "/admin/v1/incident", body={"why": "a story"})
    page.call("GET", "/admin/v1/incident")
    page.call("DELETE", "/admin/v1/incident")
    page.call("GET", "/admin/v1/deliveries")
    page.call("GET", "/admin/v1/slack")
    page.call("POST", "/admin/v1/deliveries/{id}/resend", 404, at="/admin/v1/deliveries/x/resend")
    page.call("POST", "/osquery/enroll", 403, body={"enroll_secret": "wrong", "host_identifier": "x"})
    page.call("POST", "/osquery/distributed/read", 401, body={"node_key": "wrong"})
    page.call("POST", "/osquery/carve/begin", 403, body={})
    slack(page)
    onboarding(page, port, form)
    managers(page)
    archive(page)
    fleet.process.stop()
    page.call("DELETE", "/admin/v1/devices/{id}", at="/admin/v1/devices/C02DOVER01")
    missing = {path for method, path in page.operations if not path.startswith(("/api/", "/osquery/", "/assets/"))} - {path for _, path in page.seen}
    expect(not missing, "this story should call %s too" % ", ".join(sorted(missing)))
    gateway.stop()


if __name__ == "__main__":
    harness.main(globals())
