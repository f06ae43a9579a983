"""SAML messages made and checked with tools nobody here wrote: xmlsec1 signs and verifies, xmllint checks against the OASIS schemas, openssl signs queries.

An AuthnRequest is text made by authn_request(); redirect() and post() put it on the wire of either binding."""
import base64
import os
import subprocess
import tempfile
import time
import urllib.parse
import zlib
from xml.sax.saxutils import escape, quoteattr

SAMLP = "urn:oasis:names:tc:SAML:2.0:protocol"
SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
DS = "http://www.w3.org/2000/09/xmldsig#"
POSTURE = "urn:okta:saml:2.0:DevicePosture"
STATUS = "urn:oasis:names:tc:SAML:2.0:status:"
UNSPECIFIED = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
SCHEMAS = "/usr/share/simplesamlphp/schemas"


def instant(at=None):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() if at is None else at))


def new_id():
    return "id" + os.urandom(16).hex()


def authn_request(issuer, destination, acs, id=None, person=None, classes=(), comparison="exact", name_format=UNSPECIFIED, extensions="", at=None, attributes=""):
    """extensions: XML inside samlp:Extensions. attributes: further ones of AuthnRequest, as text. Empty acs or destination: left out."""
    parts = ['<samlp:AuthnRequest xmlns:samlp="%s" xmlns:saml="%s" ID=%s Version="2.0" IssueInstant="%s"' % (SAMLP, SAML, quoteattr(id or new_id()), instant(at))]
    if destination:
        parts.append(" Destination=" + quoteattr(destination))
    if acs:
        parts.append(' AssertionConsumerServiceURL=%s ProtocolBinding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"' % quoteattr(acs))
    parts.append(" %s><saml:Issuer>%s</saml:Issuer>" % (attributes, escape(issuer)))
    if extensions:
        parts.append("<samlp:Extensions>%s</samlp:Extensions>" % extensions)
    if person:
        parts.append('<saml:Subject><saml:NameID Format="%s">%s</saml:NameID></saml:Subject>' % (UNSPECIFIED, escape(person)))
    if name_format:
        parts.append('<samlp:NameIDPolicy Format="%s" AllowCreate="false"/>' % name_format)
    if classes:
        parts.append('<samlp:RequestedAuthnContext Comparison="%s">%s</samlp:RequestedAuthnContext>' % (
            comparison, "".join("<saml:AuthnContextClassRef>%s</saml:AuthnContextClassRef>" % escape(c) for c in classes)))
    return "".join(parts) + "</samlp:AuthnRequest>"


def app_context(app, title):
    return "<OktaAppInstanceId>%s</OktaAppInstanceId><OktaAppName>%s</OktaAppName>" % (escape(app), escape(title))


# ---- the bindings

def deflate(text):
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    return squeeze.compress(text.encode()) + squeeze.flush()


def redirect(url, xml, relay_state=None, key=None, method=RSA_SHA256, digest="-sha256"):
    """SAML bindings 3.4: the address to open. key: file that signs the query."""
    query = "SAMLRequest=" + urllib.parse.quote_plus(base64.b64encode(deflate(xml)))
    if relay_state is not None:
        query += "&RelayState=" + urllib.parse.quote_plus(relay_state)
    if key:
        query += "&SigAlg=" + urllib.parse.quote_plus(method)
        done = subprocess.run(["openssl", "dgst", digest, "-sign", key], input=query.encode(), capture_output=True, check=True, timeout=60)
        query += "&Signature=" + urllib.parse.quote_plus(base64.b64encode(done.stdout))
    return url + ("&" if "?" in url else "?") + query


def post(xml, relay_state=None):
    """SAML bindings 3.5: the fields to post."""
    fields = {"SAMLRequest": base64.b64encode(xml.encode()).decode()}
    if relay_state is not None:
        fields["RelayState"] = relay_state
    return fields


# ---- signatures inside a document

def template(id, with_certificate=True):
    return ('<ds:Signature xmlns:ds="%s"><ds:SignedInfo><ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/><ds:SignatureMethod Algorithm="%s"/>'
            '<ds:Reference URI="#%s"><ds:Transforms><ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/>'
            '<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/></ds:Transforms><ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><ds:DigestValue/>'
            '</ds:Reference></ds:SignedInfo><ds:SignatureValue/>%s</ds:Signature>') % (DS, RSA_SHA256, id, "<ds:KeyInfo><ds:X509Data/></ds:KeyInfo>" if with_certificate else "")


ID_ATTRIBUTES = ["--id-attr:ID", SAMLP + ":AuthnRequest", "--id-attr:ID", SAMLP + ":Response", "--id-attr:ID", SAML + ":Assertion"]


def run_on(xml, *command):
    with tempfile.NamedTemporaryFile("w", suffix=".xml") as f:
        f.write(xml)
        f.flush()
        return subprocess.run(list(command) + [f.name], capture_output=True, text=True, timeout=60)


def sign(xml, pair, element, id):
    """Puts an enveloped signature after the Issuer of `element` ("AuthnRequest", "Response", "Assertion") with that ID. pair: (certificate file, key file)."""
    at = xml.index("</saml:Issuer>", xml.index('ID="%s"' % id)) + len("</saml:Issuer>")
    done = run_on(xml[:at] + template(id) + xml[at:], "xmlsec1", "--sign", "--privkey-pem", "%s,%s" % (pair[1], pair[0]), "--node-xpath",
                  "//*[local-name()='%s'][@ID='%s']/*[local-name()='Signature']" % (element, id), *ID_ATTRIBUTES)
    if done.returncode != 0:
        raise ValueError("xmlsec1 --sign: " + done.stderr)
    return done.stdout


def verified(xml, certificate, element, id):
    """Whether the signature that is a child of `element` with that ID is good under `certificate` (file), which alone is trusted."""
    done = run_on(xml, "xmlsec1", "--verify", "--pubkey-cert-pem", certificate, "--enabled-reference-uris", "same-doc", "--enabled-key-data", "rsa,x509", "--node-xpath",
                  "//*[local-name()='%s'][@ID='%s']/*[local-name()='Signature']" % (element, id), *ID_ATTRIBUTES)
    return done.returncode == 0 and ("OK" in done.stdout + done.stderr)


def schema_errors(xml, schema="protocol"):
    """What the OASIS schema says against it; empty when nothing. schema: protocol, metadata."""
    done = run_on(xml, "xmllint", "--nonet", "--noout", "--schema", "%s/saml-schema-%s-2.0.xsd" % (SCHEMAS, schema))
    return "" if done.returncode == 0 else done.stderr
