#!/usr/bin/env python3
"""The fake Okta is strict: a good answer passes it, and each answer with one thing wrong is refused for that thing. Without a gateway."""
import base64
import os
import re
import sys
import tempfile
import time
import types

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "e2e")]
from fake_okta import Idp, Okta  # noqa: E402
from peers import saml_wire as wire  # noqa: E402
from peers.tls import Authority, pem, self_signed  # noqa: E402

ISSUER = "https://postern.example/saml"
ANSWER = """<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_r1" InResponseTo="@ID@" Version="2.0" IssueInstant="@NOW@" Destination="@ACS@">
<saml:Issuer>@ISSUER@</saml:Issuer><samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>
<saml:Assertion ID="@ASSERTION@" Version="2.0" IssueInstant="@NOW@"><saml:Issuer>@ISSUER@</saml:Issuer><saml:Subject><saml:NameID>ana@acme.example</saml:NameID>
<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><saml:SubjectConfirmationData InResponseTo="@ID@" Recipient="@ACS@" NotOnOrAfter="@SOON@"/></saml:SubjectConfirmation></saml:Subject>
<saml:Conditions NotBefore="@NOW@" NotOnOrAfter="@SOON@"><saml:AudienceRestriction><saml:Audience>@AUDIENCE@</saml:Audience></saml:AudienceRestriction></saml:Conditions>
<saml:AuthnStatement AuthnInstant="@NOW@" SessionIndex="_s1"><saml:AuthnContext><saml:AuthnContextClassRef>urn:okta:saml:2.0:DevicePosture</saml:AuthnContextClassRef>
<saml:AuthnContextDecl><AuthenticationContextDeclaration xmlns="urn:okta:saml:2.0:DevicePosture"><AuthnMethod/><Extension><Device ID="C02XK" OS="macOS"><Posture><Fact Name="IsManaged" Value="true"/><Fact Name="IsCompliant" Value="true"/></Posture></Device></Extension></AuthenticationContextDeclaration></saml:AuthnContextDecl></saml:AuthnContext></saml:AuthnStatement>
<saml:AttributeStatement><saml:Attribute Name="OktaAppInstanceId"><saml:AttributeValue>0oaPay</saml:AttributeValue></saml:Attribute><saml:Attribute Name="OktaAppName"><saml:AttributeValue>Payroll &amp; more</saml:AttributeValue></saml:Attribute></saml:AttributeStatement>
</saml:Assertion></samlp:Response>"""
FAILURE = re.sub(r"(?s)<saml:Assertion .*</saml:Assertion>", "", ANSWER).replace(
    '<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/>',
    '<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Responder"><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:AuthnFailed"/></samlp:StatusCode>')


def swap(old, new, count=1):
    def change(text):
        assert old in text, old
        return text.replace(old, new, count)
    return change


def late(seconds):
    return wire.instant(time.time() + seconds)


# name, change before signing, what is said of it (empty: taken). "@...@" are filled in after the change.
ROWS = [
    ("good", lambda t: t, ""),
    ("another audience", swap("@AUDIENCE@", "https://other.example"), "audience"),
    ("a second audience", swap("<saml:Audience>@AUDIENCE@</saml:Audience>", "<saml:Audience>@AUDIENCE@</saml:Audience><saml:Audience>x</saml:Audience>"), "audience"),
    ("no audience", swap("<saml:AudienceRestriction><saml:Audience>@AUDIENCE@</saml:Audience></saml:AudienceRestriction>", ""), "AudienceRestriction"),
    ("another person", swap("ana@acme.example", "ben@acme.example"), "NameID"),
    ("another recipient", swap('Recipient="@ACS@"', 'Recipient="https://other.example"'), "Recipient"),
    ("another destination", swap('Destination="@ACS@"', 'Destination="https://other.example"'), "Destination"),
    ("no InResponseTo", swap(' InResponseTo="@ID@" Version', " Version"), "no request of ours"),
    ("another InResponseTo", swap('InResponseTo="@ID@" Version', 'InResponseTo="_other" Version'), "no request of ours"),
    ("another InResponseTo inside", swap('InResponseTo="@ID@" Recipient', 'InResponseTo="_other" Recipient'), "InResponseTo of the confirmation"),
    ("past", lambda t: t.replace("@SOON@", late(-600)), "not valid now"),
    ("conditions past", lambda t: t.replace('NotOnOrAfter="@SOON@"><saml:Aud', 'NotOnOrAfter="%s"><saml:Aud' % late(-600)), "NotOnOrAfter is past"),
    ("conditions ahead", lambda t: t.replace('NotBefore="@NOW@"', 'NotBefore="%s"' % late(600)), "NotBefore lies ahead"),
    ("issued long ago", lambda t: t.replace('IssueInstant="@NOW@"', 'IssueInstant="%s"' % late(-600), 1), "IssueInstant is not now"),
    ("NotBefore in the confirmation", swap("Recipient=", 'NotBefore="@NOW@" Recipient='), "NotBefore in a bearer"),
    ("another issuer", swap("@ISSUER@", "https://other.example"), "first child"),
    ("another issuer inside", lambda t: t[::-1].replace("@ISSUER@"[::-1], "https://other.example"[::-1], 1)[::-1], "first child"),
    ("Issuer second", lambda t: re.sub(r"\n(<saml:Issuer>@ISSUER@</saml:Issuer>)(<samlp:Status>.*?</samlp:Status>)", r"\2\1", t), "schema"),
    ("another class", swap("<saml:AuthnContextClassRef>urn:okta:saml:2.0:DevicePosture", "<saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:X509"), "class"),
    ("no SessionIndex", swap(' SessionIndex="_s1"', ""), "SessionIndex"),
    ("no IsManaged", swap('<Fact Name="IsManaged" Value="true"/>', ""), "IsManaged"),
    ("IsManaged in words", swap('"IsManaged" Value="true"', '"IsManaged" Value="yes"'), "IsManaged"),
    ("IsCompliant in words", swap('"IsCompliant" Value="true"', '"IsCompliant" Value="1"'), "IsCompliant"),
    ("a fact twice", swap("</Posture>", '<Fact Name="IsManaged" Value="false"/></Posture>'), "facts"),
    ("a fact after an attestation", swap('<Fact Name="IsC', '<Attestation Type="x">y</Attestation><Fact Name="IsC'), "Posture holds"),
    ("no declaration", lambda t: re.sub(r"(?s)<saml:AuthnContextDecl>.*</saml:AuthnContextDecl>", "", t), "AuthnContextDecl"),
    ("the declaration in another namespace", swap('xmlns="urn:okta:saml:2.0:DevicePosture"', 'xmlns="urn:x"'), "AuthenticationContextDeclaration"),
    ("no context echoed", lambda t: re.sub(r"(?s)<saml:AttributeStatement>.*</saml:AttributeStatement>", "", t), "AppContext"),
    ("a context changed", swap("Payroll &amp; more", "Payroll"), "AppContext"),
    ("half a context", lambda t: re.sub(r'<saml:Attribute Name="OktaAppName">.*?</saml:Attribute>', "", t), "AppContext"),
    ("a comment", swap("<saml:NameID>ana", "<saml:NameID>ana<!-- -->"), "comment"),
    ("a status beside an Assertion", swap("status:Success", "status:Responder"), "failure status"),
    ("two Assertions", lambda t: re.sub(r"(?s)(<saml:Assertion .*</saml:Assertion>)", lambda m: m.group(1) + m.group(1).replace("@ASSERTION@", "_a2"), t), "Assertion: 2"),
    ("not compliant", swap('"IsCompliant" Value="true"', '"IsCompliant" Value="false"'), "sign-on rule"),
    ("failed", lambda t: FAILURE, "AuthnFailed"),
]
# name, change after signing, what is said of it.
SIGNED_ROWS = [
    ("nothing signed", lambda t: re.sub(r"(?s)<ds:Signature .*?</ds:Signature>", "", t), "not signed"),
    ("changed afterwards", lambda t: t.replace('"IsCompliant" Value="true"', '"IsCompliant" Value="true" ', 1).replace("C02XK", "C02XL"), "does not verify"),
    ("signature last", lambda t: re.sub(r"(?s)(<ds:Signature .*?</ds:Signature>)(.*)</samlp:Response>", r"\2\1</samlp:Response>", t, count=1), "schema"),
    ("signature of another", lambda t: t.replace('URI="#_r1"', 'URI="#_r2"'), "covers"),
]


def main():
    folder = tempfile.TemporaryDirectory(prefix="fake-okta-")
    world = types.SimpleNamespace(folder=folder.name)
    good, other = self_signed(folder.name, "idp"), self_signed(folder.name, "other")
    metadata = ('<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="%s"><IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"><KeyDescriptor>'
                '<KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data><X509Certificate>%s</X509Certificate></X509Data></KeyInfo></KeyDescriptor><SingleSignOnService '
                'Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="https://postern.example/saml/sso"/></IDPSSODescriptor></EntityDescriptor>'
                % (ISSUER, "".join(pem(good[0]).split("\n")[1:-2])))
    okta = Okta(world, Authority(os.path.join(folder.name, "ca")), Idp(), {"0oaPay": ("Payroll & more", ["managed", "compliant"])}).start(metadata)
    number = [0]

    def judge(change, after=lambda t: t, pair=good, relay=None):
        request, id, sent = okta.ask("0oaPay", "ana@acme.example")
        number[0] += 1
        text = change(ANSWER)
        for name, value in (("ID", id), ("ACS", okta.acs), ("NOW", wire.instant()), ("SOON", late(300)), ("ISSUER", ISSUER), ("AUDIENCE", okta.entity_id), ("ASSERTION", "_a%dx" % number[0])):
            text = text.replace("@%s@" % name, value)
        text = after(wire.sign(text, pair, "Response", "_r1"))
        return okta.judge(base64.b64encode(text.encode()).decode(), sent if relay is None else relay), text, sent

    passed = failed = 0
    rows = [(name, lambda c=change: judge(c), why) for name, change, why in ROWS] + [(name, lambda c=change: judge(lambda t: t, c), why) for name, change, why in SIGNED_ROWS]
    rows.append(("signed by another key", lambda: judge(lambda t: t, pair=other), "KeyInfo"))
    rows.append(("another RelayState", lambda: judge(lambda t: t, relay="x"), "RelayState"))
    for name, run, why in rows:
        (status, answer), text, _ = run()
        said = str(answer)
        if (status == 200) == (not why) and why in said:
            passed += 1
        else:
            failed += 1
            print("FAIL  %s: wanted %r, got %d %s" % (name, why, status, said))
    (status, answer), text, sent = judge(lambda t: t)
    again = okta.judge(base64.b64encode(text.encode()).decode(), sent)
    if status == 200 and again[0] == 400:
        passed += 1
    else:
        failed += 1
        print("FAIL  the same answer twice: %r then %r" % (status, again))
    okta.stop()
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
