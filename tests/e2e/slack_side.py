"""Slack's side of the conversation, as a story plays it: signed requests, clicks on the buttons of a message, modals, commands."""
import hashlib
import hmac
import json
import time
import urllib.parse

from harness import request

SECRET = "not-a-secret"


def sign(body, at=None, secret=SECRET):
    at = str(int(time.time()) if at is None else at)
    digest = hmac.new(secret.encode(), b"v0:" + at.encode() + b":" + body, hashlib.sha256).hexdigest()
    return {"X-Slack-Request-Timestamp": at, "X-Slack-Signature": "v0=" + digest}


class Slack:
    def __init__(self, port, gateway, user="U0ANA", team="T0001"):
        self.base, self.gateway, self.user, self.team, self.counter = "http://127.0.0.1:%d" % port, gateway, user, team, 0

    def control(self, path, body=None):
        return request(self.base + "/control/" + path, "GET" if body is None else "POST", body).json()

    def messages(self, user=None):
        return self.control("messages")[user or self.user]

    def post(self, path, body, kind, headers=None, **signing):
        data = body if isinstance(body, bytes) else body.encode()
        return self.gateway.call("POST", path, data, dict({"Content-Type": kind}, **sign(data, **signing), **(headers or {})))

    def number(self):
        self.counter += 1
        return self.counter

    def event(self, event, event_id=None, headers=None, team=None, **signing):
        body = {"token": "old", "team_id": team or self.team, "api_app_id": "A1", "type": "event_callback", "event_id": event_id or "Ev%06d" % self.number(), "event_time": int(time.time()), "event": event}
        return self.post("/slack/events", json.dumps(body), "application/json", headers, **signing)

    def write(self, text, **more):
        return self.event({"type": "message", "channel_type": "im", "channel": "D" + self.user[1:], "user": self.user, "ts": "%d.%06d" % (time.time(), self.number()), "text": text}, **more)

    def open_home(self):
        return self.event({"type": "app_home_opened", "tab": "home", "user": self.user, "channel": "D" + self.user[1:]})

    def interact(self, payload, **signing):
        payload = dict({"team": {"id": self.team, "domain": "acme"}, "user": {"id": self.user, "username": "x", "team_id": self.team}, "api_app_id": "A1", "token": "old",
                        "trigger_id": self.control("trigger")["trigger_id"]}, **payload)
        return self.post("/slack/interactive", urllib.parse.urlencode({"payload": json.dumps(payload)}), "application/x-www-form-urlencoded", **signing)

    def button(self, blocks, action):
        for block in blocks:
            for element in block.get("elements", []):
                if element.get("action_id") == action:
                    return element
        raise KeyError("no button %s in %s" % (action, json.dumps(blocks)))

    def click(self, message, action, **more):
        """A button of a message of ours, as the person sees it now."""
        element = self.button(message["blocks"], action)
        return self.interact({"type": "block_actions", "container": {"type": "message", "message_ts": message["ts"], "channel_id": message["channel"], "is_ephemeral": False},
                              "channel": {"id": message["channel"]}, "response_url": self.control("response")["response_url"],
                              "actions": [{"type": "button", "action_id": action, "block_id": "b", "value": element.get("value", ""), "action_ts": "%.6f" % time.time()}]}, **more)

    def submit(self, view, text, until=None, measure=None, **more):
        values = {"note": {"pst.note": {"type": "plain_text_input", "value": text}}, "until": {"pst.until": {"type": "datepicker", "selected_date": until}},
                  "measure": {"pst.measure": {"type": "plain_text_input", "value": measure}}}
        asked = {b["block_id"] for b in view["blocks"] if b["type"] == "input"}
        return self.interact({"type": "view_submission", "view": {"id": "V1", "hash": "1.ab%d" % self.number(), "callback_id": view["callback_id"], "private_metadata": view.get("private_metadata", ""),
                              "state": {"values": {block: value for block, value in values.items() if block in asked}}}}, **more)

    def as_user(self, user):
        """The same workspace, and somebody else at the keyboard."""
        return Slack(int(self.base.rpartition(":")[2]), self.gateway, user, self.team)

    def command(self, text, user=None, team=None, **signing):
        form = {"token": "old", "team_id": team or self.team, "user_id": user or self.user, "user_name": "x", "command": "/device", "text": text, "channel_id": "C1", "channel_name": "general",
                "trigger_id": self.control("trigger")["trigger_id"], "response_url": self.control("response")["response_url"], "api_app_id": "A1", "is_enterprise_install": "false"}
        return self.post("/slack/command", urllib.parse.urlencode(form), "application/x-www-form-urlencoded", **signing)
