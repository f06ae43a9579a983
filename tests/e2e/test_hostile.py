"""Bad input: each gets a clear error, is counted in /metrics, and leaves the state as it was."""
import gzip
import json
import os
import re
import socket
import ssl
import subprocess
import time

import harness
from harness import expect, fast_policy, request, wait_for


def metric(gateway, reason):
    """How many requests were refused for that reason."""
    text = gateway.get("/metrics", admin=True).text()
    found = re.search(r'^postern_requests_refused_total\{reason="%s"\} ([0-9]+)$' % re.escape(reason), text, re.M)
    expect(found, "no such reason in /metrics: %s" % reason)
    return int(found.group(1))


def raw(gateway, data, port=None, limit=65536):
    """Bytes as they are to the internal listener; what came back until it closed or went quiet."""
    with socket.create_connection(("127.0.0.1", port or gateway.internal_port), timeout=harness.ANSWER_S) as s:
        s.sendall(data)
        answer = b""
        try:
            while len(answer) < limit:
                part = s.recv(4096)
                if not part:
                    break
                answer += part
                s.settimeout(5)
        except socket.timeout:
            pass
        return answer


def story_framing_is_strict(world):
    gateway = world.gateway(policy=fast_policy()).start()
    host = b"Host: localhost\r\n"
    rows = [
        ("two Content-Length", b"POST /access/v1/evaluation HTTP/1.1\r\n" + host + b"Content-Length: 2\r\nContent-Length: 30\r\n\r\n{}"),
        ("Transfer-Encoding with Content-Length", b"POST /access/v1/evaluation HTTP/1.1\r\n" + host + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        ("two Host", b"GET /healthz HTTP/1.1\r\n" + host + host + b"\r\n"),
        ("NUL in the path", b"GET /healthz%00x HTTP/1.1\r\n" + host + b"\r\n"),
        ("encoded slash", b"GET /healthz%2fx HTTP/1.1\r\n" + host + b"\r\n"),
        ("dot segments", b"GET /a/../healthz HTTP/1.1\r\n" + host + b"\r\n"),
        ("backslash", b"GET /a\\b HTTP/1.1\r\n" + host + b"\r\n"),
        ("many headers", b"GET /healthz HTTP/1.1\r\n" + host + b"".join(b"X-%d: y\r\n" % i for i in range(80)) + b"\r\n"),
        ("NUL in a value", b"POST /access/v1/evaluation HTTP/1.1\r\n" + host + b"Content-Length: 2\0 30\r\n\r\n{}"),
        ("a folded length", b"POST /access/v1/evaluation HTTP/1.1\r\n" + host + b"Content-Length:\r\n 2\r\n\r\n{}"),
        ("line feeds alone", b"GET /healthz HTTP/1.1\nHost: localhost\n\n"),
        ("a carriage return alone", b"GET /healthz HTTP/1.1\r\n" + host + b"X: a\r\rGET /healthz HTTP/1.1\r\n" + host + b"\r\n"),
        ("a huge header", b"GET /healthz HTTP/1.1\r\n" + host + b"X-A: " + b"y" * 9000 + b"\r\n\r\n"),
    ]
    for name, data in rows:
        answer = raw(gateway, data)
        status = answer.split(b" ", 2)[1:2]
        expect(answer[:9] == b"HTTP/1.1 " and status[0][:1] == b"4", "%s: %r" % (name, answer[:200]))
        expect(answer.count(b"HTTP/1.1 ") == 1, "%s: the rest is never read as a request: %r" % (name, answer[:400]))
    chunked = raw(gateway, b"POST /access/v1/evaluation HTTP/1.1\r\n" + host + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n")
    expect(chunked.split(b" ", 2)[1] in (b"411", b"400"), "chunked: %r" % chunked[:100])
    expect(metric(gateway, "framing") >= 5, "refusals are counted")
    expect(gateway.get("/healthz", internal=True).status == 200, "and the server goes on")
    gateway.stop()


def story_bodies_are_bounded(world):
    gateway = world.gateway(policy=fast_policy()).start()
    big = raw(gateway, b"POST /access/v1/evaluation HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 104857600\r\n\r\n")
    expect(big.split(b" ", 2)[1] in (b"413", b"401"), "100 MB announced: %r" % big[:100])
    bomb = gzip.compress(b"0" * (200 * 1024 * 1024))
    answer = gateway.call("POST", "/osquery/log", bomb, {"Content-Type": "application/json", "Content-Encoding": "gzip"})
    expect(answer.body not in (b"", b"{}") or answer.status == 200, "a gzip bomb to the log endpoint is answered: %d %r" % (answer.status, answer.body[:100]))
    expect(gateway.get("/healthz").status == 200, "and the server goes on")
    gateway.stop()


def cpu_s(pid):
    """What all threads of a process have used so far."""
    tasks = "/proc/%d/task" % pid
    total = 0
    for task in os.listdir(tasks):
        with open("%s/%s/schedstat" % (tasks, task)) as f:
            total += int(f.read().split()[0])
    return total / 1e9


def story_half_a_tls_hello_costs_nothing(world):
    gateway = world.gateway(policy=fast_policy()).start()
    with socket.create_connection(("127.0.0.1", gateway.public_port), timeout=harness.ANSWER_S) as s:
        s.sendall(b"\x16\x03\x01\x02\x00\x01")
        before, begun = cpu_s(gateway.process.child.pid), time.monotonic()
        for _ in range(20):
            expect(gateway.get("/healthz").status == 200, "others are served")
            time.sleep(0.05)
        used, took = cpu_s(gateway.process.child.pid) - before, time.monotonic() - begun
        expect(used < took / 2, "a peer that says six bytes and falls silent takes no core: %.2f s of CPU in %.2f s" % (used, took))
    gateway.stop()


def story_agents_are_never_told_to_lose_data(world):
    gateway = world.gateway(policy=fast_policy()).start()
    rows = [("not JSON", b"{"), ("empty", b""), ("deep", b"[" * 10000), ("bad UTF-8", b'{"enroll_secret":"\xff"}'), ("duplicate", b'{"enroll_secret":"a","enroll_secret":"b"}'),
            ("wrong types", b'{"enroll_secret":[]}'), ("wrong secret", b'{"enroll_secret":"nope","host_identifier":"x"}')]
    for name, body in rows:
        answer = gateway.call("POST", "/osquery/enroll", body, {"Content-Type": "application/json"})
        expect("error" in answer.json() and "node_key" not in answer.json(), "%s: %d %r" % (name, answer.status, answer.body[:200]))
    for path in ("config", "distributed/read", "distributed/write"):
        for prefix in ("/osquery/", "/api/osquery/", "/api/v1/osquery/"):
            answer = gateway.call("POST", prefix + path, {"node_key": "unknown", "queries": {}, "statuses": {}})
            expect(answer.status == 401 and answer.json().get("node_invalid") is True, "%s%s: unknown key: %d %r" % (prefix, path, answer.status, answer.body[:200]))
            answer = gateway.call("POST", prefix + path, b"{", {"Content-Type": "application/json"})
            # A write that can never be read is taken and dropped: the agent would send it again for ever.
            expect((path == "distributed/write" or "error" in answer.json()) and "node_invalid" not in answer.json(),
                   "%s%s: broken JSON is no reason to enrol again: %r" % (prefix, path, answer.body[:200]))
    answer = gateway.call("POST", "/osquery/carve/begin", {"node_key": "x"})
    expect("error" in answer.json(), "carving: %r" % answer.body[:200])
    gateway.stop()


def story_a_stranger_is_not_read_for_long(world):
    """Bodies of megabytes that name nobody we know, or nobody at all, cost no document; and an agent is still told nothing that makes it lose itself."""
    gateway = world.gateway(policy=fast_policy()).start()
    items = b"0," * (2 * 1024 * 1024) + b"0"
    rows = [("an unknown key", b'{"node_key":"nobody","data":[' + items + b"]}", 401), ("no key", b'{"data":[' + items + b"]}", 200),
            ("a key behind an escape", b'{"node_key":"\\u0061","data":[' + items + b"]}", 200)]
    for path in ("log", "distributed/write"):
        for name, body, status in rows:
            used = cpu_s(gateway.process.child.pid)
            answer = gateway.call("POST", "/osquery/" + path, body, {"Content-Type": "application/json"}, internal=True)
            used = cpu_s(gateway.process.child.pid) - used
            expect(answer.status == status and ("node_invalid" in answer.json()) == (status == 401), "%s, %s: %d %r" % (path, name, answer.status, answer.body[:100]))
            print("      %s, %s: %.2f s of CPU" % (path, name, used), flush=True)
    gateway.stop()


def story_links_are_sealed(world):
    gateway = world.gateway(policy=fast_policy()).start()
    gateway.cli("person", "import", "-", stdin=json.dumps([{"email": "ana@acme.example"}, {"email": "ben@acme.example"}]))
    link = gateway.cli_json("person", "link", "ana@acme.example")["url"]
    good = request(link, ca=gateway.ca)
    expect(good.status == 200 and "default-src 'none'" in good.headers.get("content-security-policy", ""), "a good link: %d %s" % (good.status, good.headers))
    base, token = link.rsplit("/", 1)
    for name, bad in [("one byte", token[:-1] + ("A" if token[-1] != "A" else "B")), ("cut", token[:-10]), ("empty", "x"), ("other page", None), ("huge", "A" * 4000)]:
        url = link.replace("/me/", "/blocked/") if bad is None else base + "/" + bad
        answer = request(url, ca=gateway.ca)
        expect(answer.status in (400, 403, 404, 410, 414, 431), "%s: %d" % (name, answer.status))
    expect(metric(gateway, "link") >= 2, "refusals are counted")
    gateway.stop()


def story_a_policy_with_every_mistake_is_told_all_of_them(world):
    gateway = world.gateway(policy=fast_policy()).start()
    bad = os.path.join(world.folder, "bad.yaml")
    with open(bad, "w") as f:
        f.write("policy: x\nsensitivities: [a, a]\napps:\n  - { id: p, title: P, sensitivity: nope, colour: red }\nchecks:\n  - { use: library/frewall }\nladders:\n  - id: l\n"
                "    applies_to: { severity: [terrible] }\n    rungs:\n      - { id: one, after: soon }\n")
    before = gateway.cli_json("plan", gateway.state + "/policy.yaml")["in_force"]
    text = gateway.cli("check", bad, code=1)
    for words in ("bad.yaml:2:", "bad.yaml:4:", "bad.yaml:6:", "library/firewall", "bad.yaml:9:", "bad.yaml:11:"):
        expect(words in text, "check names %r:\n%s" % (words, text))
    gateway.cli("apply", bad, "--yes", code=1)
    expect(gateway.cli_json("plan", gateway.state + "/policy.yaml")["in_force"] == before, "the policy in force is as it was")
    gateway.stop()


def story_times_that_no_record_can_hold_are_refused(world):
    gateway = world.gateway(policy=fast_policy()).start()
    gateway.cli("person", "import", "-", stdin="email,zone\nana@acme.example,America/New_York\n")
    away = ("person", "absence", "ana@acme.example")
    rows = [away + ("--from", "1960-01-01T00:00:00Z", "--to", "2030-01-01T00:00:00Z"), away + ("--to", "9999-12-31T23:59:59-12:00"), away + ("--from", "0000-01-01T00:00:00Z", "--to", "2030-01-01T00:00:00Z"),
            ("key", "create", "--scope", "decide", "--expires", "3000000d"), ("enroll-secret", "create", "--expires", "99999999999999d")]
    for words in rows:
        expect("postern: " in gateway.cli(*words, code=1), "refused: %s" % (words,))
    for number, dates in enumerate(("9999-12-31,9999-12-31", "1969-12-31,1969-12-31")):
        path = os.path.join(gateway.state, "away%d.csv" % number)
        with open(path, "w") as f:
            f.write("person,from,to\nana@acme.example,%s\n" % dates)
        expect("line 2: " in gateway.cli("person", "absences", path, code=1), dates)
    said = gateway.cli("person", "import", "-", stdin="email,zone\nana@acme.example,Europe/Berlln\n", code=1)
    expect("line 2: has a zone that is not known here, Europe/Berlln" in said, "she would be written to at the wrong hours: %s" % said)
    wrong = os.path.join(gateway.state, "zone.yaml")
    with open(wrong, "w") as f:
        f.write(fast_policy().replace("channels: [slack]", "channels: [slack], zone: Europe/Berlln"))
    for words in (("check", wrong), ("plan", wrong), ("apply", wrong, "--yes")):
        expect("nudges.zone: zone Europe/Berlln is not known" in gateway.cli(*words, code=1), "and everybody: %s" % words[0])
    gateway.cli("person", "back", "ana@acme.example")  # all of these records still take changes
    gateway.cli(*away, "--to", "9999-12-31T23:59:59Z")
    gateway.cli("key", "create", "--scope", "decide", "--expires", "36500d")
    gateway.cli("enroll-secret", "create", "--expires", "90d")
    expect("feed.bad_entry" not in gateway.process.text(), "and every node can read them")
    gateway.stop()


def story_slow_bodies_are_cut(world):
    gateway = world.gateway(policy=fast_policy()).start()
    with socket.create_connection(("127.0.0.1", gateway.internal_port), timeout=harness.ANSWER_S) as s:
        s.sendall(b"POST /access/v1/evaluation HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\nAuthorization: Bearer x\r\n\r\n{")
        answer = s.recv(4096)
        expect(answer == b"" or b" 408 " in answer[:20] or b" 401 " in answer[:20], "a body that never comes: %r" % answer[:200])
    gateway.stop()


def story_a_full_disk_stops_writes_and_nothing_else(world):
    """redis-server refuses writes (as it does when it cannot append): writes are 503, decisions go on."""
    redis = world.redis(args=["--maxmemory", "1mb", "--maxmemory-policy", "noeviction"])
    redis.command("CONFIG", "SET", "maxmemory", "0")
    gateway = world.gateway(policy=fast_policy(), redis=redis).start()
    gateway.cli("person", "import", "-", stdin=json.dumps([{"email": "ana@acme.example"}]))
    redis.command("CONFIG", "SET", "maxmemory", "1")
    out = gateway.cli("person", "import", "-", stdin=json.dumps([{"email": "ben@acme.example"}]), code=None)
    expect(gateway.cli_json("person", "list")["total"] == 1, "what was refused left nothing behind: %s" % out)
    redis.command("CONFIG", "SET", "maxmemory", "0")
    wait_for("writes work again", lambda: gateway.cli("person", "import", "-", stdin=json.dumps([{"email": "ben@acme.example"}]), code=None) and
             gateway.cli_json("person", "list")["total"] == 2)
    gateway.stop()


if __name__ == "__main__":
    harness.main(globals())
