#!/usr/bin/env python3
"""Checks postern-agent against a small, strict osquery TLS server on loopback. Standard library, and the openssl program
for the certificate.   selftest.py [PATH-OF-postern-agent]      The last line is "N passed, N failed"."""
import gzip
import http.client
import json
import os
import queue
import shutil
import signal
import socket
import ssl
import stat
import subprocess
import sys
import tempfile
import threading
import time

AGENT = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("POSTERN_AGENT", "/tmp/agent-build/postern-agent")
LIMIT_S = 60
passed, failed = 0, 0


def check(name, truth, detail=""):
    global passed, failed
    if truth:
        passed += 1
    else:
        failed += 1
        print("FAIL  %s  %s" % (name, str(detail)[:600]), flush=True)


def wait_for(condition, limit=LIMIT_S):
    """Looks until the condition holds; the last result is returned."""
    end = time.monotonic() + limit
    while True:
        result = condition()
        if result or time.monotonic() > end:
            return result
        time.sleep(0.02)


class Request:
    def __init__(self, path, headers, body, raw):
        self.path, self.headers, self.body, self.raw = path, headers, body, raw
        self.at = time.monotonic()
        self.key = body.get("node_key") if isinstance(body, dict) else None


class Server:
    """One thread a connection. `answer(request)` gives (status, body[, headers]) or raw bytes to send as they are; a raw
    answer is ended by dropping the connection without a TLS goodbye."""

    def __init__(self, answer, certificate=None):
        self.answer, self.requests, self.complaints = answer, [], []
        self.lock = threading.Lock()
        self.context = None
        if certificate:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.minimum_version = ssl.TLSVersion.TLSv1_2
            self.context.load_cert_chain(*certificate)
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self.listener.getsockname()[1]
        self.handshake_failures = 0
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def complain(self, words):
        with self.lock:
            self.complaints.append(words)

    def serve(self, plain):
        plain.settimeout(40)
        connection = plain
        try:
            if self.context:
                try:
                    connection = self.context.wrap_socket(plain, server_side=True, suppress_ragged_eofs=False)
                except (ssl.SSLError, OSError):
                    self.handshake_failures += 1
                    return
            request = self.read(connection)
            if request is None:
                return
            with self.lock:
                self.requests.append(request)
            reply = self.answer(request)
            if isinstance(reply, bytes):
                connection.sendall(reply)
                plain.shutdown(socket.SHUT_RDWR)
                return
            status, body, *more = reply
            head = "HTTP/1.1 %d %s\r\n" % (status, http.client.responses.get(status, "X"))
            for name, value in (more[0] if more else {}).items():
                head += "%s: %s\r\n" % (name, value)
            connection.sendall((head + "Content-Length: %d\r\n\r\n" % len(body)).encode() + body)
            # The connection stays open here: a well-known bad manner is that no second request comes on it.
            rest = connection.recv(1)
            if rest:
                self.complain("a second request on one connection")
        except (OSError, ssl.SSLError):
            pass
        finally:
            try:
                connection.close()
            except OSError:
                pass

    def read(self, connection):
        data = b""
        while b"\r\n\r\n" not in data:
            part = connection.recv(65536)
            if not part:
                return None
            data += part
        head, body = data.split(b"\r\n\r\n", 1)
        lines = head.decode("latin-1").split("\r\n")
        method, path, version = lines[0].split(" ")
        headers = {}
        for line in lines[1:]:
            name, value = line.split(": ", 1)
            if name.lower() in headers:
                self.complain("header twice: " + name)
            headers[name.lower()] = value
        if method != "POST" or version != "HTTP/1.1":
            self.complain("not a POST of HTTP/1.1: " + lines[0])
        for name, value in (("content-type", "application/json"), ("accept", "application/json")):
            if headers.get(name) != value:
                self.complain("%s is %s" % (name, headers.get(name)))
        if not headers.get("user-agent", "").startswith("osquery/5.23"):
            self.complain("user agent " + headers.get("user-agent", ""))
        if headers.get("host") != "127.0.0.1:%d" % self.port:
            self.complain("host " + headers.get("host", ""))
        if "transfer-encoding" in headers:
            self.complain("chunked request")
        size = int(headers["content-length"])
        while len(body) < size:
            part = connection.recv(65536)
            if not part:
                return None
            body += part
        if len(body) != size:
            self.complain("more bytes than Content-Length says")
        raw = body
        if headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        try:
            parsed = json.loads(body)
        except ValueError:
            self.complain("not JSON: %r" % body[:80])
            parsed = {}
        key = parsed.get("node_key")
        if key is not None and headers.get("authorization") != "NodeKey " + key:
            self.complain("authorization is %s for key %s" % (headers.get("authorization"), key))
        if "enroll_secret" in parsed and "authorization" in headers:
            self.complain("enrolment with a node key")
        return Request(path, headers, parsed, raw)

    def of(self, path, key=None):
        with self.lock:
            return [r for r in self.requests if r.path == path and (key is None or r.key == key)]

    def close(self):
        self.listener.close()


class Play:
    """What a usual server answers; tests change its parts."""

    def __init__(self):
        self.config, self.queries, self.log, self.write, self.read = {}, {}, None, None, None
        self.valid, self.next_key, self.enrolled = {}, 0, []
        self.refuse_enroll = False
        self.lock = threading.Lock()

    def __call__(self, request):
        path = request.path.split("?")[0].replace("/osquery", "")
        if path == "/enroll":
            with self.lock:
                self.next_key += 1
                name = request.body["host_identifier"]
                self.enrolled.append(request.body)
                if self.refuse_enroll:
                    return 401, b'{"error":"no"}'
                key = "key-%d" % self.next_key
                self.valid[key] = name
            return 200, json.dumps({"node_key": key}).encode()
        if path.startswith("/moved"):
            return 200, b"{}"
        if request.key not in self.valid:
            return 401, b'{"node_invalid":true,"error":"unknown key"}'
        if path == "/config":
            return 200, json.dumps(self.config).encode()
        special = {"/log": self.log, "/distributed/write": self.write, "/distributed/read": self.read}.get(path)
        if special:
            reply = special(request)
            if reply is not None:
                return reply
        if path == "/distributed/read":
            return 200, json.dumps({"queries": self.queries}).encode()
        return 200, b"{}"


class Agent:
    def __init__(self, *arguments):
        self.output = tempfile.TemporaryFile()
        self.process = subprocess.Popen([AGENT, *arguments], stdout=self.output, stderr=subprocess.STDOUT)

    def words(self):
        self.output.seek(0)
        return self.output.read().decode("utf-8", "replace")

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return "killed"


def control(path, *words):
    done = subprocess.run([AGENT, "control", path, *words], capture_output=True, text=True, timeout=30)
    return done.returncode, done.stdout


def stats(path):
    return json.loads(control(path, "stats", "--json")[1])


def chunked(body):
    return (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            + b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in (body[:3], body[3:])) + b"0\r\n\r\n")


def long_json(size):
    return b'{"x":"' + b"y" * size + b'"}'


# name, answer of the log endpoint, how osqueryd judges it
JUDGED = [
    ("empty, 200", (200, b""), "success"),
    ("empty, 500", (500, b""), "lost"),
    ("empty, 502", (502, b""), "lost"),
    ("{}, 413", (413, b"{}"), "lost"),
    ("{}, 200", (200, b"{}"), "success"),
    ("array, 200", (200, b"[]"), "success"),
    ("other member, 503", (503, b'{"status":"overloaded"}'), "lost"),
    ("html, 200", (200, b"<html>fine</html>"), "failure"),
    ("html, 502", (502, b"<html>Bad Gateway</html>"), "failure"),
    ("blank, 200", (200, b" "), "failure"),
    ("cut short, 200", (200, b'{"a":'), "failure"),
    ("error, 503", (503, b'{"error":"later"}'), "failure"),
    ("error, 200", (200, b'{"error":"later"}'), "failure"),
    ("empty error", (200, b'{"error":""}'), "failure"),
    ("null error", (200, b'{"error":null}'), "failure"),
    ("error below", (200, b'{"x":{"error":"no"}}'), "success"),
    ("node_invalid", (401, b'{"node_invalid":true}'), "enroll"),
    ("node_invalid and error", (401, b'{"node_invalid":true,"error":"who"}'), "enroll"),
    ("node_invalid, 200", (200, b'{"node_invalid":true}'), "enroll"),
    ("node_invalid false", (200, b'{"node_invalid":false}'), "success"),
    ("node_invalid string", (200, b'{"node_invalid":"true"}'), "success"),
    ("node_invalid 1", (200, b'{"node_invalid":1}'), "success"),
    ("node_invalid 0", (200, b'{"node_invalid":0}'), "success"),
    ("chunked", chunked(b'{"a":1}'), "success"),
    ("no length, dropped", b"HTTP/1.1 200 OK\r\n\r\n{}", "failure"),
    ("half a body", b"HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n{}", "failure"),
    ("not HTTP", b"hello\r\n\r\n", "failure"),
    ("moved", (307, b"", {"Location": "/osquery/moved"}), "success"),
    ("moved without a place", (302, b""), "failure"),
    ("not modified", (304, b""), "failure"),
    ("moved for ever", (308, b"", {"Location": "/osquery/log"}), "failure"),
    ("7 MB", (200, long_json(7000000)), "success"),
    ("9 MB", (200, long_json(9000000)), "failure"),
    ("gzip nobody asked for", (200, gzip.compress(b"{}"), {"Content-Encoding": "gzip"}), "failure"),
]


def judging(base, certificate):
    play = Play()
    # An option nobody knows makes every device log a status line.
    play.config = {"options": {"no_such_option": 1, "logger_tls_period": 1}, "schedule": {}}
    names = ["row-%02d" % i for i in range(len(JUDGED))]
    uuids = {"ROW-%02d" % i: i for i in range(len(JUDGED))}

    def log(request):
        return JUDGED[uuids[play.valid[request.key]]][1]

    play.log = log
    server = Server(play, certificate)
    fleet = os.path.join(base, "rows.json")
    with open(fleet, "w") as file:
        json.dump([{"name": n, "platform": "linux", "uuid": n.upper(), "enroll_secret": "s"} for n in names], file)
    sock = os.path.join(base, "rows.sock")
    agent = Agent("fleet", "--server", "127.0.0.1:%d" % server.port, "--ca", certificate[0], "--fleet", fleet,
                  "--interval", "1", "--log-period", "1", "--control", sock, "--verbose")

    def posts(i):
        return [r for r in server.of("/osquery/log") if uuids[play.valid[r.key]] == i]

    def enrolments(i):
        return [b for b in list(play.enrolled) if uuids[b["host_identifier"]] == i]

    refused = [i for i, row in enumerate(JUDGED) if row[2] in ("failure", "enroll")]
    wait_for(lambda: all(len(posts(i)) >= 2 for i in refused) and all(posts(i) for i in range(len(JUDGED))))
    time_of_first = {i: posts(i)[0].at for i in range(len(JUDGED)) if posts(i)}
    # Devices judged a success had as much time as those that sent again: wait for three more polls of each.
    reads = {i: len([r for r in server.of("/osquery/distributed/read") if uuids[play.valid[r.key]] == i])
             for i in range(len(JUDGED))}
    wait_for(lambda: all(len([r for r in server.of("/osquery/distributed/read")
                              if uuids[play.valid[r.key]] == i]) >= reads[i] + 3 for i in range(len(JUDGED))))
    lost = 0
    for i, (name, _, expected) in enumerate(JUDGED):
        got, again = posts(i), len(enrolments(i)) - 1
        if not got:
            check("judge: " + name, False, "no log came")
            continue
        same = all(r.body["data"] == got[0].body["data"] for r in got)
        if expected in ("success", "lost"):
            check("judge: %s is a success" % name, len(got) == 1 and again == 0, (len(got), again))
            lost += expected == "lost"
        elif expected == "failure":
            check("judge: %s is a failure, the batch comes again unchanged" % name,
                  len(got) >= 2 and same and again == 0, (len(got), same, again))
        else:
            check("judge: %s erases the key, the batch comes under the new one" % name,
                  again >= 1 and len(got) >= 2 and same and got[1].key != got[0].key, (len(got), same, again))
    check("judge: rows were all asked", len(time_of_first) == len(JUDGED))
    seen = stats(sock)
    check("judge: would-lose-data is counted", seen["would_lose_data"] == lost, (seen["would_lose_data"], lost))
    check("judge: node_invalid is counted", seen["node_invalid"] >= 3, seen["node_invalid"])
    failing = posts([r[0] for r in JUDGED].index("error, 503"))
    wait_for(lambda: len(posts([r[0] for r in JUDGED].index("error, 503"))) >= 3)
    failing = posts([r[0] for r in JUDGED].index("error, 503"))
    pauses = [b.at - a.at for a, b in zip(failing, failing[1:])]
    check("judge: the pause of a refused batch grows", len(pauses) >= 2 and pauses[1] > pauses[0] * 2, pauses)
    check("judge: SIGTERM ends cleanly", agent.stop() == 0, agent.words())
    check("judge: every request is well-formed", not server.complaints, server.complaints)
    server.close()


DEFECTS = [("mac", "macos", "firewall", "SELECT global_state AS v FROM alf", "1", "0"),
           ("win", "windows", "firewall", "SELECT firewall AS v FROM windows_security_center", "Good", "Poor"),
           ("lin", "linux", "disk-encryption", "SELECT d.encrypted AS v FROM mounts m JOIN disk_encryption d ON d.name = "
            "m.device_alias WHERE m.path = '/'", "1", "0")]


def fleet_round_trip(base, certificate):
    play = Play()
    server = Server(play, certificate)
    answers = queue.Queue()

    def write(request):
        answers.put((play.valid[request.key], request.body))
        return 200, b"{}"

    play.write = write
    play.config = {"options": {"distributed_interval": 500},
                   "schedule": {"snap": {"query": "SELECT uuid FROM system_info", "interval": 1, "snapshot": True},
                                "bad": {"query": "SELECT 1 FROM not_a_table", "interval": 1},
                                "macs": {"query": "SELECT 1 AS one", "interval": 1, "platform": "darwin"}},
                   "decorators": {"load": ["SELECT uuid AS host_uuid FROM system_info"]}}
    play.read = lambda r: (200, json.dumps({
        "queries": {**{n: q for n, _, _, q, _, _ in DEFECTS}, "none": "SELECT * FROM nothing_here", "skipped": "SELECT 1",
                    "who": "SELECT uuid, hardware_serial FROM system_info"},
        "discovery": {"skipped": "SELECT 1 WHERE 0", "who": "SELECT 1"}, "accelerate": "30"}).encode())
    fleet = os.path.join(base, "three.json")
    with open(fleet, "w") as file:
        json.dump([{"name": n, "platform": p, "serial": "S" + n, "uuid": "U" + n, "enroll_secret": "for " + n}
                   for n, p, *_ in DEFECTS], file)
    sock = os.path.join(base, "three.sock")
    agent = Agent("fleet", "--server", "127.0.0.1:%d" % server.port, "--ca", certificate[0], "--fleet", fleet,
                  "--interval", "1", "--log-period", "1", "--control", sock, "--verbose", "--spread", "3")
    latest = {}

    def drain():
        while True:
            try:
                name, body = answers.get_nowait()
            except queue.Empty:
                return latest
            latest[name] = body

    def value(name):
        body = drain().get("U" + name)
        rows = body["queries"].get(name) if body else None
        return rows[0]["v"] if rows else None

    wait_for(lambda: len(drain()) == 3)
    check("fleet: three devices answered", len(drain()) == 3, agent.words())
    bodies = {b["host_identifier"]: b for b in play.enrolled}
    check("fleet: platform types", [bodies.get("U" + n, {}).get("platform_type") for n in ("mac", "win", "lin")]
          == ["21", "2", "9"])
    check("fleet: own secret each", bodies.get("Umac", {}).get("enroll_secret") == "for mac")
    check("fleet: host details", bodies.get("Uwin", {}).get("host_details", {}).get("system_info", {})
          .get("hardware_serial") == "Swin", bodies.get("Uwin"))
    body = drain().get("Umac", {})
    check("fleet: an unknown table is status 1 with its words", body.get("statuses", {}).get("none") == 1
          and body.get("messages", {}).get("none") == "no such table: nothing_here"
          and body.get("queries", {}).get("none") == [], body)
    check("fleet: another platform's table is unknown", body.get("statuses", {}).get("win") == 1, body)
    check("fleet: a discovery without rows skips in silence", "skipped" not in body.get("statuses", {}), body)
    check("fleet: answers of the device itself are not mixed up",
          all(b["queries"]["who"][0]["uuid"] == name for name, b in drain().items()), latest)
    check("fleet: statuses are numbers, stats are there", body.get("statuses", {}).get("who") == 0
          and "wall_time_ms" in body.get("stats", {}).get("who", {}), body)
    for name, _, defect, _, good, bad in DEFECTS:
        check("fleet: %s is healthy" % name, value(name) == good, value(name))
        code, words = control(sock, "break", name, defect)
        check("fleet: break %s" % name, code == 0 and defect in words, words)
        check("fleet: %s shows %s" % (name, defect), wait_for(lambda: value(name) == bad), value(name))
        control(sock, "fix", "S" + name, defect)
        check("fleet: %s is mended" % name, wait_for(lambda: value(name) == good), value(name))
    check("fleet: an unknown defect is an error", control(sock, "break", "mac", "nonsense")[0] == 1)
    check("fleet: an unknown device is an error", control(sock, "break", "nobody", "firewall")[0] == 1)
    control(sock, "break", "mac", "silent")
    quiet_since = len(server.of("/osquery/distributed/read"))
    wait_for(lambda: len([r for r in server.of("/osquery/distributed/read")[quiet_since:]]) >= 12)
    tail = [play.valid[r.key] for r in server.of("/osquery/distributed/read")[quiet_since + 6:]]
    check("fleet: a silent device stops speaking", tail and "Umac" not in tail, tail)
    control(sock, "fix-all")
    check("fleet: and speaks again", wait_for(lambda: "Umac" in [
        play.valid[r.key] for r in server.of("/osquery/distributed/read")[quiet_since + 6:]]))
    lines = [line for r in server.of("/osquery/log") if r.body["log_type"] == "result" for line in r.body["data"]]
    snaps = [line for line in lines if line["name"] == "snap"]
    check("fleet: snapshots are logged with decorations", snaps and snaps[0]["action"] == "snapshot"
          and snaps[0]["decorations"]["host_uuid"] == snaps[0]["hostIdentifier"] == snaps[0]["snapshot"][0]["uuid"], lines[:2])
    macs = {line["hostIdentifier"] for line in lines if line["name"] == "macs"}
    check("fleet: the platform of a query is kept to", macs == {"Umac"}, macs)
    statuses = [line for r in server.of("/osquery/log") if r.body["log_type"] == "status" for line in r.body["data"]]
    check("fleet: a failing scheduled query makes a status line and no result",
          any("not_a_table" in s["message"] for s in statuses) and not [x for x in lines if x["name"] == "bad"])
    seen = stats(sock)
    check("fleet: stats count", seen["enrolled"] == 3 and seen["endpoints"]["distributed_write"]["successes"] > 3
          and seen["endpoints"]["distributed_read"]["p99_ms"] > 0, seen)
    listed = json.loads(control(sock, "list", "--json")[1])
    check("fleet: list", [d["name"] for d in listed] == ["mac", "win", "lin"] and listed[0]["defects"] == "", listed)
    check("fleet: ends cleanly", agent.stop() == 0, agent.words())
    check("fleet: every request is well-formed", not server.complaints, server.complaints)
    server.close()


def undelivered(base, certificate):
    """Refused distributed results are tried three times, then go out with the next round; refused enrolment is repeated."""
    play = Play()
    play.refuse_enroll = True
    server = Server(play, certificate)
    writes, rounds = [], []

    def read(request):
        rounds.append(time.monotonic())
        return 200, json.dumps({"queries": {"first": "SELECT 1 AS one"} if len(rounds) == 1 else {}}).encode()

    def write(request):
        writes.append((time.monotonic(), request.body, len(rounds)))
        return (503, b'{"error":"later"}') if len(writes) <= 3 else (200, b"{}")

    play.read, play.write = read, write
    secret = os.path.join(base, "secret")
    with open(secret, "w") as file:
        file.write("  s3cret\n")
    agent = Agent("fleet", "--server", "127.0.0.1:%d" % server.port, "--ca", certificate[0], "--count", "1",
                  "--enroll-secret-file", secret, "--interval", "8", "--seed", "7", "--verbose")
    wait_for(lambda: len(play.enrolled) >= 2)
    play.refuse_enroll = False
    wait_for(lambda: len(writes) >= 4)
    check("undelivered: refused enrolment is repeated", len(play.enrolled) >= 3, len(play.enrolled))
    check("undelivered: the secret is trimmed", play.enrolled[0]["enroll_secret"] == "s3cret", play.enrolled[0])
    check("undelivered: three attempts with 1 s and 4 s between", len(writes) >= 4 and 0.9 < writes[1][0] - writes[0][0] < 3
          and 3.8 < writes[2][0] - writes[1][0] < 8, [w[0] for w in writes])
    check("undelivered: the same results go out with the next round", len(writes) >= 4 and writes[3][2] > writes[0][2]
          and writes[3][1]["queries"] == writes[0][1]["queries"] == {"first": [{"one": "1"}]}, writes)
    check("undelivered: ends cleanly", agent.stop() == 0, agent.words())
    server.close()


def write_flags(base, server, certificate, database, **more):
    path = os.path.join(base, "osquery.flags")
    flags = {"tls_hostname": "127.0.0.1:%d" % server.port, "tls_server_certs": certificate[0], "host_identifier": "uuid",
             "enroll_secret_path": os.path.join(base, "secret"), "enroll_tls_endpoint": "/osquery/enroll",
             "config_plugin": "tls", "config_tls_endpoint": "/osquery/config", "config_refresh": "1",
             "logger_plugin": "tls", "logger_tls_endpoint": "/osquery/log", "logger_tls_compress": "true",
             "logger_tls_period": "1", "disable_distributed": "false", "distributed_plugin": "tls",
             "distributed_interval": "1", "distributed_tls_read_endpoint": "/osquery/distributed/read",
             "distributed_tls_write_endpoint": "/osquery/distributed/write", "config_enable_backup": "true",
             "disable_events": "true", "schedule_splay_percent": "0", "nobody_knows_this": "1", "database_path": database}
    flags.update(more)
    with open(path, "w") as file:
        file.write("# a comment\n\n" + "".join("--%s=%s\n" % pair for pair in flags.items()))
    return path


def live(base, certificate):
    play = Play()
    server = Server(play, certificate)
    with open(os.path.join(base, "secret"), "w") as file:
        file.write("live secret\n")
    root = os.path.join(base, "root")
    setting = os.path.join(root, "etc/apt/apt.conf.d/20auto-upgrades")
    os.makedirs(os.path.dirname(setting))

    def choose(value):
        with open(setting + ".new", "w") as file:
            file.write('APT::Periodic::Update-Package-Lists "1";\n// words\nAPT { Periodic { Unattended-Upgrade "%s"; }; };\n'
                       % value)
        os.replace(setting + ".new", setting)

    choose(1)
    change = os.path.join(root, "etc/hosts")
    with open(change, "w") as file:
        file.write("192.0.2.1 first\n192.0.2.2 second\n")
    play.config = {"schedule": {"hosts": {"query": "SELECT address FROM etc_hosts", "interval": 1},
                                "os": {"query": "SELECT name FROM os_version", "interval": 1, "snapshot": True}},
                   "packs": {"p": {"discovery": ["SELECT 1"], "queries": {"t": {"query": "SELECT 1 AS one", "interval": 1,
                                                                                "snapshot": True}}},
                             "q": {"discovery": ["SELECT 1 WHERE 0"], "queries": {"t": {"query": "SELECT 1", "interval": 1}}}},
                   "decorators": {"load": ["SELECT version AS agent_version FROM osquery_info"],
                                  "always": ["SELECT 'yes' AS always"], "interval": {"60": ["SELECT 'old' AS age"]}}}
    play.queries = {"updates": "SELECT label, value FROM augeas WHERE path = '/etc/apt/apt.conf.d/20auto-upgrades' AND "
                               "label = 'Unattended-Upgrade'", "os": "SELECT name, major FROM os_version",
                    "me": "SELECT p.name FROM processes p JOIN osquery_info i ON i.pid = p.pid",
                    "port": "SELECT p.pid FROM listening_ports l JOIN processes p ON p.pid = l.pid WHERE l.port = %d"
                            % server.port}
    database = os.path.join(base, "state")
    flagfile = write_flags(base, server, certificate, database)
    agent = Agent("run", "--flagfile", flagfile, "--root", root)

    def updates():
        writes = server.of("/osquery/distributed/write")
        rows = writes[-1].body["queries"]["updates"] if writes else []
        return rows[0]["value"] if rows else None

    check("live: a setting is read", wait_for(lambda: updates() == "1"), agent.words())
    choose(0)
    check("live: the setting changed, the next answer shows it", wait_for(lambda: updates() == "0"), agent.words())
    enrolled = play.enrolled[0] if play.enrolled else {}
    check("live: enrolment", enrolled.get("enroll_secret") == "live secret" and enrolled.get("platform_type") == "9"
          and "os_version" in enrolled.get("host_details", {}), enrolled)
    last = server.of("/osquery/distributed/write")[-1].body
    check("live: the machine's own processes", last["queries"]["me"] == [{"name": os.path.basename(AGENT)[:15]}], last)
    check("live: a port and who listens on it", last["queries"]["port"] == [{"pid": str(os.getpid())}], last["queries"]["port"])
    check("live: distributed results never go out compressed",
          all("content-encoding" not in r.headers for r in server.of("/osquery/distributed/write")))

    def results(name):
        return [line for r in server.of("/osquery/log") if r.body["log_type"] == "result"
                for line in r.body["data"] if line["name"] == name]

    wait_for(lambda: len(results("hosts")) >= 2 and results("pack_p_t"))
    check("live: logs are gzip", all(r.headers.get("content-encoding") == "gzip" for r in server.of("/osquery/log"))
          and server.of("/osquery/log"))
    first = results("hosts")[:2]
    check("live: the first differential has counter 0 and every row", [x["action"] for x in first] == ["added"] * 2
          and {x["columns"]["address"] for x in first} == {"192.0.2.1", "192.0.2.2"}
          and all(x["counter"] == 0 and x["epoch"] == 0 for x in first), first)
    with open(change, "w") as file:
        file.write("192.0.2.2 second\n192.0.2.3 third\n")
    wait_for(lambda: len(results("hosts")) >= 4)
    later = results("hosts")[2:]
    check("live: then only what changed", sorted((x["action"], x["columns"]["address"]) for x in later)
          == [("added", "192.0.2.3"), ("removed", "192.0.2.1")] and all(x["counter"] >= 1 for x in later), later)
    check("live: decorations of load, always and interval", first[0]["decorations"] == {
        "agent_version": "5.23.1", "always": "yes", "age": "old"}, first[0])
    check("live: a pack's discovery decides", results("pack_p_t") and not results("pack_q_t"))
    check("live: unknown flags are warned about", "nobody_knows_this" in agent.words(), agent.words())
    key_file = os.path.join(database, "node_key")
    modes = [stat.S_IMODE(os.stat(os.path.join(database, n)).st_mode) for n in os.listdir(database)]
    check("live: state is private", modes and set(modes) == {0o600} and stat.S_IMODE(os.stat(database).st_mode) == 0o700, modes)
    with open(key_file) as file:
        old_key = file.read()
    play.valid.clear()
    check("live: node_invalid leads to a new enrolment under the same name", wait_for(
        lambda: len(play.enrolled) == 2 and updates() is not None
        and server.of("/osquery/distributed/write")[-1].key != old_key)
        and play.enrolled[0]["host_identifier"] == play.enrolled[1]["host_identifier"], len(play.enrolled))
    check("live: ends cleanly", agent.stop() == 0, agent.words())
    count = len(server.requests)
    agent = Agent("run", "--flagfile=" + flagfile, "--root", root)
    wait_for(lambda: len(server.requests) > count + 3)
    check("live: a restart keeps the key", len(play.enrolled) == 2, len(play.enrolled))
    agent.stop()
    check("live: every request is well-formed", not server.complaints, server.complaints)
    server.close()


def manners(base, certificate):
    """accelerate, an incomplete set, a failing discovery, a slow server, trust."""
    play = Play()
    server = Server(play, certificate)
    sets = [{"queries": {"a": "SELECT 1 AS v", "": "SELECT 2"}}, {"queries": {"b": "SELECT 1 AS v", "c": ""}},
            {"queries": {"d": "SELECT 1 AS v"}, "discovery": {"d": "SELECT broken("}},
            {"queries": {"e": "SELECT 1 AS v"}, "accelerate": "60"}, {"queries": {}, "accelerate": 60}]
    times = []

    def read(request):
        times.append(time.monotonic())
        body = sets[len(times) - 1] if len(times) <= len(sets) else {}
        return 200, json.dumps(body).encode()

    play.read = read
    fleet = os.path.join(base, "one.json")
    with open(fleet, "w") as file:
        json.dump([{"name": "one", "platform": "macos", "enroll_secret": "s"}], file)
    agent = Agent("fleet", "--server", "127.0.0.1:%d" % server.port, "--ca", certificate[0], "--fleet", fleet,
                  "--interval", "7", "--verbose")
    wait_for(lambda: len(times) >= 9, 90)
    gaps = [b - a for a, b in zip(times, times[1:])]
    check("manners: accelerate as a string has no effect", len(gaps) >= 5 and gaps[3] > 6.5, gaps)
    check("manners: accelerate as an integer polls every 5 s", any(4.5 < gap < 6.5 for gap in gaps[4:]), gaps)  # a busy machine may hold one of them up
    names = {n for r in server.of("/osquery/distributed/write") for n in r.body["queries"]}
    check("manners: a set with an empty name, an empty text or a broken discovery is refused whole", names == {"e"}, names)
    agent.stop()
    server.close()

    hold = threading.Event()
    play = Play()
    play.read = lambda request: (hold.wait(40), (200, b"{}"))[1]
    server = Server(play, certificate)
    sock = os.path.join(base, "slow.sock")
    agent = Agent("fleet", "--server", "127.0.0.1:%d" % server.port, "--ca", certificate[0], "--fleet", fleet,
                  "--control", sock, "--interval", "1", "--verbose")
    wait_for(lambda: server.of("/osquery/distributed/read"))
    begin = time.monotonic()
    wait_for(lambda: stats(sock)["endpoints"]["distributed_read"]["unanswered"] >= 1)
    took = time.monotonic() - begin
    check("manners: a request fails after 16 s and not with its answer", 14 < took < 38, took)
    hold.set()
    agent.stop()
    server.close()

    other = make_certificate(base, "other")
    server = Server(Play(), certificate)
    agent = Agent("fleet", "--server", "127.0.0.1:%d" % server.port, "--ca", other[0], "--fleet", fleet, "--verbose")
    wait_for(lambda: server.handshake_failures >= 1)
    check("manners: a certificate of another authority is refused", server.handshake_failures >= 1
          and not server.requests, agent.words())
    agent.stop()
    server.close()


def scripts(base):
    """--plain and --once, generated devices, mistakes in options."""
    play = Play()
    play.queries = {"x": "SELECT version FROM os_version"}
    server = Server(play)
    secret = os.path.join(base, "secret")
    with open(secret, "w") as file:
        file.write("s\n")
    done = subprocess.run([AGENT, "fleet", "--server", "127.0.0.1:%d" % server.port, "--plain", "--count", "60",
                           "--enroll-secret-file", secret, "--interval", "1", "--once", "--give-up-after", "60"],
                          capture_output=True, text=True, timeout=90)
    check("scripts: --once answers for each device and exits 0", done.returncode == 0 and "devices" in done.stdout
          and len({play.valid[r.key] for r in server.of("/osquery/distributed/write")}) >= 50, done.stderr[-500:])
    check("scripts: sixty devices, sixty identifiers", len({b["host_identifier"] for b in play.enrolled}) == 60)
    kinds = [b["platform_type"] for b in play.enrolled]
    check("scripts: three platforms", sorted(set(kinds)) == ["2", "21", "9"], kinds)
    server.close()
    for words in (["fleet"], ["fleet", "--server", "x"], ["nonsense"], ["query"], ["run", "--flagfile", "/nonexistent"],
                  ["fleet", "--server", "h:1", "--plain", "--count", "0"]):
        done = subprocess.run([AGENT, *words], capture_output=True, text=True, timeout=30)
        check("scripts: mistake is told: " + " ".join(words), done.returncode == 2 and done.stderr, done.returncode)


KEYS = [("openssh", ["-t", "ed25519"], ""), ("openssh-locked", ["-t", "ed25519"], "secret"),
        ("pem", ["-t", "rsa", "-m", "PEM"], ""), ("pem-locked", ["-t", "rsa", "-m", "PEM"], "secret"),
        ("pkcs8", ["-t", "rsa", "-m", "PKCS8"], ""), ("pkcs8-locked", ["-t", "rsa", "-m", "PKCS8"], "secret")]

FUNCTIONS = [("version_compare('1.10', '1.9')", "1"), ("version_compare('1.0', '1.0.0')", "-1"),
             ("version_compare('1.0~rc1', '1.0', 'DPKG')", "-1"), ("version_compare('1:1.0', '2.0', 'DPKG')", "1"),
             ("regex_match('macOS 15.5', '(\\d+)\\.(\\d+)', 1)", "15"), ("regex_match('x', 'y', 0)", ""),
             ("split('a:b::c', ':', 2)", "c"), ("split('a', ':', 3)", ""), ("regex_split('a12b', '[0-9]+', 1)", "b"),
             ("in_cidr_block('10.0.0.0/8', '10.2.3.4')", "1"), ("in_cidr_block('fe80::/10', 'fe80::1')", "1"),
             ("in_cidr_block('10.0.0.0/8', '11.0.0.1')", "0"), ("concat('a', NULL, 'b')", "ab"),
             ("'1.10' > '1.9' COLLATE VERSION", "1")]


def query(statement, *more):
    done = subprocess.run([AGENT, "query", statement, "--json", *more], capture_output=True, text=True, timeout=60)
    return done.returncode, json.loads(done.stdout) if done.returncode == 0 else done.stderr


def queries(base):
    for text, expected in FUNCTIONS:
        code, rows = query("SELECT %s AS v" % text)
        check("query: " + text, code == 0 and rows == [{"v": expected}], rows)
    check("query: no such table", query("SELECT * FROM alf") == (1, "Error: no such table: alf\n"))
    check("query: nothing but reading", query("CREATE TABLE x(a)")[0] == 1 and query("ATTACH '/tmp/x' AS y")[0] == 1
          and query("PRAGMA user_version = 3")[0] == 1)
    check("query: a required column", query("SELECT * FROM file")[0] == 1)
    check("query: endless recursion ends", query("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
                                                 "SELECT i FROM n")[0] == 1)
    root = os.path.join(base, "keys")
    os.makedirs(os.path.join(root, "home/kim/.ssh"))
    os.makedirs(os.path.join(root, "etc"))
    with open(os.path.join(root, "etc/passwd"), "w") as file:
        file.write("kim:x:1000:1000:Kim:/home/kim:/bin/sh\nbroken line\nlee:x:1001:1001::/home/lee:/bin/sh\n")
    if shutil.which("ssh-keygen"):
        for name, kind, phrase in KEYS:
            subprocess.run(["ssh-keygen", "-q", *kind, "-N", phrase, "-f", os.path.join(root, "home/kim/.ssh", name)],
                           check=True, stdin=subprocess.DEVNULL)
        with open(os.path.join(root, "home/kim/.ssh/cut"), "w") as file:
            file.write("-----BEGIN OPENSSH PRIVATE KEY-----\nb3Blbn")
        code, rows = query("SELECT k.path, k.encrypted FROM users u CROSS JOIN user_ssh_keys k USING (uid)", "--root", root)
        found = {os.path.basename(r["path"]): r["encrypted"] for r in rows} if code == 0 else rows
        check("query: SSH keys and their passphrases", found == {**{n: "1" if p else "0" for n, _, p in KEYS}, "cut": "0"}, found)
    open(os.path.join(root, "etc/it's 100% [odd]"), "w").close()
    code, rows = query("SELECT filename FROM file WHERE path LIKE '/etc/it%'", "--root", root)
    check("query: LIKE lists a directory", code == 0 and rows == [{"filename": "it's 100% [odd]"}], rows)
    code, rows = query("SELECT path FROM file WHERE path IN ('/etc/passwd', '/nonexistent') OR path = '/'")
    check("query: exact paths", code == 0 and sorted(r["path"] for r in rows) == ["/", "/etc/passwd"], rows)
    code, rows = query("SELECT m.path, d.encrypted FROM mounts m LEFT JOIN disk_encryption d ON d.name = m.device_alias "
                       "WHERE m.path = '/'")
    check("query: mounts and encryption", code == 0 and len(rows) >= 1, rows)


def make_certificate(base, name):
    certificate, key = os.path.join(base, name + ".pem"), os.path.join(base, name + ".key")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", "/CN=" + name, "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
                   check=True, capture_output=True)
    return certificate, key


def main():
    base = tempfile.mkdtemp(prefix="agent-selftest-")
    certificate = make_certificate(base, "server")
    parts = [("judging", judging, (base, certificate)), ("fleet", fleet_round_trip, (base, certificate)),
             ("undelivered", undelivered, (base, certificate)), ("live", live, (base, certificate)),
             ("manners", manners, (base, certificate)), ("scripts", scripts, (base,)), ("queries", queries, (base,))]
    for name, part, arguments in parts:
        before = passed + failed
        try:
            part(*arguments)
        except Exception as problem:  # a broken part is one failure; the others still run
            check(name, False, repr(problem))
            import traceback
            traceback.print_exc()
        print("%-12s %d checks" % (name, passed + failed - before), flush=True)
    shutil.rmtree(base, ignore_errors=True)
    print("%d passed, %d failed" % (passed, failed))
    sys.exit(1 if failed else 0)


main()
