"""Slack's own framework as the judge: the same signed requests get the same answers from it and from us; and its client is content with the fake that all
other stories rest on. Where we mean to differ, the row says so."""
import json
import os
import shutil
import time
import urllib.parse

import harness
from harness import expect, free_port, request, wait_for
from slack_side import SECRET, Slack, sign
from test_loop import with_people

FORM, JSON = "application/x-www-form-urlencoded", "application/json"


def start_bolt(world, api):
    folder = os.path.join(world.folder, "bolt")
    shutil.copytree(os.path.join(harness.ROOT, "tests/e2e/slack_bolt"), folder)
    harness.npm_ci(folder)
    port = free_port()
    process = world.process(["node", os.path.join(folder, "bolt.mjs"), str(port), SECRET, "xoxb-test-token", api], "bolt")
    wait_for("Bolt is ready", lambda: "ready" in process.text())
    return "http://127.0.0.1:%d" % port, process


def rows():
    now = int(time.time())
    event = {"type": "event_callback", "team_id": "T0001", "api_app_id": "A1", "event_id": "Ev1", "event_time": now, "authorizations": [{"team_id": "T0001", "user_id": "UBOT", "is_bot": True}],
             "event": {"type": "message", "channel_type": "im", "channel": "D0ANA", "user": "U0ANA", "ts": "%d.000001" % now, "text": "devices"}}
    message = json.dumps(event).encode()
    home = json.dumps(dict(event, event_id="Ev2", event={"type": "app_home_opened", "tab": "home", "user": "U0ANA", "channel": "D0ANA"})).encode()
    unknown = json.dumps(dict(event, event_id="Ev3", event={"type": "reaction_added", "user": "U0ANA"})).encode()
    challenge = b'{"token":"x","challenge":"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P","type":"url_verification"}'
    command = urllib.parse.urlencode({"token": "x", "team_id": "T0001", "user_id": "U0ANA", "user_name": "ana", "command": "/device", "text": "", "channel_id": "D0ANA", "trigger_id": "1.2.a",
                                      "api_app_id": "A1", "response_url": "https://hooks.slack.com/commands/x", "is_enterprise_install": "false"}).encode()
    person = {"team": {"id": "T0001", "domain": "acme"}, "user": {"id": "U0ANA", "team_id": "T0001"}, "api_app_id": "A1", "token": "x", "trigger_id": "1.2.b"}
    click = urllib.parse.urlencode({"payload": json.dumps(dict(person, type="block_actions", container={"type": "message", "message_ts": "1.000001", "channel_id": "D0ANA"}, channel={"id": "D0ANA"},
                                   actions=[{"type": "button", "action_id": "pst.page", "block_id": "b", "action_ts": "1.1"}]))}).encode()
    modal = urllib.parse.urlencode({"payload": json.dumps(dict(person, type="view_submission", view={"id": "V1", "type": "modal", "hash": "1.a", "callback_id": "pst.other", "state": {"values": {}}}))}).encode()
    # name, path, body, content type, headers, Bolt's status, ours
    return [
        ("a message", "/slack/events", message, JSON, sign(message), 200, 200),
        ("the Home tab", "/slack/events", home, JSON, sign(home), 200, 200),
        ("an event that nobody handles", "/slack/events", unknown, JSON, sign(unknown), None, 200),
        ("the challenge", "/slack/events", challenge, JSON, sign(challenge), 200, 200),
        ("a command", "/slack/command", command, FORM, sign(command), 200, 200),
        ("a button", "/slack/interactive", click, FORM, sign(click), 200, 200),
        ("a modal", "/slack/interactive", modal, FORM, sign(modal), 200, 200),
        ("the probe", "/slack/command", b"ssl_check=1&token=x", FORM, {}, 200, 200),
        ("forged", "/slack/events", message, JSON, sign(message, secret="other"), 401, 401),
        ("another body", "/slack/command", command + b"&text=x", FORM, sign(command), 401, 401),
        ("301 seconds old and a bit", "/slack/events", message, JSON, sign(message, at=now - 320), 401, 401),
        ("four minutes old", "/slack/events", unknown, JSON, sign(unknown, at=now - 240), None, 200),
        ("unsigned", "/slack/events", message, JSON, {}, 401, 401),
        ("no time", "/slack/events", message, JSON, {k: v for k, v in sign(message).items() if k != "X-Slack-Request-Timestamp"}, 401, 401),
        ("another version", "/slack/events", message, JSON, dict(sign(message), **{"X-Slack-Signature": "v1=" + sign(message)["X-Slack-Signature"][3:]}), 401, 401),
        # where we mean to differ: Bolt lets a time in the future pass, so that a captured request could be kept for later
        ("from the future", "/slack/events", unknown, JSON, sign(unknown, at=now + 900), None, 401),
    ]


def story_the_same_requests_get_the_same_answers(world):
    port, (gateway,), _ = with_people(world, "3600s")
    slack = Slack(port, gateway)
    bolt, process = start_bolt(world, slack.base + "/api/")
    for name, path, body, kind, headers, theirs, ours in rows():
        fields = dict({"Content-Type": kind}, **headers)
        got = request(bolt + path, "POST", body, fields)
        mine = gateway.call("POST", path, body, fields)
        expect(theirs is None or got.status == theirs, "%s: Bolt answered %s, wanted %s: %s" % (name, got.status, theirs, got.text()[:200]))
        expect(mine.status == ours, "%s: we answered %d, wanted %d: %s" % (name, mine.status, ours, mine.text()[:200]))
        if name == "the challenge":
            expect(got.json() == mine.json(), "the same challenge: %s, %s" % (got.text(), mine.text()))
        if name == "a command":
            expect(got.json()["response_type"] == mine.json()["response_type"] == "ephemeral" and "1 device" in got.json()["text"] and "device" in mine.json()["text"], "both are for one person alone")
    wait_for("Bolt's client was answered by the fake", lambda: any(m["text"] == "heard" for m in slack.messages()))
    # ours and Bolt's wrote to the same tab: whoever came last; both went through
    expect(len([c for c in slack.control("calls") if c["method"] == "views.publish" and c["answer"] == "ok"]) >= 1, "the Home tab was published")
    process.stop()
    gateway.stop()


if __name__ == "__main__":
    harness.main(globals())
