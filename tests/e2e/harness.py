"""What the end-to-end stories share: the real binary, a real redis-server, the test agent, an HTTP client, and waiting for conditions.

Nothing sleeps for a fixed time to be right: stories wait for conditions with generous limits. Ports are found free on 127.0.0.1; every
process is ended by its own id. A story is a function whose name starts with `story_`; `main()` runs them all and prints "N passed, N failed".
"""
import argparse
import atexit
import collections
import datetime
import fcntl
import http.client
import json
import os
import random
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import traceback
import zoneinfo

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LIMIT_S = 180  # how long a condition may take on a machine that is busy with everything else; what comes true ends the wait at once
ANSWER_S = 90   # the same for one answer of one server
FETCH_S = 900   # the same for packages from a registry


class Failure(Exception):
    pass


class Ended(Exception):
    """Somebody waited long enough (tests/run): where the story stood then is told like a failure."""


def end_story(*_):
    raise Ended()


def expect(condition, text):
    if not condition:
        raise Failure(text)


def wait_for(what, condition, limit_s=LIMIT_S, pause_s=0.05):
    """Returns the first true value of condition(); fails with `what` after limit_s. It is looked once more when they are over: the machine may have stood still meanwhile."""
    end = time.monotonic() + limit_s
    while True:
        over = time.monotonic() >= end
        try:
            last = condition()
            if last:
                return last
        except (OSError, http.client.HTTPException, ValueError, LookupError) as error:
            last = error
        if over:
            raise Failure("waited %d s for: %s (last: %r)" % (limit_s, what, last))
        time.sleep(pause_s)


# Below the range from which the system gives ports to clients, so that nobody's connection sits on one of ours.
PORTS_FROM, PORTS_TO = 15000, 32000
PORTS = {}  # port -> the lock that keeps it ours until this story ends: stories run side by side


def free_port():
    folder = os.path.join(tempfile.gettempdir(), "postern-ports-%d" % os.getuid())
    os.makedirs(folder, 0o700, exist_ok=True)
    while True:
        port = random.SystemRandom().randrange(PORTS_FROM, PORTS_TO)
        if port in PORTS:
            continue
        lock = open(os.path.join(folder, str(port)), "w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with socket.socket() as s:
                s.bind(("127.0.0.1", port))
        except OSError:
            lock.close()
            continue
        PORTS[port] = lock
        return port


def fetched(args, cwd, env=None):
    """Runs a command that fetches packages (npm, mvn, go). A registry may hiccup, so it is tried again."""
    for last in (False, False, True):
        try:
            done = subprocess.run(args, cwd=cwd, env=env, capture_output=True, text=True, timeout=FETCH_S)
        except subprocess.TimeoutExpired:
            expect(not last, "%s did not end in %d s" % (" ".join(args), FETCH_S))
            continue
        if done.returncode == 0:
            return
        expect(not last, "%s: %s%s" % (" ".join(args), done.stdout[-3000:], done.stderr[-3000:]))


def npm_ci(folder):
    """Installs what the folder's package-lock.json names."""
    fetched(["npm", "ci", "--no-audit", "--no-fund"], folder)


class Process:
    """A child, its output in a file, ended at exit. own_group: one that signals its whole process group (Apache), and is ended with all of it."""

    def __init__(self, args, log, env=None, cwd=None, own_group=False):
        self.args, self.log, self.own_group = args, log, own_group
        self.file = open(log, "ab")
        environment = dict(os.environ, ASAN_OPTIONS="detect_leaks=1:abort_on_error=0", UBSAN_OPTIONS="print_stacktrace=1")
        environment.update(env or {})
        self.child = subprocess.Popen(args, stdout=self.file, stderr=self.file, stdin=subprocess.DEVNULL, env=environment, cwd=cwd, process_group=0 if own_group else None)
        atexit.register(self.kill)

    def alive(self):
        return self.child.poll() is None

    def kill(self):
        if self.alive():
            os.killpg(self.child.pid, signal.SIGKILL) if self.own_group else self.child.kill()
            self.child.wait()

    def stop(self, limit_s=LIMIT_S):
        """Ends it politely; the exit code."""
        if self.alive():
            self.child.terminate()
        try:
            return self.child.wait(limit_s)
        except subprocess.TimeoutExpired:
            self.child.send_signal(signal.SIGABRT)
            self.child.wait()
            raise Failure("%s did not stop in %d s; see %s" % (self.args[0], limit_s, self.log))

    def text(self):
        with open(self.log, errors="replace") as f:
            return f.read()


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)

    def text(self):
        return self.body.decode("utf-8", "replace")


def request(url, method="GET", body=None, headers=None, ca=None, timeout=ANSWER_S, follow=False):
    """One request on a new connection. url: http(s)://host:port/path. ca: certificate file, or None for no check."""
    scheme, rest = url.split("://", 1)
    host, _, path = rest.partition("/")
    if scheme == "https":
        context = ssl.create_default_context(cafile=ca) if ca else ssl._create_unverified_context()
        connection = http.client.HTTPSConnection(host, timeout=timeout, context=context)
    else:
        connection = http.client.HTTPConnection(host, timeout=timeout)
    data = body
    headers = dict(headers or {})
    if isinstance(body, (dict, list)):
        data = json.dumps(body).encode()
        headers.setdefault("Content-Type", "application/json")
    try:
        connection.request(method, "/" + path, body=data, headers=headers)
        response = connection.getresponse()
        answer = Answer(response.status, dict((k.lower(), v) for k, v in response.getheaders()), response.read())
    finally:
        connection.close()
    if follow and answer.status in (301, 302, 303) and "location" in answer.headers:
        location = answer.headers["location"]
        target = location if "://" in location else "%s://%s%s" % (scheme, host, location)
        return request(target, "GET", None, None, ca, timeout, follow)
    return answer


class Redis:
    """A real redis-server of this story, on a free port or none (unix socket only)."""

    def __init__(self, folder, args=()):
        self.folder, self.port = folder, free_port()
        os.makedirs(folder, exist_ok=True)
        self.extra = list(args)
        self.start()

    def start(self):
        self.process = Process(["redis-server", "--bind", "127.0.0.1", "--port", str(self.port), "--dir", self.folder, "--appendonly", "yes", "--appendfsync", "always",
                                "--save", "", "--loglevel", "warning"] + self.extra, os.path.join(self.folder, "redis.log"))
        wait_for("redis-server answers", lambda: self.command("PING") == b"+PONG\r\n")

    def command(self, *words):
        with socket.create_connection(("127.0.0.1", self.port), timeout=ANSWER_S) as s:
            s.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w.encode()) for w in words))
            return s.recv(65536)


class Gateway:
    """One postern process with its own state folder. `config` is the text of postern.yaml without addresses and state.
    `public_url` and `tls` (certificate file, key file) are for gateways that share one name behind a balancer. `listen`: further lines of that section."""

    def __init__(self, world, name, config="", policy=None, redis=None, env=None, public_port=None, public_url=None, tls=None, listen=""):
        self.world, self.name = world, name
        self.state = os.path.join(world.states, name)
        os.makedirs(self.state, exist_ok=True)
        self.public_port, self.internal_port, self.admin_port = public_port or free_port(), free_port(), free_port()
        own = ", tls: { certificate: \"file:%s\", key: \"file:%s\" }" % tls if tls else ""
        lines = ["public_url: %s" % (public_url or "https://localhost:%d" % self.public_port), "state: %s" % self.state,
                 "listen:", "  public: { address: \"127.0.0.1:%d\"%s }" % (self.public_port, own), "  internal: { address: \"127.0.0.1:%d\" }" % self.internal_port,
                 "  admin: { address: \"127.0.0.1:%d\" }" % self.admin_port, listen + "trusted_proxies: [127.0.0.1]"]
        if redis:
            lines.append("store: { redis: \"redis://127.0.0.1:%d/0\" }" % redis.port)
            lines.append("root_key: file:%s" % world.root_key())
        if policy:
            path = os.path.join(self.state, "policy.yaml")
            with open(path, "w") as f:
                f.write(policy)
            lines.append("policy: %s" % path)
        self.config_path = os.path.join(self.state, "postern.yaml")
        with open(self.config_path, "w") as f:
            f.write("\n".join(lines) + "\n" + config)
        self.env = env or {}
        self.log = os.path.join(self.state, "postern.log")
        self.ca = os.path.join(self.state, "self-signed.crt")
        self.process = None
        self.key = None

    def start(self, wait=True):
        self.process = Process([self.world.postern, "serve", "--config", self.config_path], self.log, env=self.env)
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self):
        def ready():
            if not self.process.alive():
                raise Failure("postern ended with %s:\n%s" % (self.process.child.returncode, self.process.text()[-3000:]))
            return self.get("/readyz", admin=True).status == 200
        wait_for("%s is ready" % self.name, ready)

    def stop(self):
        code = self.process.stop()
        text = self.process.text()
        expect("ERROR: AddressSanitizer" not in text and "runtime error:" not in text and "LeakSanitizer" not in text, "sanitizer report in %s:\n%s" % (self.log, text[-6000:]))
        expect(code == 0, "%s ended with %s:\n%s" % (self.name, code, text[-3000:]))

    def cli(self, *args, code=0, stdin=None):
        """Runs the command line over admin.sock; its output as text. code None: any."""
        done = subprocess.run([self.world.postern] + list(args), capture_output=True, text=True, input=stdin, timeout=2 * LIMIT_S, env=dict(os.environ, POSTERN_STATE=self.state))
        if code is not None:
            expect(done.returncode == code, "postern %s: exit %d, wanted %d\n%s%s" % (" ".join(args), done.returncode, code, done.stdout, done.stderr))
        return done.stdout if code == 0 or code is None else done.stdout + done.stderr

    def cli_json(self, *args):
        return json.loads(self.cli(*args, "--json"))

    def get(self, path, headers=None, internal=False, admin=False):
        return self.call("GET", path, None, headers, internal, admin)

    def call(self, method, path, body=None, headers=None, internal=False, admin=False, timeout=ANSWER_S):
        base = "http://127.0.0.1:%d" % self.internal_port if internal else "http://127.0.0.1:%d" % self.admin_port if admin else "https://localhost:%d" % self.public_port
        return request(base + path, method, body, headers, None if internal or admin else self.ca, timeout)

    def admin(self, method, path, body=None):
        """One request over admin.sock."""
        connection = http.client.HTTPConnection("localhost", timeout=ANSWER_S)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(ANSWER_S)
        connection.sock.connect(os.path.join(self.state, "admin.sock"))
        try:
            connection.request(method, path, None if body is None else json.dumps(body), {"Content-Type": "application/json"})
            response = connection.getresponse()
            return Answer(response.status, dict((k.lower(), v) for k, v in response.getheaders()), response.read())
        finally:
            connection.close()

    def api(self, method, path, body=None, headers=None):
        """The decision API with a key of all scopes (made once)."""
        if not self.key:
            self.key = self.cli_json("key", "create", "--label", "story", "--scope", "decide", "--scope", "posture", "--scope", "facts", "--scope", "events")["key"]
        return self.call(method, path, body, dict(headers or {}, Authorization="Bearer " + self.key), internal=True)

    def decide(self, person, app, **context):
        body = {"subject": {"type": "user", "id": person}, "action": {"name": "login"}, "resource": {"type": "app", "id": app}}
        if context:
            body["context"] = context
        answer = self.api("POST", "/access/v1/evaluation", body)
        expect(answer.status == 200, "evaluation answered %d: %s" % (answer.status, answer.text()))
        return answer.json()

    def events(self, type=None):
        """The whole log, from its start."""
        found, cursor = [], "from=start"
        while True:
            answer = self.api("GET", "/v1/events?limit=1000&" + cursor + ("&type=" + type if type else ""))
            expect(answer.status == 200, "/v1/events answered %d: %s" % (answer.status, answer.text()))
            page = answer.json()
            found += page["events"]
            if not page["more"]:
                return found
            cursor = "cursor=" + page["cursor"]


class Fleet:
    """Devices played by the test agent. devices: list of dicts as FLEET.json wants them, or None with `args` that make them.
    `interval`: seconds between their polls; None: as the gateway says. `port` and `ca` stand in for the gateway's own when a balancer is in front."""

    def __init__(self, world, gateway, devices, interval=2, args=(), port=None, ca=None):
        self.world = world
        self.folder = tempfile.mkdtemp(prefix="fleet-", dir=world.folder)
        which = list(args)
        if devices is not None:
            which += ["--fleet", os.path.join(self.folder, "fleet.json")]
            with open(which[-1], "w") as f:
                json.dump(devices, f)
        self.socket = os.path.join(self.folder, "control.sock")
        self.log = os.path.join(self.folder, "fleet.log")
        self.process = Process([world.agent, "fleet", "--server", "localhost:%d" % (port or gateway.public_port), "--ca", ca or gateway.ca,
                                "--control", self.socket] + (["--interval", str(interval)] if interval is not None else []) + which, self.log)
        wait_for("the fleet's control socket", lambda: os.path.exists(self.socket))

    def control(self, *args):
        done = subprocess.run([self.world.agent, "control", self.socket] + list(args), capture_output=True, text=True, timeout=LIMIT_S)
        expect(done.returncode == 0, "agent control %s: %s%s" % (" ".join(args), done.stdout, done.stderr))
        return done.stdout

    def stats(self):
        return json.loads(self.control("stats", "--json"))


MEMORY, ROOM_BYTES = "/dev/shm", 1 << 30  # a file system in memory, and what has to be free there for stories that run side by side


def has_room(folder):
    try:
        about = os.statvfs(folder)
        return os.access(folder, os.W_OK) and about.f_bavail * about.f_frsize >= ROOM_BYTES
    except OSError:
        return False


class World:
    """A scratch folder, the programs under test, and what is shared by the gateways of one story."""

    def __init__(self, build, long, seed=0, in_memory=False):
        """in_memory: what gateways and Redis keep lies there, where it can: each change is synced, and the disk of a machine that is busy with everything else takes longer for that
        than the second after which a store counts as hanging."""
        self.build, self.long, self.seed = os.path.abspath(build), long, seed
        self.random = random.Random(seed)
        self.postern = os.path.join(self.build, "postern")
        self.agent = os.path.join(self.build, "tests/support/agent/postern-agent")
        self.folder = tempfile.mkdtemp(prefix="postern-e2e-")
        self.states = tempfile.mkdtemp(prefix="postern-e2e-", dir=MEMORY) if in_memory and has_room(MEMORY) else self.folder
        for folder in {self.folder, self.states}:
            atexit.register(shutil.rmtree, folder, ignore_errors=True)
        atexit.register(self.end_embedded)

    def end_embedded(self):
        """An embedded redis-server outlives a gateway that was killed, by design: the next one adopts it. Here there is no next one."""
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                if os.readlink("/proc/%s/cwd" % pid).startswith((self.folder + "/", self.states + "/")):
                    with open("/proc/%s/comm" % pid) as f:
                        if f.read().strip() == "redis-server":
                            os.kill(int(pid), signal.SIGKILL)
            except OSError:
                continue

    def root_key(self):
        path = os.path.join(self.folder, "root.key")
        if not os.path.exists(path):
            with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as f:
                f.write(os.urandom(32))
        return path

    def gateway(self, name="gw", **kw):
        return Gateway(self, name, **kw)

    def redis(self, name="redis", args=()):
        return Redis(os.path.join(self.states, name), args)

    def process(self, args, name, env=None):
        return Process(args, os.path.join(self.folder, name + ".log"), env=env)


# A policy whose rungs lie seconds apart; every wait of production is off.
FAST_POLICY = """
policy: fast
sensitivities: [everyday, sensitive, critical]
apps:
  - { id: payroll, title: Payroll, sensitivity: sensitive, match: { host: [pay.example], oauth_client_id: [0oaPay] } }
  - { id: wiki, title: Wiki, sensitivity: everyday, match: { host: [wiki.example], oauth_client_id: [0oaWiki] } }
  - { id: chat, title: Chat, sensitivity: everyday, repair: true, match: { host: [chat.example], oauth_client_id: [0oaChat] } }
checks:
  - { use: library/firewall, severity: high, interval: 2s }
  - { use: library/disk-encryption, severity: high, interval: 2s }
ladders:
  - id: default
    applies_to: { severity: [minor, normal, high, urgent], groups: [everyone] }
    rungs:
      - { id: notice, after: 0s, nudge: true }
      - { id: warn, after: 1s, login: warn }
      - { id: sensitive, after: %(close)s, close: [sensitive, critical] }
    clock: { pauses: [absence, device_off, dispute, incident, store_outage] }
    notices_before_close: 1
    rise: off
visible_after: off
grace: off
breaker: off
nudges: { per_person: 1/1d, apart: 16h, hours: "00:00-24:00", days: [mon, tue, wed, thu, fri, sat, sun], channels: [slack] }
outage: { critical: deny, sensitive: { last_known_good: 1h }, everyday: allow }
unidentified_device: { everyday: warn, sensitive: deny, critical: deny }
person_verdict: worst
"""


def fast_policy(close="4s"):
    return FAST_POLICY % {"close": close}


ZONES = ("UTC", "Europe/Berlin")  # of the policies, and of the people in the stories
LONGEST_S = 240                   # a story, on a busy machine


def to_midnight_s():
    """How far the next midnight in one of the zones is."""
    now = datetime.datetime.now(datetime.timezone.utc)
    here = [now.astimezone(zoneinfo.ZoneInfo(zone)) for zone in ZONES]
    return min(86400 - (at.hour * 3600 + at.minute * 60 + at.second) for at in here)


def wait_for_a_day_that_holds_a_story():
    """Much is counted by the days of people (one message a day, a warning that was read today), so no story begins shortly before a midnight of theirs. The days themselves are
    told under clocks of the tests' own (tests/scenarios, tests/simulation)."""
    while to_midnight_s() < LONGEST_S:
        time.sleep(1)


TOLD_CHARACTERS, LOG_LINES, LINE_CHARACTERS, LOGS_MOST = 5000, 25, 300, 8


def last_lines(world):
    """The ends of the story's logs, those that were written to last first: what went wrong is mostly there."""
    paths = [os.path.join(base, file) for folder in {world.folder, world.states} for base, _, files in os.walk(folder) for file in files if file.endswith(".log")]
    paths = sorted((p for p in paths if os.path.getsize(p) > 0), key=os.path.getmtime, reverse=True)
    for path in paths[:LOGS_MOST]:
        with open(path, errors="replace") as f:
            lines = collections.deque((line.rstrip("\n")[:LINE_CHARACTERS] for line in f if not is_noise(line)), LOG_LINES)
        yield "---- %s\n%s" % (os.sep.join(path.split(os.sep)[-2:]), "\n".join(lines))


def is_noise(line):
    """A request that was answered well says nothing of what went wrong, and whether a node is ready is asked all the time."""
    return " event=request.done " in line and (" status=200 " in line or " route=readyz " in line)


def main(stories):
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default=os.path.join(ROOT, "build/dev"))
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32), help="of what a story chooses at random; a story that does prints it")
    parser.add_argument("only", nargs="*")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, end_story)
    passed = failed = 0
    for name, story in sorted(stories.items()):
        if not name.startswith("story_") or (args.only and name[6:] not in args.only):
            continue
        world = World(args.build, args.long, args.seed, in_memory=not args.long)
        wait_for_a_day_that_holds_a_story()
        try:
            story(world)
            passed += 1
            print("ok    %s" % name[6:].replace("_", " "), flush=True)
        except Exception as error:
            failed += 1
            told = str(error)[:TOLD_CHARACTERS] if isinstance(error, Failure) else traceback.format_exc()[-TOLD_CHARACTERS:]
            print("FAIL  %s\n      %s" % (name[6:].replace("_", " "), told), flush=True)
            for text in last_lines(world):
                print(text, flush=True)
            if isinstance(error, Ended):
                break
    print("%d passed, %d failed" % (passed, failed))
    sys.exit(1 if failed or not passed else 0)
