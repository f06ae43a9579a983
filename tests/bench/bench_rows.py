"""The bench's rows: each promise of the design, and what it is measured against."""
import http.client
import json
import os
import socket
import ssl
import statistics
import urllib.parse

import bench_figures
from bench_peers import nginx_lua, nginx_return
from bench_tools import ROOT, TOOLS, Target
from harness import Failure, Fleet, Process, World, expect, free_port, wait_for

PERSON, APP = "ana@acme.example", "payroll"
LEAST_RESULTS = 20
# Twenty checks and more, no waits; what is measured is the answer, not the policy.
POLICY = """
policy: bench
sensitivities: [everyday, sensitive, critical]
apps:
  - { id: payroll, title: Payroll, sensitivity: sensitive, match: { host: [pay.example] } }
checks:
%s
ladders:
  - id: default
    applies_to: { severity: [minor, normal, high, urgent], groups: [everyone] }
    rungs:
      - { id: notice, after: 0s, nudge: true }
      - { id: sensitive, after: 30d, close: [sensitive, critical] }
outage: { critical: deny, sensitive: { last_known_good: 1h }, everyday: allow }
unidentified_device: { everyday: warn, sensitive: deny, critical: deny }
person_verdict: worst
"""


def policy():
    folder = os.path.join(ROOT, "posture/check_library")
    names = sorted(name[:-5] for name in os.listdir(folder) if name.endswith(".yaml"))
    return POLICY % "\n".join("  - { use: library/%s }" % name for name in names)


def message(method, path, headers, body=""):
    lines = ["%s %s HTTP/1.1" % (method, path), "Host: 127.0.0.1"] + ["%s: %s" % item for item in headers.items()]
    if method == "POST":
        lines.append("Content-Length: %d" % len(body))
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


class Scene:
    """One gateway with one worker and a fleet's first reports; the questions that the rows ask it."""

    def __init__(self, release, machine, interval=3600):
        self.machine, self.world = machine, World(release, False)
        self.world.agent = os.path.join(TOOLS, "agent/postern-agent")
        self.gateway = self.world.gateway(policy=policy(), config="workers: 1\n").start()
        g = self.gateway
        g.cli("person", "import", "-", stdin=json.dumps([{"email": PERSON}]))
        secret = os.path.join(self.world.folder, "enrol")
        with open(secret, "w") as f:
            f.write(g.cli_json("enroll-secret", "create", "--label", "bench")["secret"])
        self.fleet = Fleet(self.world, g, None, interval=5, args=["--count", "60", "--seed", "3", "--enroll-secret-file", secret, "--start-period", "0"])
        wait_for("the fleet's first reports", lambda: self.fleet.stats()["answered"] >= 60)
        self.device = self.healthy()
        g.cli("device", "assign", self.device, PERSON)
        self.fleet.process.stop()
        expect(g.decide(PERSON, APP, device={"id": self.device})["decision"] is True, "the device of the bench is not allowed")
        self.bearer = {"Authorization": "Bearer " + g.key}
        self.pids = [g.process.child.pid]

    def healthy(self):
        """A device that passes all that applies to it, with the most results."""
        devices = self.gateway.admin("GET", "/admin/v1/devices?limit=60").json()["devices"]
        passing = [d for d in devices if d["verdict"] == "pass" and not d["failing"]]
        expect(passing, "no device of the fleet passes everything")
        return max(passing, key=lambda d: len([r for r in d["results"] if "evaluated_at" in r]))["device"]

    def ask(self, request, port=None, tls=False):
        """Sends it once; the length of the answer's body."""
        head, _, body = request.decode().partition("\r\n\r\n")
        first, *lines = head.split("\r\n")
        method, path, _ = first.split(" ")
        context = ssl.create_default_context(cafile=self.gateway.ca) if tls else None
        host = "localhost" if tls else "127.0.0.1"
        c = http.client.HTTPSConnection(host, port, context=context) if tls else http.client.HTTPConnection(host, port or self.gateway.internal_port)
        c.request(method, path, body or None, dict(line.split(": ", 1) for line in lines if not line.startswith(("Host", "Content-Length"))))
        answer = c.getresponse()
        text = answer.read()
        expect(answer.status == 200, "%s: %d %s" % (path, answer.status, text[:300]))
        return len(text)

    def question(self):
        return {"subject": {"type": "user", "id": PERSON}, "action": {"name": "login"}, "resource": {"type": "app", "id": APP}, "context": {"device": {"id": self.device}}}

    def evaluation(self):
        return message("POST", "/access/v1/evaluation", dict(self.bearer, **{"Content-Type": "application/json"}), json.dumps(self.question()))

    def batch(self, items):
        body = {"evaluations": [self.question()] * items}
        return message("POST", "/access/v1/evaluations", dict(self.bearer, **{"Content-Type": "application/json"}), json.dumps(body))

    def forward_auth(self):
        return message("GET", "/forward-auth", {"X-Postern-Person": PERSON, "X-Forwarded-Host": "pay.example"})

    def posture(self):
        return message("GET", "/v1/posture?device=" + self.device, self.bearer)

    def target(self, name, request, port=None, items=1):
        return Target(self.machine, name, port or self.gateway.internal_port, self.pids, request, items)

    def yardstick(self, request, answer_bytes):
        """The bare handler gets the very same bytes and answers as many: what ours has in further headers, its body has more."""
        port = free_port()
        process = Process([os.path.join(TOOLS, "yardstick"), str(port), "1", str(answer_bytes)], os.path.join(self.world.folder, "yardstick-%d.log" % port))
        wait_for("the yardstick", lambda: self.ask(request, port) == answer_bytes)
        return Target(self.machine, "libmicrohttpd", port, [process.child.pid], request)

    def beside_bare(self, table, name, request, seconds, promise):
        return table.pair(name, self.target(name, request), self.yardstick(request, self.bare_bytes(request)), seconds, promise)

    def bare_bytes(self, request):
        """How long the yardstick's body must be for an answer of as many bytes as ours, head included. Its own head has 118 and the digits of the length."""
        with socket.create_connection(("127.0.0.1", self.gateway.internal_port)) as s:
            s.sendall(request)
            answer = b""
            while b"\r\n\r\n" not in answer:
                answer += s.recv(65536)
        head = answer.index(b"\r\n\r\n") + 4
        return self.ask(request) + max(0, head - 130)


def hot_rows(scene, table, seconds):
    scene.beside_bare(table, "AuthZEN evaluation", scene.evaluation(), seconds, 1.25)
    scene.beside_bare(table, "forward-auth", scene.forward_auth(), seconds, 1.15)
    scene.beside_bare(table, "GET /v1/posture, one device", scene.posture(), seconds, 1.15)


def nginx_rows(scene, table, seconds):
    request = scene.evaluation()
    ours, plain = scene.target("evaluation", request), nginx_return(scene, request)
    table.pair("AuthZEN evaluation beside nginx `return 200`", ours, plain, seconds, None, latency=False)
    table.pair("nginx + Lua + Redis, the same question", ours, nginx_lua(scene, request), seconds, 2.3, most=False, swap=True, latency=False)


def batch_row(scene, table, seconds):
    one, many, items = scene.target("batch of 1", scene.batch(1)), scene.target("batch of 1000", scene.batch(1000)), 1000
    extra = []
    for _ in range(table.pairs):
        single = one.cost(seconds)
        extra.append((many.cost(seconds, "--connections", "2") - single) / (items - 1))
    table.figure("batch of 1,000: each further item", statistics.median(extra), " us", 1.5, note="[%.2f..%.2f]" % (min(extra), max(extra)))


def enrolled(scene):
    """A device that has nothing to do, by its node key."""
    g, context = scene.gateway, ssl.create_default_context(cafile=scene.gateway.ca)
    secret = g.cli_json("enroll-secret", "create", "--label", "poll")["secret"]

    def post(path, body):
        c = http.client.HTTPSConnection("localhost", g.public_port, context=context)
        c.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        return json.loads(c.getresponse().read())
    key = post("/osquery/enroll", {"enroll_secret": secret, "host_identifier": "bench-poll", "platform_type": "9", "host_details": {
        "os_version": {"platform": "debian", "name": "Debian", "version": "12"}, "system_info": {"uuid": "9f3c1f3e-52a6-4b7e-8d1c-3a5f1d2e4b6c", "hardware_serial": "BENCH001"}}})["node_key"]
    wait_for("the poll has nothing to ask", lambda: not post("/osquery/distributed/read", {"node_key": key}).get("queries"))
    return key


def agent_rows(scene, table, seconds):
    key = enrolled(scene)
    poll = message("POST", "/osquery/distributed/read", {"Content-Type": "application/json", "Connection": "close"}, json.dumps({"node_key": key}))
    ours = scene.target("agent poll", poll)
    row = table.pair("agent's poll with nothing to do, new connection", ours, scene.yardstick(poll, scene.bare_bytes(poll)), seconds, 1.3, options=("--new",))
    table.figure("100,000 agents at a 15 s poll", row.ours * 100000 / 15 / 1e6, " core", 0.7, note="%.0f polls/s at %.1f us" % (100000 / 15, row.ours))


def tls_row(scene, table, seconds):
    request = message("GET", "/.well-known/authzen-configuration", {})
    size, port = scene.ask(request, scene.gateway.public_port, tls=True), free_port()
    certificate = [os.path.join(scene.gateway.state, name) for name in ("self-signed.crt", "self-signed.key")]
    process = Process([os.path.join(TOOLS, "yardstick_tls"), str(port)] + certificate + [str(size)], os.path.join(scene.world.folder, "tls.log"))
    bare = Target(scene.machine, "GnuTLS", port, [process.child.pid], request)
    wait_for("the TLS yardstick", lambda: scene.ask(request, port, tls=True) == size)
    ours = scene.target("TLS", request, scene.gateway.public_port)
    table.pair("TLS handshakes a core, theirs over ours", ours, bare, seconds, 0.8, most=False, options=("--new", "--tls"), swap=True)


def run(release, table, options):
    scene = Scene(release, table.machine)
    parts = [("evaluation forward-auth posture", hot_rows)]
    if not options.short:
        parts += [("nginx lua redis", nginx_rows), ("batch", batch_row), ("agent poll", agent_rows), ("tls handshakes", tls_row)]
        parts += bench_figures.ROWS
    for words, part in parts:
        if options.only not in words:
            continue
        try:
            part(scene, table, options.seconds)
        except Failure as failure:
            table.broken.append("%s: %s" % (words, failure))
