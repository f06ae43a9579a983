"""A whole company starts its laptops at once: every device enrols, fetches its configuration, answers its questions; nothing is lost, nobody is
there twice, and doors are answered meanwhile. 2,000 devices; with --long 100,000.
"""
import collections
import http.client
import os
import threading
import time

import harness
from harness import Fleet, expect, fast_policy, wait_for

LIMIT_S = 1700


class Decisions:
    """Asks one door again and again until stopped."""

    def __init__(self, gateway):
        self.gateway, self.ended, self.answers, self.broken, self.took = gateway, threading.Event(), collections.Counter(), [], []
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        body = {"subject": {"type": "user", "id": "ana@acme.example"}, "action": {"name": "login"}, "resource": {"type": "app", "id": "wiki"}}
        while not self.ended.wait(0.02):
            begun = time.monotonic()
            try:
                self.answers[self.gateway.api("POST", "/access/v1/evaluation", body).status] += 1
            except (OSError, http.client.HTTPException) as error:
                self.broken.append(repr(error))
            self.took.append(time.monotonic() - begun)

    def slowest_ms(self, of_hundred):
        """So many of a hundred were answered within; a connection of its own each, and the story's own waiting for a core included."""
        return 1000 * sorted(self.took)[(len(self.took) - 1) * of_hundred // 100]

    def stop(self):
        self.ended.set()
        self.thread.join(60)


def all_devices(gateway):
    """Every listed device, page by page."""
    found, after = [], None
    while True:
        page = gateway.admin("GET", "/admin/v1/devices?limit=1000" + ("&after=" + after if after else "")).json()
        found += page["devices"]
        after = page.get("after")
        if not after or not page["devices"]:
            return found, page["total"]


def storm(world, count):
    gateway = world.gateway(policy=fast_policy()).start()
    gateway.cli("person", "import", "-", stdin='[{"email": "ana@acme.example"}]')
    secret = os.path.join(world.folder, "secret")
    with open(secret, "w") as f:
        f.write(gateway.cli_json("enroll-secret", "create", "--label", "storm")["secret"])
    gateway.decide("ana@acme.example", "wiki")
    decisions = Decisions(gateway)
    # Sources of their own: an address may enrol 1,200 devices a minute, and a company is more than one address. They poll as they are told: every 15 s, less often when it is too much.
    fleet = Fleet(world, gateway, None, interval=None, args=["--config-refresh", "120", "--count", str(count), "--seed", "3", "--enroll-secret-file", secret, "--spread", "100", "--start-period", "0"])
    wait_for("every device has answered", lambda: fleet.stats()["answered"] >= count, limit_s=LIMIT_S, pause_s=1)
    decisions.stop()
    stats = fleet.stats()
    print("      %d devices, %d requests at most at once, %.0f s, %s decisions meanwhile, half within %.1f ms, 99 of 100 within %.1f ms; polls %s" % (
        count, stats["in_flight_most"], stats["running_s"], dict(decisions.answers), decisions.slowest_ms(50), decisions.slowest_ms(99),
        "stretched" if "agents.poll_stretched" in gateway.process.text() else "as usual"), flush=True)
    if world.long:
        expect("agents.poll_stretched" in gateway.process.text(), "agents were told to come less often")
    expect(stats["would_lose_data"] == 0, "an agent would have lost data: %s" % stats)
    expect(stats["enrolled"] == count, "all are enrolled: %s" % stats["enrolled"])
    expect(set(decisions.answers) == {200} and not decisions.broken, "every decision was answered 200: %s %s" % (dict(decisions.answers), decisions.broken[:3]))
    devices, total = all_devices(gateway)
    expect(total == count and len(devices) == count, "each device is there: %d of %d" % (total, count))
    for key in ("device", "serial"):
        expect(len({d[key] for d in devices}) == count, "each %s is there once" % key)
    judged = sum(any(r["result"] in ("pass", "fail") for r in d["results"]) for d in devices)
    expect(judged == count, "each device was judged: %d of %d" % (judged, count))
    failing = sum(d["verdict"] == "fail" for d in devices)
    expect(0 < failing < count, "some pass and some fail: %d fail" % failing)
    enrolled = collections.Counter(e["device"] for e in gateway.events("device.enrolled"))
    expect(len(enrolled) == count and max(enrolled.values()) == 1, "each enrolled once in the log: %d, most %s" % (len(enrolled), enrolled.most_common(1)))
    fleet.process.stop()
    gateway.stop()


def story_a_storm_of_devices_over_tls(world):
    storm(world, 100_000 if world.long else 2_000)


if __name__ == "__main__":
    harness.main(globals())
