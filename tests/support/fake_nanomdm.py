#!/usr/bin/env python3
"""A strict NanoMDM on loopback, for stories that own the time of everything (test_mdm_fallback); test_mdm.py runs the real one.

usage: fake_nanomdm.py [--port N] [--api KEY] [--hmac SECRET] [--webhook URL]
Prints "listening PORT" when it is ready. /mdm for devices; /version, /v1/enqueue/, /v1/push/ for its API. Without --webhook, what it would send waits under
/control/hooks ([{"body", "signature"}], taken by reading). /control/enrol, /control/connect, /control/leave move a Mac (apple_device.py) that it brings along;
{"serial": "C02X", "encrypted": false} at enrol. Sources: micromdm/nanomdm docs/operations-guide.md, docs/openapi.yaml.
"""
import argparse
import base64
import datetime
import hashlib
import hmac
import json
import plistlib
import re
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import apple_device

TOPICS = {"Authenticate": "mdm.Authenticate", "TokenUpdate": "mdm.TokenUpdate", "CheckOut": "mdm.CheckOut"}
UDID = "00008112-000A1B2C3D4E5F60"


class State:
    api, hmac, webhook = "nano-key", "0123456789abcdef", ""
    queues, enrolled, hooks, calls, mac, count, lock, at = {}, set(), [], [], None, 0, threading.Lock(), None


def tell(topic, member, udid, raw, more):
    State.count += 1
    at = State.at or datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    body = json.dumps({"topic": topic, "event_id": "ev-%d" % State.count, "created_at": at,
                       member: dict({"udid": udid, "ids": {"id": udid, "type": "Device"}, "raw_payload": base64.b64encode(raw).decode()}, **more)}).encode()
    signature = base64.b64encode(hmac.new(State.hmac.encode(), body, hashlib.sha256).digest()).decode()
    if not State.webhook:
        State.hooks.append({"body": body.decode(), "signature": signature})
        return
    request = urllib.request.Request(State.webhook, body, {"Content-Type": "application/json", "X-Hmac-Signature": signature})
    try:
        urllib.request.urlopen(request, timeout=60).read()
    except OSError:
        pass  # it logs, and does not send again


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body, kind="application/json"):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do(self, method):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path, _, query = self.path.partition("?")
        if path.startswith("/control/"):
            return self.control(path, body)
        if path == "/version":
            return self.answer(200, {"version": "fake"})
        if path == "/mdm" and method == "PUT":
            return self.device(body)
        if self.headers.get("Authorization") != "Basic " + base64.b64encode(("nanomdm:" + State.api).encode()).decode():
            return self.answer(401, b"Unauthorized\n", "text/plain")
        State.calls.append({"method": method, "path": path})
        found = re.fullmatch(r"/v1/(enqueue|push)/([^/]+)", path)
        if found is None:
            return self.answer(404, b"404 page not found\n", "text/plain")
        if found.group(1) == "push" and method == "GET":
            return self.answer(500, {"status": {found.group(2): {"push_error": "no push certificate"}}, "push_error": "no push certificate"})
        if found.group(1) == "enqueue" and method == "PUT":
            return self.enqueue(found.group(2), query, body)
        return self.answer(405, b"Method Not Allowed\n", "text/plain")

    def enqueue(self, udid, query, body):
        try:
            command = plistlib.loads(body)
            uuid, kind = command["CommandUUID"], command["Command"]["RequestType"]
        except Exception:
            return self.answer(400, {"command_error": "invalid command"})
        with State.lock:
            queue = State.queues.setdefault(udid, [])
            if uuid not in [c["CommandUUID"] for c in queue]:
                queue.append(command)
        done = {"command_uuid": uuid, "request_type": kind}
        if query == "nopush=1":
            return self.answer(200, dict(done, no_push=True))
        return self.answer(500, dict(done, push_error="no push certificate"))

    def device(self, raw):
        body = plistlib.loads(raw)
        udid = body["UDID"]
        if "MessageType" in body:
            tell(TOPICS[body["MessageType"]], "checkin_event", udid, raw, {})
            if body["MessageType"] == "TokenUpdate":
                State.enrolled.add(udid)
            if body["MessageType"] == "CheckOut":
                State.enrolled.discard(udid)
            return self.answer(200, b"", "text/plain")
        if udid not in State.enrolled:
            return self.answer(500, b"", "text/plain")
        with State.lock:
            queue = State.queues.setdefault(udid, [])
            if body.get("CommandUUID"):
                queue[:] = [c for c in queue if c["CommandUUID"] != body["CommandUUID"]]
            following = queue[0] if queue else None
        tell("mdm.Connect", "acknowledge_event", udid, raw, {"status": body["Status"], "command_uuid": body.get("CommandUUID", "")})
        return self.answer(200, plistlib.dumps(following) if following else b"", "application/xml")

    def control(self, path, body):
        given = json.loads(body) if body else {}
        State.at = given.get("at", State.at) if isinstance(given, dict) else State.at
        if path == "/control/hooks":
            waiting, State.hooks = State.hooks, []
            return self.answer(200, waiting)
        if path == "/control/enrol":
            State.mac = apple_device.Mac("http://127.0.0.1:%d" % self.server.server_address[1], UDID, given["serial"], encrypted=given.get("encrypted", True))
            State.mac.enrol()
        elif path == "/control/connect":
            State.mac.connect()
        elif path == "/control/leave":
            State.mac.leave()
        elif path == "/control/hosts":
            return self.answer(200, [{"profiles": [p["PayloadIdentifier"] for p in State.mac.profiles], "seen": State.mac.seen}])
        elif path == "/control/calls":
            return self.answer(200, State.calls)
        return self.answer(200, {})

    def do_GET(self):
        self.do("GET")

    def do_POST(self):
        self.do("POST")

    def do_PUT(self):
        self.do("PUT")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--api", default=State.api)
    parser.add_argument("--hmac", default=State.hmac)
    parser.add_argument("--webhook", default="")
    options = parser.parse_args()
    State.api, State.hmac, State.webhook = options.api, options.hmac, options.webhook
    server = ThreadingHTTPServer(("127.0.0.1", options.port), Handler)
    server.daemon_threads = True
    print("listening %d" % server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
