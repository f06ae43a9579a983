"""An Okta org as SAML service provider of an identity provider with usage "device posture provider" or "factor only", as strict as Okta is documented to be, and
in places stricter: what Okta might refuse, it refuses. For tests, on loopback, in the process of the story.

A person opens `/app/ID?login=NAME` (the password is taken as given), is sent to the identity provider with what Okta sends (Subject, the posture class with Comparison
minimum, the app's id and name in Extensions, RelayState), and comes back to `/sso/saml2/IDP`. Then the app's sign-on rule is applied to the facts:
    303 to the app's own site, APPS, which answers 200 {"app": ..., "login": ..., "managed": ..., "compliant": ...}
    403 {"denied": why, "managed": ..., "compliant": ...}                   a good answer that the rule does not like, or a failure status
    400 {"refused": [why, ...]}                                             an answer Okta would not take; also in `refusals`
Signatures are verified by xmlsec1, messages by xmllint against the OASIS schemas. Okta's facts are those of its developer guide on device posture providers."""
import calendar
import json
import os
import re
import ssl
import sys
import threading
import time
import urllib.parse
import xml.etree.ElementTree as ElementTree
from base64 import b64decode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "e2e"))
from peers import saml_wire as wire  # noqa: E402
from peers.tls import pem, self_signed  # noqa: E402

P, A, D, E = ("{%s}" % ns for ns in (wire.SAMLP, wire.SAML, wire.DS, wire.POSTURE))
BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
C14N, ENVELOPED = "http://www.w3.org/2001/10/xml-exc-c14n#", "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
REQUEST_LIFE_S = 15 * 60
APPS = "apps.example"  # where all apps live: another site than Okta's


class Doubt(Exception):
    """One reason to refuse an answer."""


def need(condition, why):
    if not condition:
        raise Doubt(why)


def one(parent, name, what):
    found = parent.findall(name)
    need(len(found) == 1, "%s: %d of it" % (what, len(found)))
    return found[0]


def when(text, what):
    need(text and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", text), "%s is no UTC instant: %r" % (what, text))
    return calendar.timegm(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S"))


class Idp:
    """An identity provider as an admin enters it at Okta. usage: posture, factor. binding of requests: HTTP-POST, HTTP-Redirect. scope: which signatures are wanted:
    ANY, RESPONSE, ASSERTION. context: the option "Send Okta application context"; context_form: "plain", or "own" and "saml2p" for a namespace of the two elements, of which
    the guide says nothing. skew_s: policy.maxClockSkew. amr: claims sharing, the answer must bring session.amr."""

    def __init__(self, usage="posture", binding="HTTP-POST", sign=True, scope="ANY", context=True, context_form="plain", skew_s=120, amr=False):
        self.usage, self.binding, self.sign, self.scope, self.context, self.context_form, self.skew_s, self.amr = usage, binding, sign, scope, context, context_form, skew_s, amr
        self.issuer = self.sso = self.certificates = None  # from the metadata


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """Browsers break connections off; what matters is answered."""
        if not isinstance(sys.exc_info()[1], (OSError, ssl.SSLError)):
            super().handle_error(request, client_address)


class Okta:
    """apps: {id: (title, facts the sign-on rule wants, of "managed" and "compliant")}."""

    def __init__(self, world, authority, idp, apps, host="okta.example", number="0oaPosture"):
        self.folder = os.path.join(world.folder, host)
        self.idp, self.apps, self.host = idp, apps, host
        self.pair = self_signed(self.folder, "okta")
        self.certificate = pem(self.pair[0])
        self.pending, self.used, self.refusals, self.opened, self.lock = {}, set(), [], {}, threading.Lock()
        okta = self

        class Handler(OktaHandler):
            org = okta
        self.server = Server(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*authority.server(host, APPS))
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.base = "https://%s:%d" % (host, self.server.server_port)
        self.entity_id = "https://www.okta.com/saml2/service-provider/sp" + number
        self.acs = "%s/sso/saml2/%s" % (self.base, number)

    def start(self, metadata):
        """metadata: of the identity provider, as text: an admin copies issuer, address and certificates from it."""
        root = ElementTree.fromstring(metadata)
        m = "{urn:oasis:names:tc:SAML:2.0:metadata}"
        self.idp.issuer = root.get("entityID")
        self.idp.sso = next(s.get("Location") for s in root.iter(m + "SingleSignOnService") if s.get("Binding").endswith(self.idp.binding))
        self.idp.certificates = []
        for number, element in enumerate(root.iter(D + "X509Certificate")):
            path = os.path.join(self.folder, "idp-%d.crt" % number)
            body = "".join(element.text.split())
            with open(path, "w") as f:
                f.write("-----BEGIN CERTIFICATE-----\n%s\n-----END CERTIFICATE-----\n" % "\n".join(body[i:i + 64] for i in range(0, len(body), 64)))
            self.idp.certificates.append((path, body))
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def page(self, app, login):
        return "%s/app/%s?%s" % (self.base, app, urllib.parse.urlencode({"login": login}))

    def open(self, answer):
        """The app's session: the address of its page."""
        number = os.urandom(8).hex()
        with self.lock:
            self.opened[number] = answer
        return "https://%s:%d/opened/%s" % (APPS, self.server.server_port, number)

    # ---- the request

    def extensions(self, app):
        if not self.idp.context:
            return ""
        text = wire.app_context(app, self.apps[app][0])
        if self.idp.context_form == "saml2p":
            return text.replace("<Okta", "<samlp:Okta").replace("</Okta", "</samlp:Okta")
        return text if self.idp.context_form == "plain" else re.sub("<(Okta[A-Za-z]+)>", '<\\1 xmlns="urn:okta:saml:2.0:AppContext">', text)

    def ask(self, app, login):
        """(xml, id, relay state) of a new request, which is remembered."""
        number, relay = wire.new_id(), "%2Fapp " + os.urandom(12).hex() + " <&\">'+"
        classes = [wire.POSTURE] if self.idp.usage == "posture" else []
        xml = wire.authn_request(self.entity_id, self.idp.sso, self.acs, id=number, person=login, classes=classes, comparison="minimum", extensions=self.extensions(app))
        if self.idp.sign and self.idp.binding == "HTTP-POST":
            xml = wire.sign(xml, self.pair, "AuthnRequest", number)
        with self.lock:
            self.pending[number] = (app, login, relay, time.time())
        return xml, number, relay

    # ---- the answer

    def judge(self, encoded, relay):
        """(status, JSON) for what was posted to the ACS."""
        try:
            return self.take(b64decode(encoded, validate=True).decode(), relay)
        except (Doubt, ValueError, ElementTree.ParseError) as error:
            with self.lock:
                self.refusals.append(str(error))
            return 400, {"refused": [str(error)]}

    def take(self, xml, relay):
        need("<!DOCTYPE" not in xml and "<!--" not in xml and "<!ENTITY" not in xml, "a DTD or a comment")
        faults = wire.schema_errors(xml)
        need(not faults, "against the schema: " + faults)
        root = ElementTree.fromstring(xml)
        need(root.tag == P + "Response" and root.get("Version") == "2.0", "no SAML 2.0 Response")
        app, login = self.pending_of(root.get("InResponseTo"), relay)
        need(root.get("Destination") == self.acs, "Destination is %r" % root.get("Destination"))
        need(abs(when(root.get("IssueInstant"), "IssueInstant") - time.time()) <= self.idp.skew_s + 5, "IssueInstant is not now")
        need(root[0].tag == A + "Issuer" and root[0].text == self.idp.issuer, "the Response's first child is not our Issuer")
        response_signed = self.signature(xml, root, "Response")
        codes = [c.get("Value") for c in root.find(P + "Status").iter(P + "StatusCode")]
        if codes[0] != wire.STATUS + "Success":
            need(not root.findall(A + "Assertion"), "an Assertion beside a failure status")
            need(response_signed or self.idp.scope == "ASSERTION", "a failure that nobody signed")
            message = root.find("%sStatus/%sStatusMessage" % (P, P))
            return 403, {"denied": [c.rpartition(":")[2] for c in codes], "message": None if message is None else message.text, "login": login}
        assertion = one(root, A + "Assertion", "Assertion")
        need(len(list(root.iter(A + "Assertion"))) == 1, "an Assertion hides in another element")
        assertion_signed = self.signature(xml, assertion, "Assertion")
        wanted = {"ANY": response_signed or assertion_signed, "RESPONSE": response_signed, "ASSERTION": assertion_signed}
        need(wanted[self.idp.scope], "not signed as the setting %s wants" % self.idp.scope)
        self.check_assertion(assertion, root.get("InResponseTo"), login)
        self.check_context_echo(assertion, app)
        return self.apply_rule(app, login, self.facts(assertion) if self.idp.usage == "posture" else {})

    def pending_of(self, number, relay):
        with self.lock:
            found = self.pending.pop(number, None)
        need(found is not None, "InResponseTo names no request of ours that is still open: %r" % number)
        app, login, sent, at = found
        need(time.time() - at <= REQUEST_LIFE_S, "the request is too old")
        need(relay == sent, "RelayState came back changed: %r, sent %r" % (relay, sent))
        return app, login

    def signature(self, xml, element, name):
        """Whether `element` is signed. A signature that is there must be where it belongs, cover its parent, and be good."""
        found = element.findall(D + "Signature")
        if not found:
            return False
        need(len(found) == 1, "%s has %d signatures" % (name, len(found)))
        need(len(element) > 1 and element[1].tag == D + "Signature", "the Signature of %s is not right after its Issuer" % name)
        signed = one(found[0], D + "SignedInfo", "SignedInfo")
        reference = one(signed, D + "Reference", "Reference")
        need(reference.get("URI") == "#" + element.get("ID"), "the Signature of %s covers %r" % (name, reference.get("URI")))
        need([t.get("Algorithm") for t in reference.iter(D + "Transform")] == [ENVELOPED, C14N], "transforms of %s" % name)
        need(signed.find(D + "CanonicalizationMethod").get("Algorithm") == C14N, "canonicalization of %s" % name)
        need(signed.find(D + "SignatureMethod").get("Algorithm") == wire.RSA_SHA256, "signature method of %s" % name)
        need(reference.find(D + "DigestMethod").get("Algorithm") == "http://www.w3.org/2001/04/xmlenc#sha256", "digest method of %s" % name)
        named = found[0].find("%sKeyInfo/%sX509Data/%sX509Certificate" % (D, D, D))
        need(named is None or "".join(named.text.split()) in [body for _, body in self.idp.certificates], "KeyInfo of %s names a certificate we do not know" % name)
        need(any(wire.verified(xml, path, name, element.get("ID")) for path, _ in self.idp.certificates), "the Signature of %s does not verify" % name)
        return True

    def check_assertion(self, assertion, number, login):
        now, skew = time.time(), self.idp.skew_s
        need(assertion.get("Version") == "2.0" and assertion[0].tag == A + "Issuer" and assertion[0].text == self.idp.issuer, "the Assertion's first child is not our Issuer")
        need(abs(when(assertion.get("IssueInstant"), "IssueInstant") - now) <= skew + 5, "the Assertion's IssueInstant is not now")
        with self.lock:
            need(assertion.get("ID") not in self.used, "this Assertion was used before")
            self.used.add(assertion.get("ID"))
        subject = one(assertion, A + "Subject", "Subject")
        need(one(subject, A + "NameID", "NameID").text == login, "NameID is %r, asked for %r" % (subject.find(A + "NameID").text, login))
        confirmation = one(subject, A + "SubjectConfirmation", "SubjectConfirmation")
        need(confirmation.get("Method") == BEARER, "not a bearer confirmation")
        data = one(confirmation, A + "SubjectConfirmationData", "SubjectConfirmationData")
        need(data.get("InResponseTo") == number, "InResponseTo of the confirmation")
        need(data.get("Recipient") == self.acs, "Recipient is %r" % data.get("Recipient"))
        need(data.get("NotBefore") is None, "NotBefore in a bearer confirmation (profiles 4.1.4.2)")
        need(now - skew < when(data.get("NotOnOrAfter"), "NotOnOrAfter") <= now + 3600, "the confirmation is not valid now")
        conditions = one(assertion, A + "Conditions", "Conditions")
        need(when(conditions.get("NotBefore"), "NotBefore") <= now + skew, "NotBefore lies ahead")
        need(now - skew < when(conditions.get("NotOnOrAfter"), "NotOnOrAfter"), "NotOnOrAfter is past")
        audiences = [a.text for a in one(conditions, A + "AudienceRestriction", "AudienceRestriction").findall(A + "Audience")]
        need(audiences == [self.entity_id], "the audience is %r" % audiences)
        statement = one(assertion, A + "AuthnStatement", "AuthnStatement")
        need(when(statement.get("AuthnInstant"), "AuthnInstant") <= now + skew, "AuthnInstant lies ahead")
        need(statement.get("SessionIndex"), "no SessionIndex")
        reference = one(one(statement, A + "AuthnContext", "AuthnContext"), A + "AuthnContextClassRef", "AuthnContextClassRef").text
        need(self.idp.usage != "posture" or reference == wire.POSTURE, "the class is %r" % reference)
        if self.idp.amr:
            methods = set(",".join(self.attributes(assertion).get("session.amr", [])).split(",")) - {""}
            need(methods and methods <= set("face fpt iris retina vbm hwk kba mfa otp pwd sc sms swk tel pop phr".split()), "session.amr is %r" % sorted(methods))

    @staticmethod
    def attributes(assertion):
        return dict((a.get("Name"), [v.text for v in a.findall(A + "AttributeValue")]) for a in assertion.iter(A + "Attribute"))

    def check_context_echo(self, assertion, app):
        """With app context on both must come back as they went; what a person at Okta reads otherwise is in the guide's words."""
        got = self.attributes(assertion)
        echo = (got.get("OktaAppInstanceId"), got.get("OktaAppName"))
        if self.idp.context:
            need(echo == ([app], [self.apps[app][0]]), "the AppContext response is invalid: %r" % (echo,))

    @staticmethod
    def facts(assertion):
        """The schema of urn:okta:saml:2.0:DevicePosture: Device > Posture > Fact*, Attestation*."""
        context = assertion.find("%sAuthnStatement/%sAuthnContext" % (A, A))
        declaration = one(one(context, A + "AuthnContextDecl", "AuthnContextDecl"), E + "AuthenticationContextDeclaration", "AuthenticationContextDeclaration")
        need([c.tag for c in declaration] == [E + "AuthnMethod", E + "Extension"], "AuthnMethod and Extension in the declaration")
        device = one(declaration[1], E + "Device", "Device")
        need(set(device.keys()) <= {"ID", "Vendor", "Model", "OS", "OSVersion"}, "attributes of Device: %r" % device.keys())
        posture = one(device, E + "Posture", "Posture")
        tags = [c.tag for c in posture]
        need(tags == sorted(tags, key=lambda t: t != E + "Fact") and set(tags) <= {E + "Fact", E + "Attestation"}, "Posture holds %r" % tags)
        need(all(c.get("Type") for c in posture.findall(E + "Attestation")), "an Attestation without Type")
        found = [(f.get("Name"), f.get("Value")) for f in posture.findall(E + "Fact")]
        need(all(n and v is not None for n, v in found) and len(dict(found)) == len(found), "facts %r" % found)
        facts = dict(found)
        need(facts.get("IsManaged") in ("true", "false"), "IsManaged is %r" % facts.get("IsManaged"))
        need(facts.get("IsCompliant", "false") in ("true", "false"), "IsCompliant is %r" % facts.get("IsCompliant"))
        return {"managed": facts["IsManaged"] == "true", "compliant": facts.get("IsCompliant") == "true", "device": dict(device.attrib)}

    def apply_rule(self, app, login, facts):
        missing = [f for f in self.apps[app][1] if not facts.get(f)] if self.idp.usage == "posture" else []  # a factor is passed or not
        answer = dict(facts, app=app, login=login)
        return (403, dict(answer, denied="the sign-on rule wants " + " and ".join(missing))) if missing else (200, answer)


class OktaHandler(BaseHTTPRequestHandler):
    org = None

    def answer(self, status, body, kind="application/json", headers=()):
        data = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        for name, value in [("Content-Type", kind), ("Content-Length", str(len(data)))] + list(headers):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        place = urllib.parse.urlsplit(self.path)
        if place.path.startswith("/opened/"):
            opened = self.org.opened.get(place.path[len("/opened/"):])
            return self.answer(200 if opened else 404, opened or {"error": "no session"})
        app, login = place.path.rpartition("/")[2], urllib.parse.parse_qs(place.query).get("login", [""])[0]
        if not place.path.startswith("/app/") or app not in self.org.apps or not login:
            return self.answer(404, {"error": "no such app"})
        xml, _, relay = self.org.ask(app, login)
        idp = self.org.idp
        if idp.binding == "HTTP-Redirect":
            return self.answer(302, "", headers=[("Location", wire.redirect(idp.sso, xml, relay, self.org.pair[1] if idp.sign else None))])
        fields = "".join("<input type=\"hidden\" name=\"%s\" value=\"%s\">" % (n, v.replace("&", "&amp;").replace("\"", "&quot;").replace("<", "&lt;")) for n, v in wire.post(xml, relay).items())
        self.answer(200, "<!doctype html><title>Okta</title><body onload=\"document.forms[0].submit()\"><form method=\"post\" action=\"%s\">%s</form>" % (idp.sso, fields), "text/html")

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
        fields = urllib.parse.parse_qs(body, keep_blank_values=True)
        if urllib.parse.urlsplit(self.path).path != urllib.parse.urlsplit(self.org.acs).path or any(len(v) != 1 for v in fields.values()) or "SAMLResponse" not in fields:
            return self.answer(400, {"refused": ["not a SAML answer"]})
        status, answer = self.org.judge(fields["SAMLResponse"][0], fields.get("RelayState", [None])[0])
        if status == 200:
            return self.answer(303, "", headers=[("Location", self.org.open(answer))])
        self.answer(status, answer)

    def log_message(self, *args):
        pass
