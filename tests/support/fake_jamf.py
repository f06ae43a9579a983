#!/usr/bin/env python3
"""A strict Jamf Pro API on loopback, for tests. Refuses what it refuses, injects faults, records every call.

usage: fake_jamf.py [--port N]
Prints "listening PORT" when it is ready. What tests steer it with lies under /control/, as fake_fleet.py has it: /control/hosts (computers, whole), /control/faults, /control/calls;
further POST /control/expire (every token is worthless from now on). Further faults: the path "/api/oauth/token".
Shapes: developer.jamf.com/jamf-pro, API client tokens and computers-inventory v1.
"""
import argparse
import json
import re
import urllib.parse
from http.server import ThreadingHTTPServer

import fake_fleet

SECTIONS = {"GENERAL": "general", "HARDWARE": "hardware", "OPERATING_SYSTEM": "operatingSystem", "DISK_ENCRYPTION": "diskEncryption", "SECURITY": "security", "USER_AND_LOCATION": "userAndLocation"}
COMPUTER = {"id": "1", "udid": "3B1C0000-0000-4000-8000-000000000001",
            "general": {"name": "dover", "platform": "Mac", "lastContactTime": "2026-11-30T11:30:00.123Z", "reportDate": "2026-11-30T08:00:00.456Z", "supervised": True, "userApprovedMdm": True,
                        "remoteManagement": {"managed": True, "managementUsername": None}, "managementId": "9a000000-0000-4000-8000-000000000001"},
            "hardware": {"make": "Apple", "model": "MacBook Pro (14-inch, 2023)", "serialNumber": "C02DOVER01", "macAddress": "00:00:5E:00:53:01"},
            "operatingSystem": {"name": "macOS", "version": "15.5", "build": "24F74"}, "diskEncryption": {"fileVault2Enabled": True, "bootPartitionEncryptionDetails": None},
            "security": {"sipStatus": "ENABLED", "gatekeeperStatus": "APP_STORE_AND_IDENTIFIED_DEVELOPERS", "firewallEnabled": True, "secureBootLevel": "FULL_SECURITY"},
            "userAndLocation": {"email": "Ana@acme.example", "username": "ana", "realname": "Ana", "phone": "+1 202 555 0100"}}
State = fake_fleet.State


def merged(base, given):
    return {k: merged(v, given[k]) if isinstance(v, dict) and isinstance(given.get(k), dict) else given.get(k, v) for k, v in dict(given, **base).items()}


class Handler(fake_fleet.Handler):
    tokens, counter, client, secret = set(), 0, "client-1", "s3cret&more"

    def control(self, method, path, body):
        if method == "POST" and path == "/control/hosts":
            State.hosts = [merged(COMPUTER, c) for c in json.loads(body)]
            return self.answer(200, {})
        if path == "/control/expire":
            Handler.tokens.clear()
            return self.answer(200, {})
        return super().control(method, path, body)

    def do(self, method):
        url = urllib.parse.urlsplit(self.path)
        if url.path.startswith("/control/"):
            return super().do(method)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        State.calls.append({"method": method, "path": url.path, "query": url.query, "body": ""})
        fault = self.fault(url.path, True)
        if fault is not None and self.break_before(fault):
            return None
        if method == "POST" and url.path == "/api/oauth/token":
            return self.token(body)
        if not (self.headers.get("Authorization") or "").startswith("Bearer ") or self.headers["Authorization"][7:] not in Handler.tokens:
            return self.answer(401, {"httpStatus": 401, "errors": [{"code": "INVALID_TOKEN", "description": "Unauthorized"}]})
        status, answer = self.inventory(method, url)
        fault = self.fault(url.path, False)
        if fault is not None and status < 300:
            return self.break_after(fault, answer)
        return self.answer(status, answer)

    def break_after(self, fault, answer):
        if fault["kind"] == "half":
            return self.answer(200, dict(answer, results=answer["results"][:len(answer["results"]) // 2]))
        if fault["kind"] == "wrong_count":
            return self.answer(200, dict(answer, totalCount=answer["totalCount"] + 1))
        return self.answer(500, {"httpStatus": 500})

    def token(self, body):
        form = dict(urllib.parse.parse_qsl(body.decode()))
        if self.headers.get("Content-Type") != "application/x-www-form-urlencoded":
            return self.answer(415, {"error": "unsupported_media_type"})
        if form != {"grant_type": "client_credentials", "client_id": self.client, "client_secret": self.secret}:
            return self.answer(401, {"error": "invalid_client"})
        Handler.counter += 1
        token = "jamf-token-%d" % Handler.counter
        Handler.tokens.add(token)
        return self.answer(200, {"access_token": token, "scope": "api-role:1", "token_type": "Bearer", "expires_in": 599})

    def show(self, computer, sections):
        return dict({"id": computer["id"], "udid": computer["udid"]}, **{key: (computer[key] if name in sections else None) for name, key in SECTIONS.items()})

    def inventory(self, method, url):
        query = urllib.parse.parse_qs(url.query)
        sections = query.pop("section", ["GENERAL"])
        if method != "GET" or set(sections) - set(SECTIONS):
            return 400, {"httpStatus": 400}
        found = re.fullmatch(r"/api/v1/computers-inventory(?:/(\d+))?", url.path)
        if not found:
            return 404, {"httpStatus": 404}
        if found[1]:
            computer = next((c for c in State.hosts if c["id"] == found[1]), None)
            return (200, self.show(computer, sections)) if computer and not query else (404, {"httpStatus": 404, "errors": [{"code": "INVALID_ID"}]})
        if set(query) - {"page", "page-size", "sort", "filter"} or query.get("sort") not in (["id:asc"], None):
            return 400, {"httpStatus": 400}
        page, size = int(query.get("page", ["0"])[0]), int(query.get("page-size", ["100"])[0])
        if not 1 <= size <= 2000:
            return 400, {"httpStatus": 400}
        computers = sorted(State.hosts, key=lambda c: int(c["id"]))
        if "filter" in query:
            since = re.fullmatch(r'general\.reportDate>="(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)"', query["filter"][0])
            if not since:
                return 400, {"httpStatus": 400, "errors": [{"code": "INVALID_FILTER"}]}
            computers = [c for c in computers if c["general"]["reportDate"][:19] + "Z" >= since[1]]
        return 200, {"totalCount": len(computers), "results": [self.show(c, sections) for c in computers[page * size:(page + 1) * size]]}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    server = ThreadingHTTPServer(("127.0.0.1", options.port), Handler)
    server.daemon_threads = True
    print("listening %d" % server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
