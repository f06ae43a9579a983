"""node-saml as service provider: wants Response and Assertion signed, allows no clock skew, checks InResponseTo and audience. Pages /payroll and /wiki answer JSON."""
import json
import os
import re
import shutil

import harness
from harness import Process, expect, free_port, wait_for
from peers.tls import pem, self_signed

SOURCE = os.path.join(harness.ROOT, "tests/e2e/node_saml")
EMAIL = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"


class NodeSaml:
    """options: of node-saml, over those below. binding: HTTP-Redirect or HTTP-POST, of its requests."""

    def __init__(self, world, authority, host="node.example", sign=True, binding="HTTP-Redirect", options=None):
        self.world, self.host, self.port, self.sign, self.binding = world, host, free_port(), sign, binding
        self.folder = os.path.join(world.folder, host)
        self.base = "https://%s:%d" % (host, self.port)
        self.entity_id, self.acs = self.base + "/metadata", self.base + "/acs"
        self.tls = authority.server(host)
        self.pair = self_signed(os.path.join(self.folder, "sp"), "sp")
        self.certificate = pem(self.pair[0])
        self.options = options or {}

    def install(self):
        shutil.copytree(SOURCE, os.path.join(self.folder, "app"), ignore=shutil.ignore_patterns("node_modules"))
        harness.npm_ci(os.path.join(self.folder, "app"))

    def start(self, idp, metadata):
        """idp: entity id of the identity provider; metadata: its document, of which an admin copies address and certificates."""
        self.install()
        entry = re.search(r'SingleSignOnService[^>]*%s"[^>]*Location="([^"]*)"' % self.binding, metadata).group(1)
        saml = {"issuer": self.entity_id, "callbackUrl": self.acs, "entryPoint": entry, "idpIssuer": idp, "idpCert": re.findall(r"X509Certificate>\s*([^<]+?)\s*<", metadata),
                "identifierFormat": EMAIL, "disableRequestedAuthnContext": True, "signatureAlgorithm": "sha256", "digestAlgorithm": "sha256", "authnRequestBinding": self.binding,
                "skipRequestCompression": self.binding == "HTTP-POST"}  # its default compresses form fields too, against SAML bindings 3.5.4
        if self.sign:
            saml["privateKey"] = pem(self.pair[1])
        saml.update(self.options)
        config = os.path.join(self.folder, "sp.json")
        with open(config, "w") as f:
            json.dump({"port": self.port, "host": self.host, "tls": self.tls, "binding": self.binding, "saml": saml, "apps": ["payroll", "wiki"]}, f)
        self.process = Process(["node", "sp.mjs", config], os.path.join(self.folder, "node.log"), cwd=os.path.join(self.folder, "app"))

        def listening():
            expect(self.process.alive(), "node-saml ended: " + self.process.text())
            return "listening" in self.process.text()
        wait_for("node-saml listens", listening)
        return self

    def page(self, app="payroll", way="plain"):
        """way: plain, passive, force."""
        return "%s/%s%s" % (self.base, app, "" if way == "plain" else "?way=" + way)

    def stop(self):
        self.process.stop()
