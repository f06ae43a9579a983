#!/usr/bin/env python3
"""A strict Okta management API on loopback, for tests: users, groups and their members, sessions. Refuses what Okta refuses, injects faults, records every call.

usage: fake_okta_api.py [--port N] [--token TEXT] [--client ID --key PUBLIC.pem | --client ID --jwks URL [--ca FILE]] [--now SECONDS] [--page N]
Prints "listening PORT". API tokens come as "SSWS ...", access tokens from /oauth2/v1/token by a signed assertion (ES256, RFC 7523). The clock is the machine's, or
--now and what /control/now says. --page: how many groups one page has (1 to 200).

  POST /control/now      SECONDS
  POST /control/users    [{"id", "login", "email", "status"}]            replaces the users
  POST /control/groups   [{"id", "type", "name", "members": [user id]}]  replaces the groups
  POST /control/scopes   ["okta.users.manage", ...]                      what the client was granted; tokens given before lose what it has not
  POST /control/limit    N                                               calls a minute; 0: no limit
  POST /control/faults   [{"call": "add", "kind": "429", "times": 1}]    replaces the faults; "*" is every call but token
       calls: token, user, search, memberships, add, remove, end_sessions, group
       kinds: 429 (seconds: 30), 429_bare, 500_before, 500_after, 401, 403, not_json, truncated, reset_after, garbage (200, wrong types), cut_page (the first page as if it were
              the last, cut in the middle), foreign_next, same_next, lost (204, nothing happened), stall (seconds)
  POST /control/expire   every access token is worthless from now on
  POST /control/reset    forgets calls and faults
  GET  /control/calls    [{"call", "user", "group", "answer"}]
  GET  /control/members  {"group id": [user id]}
  GET  /control/ended    {"user id": times}
  GET  /control/refused  [why]                                           requests that no client should make
"""
import argparse
import base64
import binascii
import email.utils
import json
import os
import re
import socket
import ssl
import struct
import subprocess
import tempfile
import threading
import time
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BODY_MOST = 64 * 1024
USERS = [{"id": "00uAna", "login": "ana@acme.example", "email": "ana@acme.example", "status": "ACTIVE"},
         {"id": "00uBen", "login": "ben.b@acme.example", "email": "ben@acme.example", "status": "ACTIVE"},
         {"id": "00uGone", "login": "gone@acme.example", "email": "gone@acme.example", "status": "DEPROVISIONED"}]
GROUPS = [{"id": "00gEveryone", "type": "BUILT_IN", "name": "Everyone", "members": ["00uAna", "00uBen"]},
          {"id": "00gClosed", "type": "OKTA_GROUP", "name": "Laptop to fix", "members": []},
          {"id": "00gTrusted", "type": "OKTA_GROUP", "name": "Trusted laptops", "members": ["00uAna", "00uBen"]},
          {"id": "00gDirectory", "type": "APP_GROUP", "name": "From the directory", "members": []}]
EC_SPKI = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200")  # RFC 5480: id-ecPublicKey, prime256v1, a point follows


class Refused(Exception):
    def __init__(self, status, code, summary):
        super().__init__(summary)
        self.status, self.code, self.summary = status, code, summary


def unbase64(text):
    if not re.fullmatch(r"[A-Za-z0-9_-]+", text):
        raise Refused(401, "invalid_client", "not base64url")
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def pem_of(jwk):
    if jwk.get("kty") != "EC" or jwk.get("crv") != "P-256":
        return None
    point = b"\x04" + unbase64(jwk["x"]) + unbase64(jwk["y"])
    return "-----BEGIN PUBLIC KEY-----\n%s-----END PUBLIC KEY-----\n" % base64.encodebytes(EC_SPKI + point).decode()


def ecdsa_der(raw):
    def integer(number):
        number = number.lstrip(b"\0") or b"\0"
        number = (b"\0" if number[0] & 0x80 else b"") + number
        return b"\x02" + bytes([len(number)]) + number
    body = integer(raw[:32]) + integer(raw[32:])
    return b"\x30" + bytes([len(body)]) + body


def is_signed(pem, data, signature):
    with tempfile.TemporaryDirectory() as folder:
        names = [os.path.join(folder, name) for name in ("key", "data", "signature")]
        for name, content in zip(names, (pem.encode(), data, ecdsa_der(signature))):
            with open(name, "wb") as f:
                f.write(content)
        return subprocess.run(["openssl", "dgst", "-sha256", "-verify", names[0], "-signature", names[2], names[1]], capture_output=True).returncode == 0


class Org:
    def __init__(self, options):
        self.lock = threading.Lock()
        self.options, self.fixed_now, self.page = options, options.now, options.page
        self.scopes = {"okta.users.manage", "okta.groups.manage"}
        self.users = {u["id"]: dict(u) for u in USERS}
        self.groups = {g["id"]: dict(g, members=list(g["members"])) for g in GROUPS}
        self.tokens, self.used, self.ended, self.limit, self.window = {}, set(), {}, 0, []
        self.reset()

    def reset(self):
        self.calls, self.faults, self.refused = [], [], []

    def now(self):
        return self.fixed_now or time.time()

    # -- tokens --

    def keys(self):
        if self.options.key:
            with open(self.options.key) as f:
                return {None: f.read()}
        context = ssl.create_default_context(cafile=self.options.ca) if self.options.ca else None
        with urllib.request.urlopen(self.options.jwks, context=context, timeout=60) as answer:
            return {jwk.get("kid"): pem_of(jwk) for jwk in json.load(answer)["keys"]}

    def check_assertion(self, text, endpoint):
        parts = text.split(".")
        if len(parts) != 3:
            raise Refused(401, "invalid_client", "no compact JWS")
        try:
            header, claims = json.loads(unbase64(parts[0])), json.loads(unbase64(parts[1]))
        except (ValueError, binascii.Error):
            raise Refused(401, "invalid_client", "header or claims are no JSON")
        keys = self.keys()
        pem = keys.get(None) or keys.get(header.get("kid"))
        if header.get("alg") != "ES256" or not pem or not is_signed(pem, (parts[0] + "." + parts[1]).encode(), unbase64(parts[2])):
            raise Refused(401, "invalid_client", "the signature is wrong, or nobody's")
        now = self.now()
        wrong = [name for name, good in (("iss", claims.get("iss") == self.options.client), ("sub", claims.get("sub") == self.options.client), ("aud", claims.get("aud") == endpoint),
                                         ("exp", isinstance(claims.get("exp"), int) and now < claims["exp"] <= now + 3600),
                                         ("iat", isinstance(claims.get("iat"), int) and claims["iat"] <= now + 300), ("jti", isinstance(claims.get("jti"), str) and claims["jti"] not in self.used)) if not good]
        if wrong:
            raise Refused(401, "invalid_client", "claims: " + ", ".join(wrong))
        self.used.add(claims["jti"])

    def token(self, form, endpoint):
        if form.get("grant_type") != "client_credentials":
            raise Refused(400, "unsupported_grant_type", "only client_credentials")
        if form.get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" or not self.options.client:
            raise Refused(401, "invalid_client", "a service app proves itself by private_key_jwt")
        self.check_assertion(form.get("client_assertion", ""), endpoint)
        wanted = form.get("scope", "").split()
        if not wanted:
            raise Refused(400, "invalid_scope", "no scopes")
        if not set(wanted) <= self.scopes:
            raise Refused(400, "invalid_scope", "not granted: " + ", ".join(sorted(set(wanted) - self.scopes)))
        token = "eyFake." + base64.urlsafe_b64encode(os.urandom(24)).decode()
        self.tokens[token] = (set(wanted), self.now() + 3600)
        return {"token_type": "Bearer", "expires_in": 3600, "access_token": token, "scope": " ".join(wanted)}

    def authorize(self, given, scope):
        kind, _, value = given.partition(" ")
        if kind == "SSWS" and self.options.token and value == self.options.token:
            return
        scopes, until = self.tokens.get(value, (set(), 0)) if kind == "Bearer" else (set(), 0)
        if self.now() >= until:
            raise Refused(401, "E0000011", "Invalid token provided")
        if scope not in scopes & self.scopes:
            raise Refused(403, "E0000006", "You do not have permission to perform the requested action")

    # -- people --

    def user(self, name):
        if name in self.users:
            return self.users[name]
        found = [u for u in self.users.values() if u["login"].lower() == name.lower()] or [u for u in self.users.values() if u["login"].split("@")[0].lower() == name.lower()]
        if len(found) != 1:
            raise Refused(404, "E0000007", "Not found: Resource not found: %s (User)" % name)
        return found[0]

    def by_id(self, user):
        if user not in self.users:
            raise Refused(404, "E0000007", "Not found: Resource not found: %s (User)" % user)
        return self.users[user]

    def group(self, group):
        if group not in self.groups:
            raise Refused(404, "E0000007", "Not found: Resource not found: %s (UserGroup)" % group)
        return self.groups[group]

    @staticmethod
    def show_user(u):
        return {"id": u["id"], "status": u["status"], "created": "2026-01-01T00:00:00.000Z", "type": {"id": "oty1"}, "credentials": {"provider": {"type": "OKTA", "name": "OKTA"}},
                "profile": {"login": u["login"], "email": u["email"], "firstName": "A", "lastName": "B", "secondEmail": u.get("second")}}

    @staticmethod
    def show_group(g):
        return {"id": g["id"], "type": g["type"], "objectClass": ["okta:user_group"], "created": "2026-01-01T00:00:00.000Z", "profile": {"name": g["name"], "description": None}}

    def change(self, user, group, member):
        u, g = self.by_id(user), self.group(group)
        if g["type"] != "OKTA_GROUP":
            raise Refused(501, "E0000060", "Unsupported operation")
        if member and u["status"] == "DEPROVISIONED":
            raise Refused(403, "E0000038", "This operation is not allowed in the user's current status")
        if member and user not in g["members"]:
            g["members"].append(user)
        if not member and user in g["members"]:
            g["members"].remove(user)


ROUTES = [  # name, method, path, scope, parameters of the query
    ("search", "GET", r"/api/v1/users", "okta.users.manage", {"filter", "limit"}),
    ("user", "GET", r"/api/v1/users/([^/]+)", "okta.users.manage", set()),
    ("memberships", "GET", r"/api/v1/users/([^/]+)/groups", "okta.users.manage", {"limit", "after"}),
    ("end_sessions", "DELETE", r"/api/v1/users/([^/]+)/sessions", "okta.users.manage", {"oauthTokens", "forgetDevices"}),
    ("add", "PUT", r"/api/v1/groups/([^/]+)/users/([^/]+)", "okta.groups.manage", set()),
    ("remove", "DELETE", r"/api/v1/groups/([^/]+)/users/([^/]+)", "okta.groups.manage", set()),
    ("group", "GET", r"/api/v1/groups/([^/]+)", "okta.groups.manage", set()),
]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body leave together: apart, the second waits for the first to be acknowledged

    def log_message(self, *args):
        pass

    def date_time_string(self, timestamp=None):
        return email.utils.formatdate(self.server.org.now(), usegmt=True)

    def say(self, status, value=None, fields=(), cut=None):
        body = value if isinstance(value, bytes) else b"" if value is None else json.dumps(value).encode()
        self.send_response(status)
        if body:
            self.send_header("Content-Type", "application/json")
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        for name, text in fields:
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(body if cut is None else body[:cut])
        self.wfile.flush()
        if cut is not None:
            self.hang_up()

    def hang_up(self):
        self.close_connection = True
        try:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        except OSError:
            pass

    def say_error(self, refused):
        if refused.code.startswith("E0"):
            self.say(refused.status, {"errorCode": refused.code, "errorSummary": refused.summary, "errorLink": refused.code, "errorId": "oae1", "errorCauses": []}, self.limits())
        else:
            self.say(refused.status, {"error": refused.code, "error_description": refused.summary})

    def limits(self):
        org = self.server.org
        if not org.limit:
            return []
        now = org.now()
        org.window = [t for t in org.window if t > now - 60]
        reset = int((org.window[0] if org.window else now) + 60)
        return [("X-Rate-Limit-Limit", str(org.limit)), ("X-Rate-Limit-Remaining", str(max(org.limit - len(org.window), 0))), ("X-Rate-Limit-Reset", str(reset))]

    # -- faults --

    def before(self, fault):
        kind = fault["kind"]
        if kind in ("429", "429_bare"):
            fields = [("X-Rate-Limit-Limit", "600"), ("X-Rate-Limit-Remaining", "0"), ("X-Rate-Limit-Reset", str(int(self.server.org.now()) + fault.get("seconds", 30)))]
            self.say(429, {"errorCode": "E0000047", "errorSummary": "API call exceeded rate limit due to too many requests."}, fields if kind == "429" else ())
        elif kind == "500_before":
            self.say(500, b"oops")
        elif kind in ("401", "403"):
            self.say_error(Refused(int(kind), "E0000011" if kind == "401" else "E0000006", "as the story says"))
        elif kind == "stall":
            time.sleep(fault.get("seconds", 30))
            self.hang_up()
        elif kind == "lost":
            self.say(204)
        elif kind == "garbage":
            self.say(200, fault.get("body", {"id": 7, "status": [], "profile": "x", "access_token": None}))
        else:
            return False
        return True

    def after(self, fault, status, value, fields):
        kind = fault["kind"] if fault else None
        if kind == "500_after":
            self.say(500, b"oops")
        elif kind in ("truncated", "cut_page"):
            self.say(200, value, [f for f in fields if kind == "truncated"], cut=len(json.dumps(value)) // 2)
        elif kind == "not_json":
            self.say(200, b"<html>busy</html>")
        elif kind == "reset_after":
            self.hang_up()
        elif kind == "foreign_next":
            self.say(status, value, [("Link", '<https://evil.example/api/v1/users/x/groups?after=1>; rel="next"')])
        elif kind == "same_next":
            self.say(status, value, [("Link", '<http://%s%s>; rel="next"' % (self.headers["Host"], self.path))])
        else:
            self.say(status, value, fields)

    # -- the API --

    def page_of_groups(self, user, query):
        org = self.server.org
        u = org.user(user)
        limit = int(query.get("limit", "200"))
        if not 1 <= limit <= 200:
            raise Refused(400, "E0000001", "Api validation failed: limit")
        limit = min(limit, org.page)
        mine = sorted((g for g in org.groups.values() if u["id"] in g["members"]), key=lambda g: g["id"])
        start = next((i + 1 for i, g in enumerate(mine) if g["id"] == query["after"]), 0) if "after" in query else 0
        shown = mine[start:start + limit]
        base = "http://%s%s" % (self.headers["Host"], urllib.parse.urlsplit(self.path).path)
        links = [("Link", '<%s?limit=%d>; rel="self"' % (base, limit))]
        if start + limit < len(mine):
            links.append(("Link", '<%s?after=%s&limit=%d>; rel="next"' % (base, shown[-1]["id"], limit)))
        return [org.show_group(g) for g in shown], links

    def run(self, name, words, query):
        """Status, value, further fields."""
        org = self.server.org
        if name == "search":
            match = re.fullmatch(r'profile\.email eq "([^"\\]+)"', query.get("filter", ""))
            if not match:
                raise Refused(400, "E0000031", "Invalid search criteria.")
            return 200, [org.show_user(u) for u in org.users.values() if u["email"].lower() == match[1].lower()][:int(query.get("limit", 200))], []
        if name == "user":
            return 200, org.show_user(org.user(words[0])), []
        if name == "memberships":
            value, links = self.page_of_groups(words[0], query)
            return 200, value, links
        if name == "end_sessions":
            if set(query.values()) - {"true", "false"}:
                raise Refused(400, "E0000001", "Api validation failed")
            user = org.by_id(words[0])["id"]
            org.ended[user] = org.ended.get(user, 0) + 1
            return 204, None, []
        if name == "group":
            return 200, org.show_group(org.group(words[0])), []
        org.change(words[1], words[0], name == "add")
        return 204, None, []

    def find_route(self, path):
        for name, method, pattern, scope, parameters in ROUTES:
            match = re.fullmatch(pattern, path)
            if match and method == self.command:
                return name, [urllib.parse.unquote(w) for w in match.groups()], scope, parameters
        raise Refused(404, "E0000022", "The endpoint does not support the provided HTTP method")

    def check_form(self, body, query, parameters):
        wrong = []
        if self.headers.get("Accept") != "application/json":
            wrong.append("Accept must be application/json")
        if body or self.headers.get("Content-Type"):
            wrong.append("a body or its type where none belongs")
        if set(query) - parameters:
            wrong.append("unknown parameters: " + ", ".join(sorted(set(query) - parameters)))
        if wrong:
            self.server.org.refused += wrong
            raise Refused(400, "E0000003", "The request body was not well-formed: " + "; ".join(wrong))

    def count_call(self):
        org = self.server.org
        if org.limit:
            self.limits()
            if len(org.window) >= org.limit:
                raise Refused(429, "E0000047", "API call exceeded rate limit due to too many requests.")
            org.window.append(org.now())

    def fault_of(self, name):
        for fault in self.server.org.faults:
            if (fault["call"] == name or (fault["call"] == "*" and name != "token")) and fault.get("times", 1) > 0:
                fault["times"] = fault.get("times", 1) - 1
                return fault
        return None

    def api(self, url, body):
        org = self.server.org
        record = {"call": None, "user": None, "group": None, "answer": None}
        try:
            name, words, scope, parameters = self.find_route(url.path)
            query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
            record.update(call=name, user=words[-1] if words and name != "group" else None, group=words[0] if name in ("add", "remove", "group") else None)
            with org.lock:
                org.calls.append(record)
                fault = self.fault_of(name)
                record["fault"] = fault and fault["kind"]
            if fault and self.before(fault):
                return
            with org.lock:
                self.count_call()
                org.authorize(self.headers.get("Authorization") or "", scope)
                self.check_form(body, query, parameters)
                status, value, fields = self.run(name, words, query)
                record["answer"] = status
                fields = fields + self.limits()
            self.after(fault, status, value, fields)
        except Refused as refused:
            record["answer"] = refused.status
            self.say_error(refused)

    def token(self, body):
        org = self.server.org
        endpoint = "http://%s/oauth2/v1/token" % self.headers["Host"]
        record = {"call": "token", "user": None, "group": None, "answer": None}
        try:
            with org.lock:
                org.calls.append(record)
                fault = self.fault_of("token")
            if fault and self.before(fault):
                return
            if self.headers.get("Content-Type") != "application/x-www-form-urlencoded":
                raise Refused(400, "invalid_request", "not a form")
            with org.lock:
                value = org.token(dict(urllib.parse.parse_qsl(body.decode())), endpoint)
            record["answer"] = 200
            self.after(fault, 200, value, [("Cache-Control", "no-store")])
        except Refused as refused:
            record["answer"] = refused.status
            self.say_error(refused)

    # -- control --

    def control(self, name, body):
        org = self.server.org
        given = json.loads(body) if body else None
        shown = {"calls": org.calls, "members": {g["id"]: g["members"] for g in org.groups.values()}, "ended": org.ended, "refused": org.refused}
        if name in shown:
            self.say(200, shown[name])
            return
        if name == "now":
            org.fixed_now = given
        elif name == "users":
            org.users = {u["id"]: dict({"status": "ACTIVE"}, **u) for u in given}
        elif name == "groups":
            org.groups = {g["id"]: dict({"type": "OKTA_GROUP", "name": g["id"], "members": []}, **g) for g in given}
        elif name == "scopes":
            org.scopes = set(given)
        elif name == "limit":
            org.limit, org.window = given, []
        elif name == "faults":
            org.faults = given
        elif name == "expire":
            org.tokens = {}
        elif name == "reset":
            org.reset()
        else:
            self.say(404)
            return
        self.say(200, {})

    def route(self):
        body = self.rfile.read(min(int(self.headers.get("Content-Length") or 0), BODY_MOST))
        url = urllib.parse.urlsplit(self.path)
        try:
            if url.path.startswith("/control/"):
                with self.server.org.lock:
                    self.control(url.path[9:], body)
            elif url.path == "/oauth2/v1/token" and self.command == "POST":
                self.token(body)
            else:
                self.api(url, body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = route


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """Clients break connections off; what matters is answered."""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--token", default="")
    parser.add_argument("--client", default="")
    parser.add_argument("--key")
    parser.add_argument("--jwks")
    parser.add_argument("--ca")
    parser.add_argument("--now", type=int, default=0)
    parser.add_argument("--page", type=int, default=200)
    options = parser.parse_args()
    server = Server(("127.0.0.1", options.port), Handler)
    server.org = Org(options)
    print("listening %d" % server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
