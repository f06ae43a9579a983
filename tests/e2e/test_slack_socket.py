"""Socket Mode: the conversation with a gateway that Slack cannot reach; connections that end in every way; copies on several gateways; and the fake judged by
Slack's own client."""
import json
import os
import shutil
import subprocess

import harness
from harness import Fleet, expect, fast_policy, request, wait_for
from slack_socket_side import OverSocket
from test_loop import PEOPLE, fake_slack

TOKENS = {"SLACK_TOKEN": "xoxb-test-token", "SLACK_APP_TOKEN": "xapp-test-token"}


def begin(world, gateways=1, defects=("firewall",), close="3600s"):
    port, _ = fake_slack(world, ["--app-token", "xapp-test-token"])
    redis = world.redis() if gateways > 1 else None
    config = "slack: { token: env:SLACK_TOKEN, app_token: env:SLACK_APP_TOKEN, api_url: \"http://127.0.0.1:%d/api\" }\n" % port
    every = [world.gateway("gw%d" % i, policy=fast_policy(close), config=config, redis=redis, env=TOKENS).start() for i in range(gateways)]
    every[0].cli("person", "import", "-", stdin=PEOPLE)
    secret = every[0].cli_json("enroll-secret", "create", "--person", "ana@acme.example")["secret"]
    device = {"name": "dover", "platform": "macos", "serial": "C02DOVER01", "uuid": "3b1c0000-0000-4000-8000-00000000d0e1", "hostname": "dover", "model": "Mac14,2", "enroll_secret": secret, "defects": list(defects)}
    slack = OverSocket(port, every[0])
    slack.connected(gateways, gateways)
    return slack, every, Fleet(world, every[0], [device])


def metric(gateway, name):
    line = next(l for l in gateway.get("/metrics", internal=True).text().splitlines() if l.startswith(name + " "))
    return float(line.split()[-1])


def story_the_conversation_over_a_socket(world):
    slack, (gateway,), fleet = begin(world)
    message = wait_for("the day's message", lambda: slack.messages()[0] if slack.messages() else None)
    slack.button(message["blocks"], "pst.recheck")
    slack.control("faults", [{"method": "chat.update", "kind": "500_before", "times": 1000}])
    slack.click(message, "pst.recheck")  # comes back when it is acknowledged: whether or not Slack takes what comes of it
    slack.control("faults", [])
    wait_for("still to fix, in place", lambda: "still to fix. Below is what we saw this time" in slack.messages()[0]["text"])
    fleet.control("fix", "dover", "firewall")
    slack.click(slack.messages()[0], "pst.recheck")
    wait_for("fixed, in place", lambda: "Fixed: Your firewall is on" in slack.messages()[0]["text"])
    expect(len(slack.messages()) == 1, "no new ping")
    slack.write("devices")
    wait_for("the answer to a word", lambda: len(slack.messages()) == 2 and "1 device. Nothing to fix." in slack.messages()[1]["text"])
    answer = slack.command("status").json()
    expect(answer["response_type"] == "ephemeral" and "dover" in answer["text"], "a command is answered in the acknowledgement: %s" % answer)
    slack.command("recheck")
    wait_for("the result, at its address", lambda: any("Nothing to fix." in a["body"]["text"] for a in slack.control("answers")))
    slack.open_home()
    wait_for("the Home tab", lambda: "Nothing to fix." in json.dumps(slack.control("home").get("U0ANA")))
    expect("for another company" in slack.command("status", team="T0FAR").json()["text"], "strangers get a polite word")

    status = gateway.cli_json("slack", "status")
    expect(status["hears"] and status["socket"]["state"] == "open" and any(s["id"] == "slack-socket" and s["state"] == "ok" for s in status["senders"]), "status: %s" % status)
    expect("Socket Mode: open" in gateway.cli("slack", "status") and "slack-socket" in gateway.cli("doctor", code=None), "for people too")
    manifest = json.dumps(status["manifest"])
    expect("request_url" not in manifest and status["manifest"]["settings"]["socket_mode_enabled"] is True, "no address is in the manifest: %s" % manifest)
    expect(json.loads(gateway.cli("slack", "manifest", "--config", gateway.config_path, "--socket-mode")) == status["manifest"], "the same without a gateway")
    expect(metric(gateway, "postern_slack_socket_open") == 1 and metric(gateway, "postern_slack_envelopes_total{result=\"taken\"}") >= 7, "metrics count")
    expect(request("https://localhost:%d/slack/events" % gateway.public_port, "POST", b"{}", {"Content-Type": "application/json"}, ca=gateway.ca).status == 404, "without a signing secret nothing is taken by request")
    fleet.process.stop()
    gateway.stop()
    wait_for("a goodbye", lambda: slack.socket()["open"] == 0)
    expect(slack.socket()["violations"] == [] and slack.socket()["closes"] == [1000], "closed as it should be: %s" % slack.socket())
    text = gateway.process.text()
    expect("xapp-" not in text and "xoxb-" not in text and "ticket=" not in text, "no token and no ticket is logged")


def story_connections_end_in_every_way(world):
    slack, (gateway,), fleet = begin(world, defects=())
    opened = slack.socket()["opened"]
    answers = 0

    def one_answer(what, **more):
        nonlocal answers
        answers += 1
        body = json.dumps({"team_id": "T0001", "type": "event_callback", "event_id": "Ev%s" % what.replace(" ", ""), "event": {"type": "message", "channel_type": "im", "channel": "D0ANA", "user": "U0ANA", "text": "help"}})
        slack.send("/slack/events", body, **more)
        wait_for("an answer after: " + what, lambda: len(slack.messages()) >= answers)

    # Slack replaces it: the new one comes first, the old one is drained
    slack.fault("disconnect", reason="warning")
    opened += 1
    wait_for("a second connection beside the first", lambda: slack.socket()["opened"] == opened and slack.socket()["open"] == 2)
    one_answer("beside")
    slack.fault("close", status=1000)
    opened = wait_for("one remains", lambda: (lambda s: s["opened"] if s["open"] == 1 and len(s["closes"]) >= 2 else None)(slack.socket()))
    one_answer("drained")

    rows = [("refresh_requested", lambda: slack.fault("disconnect", reason="refresh_requested", leaving=True)), ("dropped", lambda: slack.fault("drop")), ("closed", lambda: slack.fault("close", status=1001)),
            ("masked", lambda: slack.fault("masked")), ("binary", lambda: slack.fault("binary")), ("not utf8", lambda: slack.fault("not_utf8")), ("too long", lambda: slack.fault("too_long"))]
    for name, do in rows:
        do()
        opened += 1
        wait_for("a new connection after: " + name, lambda: slack.socket()["opened"] >= opened)
        opened = slack.socket()["opened"]
        one_answer(name)
        if name == "refresh_requested":
            slack.fault("drop")
            opened += 1
            wait_for("a new connection", lambda: slack.socket()["opened"] >= opened and slack.socket()["open"] == 1)

    # what does not end it
    slack.fault("not_json")
    slack.fault("ping")
    wait_for("a pong", lambda: slack.socket()["pongs"] >= 1)
    one_answer("in pieces", pieces=7)
    slack.send("/slack/events", json.dumps({"type": "event_callback", "team_id": "../x", "event_id": "EvBad", "event": {"type": "message", "channel_type": "im", "user": "U0ANA", "channel": "D", "text": "help"}}))
    one_answer("something that is not understood")

    # copies: the same event in three envelopes; an acknowledgement that Slack never sees
    one_answer("three times", copies=3)
    slack.fault("mute")
    one_answer("not acknowledged")
    wait_for("it was sent again and acknowledged then", lambda: (lambda e: e["sent"] >= 2 and e["answers"])(slack.socket()["envelopes"][-1]))
    one_answer("the last")
    expect(len(slack.messages()) == answers, "each was answered once: %d of %d" % (len(slack.messages()), answers))

    # the way back is refused for a while
    slack.control("faults", [{"method": "apps.connections.open", "kind": "429", "retry_after": 1, "times": 1}, {"method": "apps.connections.open", "kind": "500_before", "times": 1},
                             {"method": "apps.connections.open", "kind": "not_json", "times": 1}])
    slack.fault("refuse_upgrade")
    before = slack.socket()["opened"]
    slack.fault("drop")
    wait_for("it comes back", lambda: slack.socket()["opened"] > before)
    one_answer("the way back")
    expect(metric(gateway, "postern_slack_socket_total{step=\"lost\"}") >= 6, "losses are counted")

    # switched off
    slack.fault("disconnect", reason="link_disabled")
    wait_for("no connection", lambda: slack.socket()["open"] == 0)
    said = gateway.cli("slack", "status", code=1)
    expect("Socket Mode: stopped" in said and "switched off" in said, "status says why: %s" % said)
    expect("slack-socket" in gateway.cli("doctor", code=None) and metric(gateway, "postern_slack_socket_open") == 0, "doctor and metrics too")
    expect("postern slack reconnect" in said and " since 20" in said, "and since when, and what to do: %s" % said)

    # and on again, on every gateway and without a start
    gateway.cli("slack", "reconnect")
    slack.connected(1)
    one_answer("switched on again")
    expect("Socket Mode: open" in gateway.cli("slack", "status") and gateway.events("slack.reconnect")[0]["cause"], "status, and who asked: %s" % gateway.events("slack.reconnect"))
    expect(slack.socket()["violations"] == [], "nothing that Slack would not take: %s" % slack.socket()["violations"])
    fleet.process.stop()
    gateway.stop()


def story_two_gateways_share_the_load(world):
    slack, (one, two), fleet = begin(world, gateways=2, defects=())
    event = {"team_id": "T0001", "type": "event_callback", "event": {"type": "message", "channel_type": "im", "channel": "D0ANA", "user": "U0ANA", "text": "help"}}
    for i in range(12):
        slack.send("/slack/events", json.dumps(dict(event, event_id="EvShared%d" % i)), copies=2)
    wait_for("all are acknowledged", lambda: all(e["answers"] for e in slack.socket()["envelopes"]) and len(slack.socket()["envelopes"]) == 24)
    wait_for("every event is answered", lambda: len(slack.messages()) >= 12)
    wait_for("both took some", lambda: all(metric(g, "postern_slack_envelopes_total{result=\"taken\"}") > 0 for g in (one, two)))
    two.stop()
    slack.connected(1)
    slack.send("/slack/events", json.dumps(dict(event, event_id="EvAlone")))
    wait_for("the other goes on", lambda: len(slack.messages()) >= 13)
    expect(len(slack.messages()) == 13 and slack.socket()["violations"] == [], "each once: %d %s" % (len(slack.messages()), slack.socket()["violations"]))
    fleet.process.stop()
    one.stop()


def story_a_token_that_is_none_is_said(world):
    port, _ = fake_slack(world, ["--app-token", "xapp-another"])
    config = "slack: { token: env:SLACK_TOKEN, app_token: env:SLACK_APP_TOKEN, api_url: \"http://127.0.0.1:%d/api\" }\n" % port
    gateway = world.gateway(config=config, env=TOKENS).start()
    wait_for("it stops", lambda: "Socket Mode: stopped" in gateway.cli("slack", "status", code=None))
    said = gateway.cli("slack", "status", code=1)
    expect("invalid_auth" in said and "connections:write" in said, "what to do: %s" % said)
    gateway.stop()

    # one that stands in a file is taken from there when it is replaced
    path = os.path.join(world.folder, "app-token")
    with open(path, "w") as f:
        f.write("xapp-of-yesterday")
    filed = world.gateway("filed", config=config.replace("env:SLACK_APP_TOKEN", "file:" + path), env=TOKENS).start()
    wait_for("it stops", lambda: "Socket Mode: stopped" in filed.cli("slack", "status", code=None))
    with open(path + ".new", "w") as f:
        f.write("xapp-another\n")
    os.rename(path + ".new", path)
    wait_for("it goes on", lambda: "Socket Mode: open" in filed.cli("slack", "status", code=None))
    filed.stop()
    expect("xapp-of" not in filed.process.text() and "xapp-another" not in filed.process.text(), "no token is logged")
    wrong = world.gateway("wrong", config=config, env=dict(TOKENS, SLACK_APP_TOKEN="xoxb-not-this-one"))
    done = subprocess.run([world.postern, "serve", "--config", wrong.config_path], capture_output=True, text=True, timeout=harness.LIMIT_S, env=dict(os.environ, SLACK_TOKEN="xoxb-x", SLACK_APP_TOKEN="xoxb-not-this-one"))
    expect(done.returncode != 0 and "begins with xapp-" in done.stdout + done.stderr, "the wrong kind of token is refused at the start: %s" % (done.stdout + done.stderr))


def story_slacks_own_client_is_content_with_the_fake(world):
    port, _ = fake_slack(world, ["--app-token", "xapp-test-token"])
    folder = os.path.join(world.folder, "socket-mode")
    shutil.copytree(os.path.join(harness.ROOT, "tests/e2e/slack_bolt"), folder)
    harness.npm_ci(folder)
    process = world.process(["node", os.path.join(folder, "socket_mode.mjs"), "xapp-test-token", "http://127.0.0.1:%d/api/" % port], "socket-mode")
    slack = OverSocket(port, None)
    slack.connected()
    slack.write("devices")
    expect("heard message devices" in wait_for("the client has it", lambda: process.text() if "heard message" in process.text() else None), "an event: %s" % process.text())
    answer = slack.command("status")
    expect(answer.json() == {"text": "from the client"}, "a command, answered in the acknowledgement: %s" % answer.text())
    slack.send("/slack/events", json.dumps({"type": "event_callback", "team_id": "T0001", "event_id": "EvPieces", "event": {"type": "message", "channel_type": "im", "channel": "D0ANA", "user": "U0ANA", "text": "pieces"}}), pieces=5)
    wait_for("one in pieces", lambda: "heard message pieces" in process.text())
    slack.fault("disconnect", reason="refresh_requested", leaving=True)
    wait_for("a new connection", lambda: slack.socket()["opened"] == 2)
    slack.write("again")
    wait_for("it goes on there", lambda: "heard message again" in process.text())
    expect(slack.socket()["violations"] == [], "it does nothing that the fake refuses: %s" % slack.socket()["violations"])
    process.kill()


if __name__ == "__main__":
    harness.main(globals())
