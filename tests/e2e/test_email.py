"""E-mail through OpenSMTPD, a mail server nobody here wrote: it takes the mail from the gateway and puts it into a mailbox, where Python's email library reads
it. One mail a day, whose link opens the page, and nothing lost while the server is away. (TLS, logging in and what servers refuse: tests/connectors/test_email.c.)
"""
import email
import email.policy
import json
import os
import shutil
import socket

import harness
from harness import Fleet, expect, fast_policy, request, wait_for

CONF = """table people { "@" = "nobody" }
listen on 127.0.0.1 port %(port)d hostname localhost
action "keep" maildir "%(mailbox)s" virtual <people>
match from any for domain "acme.example" action "keep"
"""


def listens(port):
    try:
        with socket.create_connection(("127.0.0.1", port), 2) as s:
            return s.recv(64).startswith(b"220 ")
    except OSError:
        return False


class MailServer:
    def __init__(self, world):
        self.world, self.port = world, harness.free_port()
        self.mailbox, self.conf = os.path.join(world.folder, "mailbox"), os.path.join(world.folder, "smtpd.conf")
        os.mkdir(self.mailbox)
        os.chmod(world.folder, 0o755)
        shutil.chown(self.mailbox, "nobody")
        with open(self.conf, "w") as f:
            f.write(CONF % {"port": self.port, "mailbox": self.mailbox})

    def start(self):
        """Its control socket is the machine's, so another run's server may have to end first."""
        self.process = None

        def up():
            if self.process is None or not self.process.alive():
                self.process = self.world.process(["/usr/sbin/smtpd", "-d", "-f", self.conf], "smtpd")
            return listens(self.port)
        wait_for("OpenSMTPD", up, limit_s=180, pause_s=0.5)

    def mails(self):
        folder = os.path.join(self.mailbox, "new")
        found = []
        for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
            with open(os.path.join(folder, name), "rb") as f:
                found.append(email.message_from_binary_file(f, policy=email.policy.default))
        return found


def story_a_mail_reaches_its_mailbox_once(world):
    server = MailServer(world)
    config = "email: { server: \"smtp://localhost:%d\", from: postern@acme.example, reply_to: help@acme.example, plain: true }\n" % server.port
    gateway = world.gateway(policy=fast_policy("3s").replace("channels: [slack]", "channels: [email]"), config=config).start()
    gateway.cli("person", "import", "-", stdin=json.dumps([{"email": "ana@acme.example", "name": "Ana"}]))
    secret = gateway.cli_json("enroll-secret", "create", "--person", "ana@acme.example")["secret"]
    fleet = Fleet(world, gateway, [{"name": "dover", "platform": "macos", "serial": "C02DOVER01", "uuid": "3b1c0000-0000-4000-8000-00000000d0e1", "hostname": "dover",
                                    "enroll_secret": secret, "defects": []}])
    wait_for("a healthy first report", lambda: gateway.api("GET", "/v1/posture?serial=C02DOVER01").json().get("verdict") == "pass")
    fleet.control("break", "dover", "firewall")
    wait_for("a notice is reserved", lambda: gateway.events("notice.reserved"))
    expect(gateway.decide("ana@acme.example", "payroll")["decision"] is True, "nothing closes before the mail server took the notice")
    expect(not gateway.events("notice.delivered"), "nothing counts as told: %s" % gateway.events("notice.delivered"))
    server.start()
    wait_for("the mail in its mailbox", server.mails, limit_s=180)
    wait_for("it counts", lambda: [e for e in gateway.events("notice.delivered") if e["data"].get("channel") == "email"])
    wait_for("payroll closes", lambda: not gateway.decide("ana@acme.example", "payroll")["decision"])
    nudges = [m for m in server.mails() if "firewall" in m.get_body(("plain",)).get_content().lower()]
    expect(len(gateway.events("notice.reserved")) == 1, "one notice a day: %s" % gateway.events("notice.reserved"))
    mail = nudges[0]
    expect(mail["to"].addresses[0].addr_spec == "ana@acme.example" and mail["from"].addresses[0].addr_spec == "postern@acme.example", "to and from: %s" % mail.items())
    expect(mail["auto-submitted"] == "auto-generated" and mail["message-id"] and mail["reply-to"], "headers: %s" % mail.items())
    ids = [m["message-id"] for m in server.mails()]
    expect(len(ids) == len(set(ids)), "no mail came twice: %s" % ids)
    text, html = mail.get_body(("plain",)).get_content(), mail.get_body(("html",)).get_content()
    link = next(word for word in text.split() if word.startswith("https://"))
    expect(link in html.replace("&amp;", "&"), "both bodies have the same link")
    page = request(link, ca=gateway.ca, follow=True)
    expect(page.status == 200 and "firewall" in page.text().lower(), "the link of the mail answers %d" % page.status)
    fleet.process.stop()
    gateway.stop()
    server.process.stop()


if __name__ == "__main__":
    harness.main(globals())
