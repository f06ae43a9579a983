"""The conversation in Slack, on real wires: the day's message, "I fixed it. Check again", the result in place; words, the command, the Home tab; and all that is not Slack."""
import http.client
import json
import ssl
import time
import urllib.parse

import harness
from harness import Fleet, expect, wait_for
from slack_side import SECRET, Slack, sign
from test_loop import PEOPLE, posture, result_of, with_people

FORM, JSON = "application/x-www-form-urlencoded", "application/json"


def begin(world, close="3600s", defects=("firewall",), **more):
    port, (gateway,), device = with_people(world, close, **more)
    fleet = Fleet(world, gateway, [dict(device, defects=list(defects))])
    return Slack(port, gateway), gateway, fleet


def story_the_talk_of_one_day(world):
    slack, gateway, fleet = begin(world)
    message = wait_for("the day's message", lambda: slack.messages()[0] if slack.messages() else None)
    expect(message["text"].startswith("Hello Ana. This is Postern."), "the first message introduces itself: %s" % message["text"])
    for action in ("pst.recheck", "pst.steps", "pst.wrong", "pst.ask"):
        slack.button(message["blocks"], action)

    # Check again while it is not fixed: the value seen this time, in the same message
    slack.control("faults", [{"method": "chat.update", "kind": "500_before", "times": 1000}])
    expect(slack.click(message, "pst.recheck").status == 200, "a click is thanked for, whether or not Slack takes what comes of it")
    slack.control("faults", [])
    wait_for("still to fix, in place", lambda: "still to fix. Below is what we saw this time" in slack.messages()[0]["text"])

    # I fixed it. Check again.
    fleet.control("fix", "dover", "firewall")
    slack.click(slack.messages()[0], "pst.recheck")
    wait_for("fixed, in place", lambda: "Fixed: Your firewall is on" in slack.messages()[0]["text"])
    now = slack.messages()
    expect(len(now) == 1 and now[0]["ts"] == message["ts"] and "Thank you." in now[0]["text"], "one message, no new ping: %s" % [m["text"] for m in now])

    # words
    expect(slack.write("devices").status == 200, "a word is taken")
    wait_for("the answer", lambda: len(slack.messages()) == 2 and "1 device. Nothing to fix." in slack.messages()[1]["text"])
    asked = [e for e in gateway.events("slack.asked")]
    expect(len(asked) >= 3 and "response_url" not in json.dumps(asked) and "D0ANA" not in json.dumps(asked), "the log holds what was asked, and nothing to answer with: %s" % asked)

    # the Home tab, which then follows
    slack.open_home()
    wait_for("the Home tab", lambda: "Nothing to fix." in json.dumps(slack.control("home").get("U0ANA")))
    fleet.control("break", "dover", "firewall")
    wait_for("it follows", lambda: "1 thing to fix" in json.dumps(slack.control("home").get("U0ANA")))
    fleet.process.stop()
    gateway.stop()


def story_a_dispute_and_a_question(world):
    slack, gateway, fleet = begin(world)
    message = wait_for("the day's message", lambda: slack.messages()[0] if slack.messages() else None)
    slack.click(message, "pst.wrong")
    view = wait_for("the modal", lambda: slack.control("modals")[-1]["view"] if slack.control("modals") else None)
    expect(slack.submit(view, "It is on, I looked.").body == b"", "the modal closes")
    wait_for("the clock stands still", lambda: "You told us that this looks wrong" in slack.messages()[0]["text"])
    disputed = gateway.events("person.disputed")
    expect(len(disputed) == 1 and "It is on, I looked." in json.dumps(disputed), "with its words: %s" % disputed)
    slack.click(slack.messages()[0], "pst.ask")
    view = wait_for("the second modal", lambda: slack.control("modals")[-1]["view"] if len(slack.control("modals")) == 2 else None)
    slack.submit(view, "Please help.")
    wait_for("a person will answer", lambda: "A person will answer you." in slack.messages()[0]["text"])
    expect(len(gateway.events("person.asked")) == 1 and len(slack.messages()) == 1, "asked once, in one message: %s %s" % (gateway.events("person.asked"), [m["text"] for m in slack.messages()]))
    fleet.process.stop()
    gateway.stop()


def story_an_exemption_is_asked_for_and_decided_by_another(world):
    slack, gateway, fleet = begin(world, slack=", approvals: C0DECIDE", policy="exemptions: { approvers: [ben@acme.example], length: 30d, longest: 90d }\n")
    ben = slack.as_user("U0BEN")
    message = wait_for("the day's message", lambda: slack.messages()[0] if slack.messages() else None)
    ben.open_home()

    def modal(count):
        return wait_for("modal %d" % count, lambda: slack.control("modals")[-1]["view"] if len(slack.control("modals")) == count else None)

    def day(days):
        return time.strftime("%Y-%m-%d", time.gmtime(time.time() + days * 86400))

    # asked: what is wrong is said beside the field, what is good is said in the modal
    slack.click(message, "pst.exempt")
    view = modal(1)
    rows = [({"text": " "}, "note"), ({"text": "lab", "until": "2020-01-01"}, "until"), ({"text": "lab", "until": day(100)}, "until")]
    for fields, block in rows:
        answer = slack.submit(view, **fields).json()
        expect(answer["response_action"] == "errors" and list(answer["errors"]) == [block], "%s: %s" % (fields, answer))
    answer = slack.submit(view, "The <lab> needs it.", until=day(20), measure="It stands behind a router.").json()
    expect(answer["response_action"] == "update" and "Another person decides" in json.dumps(answer["view"]), "asked: %s" % answer)
    wait_for("the message says so", lambda: "You asked for an exemption." in slack.messages()[0]["text"])
    request = wait_for("the request to those who decide", lambda: slack.messages("C0DECIDE")[0] if slack.messages("C0DECIDE") else None)
    expect("ana@acme.example" in request["text"] and "It stands behind a router." in request["text"], "what is asked: %s" % request["text"])
    wait_for("the Home tab of who decides", lambda: "Waiting for your decision" in json.dumps(slack.control("home").get("U0BEN")))
    asked = gateway.cli_json("exemption", "list")["exemptions"]
    expect(len(asked) == 1 and asked[0]["state"] == "asked" and asked[0]["requester_email"] == "ana@acme.example", "in the list: %s" % asked)
    page = gateway.cli_json("person", "link", "ben@acme.example")["url"]
    expect("Waiting for your decision" in gateway.call("GET", "/me/" + page.rpartition("/")[2]).text(), "and on Ben's page")

    # not by whoever asked
    slack.click(request, "pst.approve")
    wait_for("she is told so, and nobody else", lambda: any("Only those whom your company has named" in a["body"]["text"] for a in slack.control("answers")))
    forged = slack.submit(dict(view, callback_id="pst.approve", private_metadata=asked[0]["id"]), "mine").json()
    expect("You cannot decide this one" in json.dumps(forged), "nor by a modal that was never opened: %s" % forged)

    # approved, for less time
    ben.click(request, "pst.approve")
    view = modal(2)
    done = ben.submit(view, "Only in the lab.", until=day(10)).json()
    expect("Approved until" in json.dumps(done), "approved: %s" % done)
    again = ben.submit(view, "Only in the lab.", until=day(10)).json()
    expect("Approved until" in json.dumps(again), "the same again is the same: %s" % again)
    wait_for("the message says until when", lambda: "You do not have to fix this before" in slack.messages()[0]["text"])
    wait_for("the answer", lambda: len(slack.messages()) == 2 and "Your exemption was approved by Ben (ben@acme.example)" in slack.messages()[1]["text"] and "Only in the lab." in slack.messages()[1]["text"])
    wait_for("the request says so", lambda: "Approved by Ben" in slack.messages("C0DECIDE")[0]["text"])
    wait_for("nothing waits for Ben", lambda: "Waiting for your decision" not in json.dumps(slack.control("home").get("U0BEN")))
    ben.click(request, "pst.refuse")
    wait_for("too late", lambda: any("Somebody has decided this already." in a["body"]["text"] for a in slack.control("answers")))
    expect(len(gateway.events("exemption.approved")) == 1 and not gateway.events("exemption.refused"), "decided once")
    metrics = gateway.call("GET", "/metrics", internal=True).text()
    expect("\npostern_exemptions_open 1\n" in metrics and "\npostern_slack_unmapped_persons 0\n" in metrics, "counted")
    fleet.process.stop()
    gateway.stop()


def story_the_command_is_for_one_person_alone(world):
    slack, gateway, fleet = begin(world, defects=())
    wait_for("a first report", lambda: posture(gateway).get("verdict") == "pass")
    rows = [("", "1 device. Nothing to fix."), ("status", "dover"), ("devices", "dover"), ("privacy", "What we ask your devices"), ("help", "recheck"), ("nonsense", "Write one of these words"),
            ("why", "Nothing like that is to fix")]
    for text, says in rows:
        answer = slack.command(text)
        expect(answer.status == 200 and answer.json()["response_type"] == "ephemeral" and says in answer.json()["text"], "%r: %d %s" % (text, answer.status, answer.text()))
    for who, says in (({"user": "U0NOBODY"}, "We do not know you here yet"), ({"team": "T0FAR"}, "It has nothing of yours.")):
        wait_for("%r: %s" % (who, says), lambda: says in slack.command("status", **who).json()["text"])
    status = gateway.cli_json("slack", "status")
    expect(status["team"] == "T0001" and status["missing_scopes"] == [] and all(s["state"] == "ok" for s in status["senders"]), "status: %s" % status)
    expect("workspace: T0001" in gateway.cli("slack", "status") and json.loads(gateway.cli("slack", "manifest")) == status["manifest"], "the same for people")
    slack.command("recheck")
    wait_for("the result, at its address", lambda: any("Nothing to fix." in a["body"]["text"] for a in slack.control("answers")))
    expect(all(a["body"]["response_type"] == "ephemeral" for a in slack.control("answers")), "never in the channel")
    fleet.process.stop()
    gateway.stop()


def post(gateway, path, body, fields):
    """With header fields in any number: what a dict cannot say."""
    connection = http.client.HTTPSConnection("localhost", gateway.public_port, timeout=harness.ANSWER_S, context=ssl.create_default_context(cafile=gateway.ca))
    try:
        connection.putrequest("POST", path)
        for name, value in fields + [("Content-Length", str(len(body)))]:
            connection.putheader(name, value)
        connection.endheaders(body)
        response = connection.getresponse()
        return harness.Answer(response.status, dict((k.lower(), v) for k, v in response.getheaders()), response.read())
    finally:
        connection.close()


def story_only_slack_is_heard_and_each_thing_once(world):
    slack, gateway, fleet = begin(world)
    message = wait_for("the day's message", lambda: slack.messages()[0] if slack.messages() else None)
    event = json.dumps({"type": "event_callback", "team_id": "T0001", "event_id": "EvX", "event": {"type": "message", "channel_type": "im", "channel": "D0ANA", "user": "U0ANA", "text": "devices"}}).encode()
    form = urllib.parse.urlencode({"team_id": "T0001", "user_id": "U0ANA", "command": "/device", "text": "", "trigger_id": "1.2.x"}).encode()
    order = form.replace(b"text=", b"text=recheck")
    now = int(time.time())
    good = sign(event)
    rows = [
        ("unsigned", "/slack/events", event, JSON, {}, 401),
        ("forged", "/slack/events", event, JSON, sign(event, secret="other"), 401),
        ("five minutes old and a bit", "/slack/events", event, JSON, sign(event, at=now - 330), 401),
        ("from the future", "/slack/events", event, JSON, sign(event, at=now + 330), 401),
        ("a time that is no number", "/slack/events", event, JSON, dict(good, **{"X-Slack-Request-Timestamp": "now"}), 401),
        ("a time of thirteen digits", "/slack/events", event, JSON, sign(event, at=now * 1000), 401),
        ("another body", "/slack/events", event + b" ", JSON, good, 401),
        ("an upper-case signature", "/slack/events", event, JSON, dict(good, **{"X-Slack-Signature": good["X-Slack-Signature"].upper()}), 401),
        ("a signature of another version", "/slack/events", event, JSON, dict(good, **{"X-Slack-Signature": "v1" + good["X-Slack-Signature"][2:]}), 401),
        ("a form where JSON belongs", "/slack/events", event, FORM, good, 400),
        ("JSON where a form belongs", "/slack/command", event, JSON, good, 400),
        ("no content type", "/slack/events", event, "", good, 400),
        ("no JSON", "/slack/events", b"{", JSON, sign(b"{"), 400),
        ("a list", "/slack/events", b"[]", JSON, sign(b"[]"), 400),
        ("empty", "/slack/events", b"", JSON, sign(b""), 400),
        ("no payload", "/slack/interactive", b"a=b", FORM, sign(b"a=b"), 400),
        ("a payload that is no JSON", "/slack/interactive", b"payload=%7B", FORM, sign(b"payload=%7B"), 400),
        ("a broken escape", "/slack/interactive", b"payload=%7", FORM, sign(b"payload=%7"), 400),
        ("a command of nobody", "/slack/command", b"command=%2Fdevice&team_id=T0001", FORM, sign(b"command=%2Fdevice&team_id=T0001"), 400),
        ("the probe of a command", "/slack/command", b"ssl_check=1&token=x", FORM, {}, 200),
        ("a probe that carries more", "/slack/command", b"ssl_check=1&" + form, FORM, {}, 200),
        ("a probe with a wrong signature", "/slack/command", b"ssl_check=1&" + form, FORM, sign(form), 200),
        ("a probe that is signed", "/slack/command", b"ssl_check=1&" + order, FORM, sign(b"ssl_check=1&" + order), 200),
        ("a signature twice", "/slack/events", event, JSON, list(good.items()) + [("X-Slack-Signature", good["X-Slack-Signature"])], 401),
        ("two times", "/slack/events", event, JSON, list(good.items()) + [("X-Slack-Request-Timestamp", str(now - 1))], 401),
        ("an old time beside a good one", "/slack/events", event, JSON, [("X-Slack-Request-Timestamp", str(now - 900))] + list(good.items()), 401),
        ("the challenge", "/slack/events", b'{"type":"url_verification","challenge":"abc","token":"x"}', JSON, sign(b'{"type":"url_verification","challenge":"abc","token":"x"}'), 200),
        ("an unsigned challenge", "/slack/events", b'{"type":"url_verification","challenge":"abc"}', JSON, {}, 401),
        ("an event of tomorrow", "/slack/events", b'{"type":"event_callback","team_id":"T0001","event_id":"EvY","event":{"type":"new"}}', JSON,
         sign(b'{"type":"event_callback","team_id":"T0001","event_id":"EvY","event":{"type":"new"}}'), 200),
        ("too large", "/slack/events", b" " * (1024 * 1024 + 1), JSON, sign(b" " * (1024 * 1024 + 1)), 413),
    ]
    for name, path, body, kind, headers, status in rows:
        answer = post(gateway, path, body, ([("Content-Type", kind)] if kind else []) + (headers if isinstance(headers, list) else list(headers.items())))
        expect(answer.status == status, "%s: %d, wanted %d: %s" % (name, answer.status, status, answer.text()[:200]))
        expect(status != 401 or answer.body == b"", "%s: a refusal says nothing" % name)
    expect(gateway.get("/slack/events").status == 405, "only POST")
    challenge = next(row for row in rows if row[0] == "the challenge")
    expect(json.loads(gateway.call("POST", "/slack/events", challenge[2], dict({"Content-Type": JSON}, **challenge[4])).body) == {"challenge": "abc"}, "the challenge comes back")
    expect(len(slack.messages()) == 1 and not gateway.events("slack.asked"), "none of it did anything: %s" % gateway.events("slack.asked"))

    # copies: the same event three times, with Slack's retry headers; a click twice, byte for byte
    for i in range(3):
        expect(slack.write("devices", event_id="EvTwice", headers={"X-Slack-Retry-Num": str(i), "X-Slack-Retry-Reason": "http_timeout"}).status == 200, "a copy is thanked for")
    wait_for("one answer", lambda: len(slack.messages()) == 2)
    element = slack.button(message["blocks"], "pst.wrong")
    payload = {"type": "block_actions", "team": None, "enterprise": {"id": "E9"}, "is_enterprise_install": True, "user": {"id": "U0ANA"}, "container": {"type": "message", "message_ts": message["ts"], "channel_id": message["channel"]},
               "trigger_id": "1.2.gone", "actions": [{"action_id": "pst.wrong", "value": element["value"], "action_ts": "7.7"}]}
    body = urllib.parse.urlencode({"payload": json.dumps(payload)}).encode()
    for i in range(3):
        gateway.call("POST", "/slack/interactive", body, dict({"Content-Type": FORM}, **sign(body)))
    unknown = slack.interact({"type": "block_actions", "container": {}, "actions": [{"action_id": "other.thing", "value": "x", "action_ts": "1.1"}]})
    expect(unknown.status == 200, "an action that is not ours is thanked for and left")
    slack.write("help")
    wait_for("what comes after is answered", lambda: len(slack.messages()) == 3)
    expect(len(gateway.events("person.disputed")) == 0, "an organisation that is not ours (%s) does nothing" % gateway.events("person.disputed"))
    expect(len([m for m in slack.messages() if "1 device" in m["text"]]) == 1, "the copies did nothing: %s" % [m["text"] for m in slack.messages()])
    fleet.process.stop()
    gateway.stop()


def story_a_preview_says_all_and_sends_nothing(world):
    """Without Slack at all: what she would be sent and would see, before anything is connected."""
    gateway = world.gateway("gw", policy=harness.fast_policy("3600s")).start()
    gateway.cli("person", "import", "-", stdin=PEOPLE)
    nothing = gateway.cli_json("slack", "preview", "ana@acme.example")
    expect(nothing["digest"] is None and not nothing["would_be_sent_now"] and "We know no device of yours yet." in json.dumps(nothing["home"]) and "Hello Ana" in nothing["greeting"]["text"], "nothing to tell: %s" % nothing)
    secret = gateway.cli_json("enroll-secret", "create", "--person", "ana@acme.example")["secret"]
    fleet = Fleet(world, gateway, [{"name": "dover", "platform": "macos", "serial": "C02DOVER01", "uuid": "3b1c0000-0000-4000-8000-00000000d0e1", "hostname": "dover", "model": "Mac14,2", "enroll_secret": secret, "defects": ["firewall"]}])
    preview = wait_for("something to tell", lambda: (lambda p: p if p["digest"] else None)(gateway.cli_json("slack", "preview", "ana@acme.example")))
    buttons = [e["text"]["text"] for b in preview["digest"]["blocks"] for e in b.get("elements", []) if e["type"] == "button"]
    expect("Check again" in buttons and "Your firewall is on" in preview["digest"]["text"] and preview["why_not"] == "no channel is configured", "the day's message: %s %s" % (buttons, preview["why_not"]))
    expect("/me/preview" in json.dumps(preview["home"]) and "/welcome/preview" not in json.dumps(preview["home"]), "links that open nothing")
    text = gateway.cli("slack", "preview", "ana@acme.example")
    for words in ("The day's message, not sent now (no channel is configured)", "What we saw", "[ Check again ]", "The Home tab:", "The greeting:", "Nothing was sent."):
        expect(words in text, "%r in: %s" % (words, text))
    expect("<!date" not in text and "&amp;" not in text and "<http" not in text, "no marks of Slack's: %s" % text)
    expect(json.loads(gateway.cli("slack", "preview", "ana@acme.example", "--what", "home", "--json"))["type"] == "home", "one part")
    expect("The Home tab" not in gateway.cli("slack", "preview", "ana@acme.example", "--what", "digest"), "one part in words")
    gateway.cli("slack", "preview", "ana@acme.example", "--what", "shoe", code=2)
    gateway.cli("slack", "preview", "nobody@acme.example", code=1)
    expect(not gateway.events("notice.reserved"), "nothing was reserved")
    fleet.process.stop()
    gateway.stop()


def story_a_token_that_is_revoked_is_seen_and_replaced(world):
    slack, gateway, fleet = begin(world)
    wait_for("the day's message", lambda: slack.messages())
    # late word of a token that was replaced: Slack is asked, and all goes on
    slack.event({"type": "tokens_revoked", "tokens": {"oauth": [], "bot": ["UBOT"]}})
    wait_for("it is in the log", lambda: len(gateway.events("slack.token_revoked")) == 1)
    wait_for("Slack says that the token is good", lambda: "trouble" not in gateway.cli_json("slack", "status") and sum(c["method"] == "auth.test" for c in slack.control("calls")) >= 3)
    slack.write("help")
    wait_for("an answer", lambda: len(slack.messages()) == 2)

    slack.control("faults", [{"method": "*", "kind": "error", "error": "token_revoked", "times": 1000}])
    slack.event({"type": "app_uninstalled"})
    wait_for("every sender stops", lambda: all(s["state"] == "stopped" for s in json.loads(gateway.cli("slack", "status", "--json"))["senders"]))
    said = gateway.cli("slack", "status", code=1)
    expect("app_uninstalled" in said and "install the app again" in said, "status says what to do: %s" % said)
    doctor = gateway.cli("doctor", code=None)
    expect("the app was uninstalled" in doctor and "token_revoked" in doctor, "doctor too: %s" % doctor)
    metrics = gateway.get("/metrics", internal=True).text()
    expect("postern_destinations_stopped 3" in metrics, "metrics too: %s" % [l for l in metrics.splitlines() if "stopped" in l])
    expect(len(gateway.events("slack.uninstalled")) == 1, "it is in the log")
    before = len(slack.control("calls"))
    slack.write("help")

    # started with a token that Slack does not know, it is seen before anybody is written to; started with a new one, what waited goes out
    gateway.stop()
    gateway.start()
    wait_for("it is seen at the start", lambda: all(s["state"] == "stopped" for s in json.loads(gateway.cli("slack", "status", "--json"))["senders"]))
    expect(not any(c["method"] == "chat.postMessage" for c in slack.control("calls")[before:]), "nobody was written to")
    slack.control("faults", [])
    gateway.stop()
    gateway.start()
    wait_for("what was asked meanwhile is answered", lambda: len(slack.messages()) == 3)
    expect(all(s["state"] == "ok" for s in gateway.cli_json("slack", "status")["senders"]), "all is well again")
    fleet.process.stop()
    gateway.stop()


if __name__ == "__main__":
    harness.main(globals())
