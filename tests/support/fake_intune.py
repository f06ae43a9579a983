#!/usr/bin/env python3
"""A strict Microsoft Graph with Intune's managed devices, and the tenant's token endpoint, on loopback, for tests. Refuses what they refuse, injects faults, records every call.

usage: fake_intune.py [--port N] [--page N]
Prints "listening PORT" when it is ready. What tests steer it with lies under /control/, as fake_fleet.py has it: /control/hosts (managed devices), /control/faults, /control/calls;
further POST /control/expire (every token is worthless from now on). --page: how many devices a page has at most, whatever $top says, as Graph does.
Further faults: foreign_next, same_next, no_value. Shapes: learn.microsoft.com/graph, managedDevice v1.0; errors {"error":{"code","message"}}.
"""
import argparse
import json
import re
import urllib.parse
from http.server import ThreadingHTTPServer

import fake_fleet

DEVICE = {"id": "", "userId": "u", "deviceName": "dover", "managedDeviceOwnerType": "company", "lastSyncDateTime": "2026-11-30T11:30:00Z", "operatingSystem": "macOS", "complianceState": "compliant",
          "jailBroken": "Unknown", "managementAgent": "mdm", "osVersion": "15.5 (24F74)", "azureADDeviceId": "00000000-0000-0000-0000-000000000001", "isSupervised": True, "isEncrypted": True,
          "userPrincipalName": "Ana@acme.example", "emailAddress": "ana@acme.example", "model": "MacBook Pro", "manufacturer": "Apple", "serialNumber": "C02DOVER01", "phoneNumber": "", "wiFiMacAddress": ""}
PATH = "/v1.0/deviceManagement/managedDevices"
TENANT = "/11111111-2222-3333-4444-555555555555/oauth2/v2.0/token"
State = fake_fleet.State


class Handler(fake_fleet.Handler):
    tokens, counter, client, secret, page = set(), 0, "client-1", "s3cret&more", 1000

    def control(self, method, path, body):
        if method == "POST" and path == "/control/hosts":
            State.hosts = [dict(DEVICE, **d) for d in json.loads(body)]
            return self.answer(200, {})
        if path == "/control/expire":
            Handler.tokens.clear()
            return self.answer(200, {})
        return super().control(method, path, body)

    def base(self):
        return "http://" + self.headers["Host"]

    def fail(self, status, code):
        return status, {"error": {"code": code, "message": "no", "innerError": {"request-id": "0"}}}

    def do(self, method):
        url = urllib.parse.urlsplit(self.path)
        if url.path.startswith("/control/"):
            return super().do(method)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        State.calls.append({"method": method, "path": url.path, "query": url.query, "body": ""})
        fault = self.fault(url.path, True)
        if fault is not None and self.break_before(fault):
            return None
        if method == "POST" and url.path == TENANT:
            return self.token(body)
        if not (self.headers.get("Authorization") or "").startswith("Bearer ") or self.headers["Authorization"][7:] not in Handler.tokens:
            return self.answer(*self.fail(401, "InvalidAuthenticationToken"))
        status, answer = self.devices(method, url)
        fault = self.fault(url.path, False)
        if fault is not None and status < 300:
            return self.break_after(fault, answer)
        return self.answer(status, answer)

    def fault(self, path, before):
        for f in State.faults:
            after = f["kind"] in ("500_after", "half", "foreign_next", "same_next", "no_value")
            if f.get("times", 1) >= 1 and re.fullmatch(f["path"], path) and after != before:
                f["times"] = f.get("times", 1) - 1
                return f
        return None

    def break_after(self, fault, answer):
        kind, data = fault["kind"], json.dumps(answer)
        if kind == "half":
            return self.answer(200, data[:len(data) // 2].encode())
        if kind == "foreign_next":
            return self.answer(200, dict(answer, **{"@odata.nextLink": "https://graph.evil.example" + PATH + "?$skiptoken=1"}))
        if kind == "same_next":
            return self.answer(200, dict(answer, **{"@odata.nextLink": self.base() + self.path}))
        if kind == "no_value":
            return self.answer(200, {"@odata.context": "x"})
        return self.answer(*self.fail(500, "InternalServerError"))

    def token(self, body):
        form = dict(urllib.parse.parse_qsl(body.decode()))
        if form != {"grant_type": "client_credentials", "client_id": self.client, "client_secret": self.secret, "scope": self.base() + "/.default"}:
            return self.answer(401, {"error": "invalid_client", "error_description": "AADSTS7000215", "error_codes": [7000215]})
        Handler.counter += 1
        token = "graph-token-%d" % Handler.counter
        Handler.tokens.add(token)
        return self.answer(200, {"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": token})

    def devices(self, method, url):
        query = dict(urllib.parse.parse_qsl(url.query))
        found = re.fullmatch(re.escape(PATH) + r"(?:/([0-9a-f-]{36}))?", url.path)
        if not found or method != "GET":
            return self.fail(404, "ResourceNotFound")
        select = query.get("$select", "").split(",")
        if set(query) - {"$select", "$top", "$skiptoken"} or set(select) - set(DEVICE) or not 1 <= int(query.get("$top", 100)) <= 1000:
            return self.fail(400, "BadRequest")
        if found[1]:
            device = next((d for d in State.hosts if d["id"] == found[1]), None)
            return (200, {key: device[key] for key in select}) if device else self.fail(404, "ResourceNotFound")
        start, size = int(query.get("$skiptoken", 0)), min(int(query.get("$top", 100)), self.page)
        answer = {"@odata.context": self.base() + "/v1.0/$metadata#deviceManagement/managedDevices", "@odata.count": len(State.hosts),
                  "value": [{key: d[key] for key in select} for d in State.hosts[start:start + size]]}
        if start + size < len(State.hosts):
            answer["@odata.nextLink"] = self.base() + PATH + "?$select=%s&$top=%s&$skiptoken=%d" % (query["$select"], query.get("$top", 100), start + size)
        return 200, answer


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--page", type=int, default=1000)
    options = parser.parse_args()
    Handler.page = options.page
    server = ThreadingHTTPServer(("127.0.0.1", options.port), Handler)
    server.daemon_threads = True
    print("listening %d" % server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
