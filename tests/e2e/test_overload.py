"""More than a gateway can take: idle connections by the thousand, readers and writers that crawl, heads without an end, a store that stands still, too few descriptors.
Decisions are answered meanwhile, each on a connection of its own, memory stays bounded, and what cannot be taken is refused early, with Retry-After.
"""
import collections
import json
import os
import re
import resource
import select
import signal
import socket
import threading
import time

import harness
from harness import Failure, expect, fast_policy, wait_for
from test_storm import Decisions

GROWTH_MB = 96
HELD_MB = 128  # what long bodies and answers may hold, a listener
OVERLOAD = 'postern_requests_refused_total{reason="overload"}'
QUIET_ASAN = {"ASAN_OPTIONS": "detect_leaks=1:quarantine_size_mb=4:thread_local_quarantine_size_kb=64"}


def resident_mb(gateway):
    with open("/proc/%d/status" % gateway.process.child.pid) as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS:")) / 1024


def gauge(gateway, name):
    found = re.search(r"^%s ([0-9.]+)$" % re.escape(name), gateway.get("/metrics", admin=True).text(), re.M)
    expect(found, "no %s in /metrics" % name)
    return float(found.group(1))


def counter(gateway, name):
    return int(gauge(gateway, name))


def more_files():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def connect(port, room=None):
    """room: of what comes and is not read, at the system."""
    s = socket.socket()
    if room:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
    s.setblocking(False)
    try:
        s.connect(("127.0.0.1", port))
    except BlockingIOError:
        pass
    return s


class Crowd:
    """Connections that are held, and what came back on them. reads=False: they ask, and never read."""

    def __init__(self, port, count, first=b"", reads=True):
        self.all, self.answers, self.ended = [connect(port, None if reads else 4096) for _ in range(count)], collections.Counter(), 0
        self.poll = select.epoll()
        self.by_fd = {s.fileno(): s for s in self.all}
        self.to_send = {s.fileno(): memoryview(first) for s in self.all}
        self.wanted = select.EPOLLHUP | (select.EPOLLIN if reads else 0)
        for s in self.all:
            self.poll.register(s.fileno(), self.wanted | (select.EPOLLOUT if first else 0))

    def look(self, seconds=0.0):
        """Sends what waits, takes what came. An answer is counted by its status, and whether it says when to come again."""
        for fd, events in self.poll.poll(seconds, 4096):
            s = self.by_fd[fd]
            try:
                if events & select.EPOLLOUT and self.to_send[fd]:
                    self.to_send[fd] = self.to_send[fd][s.send(self.to_send[fd]):]
                    if not self.to_send[fd]:
                        self.poll.modify(fd, self.wanted)
                if events & (select.EPOLLIN | select.EPOLLHUP):
                    data = s.recv(65536)
                    if data[:9] == b"HTTP/1.1 ":
                        self.answers[(int(data[9:12]), b"Retry-After:" in data)] += 1
                    if not data:
                        raise ConnectionResetError
            except BlockingIOError:
                continue
            except OSError:
                self.ended += 1
                self.poll.unregister(fd)
                s.close()

    def send(self, data):
        for s in self.all:
            try:
                s.send(data)
            except OSError:
                pass

    def close(self):
        for s in self.all:
            s.close()
        self.poll.close()


def flood_heads(port, until):
    """A head that never ends, again and again, as fast as it is taken."""
    line = b"X-Filler: " + b"y" * 4000 + b"\r\n"
    floods = 0
    while not until.is_set():
        with socket.create_connection(("127.0.0.1", port), timeout=10) as s:
            try:
                s.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n")
                for _ in range(200):
                    s.sendall(line)
            except OSError:
                pass
            floods += 1
    return floods


def ask_for_much(gateway):
    """The bytes of a request whose answer is long."""
    item = {"subject": {"type": "user", "id": "ana@acme.example"}, "action": {"name": "login"}, "resource": {"type": "app", "id": "wiki"}}
    body = json.dumps({"evaluations": [item] * 1000}).encode()
    head = "POST /access/v1/evaluations HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (gateway.key, len(body))
    return head.encode() + body


def start(world, name, config, **more):
    gateway = world.gateway(name, config=config, policy=fast_policy(), env=QUIET_ASAN, **more).start()
    gateway.cli("person", "import", "-", stdin='[{"email": "ana@acme.example"}]')
    wait_for("ana is known", lambda: gateway.decide("ana@acme.example", "wiki")["decision"])
    return gateway


def check_decisions(decisions, least):
    decisions.stop()
    answered = sum(decisions.answers.values())
    expect(set(decisions.answers) == {200} and not decisions.broken, "every decision was answered 200: %s %s" % (dict(decisions.answers), decisions.broken[:3]))
    expect(answered >= least, "decisions went on: %d" % answered)
    return answered


def story_everybody_at_once(world):
    """Twice as many idle connections as there is room for, on both listeners, with crawling readers and writers and endless heads among them."""
    more_files()
    room = 7_000 if world.long else 600
    seconds = 120 if world.long else 23
    gateway = start(world, "gw", "workers: 1\nconnections: %d\n" % room)
    before = resident_mb(gateway)
    ended = threading.Event()
    heads = threading.Thread(target=flood_heads, args=(gateway.internal_port, ended))
    readers = Crowd(gateway.internal_port, 40, ask_for_much(gateway))
    writers = Crowd(gateway.internal_port, 60, b"POST /access/v1/evaluation HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n"
                    b"Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{" % gateway.key.encode())
    idle = [Crowd(port, room) for port in (gateway.internal_port, gateway.public_port)]
    decisions = Decisions(gateway)
    heads.start()
    end, most = time.monotonic() + seconds, 0.0
    while time.monotonic() < end:
        for crowd in idle + [writers]:
            crowd.look(0.1)
        writers.send(b" ")
        most = max(most, resident_mb(gateway) - before)

    def crawlers_are_ended():
        writers.look(0.1)
        writers.send(b" ")
        return writers.answers.get((408, False), 0) + writers.ended >= 60
    wait_for("writers that crawl are ended", crawlers_are_ended)
    ended.set()
    heads.join()
    answered = check_decisions(decisions, seconds // 4)
    cut = counter(gateway, "postern_connections_cut_total")
    print("      %d idle connections, %d cut to make room, %d decisions meanwhile, memory %+.0f MB at most; slow writers: %s, %d ended" % (
        2 * room, cut, answered, most, dict(writers.answers), writers.ended), flush=True)
    expect(cut > 0, "idle connections made room")
    expect(most < GROWTH_MB * (10 if world.long else 1), "memory grew by %.0f MB" % most)
    for crowd in idle + [writers, readers]:
        crowd.close()
    gateway.decide("ana@acme.example", "wiki")
    gateway.stop()


def story_long_bodies_and_answers_that_crawl_are_bounded(world):
    """Four times as much as may be held: bodies that lack their last byte, from nobody we know, then answers that nobody reads."""
    more_files()
    gateway = start(world, "gw", "workers: 1\n")
    before, most = resident_mb(gateway), 0.0
    decisions = Decisions(gateway)
    bytes_ = 8 * 1024 * 1024
    head = b"POST /osquery/log HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % bytes_
    writers = Crowd(gateway.internal_port, 64, head + b"x" * (bytes_ - 1))
    end = time.monotonic() + harness.LIMIT_S
    while sum(writers.answers.values()) + writers.ended < 64 and time.monotonic() < end:
        writers.look(0.1)
        most = max(most, resident_mb(gateway) - before)
    expect(sum(writers.answers.values()) + writers.ended >= 64 and set(writers.answers) <= {(408, False), (503, True)} and writers.answers[(503, True)] + writers.answers[(408, False)] > 0,
           "each is told to come again, or that it took too long: %s, %d ended" % (dict(writers.answers), writers.ended))
    expect(most < HELD_MB + GROWTH_MB, "memory grew by %.0f MB for bodies" % most)
    writers.close()
    small = gateway.call("POST", "/osquery/log", {"node_key": "unknown", "log_type": "status", "data": []}, internal=True)
    expect(small.status == 401, "a short body is read: %d" % small.status)
    print("      long bodies: %s, memory %+.0f MB at most" % (dict(writers.answers), most), flush=True)
    cut, refused, before, most = counter(gateway, "postern_connections_cut_total"), counter(gateway, OVERLOAD), resident_mb(gateway), 0.0
    readers = Crowd(gateway.internal_port, 1_000 if world.long else 400, ask_for_much(gateway), reads=False)

    def readers_are_ended():
        nonlocal most
        readers.look(0.1)
        most = max(most, resident_mb(gateway) - before)
        return counter(gateway, "postern_connections_cut_total") > cut
    wait_for("readers that read nothing are ended", readers_are_ended, pause_s=0)
    expect(most < HELD_MB + GROWTH_MB, "memory grew by %.0f MB for answers" % most)
    print("      long answers that nobody reads: %d ended, %d refused, memory %+.0f MB at most, %d decisions meanwhile" % (
        counter(gateway, "postern_connections_cut_total") - cut, counter(gateway, OVERLOAD) - refused, most, check_decisions(decisions, 1)), flush=True)
    readers.close()
    gateway.stop()


def story_a_store_that_stands_still_fills_the_queue_and_no_more(world):
    """What waits for the store is refused with 503 and Retry-After once the queue is full; decisions need no store."""
    more_files()
    redis = world.redis()
    gateway = start(world, "gw", "workers: 1\nslow_threads: 4\n", redis=redis)
    question = b"GET /v1/events?limit=1&from=start HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n" % gateway.key.encode()
    os.kill(redis.process.child.pid, signal.SIGSTOP)
    try:
        decisions = Decisions(gateway)
        crowd = Crowd(gateway.internal_port, 4_400, question)
        end = time.monotonic() + 25
        while crowd.answers.get((503, True), 0) < 100 and time.monotonic() < end:
            crowd.look(0.2)
        refused = dict(crowd.answers)
        answered = check_decisions(decisions, 1)
    finally:
        os.kill(redis.process.child.pid, signal.SIGCONT)
    expect(refused.get((503, True), 0) >= 100 and set(refused) == {(503, True)}, "refused at once, and told when to come again: %s" % refused)
    print("      %d refused while the store stood still, %d decisions meanwhile" % (refused[(503, True)], answered), flush=True)

    def everybody_has_an_answer():
        crowd.look(0.2)
        return sum(crowd.answers.values()) + crowd.ended >= 4_400
    wait_for("everybody in the queue is answered", everybody_has_an_answer, limit_s=120, pause_s=0)
    crowd.close()
    expect(counter(gateway, OVERLOAD) >= 100, "the refused ones are counted")
    gateway.stop()


def story_a_listener_whose_connections_all_leave_at_once_hears_again(world):
    """Full up, libmicrohttpd stops listening, and starts again only when it is run once more after a connection has ended."""
    gateway = start(world, "gw", "workers: 1\nconnections: 100\n")
    files = "/proc/%d/fd" % gateway.process.child.pid
    own = min((time.sleep(0.05), len(os.listdir(files)))[1] for _ in range(20))  # the calls of a moment ago may still be open
    for _ in range(3):
        crowd = Crowd(gateway.public_port, 120)
        wait_for("the listener is full", lambda: len(os.listdir(files)) >= own + 99, pause_s=0)
        os.kill(gateway.process.child.pid, signal.SIGSTOP)
        crowd.close()
        os.kill(gateway.process.child.pid, signal.SIGCONT)
        expect(gateway.get("/healthz").status == 200, "it hears")
    gateway.stop()


def limited(world, files):
    """A program that runs postern with so many descriptors."""
    path = os.path.join(world.folder, "postern-%d" % files)
    with open(path, "w") as f:
        f.write('#!/bin/sh\nulimit -n %d\nexec %s "$@"\n' % (files, os.path.join(world.build, "postern")))
    os.chmod(path, 0o755)
    return path


def story_few_descriptors_are_shared_out(world):
    whole = world.postern
    world.postern = limited(world, 300)
    gateway = world.gateway("few", policy=fast_policy())
    gateway.start(wait=False)
    wait_for("it ends", lambda: not gateway.process.alive())
    expect(gateway.process.child.returncode not in (0, None) and "LimitNOFILE" in gateway.process.text(), "says what to raise: %s" % gateway.process.text()[-500:])
    world.postern = limited(world, 420)
    gateway = world.gateway("some", policy=fast_policy()).start()
    world.postern = whole
    expect("descriptors.few" in gateway.process.text(), "says that it has few")
    gateway.cli("person", "import", "-", stdin='[{"email": "ana@acme.example"}]')
    crowd = Crowd(gateway.public_port, 500)
    try:
        for _ in range(20):
            expect(gateway.decide("ana@acme.example", "wiki")["decision"] is True, "decided with every descriptor of the other listener taken")
            crowd.look(0.05)
    finally:
        crowd.close()
    gateway.stop()


if __name__ == "__main__":
    harness.main(globals())
