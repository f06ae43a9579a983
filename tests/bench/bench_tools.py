"""What the bench's rows share: building, the machine, CPU time from /proc, one load at a time, pairs in turn, the table."""
import json
import os
import platform
import statistics
import subprocess

from harness import Failure

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
TOOLS = os.path.join(ROOT, "build/bench")
LEAST_PAIRS = 5


def say(text):
    print(text, flush=True)


def run_or_fail(args, **kw):
    done = subprocess.run(args, capture_output=True, text=True, **kw)
    if done.returncode != 0:
        raise Failure("%s:\n%s%s" % (" ".join(args), done.stdout[-3000:], done.stderr[-3000:]))
    return done.stdout


def build(release):
    """The release build, the yardsticks, the load generator and the test agent, all optimised. Returns the release's folder."""
    os.makedirs(TOOLS, exist_ok=True)
    for name, libraries in (("yardstick", ["-lmicrohttpd"]), ("yardstick_tls", ["-lgnutls"]), ("load", ["-lssl", "-lcrypto"])):
        run_or_fail(["cc", "-O2", "-D_GNU_SOURCE", "-Wall", "-Wextra", os.path.join(ROOT, "tests/bench", name + ".c"), "-o", os.path.join(TOOLS, name)] + libraries + ["-lpthread"])
    agent = os.path.join(TOOLS, "agent")
    run_or_fail(["cmake", "-S", os.path.join(ROOT, "tests/support/agent"), "-B", agent, "-G", "Ninja"])
    run_or_fail(["cmake", "--build", agent])
    if release:
        return os.path.abspath(release)
    say("building release")
    run_or_fail(["cmake", "--preset", "release"], cwd=ROOT)
    run_or_fail(["cmake", "--build", "--preset", "release", "-j", str(os.cpu_count())], cwd=ROOT)
    return os.path.join(ROOT, "build/release")


def build_programs(names):
    """Programs of the tests, optimised; their paths by name."""
    folder = os.path.join(TOOLS, "growth-build")
    run_or_fail(["cmake", "--preset", "release", "-B", folder, "-DPOSTERN_TESTS=ON"], cwd=ROOT)
    run_or_fail(["cmake", "--build", folder, "--target"] + list(names) + ["-j", str(os.cpu_count())], cwd=ROOT)
    return {name: os.path.join(folder, "tests", name) for name in names}


class Machine:
    """The load runs on the first core, what is measured on the last: neither waits for the other."""

    def __init__(self):
        cores = sorted(os.sched_getaffinity(0))
        self.load_core, self.server_core, self.cores = cores[0], cores[-1], len(cores)
        self.model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
        self.memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30

    def text(self):
        commit = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], capture_output=True, text=True).stdout.strip()
        load = os.getloadavg()[0]
        busy = ", OTHER WORK IS RUNNING (load %.1f): latencies are worth little" % load if load > 1 else ""
        return "%s, %d cores, %.0f GiB, Linux %s; commit %s; loopback; one worker on core %d, load on core %d%s" % (
            self.model, self.cores, self.memory_gib, platform.release(), commit or "?", self.server_core, self.load_core, busy)

    def pin(self, pid):
        for task in os.listdir("/proc/%d/task" % pid):
            os.sched_setaffinity(int(task), {self.server_core})


def children(pid):
    found = []
    for task in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/children" % (pid, task)) as f:
            for child in f.read().split():
                found += [int(child)] + children(int(child))
    return found


def cpu_ns(pids):
    """User and system time of all threads, in nanoseconds (the first word of schedstat is the time on a CPU)."""
    total = 0
    for pid in pids:
        for task in os.listdir("/proc/%d/task" % pid):
            try:
                with open("/proc/%d/task/%s/schedstat" % (pid, task)) as f:
                    total += int(f.read().split()[0])
            except OSError:
                pass  # a thread that ended meanwhile
    return total


class Target:
    """Something that answers: its port, the processes that it takes, and the bytes that ask it. `items`: how many questions are in one request."""

    def __init__(self, machine, name, port, pids, request, items=1):
        self.machine, self.name, self.port, self.items, self.last = machine, name, port, items, None
        self.pids = [p for pid in pids for p in [pid] + children(pid)]
        self.path = os.path.join(TOOLS, "request-%s-%d" % (name.replace(" ", "-").replace("/", "-"), port))
        with open(self.path, "wb") as f:
            f.write(request)
        for pid in self.pids:
            machine.pin(pid)

    def load(self, seconds, *options):
        out = run_or_fail(["taskset", "-c", str(self.machine.load_core), os.path.join(TOOLS, "load"), "--seconds", "%.2f" % seconds] + list(options) + [str(self.port), self.path])
        answer = json.loads(out)
        if answer["errors"] > 0 or answer["requests"] == 0:
            raise Failure("%s: %d errors in %d requests" % (self.name, answer["errors"], answer["requests"]))
        return answer

    def cost(self, seconds, *options):
        """CPU microseconds a request at full load."""
        before = cpu_ns(self.pids)
        self.last = self.load(seconds, *options)
        return (cpu_ns(self.pids) - before) / self.last["requests"] / 1000


class Row:
    def __init__(self, name, unit, promise, most):
        self.name, self.unit, self.promise, self.most = name, unit, promise, most
        self.ours = self.theirs = self.value = None
        self.values, self.note, self.latency, self.per_second, self.yardstick = [], "", None, None, ""

    def holds(self):
        return None if self.promise is None else self.value <= self.promise if self.most else self.value >= self.promise

    def times_promise(self):
        """How many times worse than promised."""
        return 0 if self.promise is None or not self.value else self.value / self.promise if self.most else self.promise / self.value

    def promise_text(self):
        return "" if self.promise is None else "%s %g%s" % ("<=" if self.most else ">=", self.promise, self.unit)


class Table:
    def __init__(self, machine, pairs):
        self.machine, self.pairs, self.rows, self.broken = machine, pairs, [], []

    def add(self, row):
        self.rows.append(row)
        say("  %s" % self.line(row))

    def pair(self, name, ours, theirs, seconds, promise, most=True, options=(), swap=False, latency=True, calls=None):
        """A B A B ..., warmed. The value is the median of the pairs' ratios. swap: theirs over ours."""
        if self.pairs < LEAST_PAIRS:
            raise Failure("a ratio from fewer than %d pairs says nothing" % LEAST_PAIRS)
        row = Row(name, "x", promise, most)
        cost = calls or (lambda target: target.cost(seconds, *options) / target.items)
        for target in (theirs, ours):
            cost(target)
        pairs = []
        for _ in range(self.pairs):
            b = cost(theirs)
            pairs.append((cost(ours), b))
        row.values = [b / a if swap else a / b for a, b in pairs]
        row.value, row.ours, row.theirs = statistics.median(row.values), statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs)
        row.yardstick, row.per_second = theirs.name, ours.last["requests"] / ours.last["seconds"]
        if latency:
            row.latency = ours.load(max(seconds, 1.5), "--rate", "%.0f" % (row.per_second / 2), *options)
        self.add(row)
        return row

    def figure(self, name, value, unit, promise, most=True, note=""):
        row = Row(name, unit, promise, most)
        row.value, row.note = value, note
        self.add(row)
        return row

    def line(self, row):
        mark = {None: "", True: "holds", False: "DOES NOT HOLD"}[row.holds()]
        if row.theirs is None:
            return "%-46s %10.4g%s %-12s %-14s %s" % (row.name, row.value, row.unit, row.promise_text(), mark, row.note)
        late = "p50 %d p99 %d p99.9 %d us at half load" % (row.latency["p50_us"], row.latency["p99_us"], row.latency["p999_us"]) if row.latency else ""
        return "%-46s %5.2fx [%.2f..%.2f] %-8s %-14s %7.2f us, %s %.2f us; %.0f/s; %s" % (
            row.name, row.value, min(row.values), max(row.values), row.promise_text(), mark, row.ours, row.yardstick, row.theirs, row.per_second, late)

    def text(self):
        lines = ["| | CPU a request | yardstick | ratio, median of %d pairs [spread] | promise | requests/s | p50 / p99 / p99.9 at half load |" % self.pairs, "| --- | ---: | --- | --- | --- | ---: | --- |"]
        for row in self.rows:
            mark = {None: "", True: "", False: " **not met**"}[row.holds()]
            if row.theirs is None:
                lines.append("| %s | %.4g%s | | %s | %s%s | | |" % (row.name, row.value, row.unit, row.note, row.promise_text(), mark))
                continue
            late = "%d / %d / %d us" % (row.latency["p50_us"], row.latency["p99_us"], row.latency["p999_us"]) if row.latency else ""
            lines.append("| %s | %.2f us | %s: %.2f us | %.2f [%.2f..%.2f] | %s%s | %.0f | %s |" % (
                row.name, row.ours, row.yardstick, row.theirs, row.value, min(row.values), max(row.values), row.promise_text(), mark, row.per_second, late))
        return "\n".join(lines)

    def as_json(self):
        return {"machine": self.machine.text(), "pairs": self.pairs, "rows": [
            {"name": r.name, "value": r.value, "unit": r.unit, "promise": r.promise, "at_most": r.most, "holds": r.holds(), "values": r.values, "cpu_us": r.ours, "yardstick": r.yardstick,
             "yardstick_cpu_us": r.theirs, "per_second": r.per_second, "half_load": r.latency, "note": r.note} for r in self.rows]}
