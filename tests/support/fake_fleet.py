#!/usr/bin/env python3
"""A strict Fleet REST API on loopback, for tests. Refuses what Fleet refuses, injects faults, records every call.

usage: fake_fleet.py [--port N] [--token TOKEN]
Prints "listening PORT" when it is ready. The API lies under /api/v1/fleet/; what tests steer it with under /control/:

  POST /control/hosts    [{"id": 7, "hardware_serial": "C02X", ...}]   replaces the hosts; what is left out has a value of its own
  POST /control/faults   [{"path": "/hosts", "kind": "429", "retry_after": 2, "times": 1}]   replaces the faults
       kinds: 429, 429_bare, 500, 500_after, 401, 403, garbage, half, wrong_count, stall
  GET  /control/hosts, /control/calls
Shapes: Fleet's REST API reference (hosts: list, count, get, transfer, refetch, turn MDM off).
"""
import argparse
import json
import re
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HOST = {"id": 1, "uuid": "", "hardware_serial": "", "computer_name": "dover", "hostname": "dover.local", "hardware_model": "Mac14,2", "platform": "darwin",
        "os_version": "macOS 15.5", "team_id": None, "disk_encryption_enabled": True, "detail_updated_at": "2026-11-30T11:00:00Z", "seen_time": "2026-11-30T11:30:00Z",
        "mdm": {"enrollment_status": "On (manual)", "server_url": "https://fleet.example/mdm", "name": "Fleet", "connected_to_fleet": True},
        "device_mapping": [{"email": "ana@acme.example", "source": "identity_provider"}]}
LIST = {"page", "per_page", "order_key", "order_direction", "device_mapping"}


class State:
    hosts, faults, calls, teams, token = [], [], [], {1, 2}, "fleet-token"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    prefix = "/api/v1/fleet"

    def log_message(self, *_):
        pass

    def answer(self, status, body, headers=()):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def fault(self, path, before):
        for f in State.faults:
            after = f["kind"] in ("500_after", "half", "wrong_count")
            if f.get("times", 1) < 1 or not re.fullmatch(f["path"], path) or after == before:
                continue
            f["times"] = f.get("times", 1) - 1
            return f
        return None

    def do(self, method):
        url = urllib.parse.urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if url.path.startswith("/control/"):
            return self.control(method, url.path, body)
        path = url.path.removeprefix(self.prefix)
        State.calls.append({"method": method, "path": path, "query": url.query, "body": body.decode()})
        fault = self.fault(path, True)
        if fault is not None and self.break_before(fault):
            return None
        if self.headers.get("Authorization") != "Bearer " + State.token:
            return self.answer(401, {"message": "Authentication required", "errors": []})
        status, answer = self.api(method, path, dict(urllib.parse.parse_qsl(url.query)), body)
        fault = self.fault(path, False)
        if fault is not None and status < 300:
            return self.break_after(fault, answer)
        return self.answer(status, answer)

    def break_before(self, fault):
        kind = fault["kind"]
        if kind == "429":
            self.answer(429, {"message": "limited"}, [("Retry-After", str(fault.get("retry_after", 2)))])
        elif kind == "garbage":
            self.answer(200, b"<html>maintenance</html>")
        elif kind == "stall":
            time.sleep(30)
            self.close_connection = True
        else:
            self.answer({"429_bare": 429}.get(kind) or int(kind), {"message": "no"})
        return True

    def break_after(self, fault, answer):
        if fault["kind"] == "half":
            member = next((m for m in ("hosts", "data") if m in answer), None) if isinstance(answer, dict) else None
            answer = dict(answer, **{member: answer[member][:len(answer[member]) // 2]}) if member else answer[:len(answer) // 2]
        if fault["kind"] == "500_after":
            return self.answer(500, {"message": "it broke after it was done"})
        if fault["kind"] == "wrong_count":
            answer = {"count": answer["count"] + 1}
        return self.answer(200, answer)

    def control(self, method, path, body):
        if method == "POST" and path == "/control/hosts":
            State.hosts = sorted((dict(HOST, **h) for h in json.loads(body)), key=lambda h: h["id"])
        elif method == "POST" and path == "/control/faults":
            State.faults = json.loads(body)
        elif method == "POST" and path == "/control/calls":
            State.calls = []
        elif path == "/control/hosts":
            return self.answer(200, State.hosts)
        elif path == "/control/calls":
            return self.answer(200, State.calls)
        return self.answer(200, {})

    def find(self, text):
        return next((h for h in State.hosts if str(h["id"]) == text), None)

    def api(self, method, path, query, body):
        if method == "GET" and path == "/hosts/count":
            return 200, {"count": len(State.hosts)}
        if method == "GET" and path == "/hosts":
            if set(query) - LIST or query.get("order_key") != "id" or not 1 <= int(query["per_page"]) <= 500:
                return 400, {"message": "Bad request"}
            page, size = int(query["page"]), int(query["per_page"])
            return 200, {"hosts": [dict(h, policies=[]) for h in State.hosts[page * size:(page + 1) * size]]}
        if method == "POST" and path == "/hosts/transfer":
            return self.transfer(body)
        found = re.fullmatch(r"/hosts/(\d+)(/refetch|/mdm)?", path)
        host = self.find(found.group(1)) if found else None
        if host is None:
            return 404, {"message": "Resource Not Found", "errors": []}
        if method == "GET" and not found.group(2):
            return 200, {"host": host}
        if method == "POST" and found.group(2) == "/refetch":
            return 200, {}
        if method == "DELETE" and found.group(2) == "/mdm":
            host["mdm"] = {"enrollment_status": "Off", "server_url": None, "name": ""}
            return 204, b""
        return 405, {"message": "Method not allowed"}

    def transfer(self, body):
        try:
            asked = json.loads(body)
        except ValueError:
            return 400, {"message": "Bad request"}
        if set(asked) != {"team_id", "hosts"} or (asked["team_id"] is not None and asked["team_id"] not in State.teams):
            return 404, {"message": "Team not found"}
        for number in asked["hosts"]:
            host = self.find(str(number))
            if host is not None:
                host["team_id"] = asked["team_id"]
        return 200, {}

    def do_GET(self):
        self.do("GET")

    def do_POST(self):
        self.do("POST")

    def do_DELETE(self):
        self.do("DELETE")

    def do_PATCH(self):
        self.do("PATCH")

    def do_PUT(self):
        self.do("PUT")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--token", default=State.token)
    options = parser.parse_args()
    State.token = options.token
    server = ThreadingHTTPServer(("127.0.0.1", options.port), Handler)
    server.daemon_threads = True
    print("listening %d" % server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
