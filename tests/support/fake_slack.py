#!/usr/bin/env python3
"""A strict Slack Web API on loopback, for tests. Refuses what Slack refuses, injects faults, records every call.

usage: fake_slack.py [--port N] [--token xoxb-...] [--scopes a,b,c] [--app-token xapp-...]
Prints "listening PORT" when it is ready. The API lies under /api/; what tests steer it with under /control/:

  POST /control/people    [{"id": "U1", "email": "ana@acme.example", "deleted": false, ...}]   replaces the people
  POST /control/faults    [{"method": "chat.postMessage", "kind": "429", "retry_after": 2, "times": 1}]   replaces the faults
       kinds: 429, 429_bare, 500_before, 500_after, stall_before, stall_after (seconds: 30), truncated, not_json, reset_after, error (error: word)
  POST /control/scopes    ["chat:write", ...]
  POST /control/reset     forgets messages, calls and faults
  GET  /control/messages  {"U1": [{"ts", "channel", "text", "blocks", "metadata"}]}
  GET  /control/calls     [{"method", "arguments", "content_type", "at", "answer"}]
  and what fake_slack_views.py, fake_slack_profile.py and (with --app-token: Socket Mode) fake_slack_socket.py add.
"""
import argparse
import json
import re
import socket
import struct
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from fake_slack_profile import Profiles
from fake_slack_views import Views

BODY_MOST = 1024 * 1024
# Who is there until /control/people says otherwise.
CHANNELS = ("C0DECIDE",)  # the app was invited to these
PEOPLE = ({"id": "U0ANA", "email": "ana@acme.example"}, {"id": "U0BEN", "email": "ben@acme.example"})

# Of each method: HTTP verb, whether a JSON body is read, the bot scope, required and further arguments.
METHODS = {
    "auth.test": ("POST", True, None, (), ()),
    "chat.postMessage": ("POST", True, "chat:write", ("channel",),
                         ("text", "blocks", "unfurl_links", "unfurl_media", "metadata", "parse", "link_names", "thread_ts", "mrkdwn",
                          "reply_broadcast", "icon_emoji", "icon_url", "username", "attachments")),
    "chat.update": ("POST", True, "chat:write", ("channel", "ts"), ("text", "blocks", "metadata", "parse", "link_names", "attachments")),
    "conversations.open": ("POST", True, "im:write", ("users",), ("channel", "return_im", "prevent_creation")),
    "conversations.history": ("GET", False, None, ("channel",), ("cursor", "inclusive", "latest", "limit", "oldest", "include_all_metadata")),
    "users.lookupByEmail": ("GET", False, "users:read.email", ("email",), ()),
    "users.info": ("GET", False, "users:read", ("user",), ("include_locale",)),
    "users.list": ("GET", False, "users:read", (), ("limit", "cursor", "include_locale", "team_id")),
    "users.profile.get": ("GET", False, "users.profile:read", ("user",), ("include_labels",)),
    "users.profile.set": ("POST", True, "users.profile:write", ("user", "profile"), ()),
    "views.publish": ("POST", True, None, ("user_id", "view"), ("hash",)),
    "views.open": ("POST", True, None, ("trigger_id", "view"), ("interactivity_pointer",)),
    "apps.connections.open": ("POST", True, None, (), ()),
    "oauth.v2.access": ("POST", False, None, ("grant_type", "refresh_token"), ()),
}


class Refused(Exception):
    def __init__(self, error, **more):
        super().__init__(error)
        self.answer = dict({"ok": False, "error": error}, **more)


# ---- Block Kit, written from Slack's published limits, apart from the checker under test ----

def need(condition, where, what):
    if not condition:
        raise Refused("invalid_blocks", response_metadata={"messages": ["[ERROR] %s [json-pointer:%s]" % (what, where)]})


def check_object(o, where, plain, most, least=1):
    need(isinstance(o, dict), where, "must be an object")
    need(set(o) <= {"type", "text", "emoji", "verbatim"}, where, "unknown member")
    need(o.get("type") in (("plain_text",) if plain else ("plain_text", "mrkdwn")), where + "/type", "wrong type of text")
    need(isinstance(o.get("text"), str) and least <= len(o["text"]) <= most, where + "/text", "must have %d to %d characters" % (least, most))


def check_string(o, key, where, most, required=False):
    if key not in o:
        need(not required, where, "missing " + key)
        return
    need(isinstance(o[key], str) and 1 <= len(o[key]) <= most, where + "/" + key, "must have 1 to %d characters" % most)


def check_button(e, where):
    need(set(e) <= {"type", "text", "action_id", "value", "url", "style", "confirm", "accessibility_label"}, where, "unknown member")
    need("text" in e, where, "missing text")
    check_object(e["text"], where + "/text", True, 75)
    for key, most in (("action_id", 255), ("value", 2000), ("url", 3000), ("accessibility_label", 75)):
        check_string(e, key, where, most)
    need(e.get("style", "primary") in ("primary", "danger"), where + "/style", "unknown style")
    if "url" in e:
        need(re.match(r"https?://", e["url"]), where + "/url", "not a URL")


def check_option(o, where):
    need(isinstance(o, dict) and set(o) <= {"text", "value", "description", "url"}, where, "unknown member")
    check_object(o.get("text"), where + "/text", False, 75)
    check_string(o, "value", where, 75, True)


def check_overflow(e, where):
    need(set(e) <= {"type", "action_id", "options", "confirm"}, where, "unknown member")
    check_string(e, "action_id", where, 255)
    need(isinstance(e.get("options"), list) and 1 <= len(e["options"]) <= 5, where + "/options", "1 to 5")
    for i, o in enumerate(e["options"]):
        check_option(o, "%s/options/%d" % (where, i))


def check_text_input(e, where):
    need(set(e) <= {"type", "action_id", "placeholder", "multiline", "max_length", "min_length", "initial_value", "dispatch_action_config", "focus_on_load"}, where, "unknown member")
    check_string(e, "action_id", where, 255, True)
    need(isinstance(e.get("max_length", 1), int) and 1 <= e.get("max_length", 1) <= 3000, where + "/max_length", "1 to 3000")
    if "placeholder" in e:
        check_object(e["placeholder"], where + "/placeholder", True, 150)


def check_day(e, where):
    need(set(e) <= {"type", "action_id", "placeholder", "initial_date", "confirm", "focus_on_load"}, where, "unknown member")
    check_string(e, "action_id", where, 255)
    need(re.match(r"\d{4}-\d{2}-\d{2}$", e.get("initial_date", "2026-01-01")), where + "/initial_date", "not a date")


def check_select(e, where):
    need(set(e) <= {"type", "action_id", "placeholder", "options", "initial_option", "confirm", "focus_on_load"}, where, "unknown member")
    check_string(e, "action_id", where, 255)
    need(isinstance(e.get("options"), list) and 1 <= len(e["options"]) <= 100, where + "/options", "1 to 100")
    for i, o in enumerate(e["options"]):
        check_option(o, "%s/options/%d" % (where, i))
        check_object(o["text"], "%s/options/%d/text" % (where, i), True, 75)
    values = [o["value"] for o in e["options"]]
    need(len(values) == len(set(values)), where + "/options", "a value twice")


INPUTS = {"plain_text_input": check_text_input, "datepicker": check_day, "static_select": check_select}


def check_element(e, where):
    need(isinstance(e, dict), where, "must be an object")
    need(e.get("type") in ("button", "image", "overflow"), where + "/type", "an element that this fake does not know")
    if e["type"] == "button":
        check_button(e, where)
    elif e["type"] == "overflow":
        check_overflow(e, where)
    else:
        check_string(e, "alt_text", where, 2000, True)
        check_string(e, "image_url", where, 3000, True)


def check_section(b, where):
    need(set(b) <= {"type", "block_id", "text", "fields", "accessory", "expand"}, where, "unknown member")
    need("text" in b or "fields" in b, where, "needs text or fields")
    if "text" in b:
        check_object(b["text"], where + "/text", False, 3000)
    need(len(b.get("fields", [0])) in range(1, 11), where + "/fields", "1 to 10")
    for i, field in enumerate(b.get("fields", [])):
        check_object(field, "%s/fields/%d" % (where, i), False, 2000)
    if "accessory" in b:
        check_element(b["accessory"], where + "/accessory")


def check_header(b, where):
    need(set(b) <= {"type", "block_id", "text"}, where, "unknown member")
    check_object(b.get("text"), where + "/text", True, 150)


def check_context(b, where):
    need(isinstance(b.get("elements"), list) and 1 <= len(b["elements"]) <= 10, where + "/elements", "1 to 10")
    for i, e in enumerate(b["elements"]):
        if isinstance(e, dict) and e.get("type") == "image":
            check_element(e, "%s/elements/%d" % (where, i))
        else:
            check_object(e, "%s/elements/%d" % (where, i), False, 3000)


def check_actions(b, where):
    need(isinstance(b.get("elements"), list) and 1 <= len(b["elements"]) <= 25, where + "/elements", "1 to 25")
    ids = [e.get("action_id") for e in b["elements"] if isinstance(e, dict) and "action_id" in e]
    need(len(ids) == len(set(ids)), where, "action_id twice")
    for i, e in enumerate(b["elements"]):
        check_element(e, "%s/elements/%d" % (where, i))


def check_input(b, where):
    need(set(b) <= {"type", "block_id", "label", "element", "hint", "optional", "dispatch_action"}, where, "unknown member")
    check_object(b.get("label"), where + "/label", True, 2000)
    need(isinstance(b.get("element"), dict) and b["element"].get("type") in INPUTS, where + "/element", "an element that this fake does not know")
    INPUTS[b["element"]["type"]](b["element"], where + "/element")
    if "hint" in b:
        check_object(b["hint"], where + "/hint", True, 2000)


def check_block(b, where, in_view=False):
    need(isinstance(b, dict), where, "must be an object")
    need(b.get("type") in BLOCKS or (in_view and b.get("type") == "input"), where + "/type", "a block that this fake does not know")
    check_string(b, "block_id", where, 255)
    (check_input if b["type"] == "input" else BLOCKS[b["type"]])(b, where)


BLOCKS = {"section": check_section, "header": check_header, "context": check_context, "actions": check_actions, "divider": lambda b, where: None}


def check_blocks(blocks):
    if isinstance(blocks, str):
        try:
            blocks = json.loads(blocks)
        except ValueError:
            raise Refused("invalid_blocks_format")
    if not isinstance(blocks, list):
        raise Refused("invalid_blocks_format")
    need(1 <= len(blocks) <= 50, "/blocks", "1 to 50 blocks")
    ids = [b["block_id"] for b in blocks if isinstance(b, dict) and "block_id" in b]
    need(len(ids) == len(set(ids)), "/blocks", "block_id twice")
    for i, b in enumerate(blocks):
        check_block(b, "/blocks/%d" % i)
    return blocks


# ---- the workspace ----

class Workspace(Views, Profiles):
    check_block, need = staticmethod(check_block), staticmethod(need)

    def __init__(self, token, scopes, now):
        self.lock = threading.Lock()
        self.sockets = None
        self.client, self.refresh_token, self.turns, self.expired, self.base = None, None, 0, set(), ""
        self.token = token
        self.now = now
        self.scopes = set(scopes)
        self.people = {p["id"]: p for p in PEOPLE}
        self.reset()

    def reset(self):
        self.messages = []
        self.calls = []
        self.faults = []
        self.counter = 0
        self.reset_views()
        self.reset_profiles()

    @staticmethod
    def refuse(error):
        raise Refused(error)

    @staticmethod
    def check_blocks_of(message):
        if "blocks" in message:
            check_blocks(message["blocks"])

    def person(self, user):
        person = self.people.get(user)
        if person is None:
            raise Refused("user_not_found")
        if person.get("deleted"):
            raise Refused("user_disabled")
        return person

    @staticmethod
    def conversation(user):
        return "D" + user[1:]

    def user_of(self, conversation):
        for user in self.people:
            if self.conversation(user) == conversation:
                return user
        raise Refused("channel_not_found")

    def fault(self, method):
        for fault in self.faults:
            if fault.get("method") in (method, "*") and fault.get("times", 1) > 0:
                fault["times"] = fault.get("times", 1) - 1
                return fault
        return None

    # -- methods --

    def open_connection(self, a):
        return self.sockets.open()

    def auth_test(self, a):
        return {"url": "https://acme.slack.example/", "team": "Acme", "user": "postern", "team_id": "T0001", "user_id": "UBOT", "bot_id": "B0001"}

    def check_text(self, a, most):
        if "text" not in a and "blocks" not in a:
            raise Refused("no_text")
        if "text" in a and (not isinstance(a["text"], str) or not a["text"].strip()) and "blocks" not in a:
            raise Refused("no_text")
        if len(a.get("text", "")) > most:
            raise Refused("msg_too_long")

    def check_metadata(self, a):
        metadata = a.get("metadata")
        if metadata is None:
            return None
        if isinstance(metadata, str):
            metadata = json.loads(metadata)
        if set(metadata) != {"event_type", "event_payload"} or not isinstance(metadata["event_payload"], dict):
            raise Refused("invalid_metadata_format")
        return metadata

    def post(self, a):
        self.check_text(a, 40000)
        blocks = check_blocks(a["blocks"]) if "blocks" in a else None
        metadata = self.check_metadata(a)
        shared = a["channel"][:1] in "CG"
        if shared and a["channel"] not in CHANNELS:
            raise Refused("not_in_channel" if a["channel"].startswith("C0") else "channel_not_found")
        user = a["channel"] if a["channel"][:1] in "UWCG" else self.user_of(a["channel"])
        if not shared:
            self.person(user)
        self.counter += 1
        ts = "%d.%06d" % (self.now or time.time(), self.counter)
        message = {"user": user, "channel": user if shared else self.conversation(user), "ts": ts, "text": a.get("text", ""), "blocks": blocks, "metadata": metadata}
        self.messages.append(message)
        return {"channel": message["channel"], "ts": ts, "message": {"type": "message", "text": message["text"], "ts": ts, "bot_id": "B0001"}}

    def update(self, a):
        if a["channel"][:1] != "D" and a["channel"] not in CHANNELS:
            raise Refused("channel_not_found")
        self.check_text(a, 4000)
        blocks = check_blocks(a["blocks"]) if a.get("blocks") else None
        for message in self.messages:
            if message["channel"] == a["channel"] and message["ts"] == a["ts"]:
                message.update(text=a.get("text", ""), blocks=blocks, updated=message.get("updated", 0) + 1)
                return {"channel": a["channel"], "ts": a["ts"], "text": message["text"]}
        raise Refused("message_not_found")

    def open(self, a):
        return {"channel": {"id": self.conversation(self.person(a["users"])["id"])}}

    def history(self, a):
        if a["channel"] not in CHANNELS:
            self.user_of(a["channel"])
        oldest, limit = float(a.get("oldest", 0)), int(a.get("limit", 100))
        found = [m for m in reversed(self.messages) if m["channel"] == a["channel"] and float(m["ts"]) > oldest]
        shown = []
        for m in found[:limit]:
            one = {"type": "message", "ts": m["ts"], "text": m["text"], "bot_id": "B0001"}
            if a.get("include_all_metadata") in ("true", "1") and m["metadata"]:
                one["metadata"] = m["metadata"]
            shown.append(one)
        return {"messages": shown, "has_more": len(found) > limit}

    def lookup(self, a):
        for person in self.people.values():
            if person.get("email", "").lower() == a["email"].lower():
                return {"user": dict({"deleted": False, "is_bot": False}, **person)}
        raise Refused("users_not_found")


HANDLERS = {"auth.test": Workspace.auth_test, "chat.postMessage": Workspace.post, "chat.update": Workspace.update, "conversations.open": Workspace.open,
            "conversations.history": Workspace.history, "users.lookupByEmail": Workspace.lookup, "users.info": Workspace.info, "users.list": Workspace.list_users,
            "users.profile.get": Workspace.get_profile, "users.profile.set": Workspace.set_profile,
            "apps.connections.open": Workspace.open_connection, "views.publish": Workspace.publish, "views.open": Workspace.open_view}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "FakeSlack"

    def log_message(self, *args):
        pass

    def say(self, status, value, fields=(), cut=None):
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        for name, text in fields:
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(body if cut is None else body[:cut])
        self.wfile.flush()
        if cut is not None:
            self.hang_up()

    def hang_up(self, reset=False):
        if reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        try:
            if not reset:
                self.connection.shutdown(socket.SHUT_RDWR)
            self.connection.close()
        except OSError:
            pass

    def read_body(self):
        length = int(self.headers.get("Content-Length") or 0)
        return self.rfile.read(min(length, BODY_MOST))

    # -- the API --

    def arguments(self, method, body):
        """Form or query, and JSON only where the method reads it, as Slack does."""
        verb, takes_json, _, _, _ = METHODS[method]
        url = urllib.parse.urlsplit(self.path)
        found = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
        kind = (self.headers.get("Content-Type") or "").split(";")[0].strip().lower()
        if body and kind == "application/x-www-form-urlencoded":
            found.update(urllib.parse.parse_qsl(body.decode(), keep_blank_values=True))
        elif body and kind == "application/json":
            if not takes_json:
                raise Refused("invalid_arguments")
            if "charset" not in self.headers.get("Content-Type", ""):
                raise Refused("missing_charset")
            try:
                parsed = json.loads(body.decode("utf-8"))
            except ValueError:
                raise Refused("invalid_json")
            if not isinstance(parsed, dict):
                raise Refused("json_not_object")
            found.update(parsed)
        elif body:
            raise Refused("invalid_post_type")
        if self.command != verb:
            raise Refused("http_method_not_allowed")
        return found

    def authorize(self, workspace, method, found):
        given = self.headers.get("Authorization") or ""
        if method == "apps.connections.open":  # the header alone, and the app's token alone
            self.authorize_app(workspace, given, found)
            return
        in_body = found.pop("token", "")  # Slack's own client sends it there besides
        token = given[7:] if given.startswith("Bearer ") else in_body
        if not token:
            raise Refused("not_authed")
        if token in workspace.expired:
            raise Refused("token_expired")
        if token == workspace.user_token:
            workspace.authorize_user(method)
            return
        if token != workspace.token:
            raise Refused("invalid_auth")
        if method == "users.profile.set":
            raise Refused("not_allowed_token_type")
        scope = METHODS[method][2]
        if method == "conversations.history":
            scope = {"C": "channels:history", "G": "groups:history"}.get(found.get("channel", "")[:1], "im:history")
        if scope is not None and scope not in workspace.scopes:
            raise Refused("missing_scope", needed=scope, provided=",".join(sorted(workspace.scopes)))

    def authorize_app(self, workspace, given, found):
        if "token" in found or not given.startswith("Bearer "):
            raise Refused("not_authed")
        if given[7:] == workspace.token:
            raise Refused("not_allowed_token_type")
        if workspace.sockets is None or given[7:] != workspace.sockets.app_token:
            raise Refused("invalid_auth")

    def check_arguments(self, method, found):
        _, _, _, required, optional = METHODS[method]
        unknown = sorted(set(found) - set(required) - set(optional) - {"team_id"})  # an organisation's token says where; harmless elsewhere
        if unknown:
            raise Refused("invalid_arguments", response_metadata={"messages": ["[ERROR] unknown argument: " + name for name in unknown]})
        missing = [name for name in required if name not in found]
        if missing:
            raise Refused("invalid_arguments", response_metadata={"messages": ["[ERROR] missing required field: " + name for name in missing]})

    def answer(self, workspace, method, body):
        found = {}
        try:
            if method not in METHODS:
                raise Refused("unknown_method")
            found = self.arguments(method, body)
            if method != "oauth.v2.access":
                self.authorize(workspace, method, found)
            self.check_arguments(method, found)
            value = dict({"ok": True}, **(workspace.access(found, self.headers.get("Authorization")) if method == "oauth.v2.access" else HANDLERS[method](workspace, found)))
        except Refused as refused:
            value = refused.answer
        return found, value

    def before(self, fault):
        """Faults that happen instead of the call. True: answered."""
        kind = fault["kind"]
        if kind in ("429", "429_bare"):
            self.say(429, {"ok": False, "error": "ratelimited"}, [("Retry-After", str(fault.get("retry_after", 1)))] if kind == "429" else [])
        elif kind == "500_before":
            self.say(500, b"oops")
        elif kind == "error":
            self.say(200, {"ok": False, "error": fault["error"]})
        elif kind == "stall_before":
            time.sleep(fault.get("seconds", 30))
            self.hang_up()
        else:
            return False
        return True

    def after(self, fault, value):
        kind = fault["kind"]
        if kind == "500_after":
            self.say(500, b"oops")
        elif kind == "stall_after":
            time.sleep(fault.get("seconds", 30))
            self.hang_up()
        elif kind == "truncated":
            self.say(200, value, cut=20)
        elif kind == "not_json":
            self.say(200, b"<html>busy</html>")
        elif kind == "reset_after":
            self.hang_up(reset=True)
        else:
            self.say(200, value)

    def api(self, method):
        workspace = self.server.workspace
        body = self.read_body()
        with workspace.lock:
            fault = workspace.fault(method)
        record = {"method": method, "arguments": None, "content_type": self.headers.get("Content-Type"), "at": time.time(), "answer": None, "fault": fault and fault["kind"]}
        with workspace.lock:
            workspace.calls.append(record)
        if fault is not None and self.before(fault):
            return
        with workspace.lock:
            record["arguments"], value = self.answer(workspace, method, body)
            record["answer"] = value.get("error", "ok")
        if fault is not None:
            self.after(fault, value)
        else:
            self.say(200, value, [("X-OAuth-Scopes", ",".join(sorted(workspace.scopes)))] if value["ok"] else [])

    # -- control --

    def control(self, name):
        workspace = self.server.workspace
        body = self.read_body()
        given = json.loads(body) if body else None
        if workspace.sockets is not None and name.startswith("socket"):
            self.say(200, workspace.sockets.control(name, given) or {"error": "unknown"})
            return
        with workspace.lock:
            if name == "people":
                workspace.people = {p["id"]: p for p in given}
            elif name == "faults":
                workspace.faults = given
            elif name == "scopes":
                workspace.scopes = set(given)
            elif name == "reset":
                workspace.reset()
            elif name == "messages":
                per_user = {user: [] for user in list(workspace.people) + list(CHANNELS)}
                for m in workspace.messages:
                    per_user[m["user"]].append({k: v for k, v in m.items() if k != "user"})
                self.say(200, per_user)
                return
            elif name == "calls":
                self.say(200, workspace.calls)
                return
            else:
                answer = workspace.control_views(name, given)
                answer = workspace.control_profiles(name, given) if answer is None else answer
                self.say(404 if answer is None else 200, {"error": "unknown"} if answer is None else answer)
                return
        self.say(200, {"ok": True})

    def respond(self, path):
        workspace = self.server.workspace
        body = self.read_body()
        kind = (self.headers.get("Content-Type") or "").split(";")[0].strip().lower()
        with workspace.lock:
            try:
                status, text = workspace.answer_to(path, body, kind)
            except Refused as refused:
                status, text = 400, refused.answer["error"].encode()
        self.say(status, text)

    def route(self):
        path = urllib.parse.urlsplit(self.path).path
        try:
            if path.startswith("/api/"):
                self.api(path[5:])
            elif path.startswith("/control/"):
                self.control(path[9:])
            elif path.startswith("/response/"):
                self.respond(path)
            else:
                self.say(404, {"ok": False, "error": "not_found"})
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    do_GET = do_POST = route


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # a peer that hangs up is part of the story


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--token", default="xoxb-test-token")
    parser.add_argument("--now", type=int, default=0, help="the time of message stamps (stories under a fake clock)")
    parser.add_argument("--people", type=int, default=0, help="so many more: person0@acme.example is U0PERSON0")
    parser.add_argument("--scopes", default="chat:write,commands,im:history,im:write,users:read,users:read.email")
    parser.add_argument("--app-token", help="Socket Mode for this app-level token (needs python3-websockets)")
    parser.add_argument("--tls", nargs=2, metavar=("CERTIFICATE", "KEY"), help="of the WebSockets")
    options = parser.parse_args()
    server = Server(("127.0.0.1", options.port), Handler)
    server.workspace = Workspace(options.token, options.scopes.split(","), options.now)
    server.workspace.people.update(("U0PERSON%d" % i, {"id": "U0PERSON%d" % i, "email": "person%d@acme.example" % i}) for i in range(options.people))
    server.workspace.base = "http://127.0.0.1:%d" % server.server_address[1]
    if options.app_token:
        from fake_slack_socket import Sockets
        server.workspace.sockets = Sockets(options.app_token, options.tls)
    print("listening %d" % server.server_address[1], flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
