"""Slack's side of the conversation over Socket Mode: what slack_side.py signs and posts goes through the fake's WebSocket instead."""
import json
import urllib.parse

from harness import Answer, wait_for
from slack_side import Slack

KINDS = {"/slack/events": "events_api", "/slack/interactive": "interactive", "/slack/command": "slash_commands"}


def payload_of(path, body):
    if path == "/slack/events":
        return json.loads(body)
    form = dict(urllib.parse.parse_qsl(body, keep_blank_values=True))
    return form if path == "/slack/command" else json.loads(form["payload"])


class OverSocket(Slack):
    def socket(self):
        return self.control("socket")

    def fault(self, kind, **more):
        self.control("socket_fault", dict(more, kind=kind))

    def envelope(self, number):
        return next(e for e in self.socket()["envelopes"] if e["envelope_id"] == number)

    def send(self, path, body, **more):
        return self.control("socket_send", dict(more, type=KINDS[path], payload=payload_of(path, body)))["envelope_id"]

    def post(self, path, body, kind, headers=None, **signing):
        number = self.send(path, body.decode() if isinstance(body, bytes) else body)
        answered = wait_for("an acknowledgement of %s" % path, lambda: (lambda e: e if e["answers"] else None)(self.envelope(number)))
        payload = answered["answers"][0]
        return Answer(200, {}, b"" if payload is None else json.dumps(payload).encode())

    def connected(self, count=1, opened=1):
        return wait_for("%d connection(s), %d opened" % (count, opened), lambda: (lambda s: s if s["open"] == count and s["opened"] >= opened else None)(self.socket()))
