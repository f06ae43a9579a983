"""From an invitation to a device that reports: the greeting, the first page, the secret of one person, and a device that looks like theirs."""
import html
import json
import os
import re
import subprocess

import harness
from harness import Fleet, expect, fast_policy, request, wait_for
from slack_side import Slack
from test_loop import PEOPLE, fake_slack, slack_messages

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def device(name, serial, secret):
    return {"name": name, "platform": "macos", "serial": serial, "uuid": "3b1c0000-0000-4000-8000-%012x" % (int.from_bytes(serial.encode()[-6:], "big")), "hostname": name, "model": "Mac14,2",
            "enroll_secret": secret, "defects": []}


def welcome_of(text):
    return re.search(r"https://\S+/welcome/\S+", text).group(0).rstrip("|>")


def press(gateway, url, button, fields=""):
    answer = request(url + "/" + button, "POST", fields.encode(), FORM, ca=gateway.ca)
    expect(answer.status == 303, "%s answered %d: %s" % (button, answer.status, answer.text()[:300]))
    return answer.headers["location"]


STANDS_IN = {"sudo": 'exec "$@"', "systemctl": 'echo "systemctl $*"', "osqueryctl": 'echo "osqueryctl $*"'}


def the_lines_do_what_they_say(world, page):
    """Those for macOS and Linux are pasted into a shell, in a folder instead of the root; commands that this machine lacks only say that they were called."""
    for system, folder, started in (("macOS", "/private/var/osquery", "osqueryctl start"), ("Linux", "/etc/osquery", "systemctl restart osqueryd")):
        lines = html.unescape(re.search(r"<summary>%s</summary>.*?<pre><code>(.*?)</code></pre>" % system, page, re.S).group(1))
        root = os.path.join(world.folder, system)
        os.makedirs(os.path.join(root, "bin"))
        for name, text in STANDS_IN.items():
            with open(os.open(os.path.join(root, "bin", name), os.O_WRONLY | os.O_CREAT, 0o755), "w") as f:
                f.write("#!/bin/sh\n%s\n" % text)
        script = lines.replace("/opt/osquery/lib/osquery.app/Contents/Resources/osqueryctl", "osqueryctl").replace(" %s" % folder, " %s%s" % (root, folder)).replace(">" + folder, ">" + root + folder)
        checked = subprocess.run(["shellcheck", "-s", "sh", "-"], input=lines, capture_output=True, text=True)
        expect(checked.returncode == 0, "%s: shellcheck: %s" % (system, checked.stdout))
        for again in range(2):
            done = subprocess.run(["sh"], input=script, capture_output=True, text=True, env=dict(os.environ, PATH=os.path.join(root, "bin") + ":" + os.environ["PATH"]))
            expect(done.returncode == 0 and started in done.stdout and done.stderr == "", "%s: %d %s%s" % (system, done.returncode, done.stdout, done.stderr))
        made = {name: open(root + folder + "/" + name).read() for name in ("enroll_secret", "osquery.flags", "posture-ca.pem")}
        expect(re.fullmatch(r"pone1\.[A-Za-z0-9_-]+\n", made["enroll_secret"]) and os.stat(root + folder + "/enroll_secret").st_mode & 0o777 == 0o600, "%s: the secret is root's alone" % system)
        expect("--enroll_secret_path=%s/enroll_secret\n" % folder in made["osquery.flags"] and "--tls_server_certs=%s/posture-ca.pem\n" % folder in made["osquery.flags"], made["osquery.flags"])
        expect(made["posture-ca.pem"].startswith("-----BEGIN CERTIFICATE-----\n"), made["posture-ca.pem"][:60])


def story_an_invitation_ends_in_a_device_that_reports(world):
    port, _ = fake_slack(world)
    config = "slack: { token: env:SLACK_TOKEN, signing_secret: env:SLACK_SECRET, api_url: \"http://127.0.0.1:%d/api\" }\n" % port
    gateway = world.gateway("gw", policy=fast_policy("4s"), config=config, env={"SLACK_TOKEN": "xoxb-test-token", "SLACK_SECRET": "not-a-secret"}).start()
    gateway.cli("person", "import", "-", stdin=PEOPLE)
    expect("not_invited" in gateway.cli("slack", "onboarding"), "nobody is invited at first")
    said = json.loads(gateway.cli("slack", "onboard", "everyone", "--json"))
    expect(said == {"invited": 2, "already": 0}, "everyone: %s" % said)
    expect(json.loads(gateway.cli("slack", "onboard", "everyone", "--json")) == {"invited": 0, "already": 2}, "nobody twice")
    expect("nobody is in the group nowhere" in gateway.cli("slack", "onboard", "--group", "nowhere", code=1), "a group that was mistyped")
    messages = wait_for("two greetings", lambda: (lambda m: m if len(m["U0ANA"]) == 1 and len(m["U0BEN"]) == 1 else None)(slack_messages(port)))
    wait_for("both are contacted", lambda: gateway.cli("slack", "onboarding").count("contacted") >= 2)

    url = welcome_of(messages["U0ANA"][0]["text"])
    page = request(url, ca=gateway.ca)
    expect(page.status == 200 and "Welcome" in page.text() and "Show me how" in page.text() and "looks like yours" not in page.text(), "first page: %d %s" % (page.status, page.text()[:500]))
    expect(request(url, ca=gateway.ca).status == 200, "opening a link changes nothing, so it opens again")
    expect(request(url[:-3] + "AAA", ca=gateway.ca).status == 404, "an altered link is none")
    install = request(press(gateway, url, "link"), ca=gateway.ca)
    text = html.unescape(install.text())
    expect(install.status == 200 and all(words in text for words in ("macOS", "Windows", "Linux", "--tls_hostname=localhost", "BEGIN CERTIFICATE")), "install page")
    the_lines_do_what_they_say(world, install.text())
    secret = re.search(r"pone1\.[A-Za-z0-9_-]+", text).group(0)

    fleet = Fleet(world, gateway, [device("dover", "C02DOVER01", secret)])
    wait_for("her device is there, and hers", lambda: any(d.get("owner") for d in json.loads(gateway.cli("device", "list", "--json"))["devices"]))
    table = json.loads(gateway.cli("slack", "onboarding", "--json"))["persons"]
    stages = {p["email"]: p["stage"] for p in table}
    expect(stages == {"ana@acme.example": "installed", "ben@acme.example": "contacted"}, "stages: %s" % stages)
    types = [e["type"] for e in gateway.events() if e["type"].startswith("person.in")]
    expect(types.count("person.invited") == 2 and types.count("person.install_link") == 1, "events: %s" % types)
    expect("dover" in request(url, ca=gateway.ca).text(), "the first page shows what she has")

    shared = gateway.cli_json("enroll-secret", "create")["secret"]
    more = Fleet(world, gateway, [device("Anas-MacBook", "C02ANAS0001", shared), device("ana-old", "C02ANAS0002", shared), device("stranger", "C02STRANGE1", shared)])
    wait_for("all three are there", lambda: more.stats()["enrolled"] == 3)  # those that are not hers as well
    page = wait_for("two devices that look like hers", lambda: (lambda t: t if t.count('/mine"') == 2 else None)(request(url, ca=gateway.ca).text()))
    expect("stranger" not in page and "C02ANAS0001" not in page, "neither other devices nor whole serial numbers")
    ids = {d["name"]: d["device"] for d in json.loads(gateway.cli("device", "list", "--json"))["devices"]}
    expect("said=claimed" in press(gateway, url, "mine", "device=" + ids["Anas-MacBook"]), "hers is taken")
    expect("said=gone" in press(gateway, url, "mine", "device=" + ids["stranger"]), "what was not offered is not given")
    expect("said=released" in press(gateway, url, "not-mine", "device=" + ids["ana-old"]), "not hers")
    wait_for("nothing is offered any more", lambda: '/mine"' not in request(url, ca=gateway.ca).text())
    cross = request(url + "/mine", "POST", b"device=" + ids["ana-old"].encode(), dict(FORM, **{"Sec-Fetch-Site": "cross-site"}), ca=gateway.ca)
    expect(cross.status == 403, "a form of another site is refused: %d" % cross.status)

    expect("at most one message a day" in gateway.cli("slack", "test-on-myself", "ana@acme.example"), "a test")
    expect(len(slack_messages(port)["U0ANA"]) == 1, "the cap holds for tests too")
    expect("U0ANA" in gateway.cli("slack", "people") and "everybody is known" in gateway.cli("slack", "people", "--unmapped"), "people in Slack")
    fleet.process.stop()
    more.process.stop()
    gateway.stop()


def offers(blocks):
    """Names of the devices that are offered, with their two buttons."""
    found = {}
    for b in blocks:
        for e in b.get("elements", []):
            if e.get("action_id") in ("pst.claim", "pst.decline"):
                found.setdefault(e["accessibility_label"].split(": ")[1], {})[e["action_id"]] = e["value"]
    return found


def answer(slack, message, action, value):
    element = {"type": "button", "action_id": action, "block_id": "b", "value": value, "action_ts": "%d.000001" % slack.number()}
    slack.interact({"type": "block_actions", "container": {"type": "message", "message_ts": message["ts"], "channel_id": message["channel"], "is_ephemeral": False}, "channel": {"id": message["channel"]},
                    "response_url": slack.control("response")["response_url"], "actions": [element]})


def story_a_device_that_looks_like_hers_is_confirmed_in_slack(world):
    port, _ = fake_slack(world)
    config = "slack: { token: env:SLACK_TOKEN, signing_secret: env:SLACK_SECRET, api_url: \"http://127.0.0.1:%d/api\" }\n" % port
    gateway = world.gateway("gw", policy=fast_policy("3600s"), config=config, env={"SLACK_TOKEN": "xoxb-test-token", "SLACK_SECRET": "not-a-secret"}).start()
    slack = Slack(port, gateway)
    gateway.cli("person", "import", "-", stdin=PEOPLE)
    shared = gateway.cli_json("enroll-secret", "create")["secret"]
    fleet = Fleet(world, gateway, [dict(device("Anas-MacBook", "C02ANAS0001", shared), defects=["firewall"]), device("ana-old", "C02ANAS0002", shared), device("stranger", "C02STRANGE1", shared)])
    ids = wait_for("three devices of nobody's that report", lambda: (lambda all: {d["name"]: d["device"] for d in all} if len(all) == 3 else None)(json.loads(gateway.cli("device", "list", "--json"))["devices"]))
    gateway.cli("slack", "onboard", "ana@acme.example")
    message = wait_for("the greeting", lambda: slack.messages()[0] if slack.messages() else None)
    found = offers(message["blocks"])
    expect(set(found) == {"Anas-MacBook", "ana-old"} and all(set(v) == {"pst.claim", "pst.decline"} for v in found.values()), "both that look like hers: %s" % found)
    expect("We found devices that look like yours" in message["text"] and "C02ANAS0001" not in json.dumps(message) and "0001" in message["text"], "in words, with the end of a serial number: %s" % message["text"])

    # somebody else's click, and a device that was not offered
    answer(Slack(port, gateway, user="U0BEN"), message, "pst.claim", found["Anas-MacBook"]["pst.claim"])
    answer(slack, message, "pst.claim", found["Anas-MacBook"]["pst.claim"].replace(ids["Anas-MacBook"], ids["stranger"]))
    wait_for("both are told", lambda: sum("not free any more" in a["body"]["text"] for a in slack.control("answers")) == 2)
    expect(not any(d.get("owner") for d in json.loads(gateway.cli("device", "list", "--json"))["devices"]), "nothing was given")

    answer(slack, message, "pst.decline", found["ana-old"]["pst.decline"])
    wait_for("one is left", lambda: set(offers(slack.messages()[0]["blocks"])) == {"Anas-MacBook"})
    answer(slack, message, "pst.claim", found["Anas-MacBook"]["pst.claim"])
    report = wait_for("her first report, in the same message", lambda: (lambda m: m if "1 passing, 1 to fix" in m["text"] else None)(slack.messages()[0]))
    expect("Your device is set up. This is its report." in report["text"] and not offers(report["blocks"]) and report["ts"] == message["ts"] and len(slack.messages()) == 1, "and nothing is asked any more: %s" % report["text"])
    expect([e["data"].get("source") for e in gateway.events("device.owner")] == ["claim"], "one event: %s" % gateway.events("device.owner"))
    answer(slack, message, "pst.claim", found["Anas-MacBook"]["pst.claim"])

    # a fix is in the same message, by its button
    fleet.control("fix", "Anas-MacBook", "firewall")
    slack.click(slack.messages()[0], "pst.recheck")
    wait_for("the report follows", lambda: "2 passing, 0 to fix" in slack.messages()[0]["text"])
    expect(len(slack.messages()) == 1 and len(gateway.events("device.owner")) == 1, "no new ping, and a second press changes nothing")

    # what was declined is not offered anywhere; the Home tab offers what is new
    slack.open_home()
    wait_for("the Home tab", lambda: "Anas-MacBook" in json.dumps(slack.control("home").get("U0ANA")))
    expect("ana-old" not in json.dumps(slack.control("home")["U0ANA"]), "not what she declined")
    more = Fleet(world, gateway, [device("ana-new", "C02ANAS0003", shared)])
    wait_for("it is there", lambda: "ana-new" in gateway.cli("device", "list"))
    slack.open_home()
    home = wait_for("it is offered in the Home tab", lambda: (lambda v: v if v and "ana-new" in offers(v["blocks"]) else None)(slack.control("home").get("U0ANA")))
    slack.interact({"type": "block_actions", "container": {"type": "view", "view_id": "V1"}, "view": {"id": "V1", "type": "home"},
                    "actions": [{"type": "button", "action_id": "pst.claim", "value": offers(home["blocks"])["ana-new"]["pst.claim"], "action_ts": "%d.000001" % slack.number()}]})
    wait_for("and hers after a press there", lambda: (lambda v: "2 devices" in json.dumps(v) and not offers(v["blocks"]))(slack.control("home")["U0ANA"]))
    fleet.process.stop()
    more.process.stop()
    gateway.stop()


if __name__ == "__main__":
    harness.main(globals())
