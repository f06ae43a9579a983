"""The pages in a real browser: what axe says, a phone's width, the keyboard, without JavaScript; and Check again on a page that stays open."""
import os
import shutil
import subprocess

import harness
from harness import Fleet, Process, expect, request, wait_for
from test_loop import with_people

TOOL = os.path.join(harness.ROOT, "tests/e2e/pages")


def tool(world):
    folder = os.path.join(world.folder, "pages")
    shutil.copytree(TOOL, folder, ignore=shutil.ignore_patterns("node_modules"))
    harness.npm_ci(folder)
    return os.path.join(folder, "pages_axe.mjs")


def start(world, defects):
    _, (gateway,), device = with_people(world, close="6s", policy="exemptions: { approvers: [ben@acme.example] }\n")
    return gateway, Fleet(world, gateway, [dict(device, defects=defects)])


def page_of(gateway, app, outcome):
    def ask():
        context = gateway.decide("ana@acme.example", app)["context"]
        return context.get("remediation_url") if context.get("outcome") == outcome else None
    return wait_for("%s: %s" % (app, outcome), ask)


def me_of(gateway, page):
    """The person's own page, as the blocked page links to it."""
    text = request(page, ca=gateway.ca).text()
    return page.split("/blocked/")[0] + "/me/" + text.split('href="../me/', 1)[1].split('"', 1)[0].split("/", 1)[0]


def story_every_page_is_open_to_everybody(world):
    script = tool(world)
    gateway, fleet = start(world, ["firewall", "disk-encryption"])
    warned, denied = page_of(gateway, "wiki", "warn"), page_of(gateway, "payroll", "deny")
    me = me_of(gateway, denied)
    gateway.cli("exemption", "ask", "--device", "C02DOVER01", "--check", "firewall", "--reason", "An old program needs it", "--measure", "It stands alone", "--requester", "ana@acme.example")
    ben = gateway.cli_json("person", "link", "ben@acme.example")["url"]
    expect("Waiting for your decision" in request(ben, ca=gateway.ca).text(), "Ben decides")
    unknown = gateway.decide("nobody@acme.example", "payroll")["context"]["remediation_url"]
    pages = [warned, denied, unknown, me, ben, me + "/data", me.rsplit("/", 1)[0], me[:-6] + "AAAAAA"]
    done = subprocess.run(["node", script] + pages, capture_output=True, text=True, timeout=600)
    expect(done.returncode == 0, "pages: " + done.stdout + done.stderr)
    expect(done.stdout.count("looked at") == len(pages), "not every page was looked at: " + done.stdout)
    fleet.process.stop()
    gateway.stop()


def story_an_open_page_sees_the_fix(world):
    script = tool(world)
    gateway, fleet = start(world, ["firewall"])
    denied = page_of(gateway, "payroll", "deny")
    log = os.path.join(world.folder, "browser.log")
    browser = Process(["node", script, "--recheck", denied], log)
    wait_for("Check again was pressed", lambda: "asked" in browser.text())
    fleet.control("fix", "dover", "firewall")
    wait_for("the browser to end", lambda: not browser.alive())
    expect(browser.child.returncode == 0, "browser: " + browser.text())
    shown = [e for e in gateway.events("notice.delivered") if e["data"].get("channel") == "page"]
    expect(len(shown) <= 1, "a page is one notice a day at most: %s" % shown)
    fleet.process.stop()
    gateway.stop()


if __name__ == "__main__":
    harness.main(globals())
