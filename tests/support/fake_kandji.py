#!/usr/bin/env python3
"""A strict Kandji (Iru) API on loopback, for tests. Refuses what it refuses, injects faults, records every call.

usage: fake_kandji.py [--port N]
Prints "listening PORT" when it is ready. The API lies under /api/v1/; what tests steer it with under /control/, as fake_fleet.py has it:
/control/hosts (devices), /control/faults, /control/calls. Shapes: api-docs.kandji.io (devices: list, get, details, update; Prism: FileVault).
"""
import argparse
import json
import re
from http.server import ThreadingHTTPServer

import fake_fleet

DEVICE = {"device_id": "", "device_name": "dover", "model": "MacBook Pro (14-inch, 2023)", "serial_number": "", "platform": "Mac", "os_version": "15.5",
          "last_check_in": "2026-11-30 11:30:00.467131+00:00", "user": {"email": "ana@acme.example", "name": "Ana", "id": 1, "is_archived": False}, "asset_tag": "",
          "blueprint_id": "11111111-1111-4111-8111-111111111111", "mdm_enabled": True, "agent_installed": True, "is_missing": False, "is_removed": False,
          "blueprint_name": "Everyone", "first_enrollment": "2024-01-01 09:00:00+00:00", "last_enrollment": "2024-01-01 09:00:00+00:00"}
BLUEPRINTS = {"11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"}
State = fake_fleet.State


class Handler(fake_fleet.Handler):
    prefix = "/api/v1"

    def control(self, method, path, body):
        if method == "POST" and path == "/control/hosts":
            State.hosts = [dict(DEVICE, **d) for d in json.loads(body)]
            return self.answer(200, {})
        return super().control(method, path, body)

    def find(self, text):
        return next((d for d in State.hosts if d["device_id"] == text), None)

    def page(self, query):
        limit, offset = int(query["limit"]), int(query["offset"])
        if set(query) - {"limit", "offset"} or not 1 <= limit <= 300:
            raise ValueError
        return State.hosts[offset:offset + limit], limit, offset

    def api(self, method, path, query, body):
        try:
            if method == "GET" and path == "/devices":
                return 200, [{k: v for k, v in d.items() if k != "encrypted"} for d in self.page(query)[0]]
            if method == "GET" and path == "/prism/filevault":
                rows, limit, offset = self.page(query)
                return 200, {"offset": offset, "limit": limit, "total": len(State.hosts), "data": [
                    {"device_id": d["device_id"], "device__name": d["device_name"], "device__family": "Mac", "serial_number": d["serial_number"], "blueprint_id": d["blueprint_id"],
                     "status": d.get("encrypted", True), "key_type": "Personal", "key_escrowed": True, "updated_at": "2026-11-30T11:00:00.000000Z"} for d in rows]}
        except (KeyError, ValueError):
            return 400, {"detail": "bad paging"}
        found = re.fullmatch(r"/devices/([0-9a-f-]{36})(/details|/action/updateinventory)?", path)
        device = self.find(found.group(1)) if found else None
        if device is None:
            return 404, {"detail": "Not found."}
        if method == "GET" and not found.group(2):
            return 200, device
        if method == "GET" and found.group(2) == "/details":
            return 200, {"general": {"device_id": device["device_id"]}, "mdm": {"mdm_enabled": "True", "supervised": "False"}, "filevault": {"filevault_enabled": device.get("encrypted", True)}}
        if method == "POST" and found.group(2):
            return 200, {}
        if method == "PATCH" and not found.group(2):
            return self.update(device, body)
        return 405, {"detail": "Method not allowed"}

    def update(self, device, body):
        try:
            asked = json.loads(body)
        except ValueError:
            return 400, {"detail": "JSON parse error"}
        if set(asked) - {"asset_tag", "blueprint_id", "tags", "user"} or asked.get("blueprint_id") not in BLUEPRINTS:
            return 400, {"error": "Blueprint does not exist"}
        device.update(asked)
        return 200, device


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    State.token = "kandji-token"
    server = ThreadingHTTPServer(("127.0.0.1", options.port), Handler)
    server.daemon_threads = True
    print("listening %d" % server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
