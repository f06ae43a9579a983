#!/usr/bin/env python3
"""A receiver of postern's webhooks on loopback, for tests: checks signatures as docs/webhooks.md tells receivers to, injects faults, records.

usage: fake_webhook.py --secret TEXT [--secret TEXT] [--port N] [--tolerance SECONDS]
Prints "listening PORT". Any path but /control/ receives.

  POST /control/faults   [{"kind": "503", "retry_after": 1, "times": 2}]
       kinds: a status (400, 410, 429, 500, 503), stall (seconds), reset, big (an endless answer), redirect
  POST /control/secrets  ["..."]         the secrets that are accepted from now on
  POST /control/reset
  GET  /control/events   [{"id", "type", "body", "signature", "copies", "path"}]   once each, in the order of their first arrival
  GET  /control/refused  [why]           requests whose signature or form was wrong
  any  /echo             says in the fields X-Echo, several of them, with which method, type and length it was called
  GET  /control/faulted  [id]            the Postern-Event of each request that met a fault
"""
import argparse
import hashlib
import hmac
import json
import socket
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BODY_MOST = 1024 * 1024


def verify(secrets, header, body, now, tolerance):
    """None, or what is wrong. Any of the signatures may match any of our secrets: that is how secrets roll."""
    stamp, signatures = None, []
    for part in header.split(","):
        key, _, value = part.partition("=")
        if key == "t":
            stamp = value
        elif key == "v1":
            signatures.append(value)
    if stamp is None or not stamp.isdigit() or not signatures:
        return "malformed signature header"
    if tolerance and abs(now - int(stamp)) > tolerance:
        return "stale signature"
    for secret in secrets:
        good = hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        if any(hmac.compare_digest(good, given) for given in signatures):
            return None
    return "wrong signature"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def say(self, status, body=b"", fields=()):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, text in fields:
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(body)

    def hang_up(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def fail(self, fault):
        kind = str(fault["kind"])
        if kind == "stall":
            time.sleep(fault.get("seconds", 30))
            self.hang_up()
        elif kind == "reset":
            self.hang_up()
        elif kind == "big":
            self.say(200, b"x" * (1024 * 1024))
        elif kind == "redirect":
            self.say(302, b"", [("Location", "http://127.0.0.1:1/")])
        else:
            self.say(int(kind), b"", [("Retry-After", str(fault["retry_after"]))] if "retry_after" in fault else [])

    def receive(self, body):
        state = self.server.state
        wrong = verify(state["secrets"], self.headers.get("Postern-Signature") or "", body, time.time(), state["tolerance"])
        try:
            event = json.loads(body)
        except ValueError:
            event = {}
            wrong = wrong or "not JSON"
        wrong = wrong or (None if event.get("id") == self.headers.get("Postern-Event") else "Postern-Event differs from the body's id")
        if wrong:
            state["refused"].append(wrong)
            self.say(401)
            return
        known = state["events"].get(event["id"])
        if known:
            known["copies"] += 1
        else:
            state["events"][event["id"]] = {"id": event["id"], "type": event.get("type"), "body": event, "copies": 1, "path": self.path,
                                            "signature": self.headers.get("Postern-Signature")}
        self.say(204)

    def echo(self, body):
        if self.headers.get("Expect-Interim"):
            self.send_response_only(103)
            self.send_header("X-Echo", "interim")
            self.end_headers()
        self.say(200, body, [("X-Echo", self.command), ("x-echo", str(self.headers.get("Content-Type"))), ("X-Echo", str(self.headers.get("Content-Length")))])

    def control(self, name, body):
        state = self.server.state
        if name == "events":
            self.say(200, json.dumps(list(state["events"].values())).encode())
            return
        if name in ("refused", "faulted"):
            self.say(200, json.dumps(state[name]).encode())
            return
        if name in ("faults", "secrets"):
            state[name] = json.loads(body)
        elif name == "reset":
            state.update(events={}, refused=[], faults=[], faulted=[])
        self.say(200)

    def route(self):
        state = self.server.state
        body = self.rfile.read(min(int(self.headers.get("Content-Length") or 0), BODY_MOST))
        try:
            if self.path.startswith("/control/"):
                with state["lock"]:
                    self.control(self.path[9:], body)
                return
            if self.path == "/echo":
                self.echo(body)
                return
            with state["lock"]:
                fault = next((f for f in state["faults"] if f.get("times", 1) > 0), None)
                if fault is not None:
                    fault["times"] = fault.get("times", 1) - 1
                    state["faulted"].append(self.headers.get("Postern-Event"))
            if fault is not None:
                self.fail(fault)
                return
            with state["lock"]:
                self.receive(body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = route


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # a peer that hangs up is part of the story


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--secret", action="append", required=True)
    parser.add_argument("--tolerance", type=int, default=300, help="seconds; 0: any time (stories under a fake clock)")
    options = parser.parse_args()
    server = Server(("127.0.0.1", options.port), Handler)
    server.state = {"lock": threading.Lock(), "secrets": options.secret, "tolerance": options.tolerance, "events": {}, "refused": [], "faults": [], "faulted": []}
    print("listening %d" % server.server_address[1], flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
