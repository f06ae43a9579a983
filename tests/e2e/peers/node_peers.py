"""Peers that run on node: a relying party of openid-client, Okta and Entra as strict fakes, a load of logins. Their packages are installed once per story."""
import json
import os
import shutil

import harness
from harness import Process, expect, free_port, request, wait_for

PACKAGES = os.path.join(harness.ROOT, "tests/e2e/openid_client")
SUPPORT = os.path.join(harness.ROOT, "tests/support")
SCRIPTS = [os.path.join(PACKAGES, n) for n in ("names.cjs", "relying_party.mjs", "login_load.mjs")] + [os.path.join(SUPPORT, n) for n in ("fake_okta_oidc.mjs", "fake_entra.mjs", "rogue_provider.mjs")]


def packages(world):
    """The folder that holds the scripts and what they import."""
    folder = os.path.join(world.folder, "node")
    if not os.path.isdir(folder):
        os.makedirs(folder)
        for file in SCRIPTS + [os.path.join(PACKAGES, n) for n in ("package.json", "package-lock.json")]:
            shutil.copy(file, folder)
        harness.npm_ci(folder)
    return folder


def trust(world, files):
    """One file of all the certificates that are trusted."""
    path = os.path.join(world.folder, "trusted.pem")
    with open(path, "w") as out:
        for file in files:
            with open(file) as f:
                out.write(f.read() + "\n")
    return path


def command(world, script, trusted, *args):
    """(arguments, environment) that run a script, which trusts these certificates and finds every .example name here."""
    folder = packages(world)
    return (["node", "--require", os.path.join(folder, "names.cjs"), os.path.join(folder, script)] + list(args), {"NODE_EXTRA_CA_CERTS": trusted})


class NodePeer:
    """One https server of this machine. `host`: its name for browsers; `base`: its address, without a port with `default_port` (a browser then
    needs Browser.ports). Port and base are known before start()."""

    def __init__(self, world, authority, script, host, default_port=False):
        self.world, self.script, self.host, self.port = world, script, host, free_port()
        self.base = "https://" + host + ("" if default_port else ":%d" % self.port)
        self.local = "https://localhost:%d" % self.port
        self.plain_port = free_port()  # of those that speak plain http to this machine, too
        self.tls = authority.server(host, "localhost")
        self.trusted = authority.certificate
        self.config_path = os.path.join(world.folder, host + ".json")
        self.log = os.path.join(world.folder, host + ".log")

    def write(self, config):
        """Its configuration; the port, address and certificate are added."""
        with open(self.config_path + ".new", "w") as f:
            json.dump(dict(config, port=self.port, base=self.base, plain_port=self.plain_port, tls={"certificate": self.tls[0], "key": self.tls[1]}), f)
        os.replace(self.config_path + ".new", self.config_path)

    def start(self, config, trusted):
        self.write(config)
        args, env = command(self.world, self.script, trusted, self.config_path)
        self.process = Process(args, self.log, env=env)

        def up():
            expect(self.process.alive(), "%s ended: %s" % (self.script, self.process.text()))
            return request(self.local + "/", ca=self.trusted).status == 200
        wait_for(self.host, up)
        return self

    def stop(self):
        self.process.kill()


class RelyingParty(NodePeer):
    """Pages protected by openid-client. pages: as relying_party.mjs describes."""

    def __init__(self, world, authority, host="rp.example"):
        super().__init__(world, authority, "relying_party.mjs", host)

    def page(self, name):
        return "%s/%s" % (self.base, name)

    def callback(self, name):
        return self.page(name) + "/callback"

    @staticmethod
    def shown(page):
        """What the protected page shows of the login, or None when the browser is not there."""
        return json.loads(page.text) if page.status == 200 and page.text.startswith('{"page"') else None

    @staticmethod
    def opened(page):
        """Whose the protected page is, or None."""
        shown = RelyingParty.shown(page)
        return shown and shown["claims"].get("email")

    @staticmethod
    def refused(page):
        """What the app heard instead of an answer ({error, error_description}), or None."""
        return json.loads(page.text) if page.status == 403 and page.text.startswith('{"page"') else None
