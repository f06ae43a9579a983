"""A node that starts answers about a named device before it knows all of them: it reads what it needs from Redis."""
import json
import socket
import threading

import harness
from harness import Fleet, expect, fast_policy, wait_for
from test_loop import posture


class Relay:
    """Between a gateway and its Redis. Whoever lists keys waits there until it is opened, everything else passes."""

    def __init__(self, port):
        self.redis_port, self.asked, self.opened = port, threading.Event(), threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self.redis_port))
            threading.Thread(target=self.pass_on, args=(near, far, True), daemon=True).start()
            threading.Thread(target=self.pass_on, args=(far, near, False), daemon=True).start()

    def pass_on(self, source, to, commands):
        try:
            while data := source.recv(65536):
                if commands and b"\r\nSCAN\r\n" in data:
                    self.asked.set()
                    self.opened.wait()
                to.sendall(data)
            to.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # one side is gone, which the other one notices

    def close(self):
        self.listener.close()


def answers(gateway):
    try:
        return gateway.get("/readyz", admin=True).status == 503
    except OSError:
        return False


def by_serial(gateway, serial):
    return gateway.api("GET", "/v1/posture?serial=" + serial)


def story_a_named_device_is_known_before_all_are(world):
    redis = world.redis()
    first = world.gateway("first", policy=fast_policy(), redis=redis).start()
    first.cli("person", "import", "-", stdin=json.dumps([{"email": "ana@acme.example"}]))
    secret = first.cli_json("enroll-secret", "create", "--person", "ana@acme.example")["secret"]
    fleet = Fleet(world, first, [{"name": "dover", "platform": "linux", "serial": "SER1", "uuid": "3b1c0000-0000-4000-8000-00000000d0e2", "hostname": "dover", "enroll_secret": secret,
                                  "defects": []}])
    wait_for("a healthy report", lambda: posture(first, "SER1").get("verdict") == "pass")
    fleet.process.stop()
    relay = Relay(redis.port)
    late = world.gateway("late", redis=relay)
    late.key = first.key
    late.start(wait=False)
    wait_for("it begins to load", relay.asked.is_set)
    wait_for("it says that it is not ready", lambda: answers(late))
    expect(late.decide("ana@acme.example", "payroll", device={"serial": "SER1"})["decision"] is True, "a person on a named device is let in")
    known = by_serial(late, "SER1")
    expect(known.status == 200 and known.json()["verdict"] == "pass", "its posture is read from the store: %d %s" % (known.status, known.text()))
    expect(by_serial(late, "SER9").status == 503, "of one that is not found only a whole directory can say that there is none")
    whole = late.api("GET", "/v1/posture?person=ana@acme.example")
    expect(whole.status == 503 and "retry-after" in whole.headers, "what takes the whole directory has to wait: %d %s" % (whole.status, whole.text()))
    expect(answers(late), "and it still loads")
    relay.opened.set()
    late.wait_ready()
    expect(late.api("GET", "/v1/posture?person=ana@acme.example").status == 200, "then that is answered, too")
    expect(late.decide("ana@acme.example", "payroll", device={"serial": "SER1"})["decision"] is True, "and the decision is the same")
    late.stop()
    relay.close()
    first.stop()


if __name__ == "__main__":
    harness.main(globals())
