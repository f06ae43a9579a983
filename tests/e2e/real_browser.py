"""Debian's Chromium for a story: pages as people get them, scripts and all, with a laptop's own WebAuthn authenticator (tests/e2e/pages/real_browser.mjs)."""
import base64
import hashlib
import json
import os
import queue
import shutil
import subprocess
import threading

import harness
from harness import Failure, expect

TOOL = os.path.join(harness.ROOT, "tests/e2e/pages")
ANSWER_S = 120


def key_hash(certificate):
    """Of the public key in a certificate file, as Chromium's --ignore-certificate-errors-spki-list wants it."""
    text = subprocess.run(["openssl", "x509", "-in", certificate, "-pubkey", "-noout"], capture_output=True, timeout=60, check=True).stdout
    der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=text, capture_output=True, timeout=60, check=True).stdout
    return base64.b64encode(hashlib.sha256(der).digest()).decode()


def client_certificate_header(certificate):
    """What a proxy passes on of a client's certificate: RFC 9440 section 2.2."""
    der = subprocess.run(["openssl", "x509", "-in", certificate, "-outform", "DER"], capture_output=True, timeout=60, check=True).stdout
    return {"Client-Cert": ":%s:" % base64.b64encode(der).decode()}


class RealBrowser:
    """Each method is a command of real_browser.mjs; what it answers is returned as a dict."""

    def __init__(self, world, certificates):
        folder = os.path.join(world.folder, "real-browser")
        if not os.path.isdir(folder):
            shutil.copytree(TOOL, folder, ignore=shutil.ignore_patterns("node_modules"))
            harness.npm_ci(folder)
        self.log = open(os.path.join(world.folder, "real-browser.log"), "ab")
        self.child = subprocess.Popen(["node", os.path.join(folder, "real_browser.mjs")] + [key_hash(c) for c in certificates], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=self.log, text=True)
        self.lines = queue.Queue()
        threading.Thread(target=lambda: [self.lines.put(line) for line in self.child.stdout] + [self.lines.put("")], daemon=True).start()

    def __getattr__(self, op):
        def command(**arguments):
            self.child.stdin.write(json.dumps(dict(arguments, op=op)) + "\n")
            self.child.stdin.flush()
            try:
                line = self.lines.get(timeout=ANSWER_S)
            except queue.Empty:
                raise Failure("the browser did not answer %s in %d s" % (op, ANSWER_S))
            answer = json.loads(line or "{\"ok\": false, \"error\": \"the browser ended\"}")
            expect(answer["ok"], "browser, %s %s: %s" % (op, str(arguments)[:200], answer.get("error")))
            return answer
        return command

    def wait_for(self, text):
        return self.wait(text=text)

    def stop(self):
        self.child.stdin.close()
        try:
            self.child.wait(30)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
        self.log.close()
