"""What a stranger may send to /saml/sso: nothing of it is answered to an address that is not registered, nothing is believed, nothing falls over."""
import base64
import http.server
import re
import threading
import time
import urllib.parse
import zlib

import harness
from browser import Browser
from harness import expect, fast_policy, request, wait_for
from peers import saml_wire as wire
from peers.tls import pem, self_signed

ACS = "https://sp.example/acs"
DOORS = """
doors:
  - { id: strict, kind: saml, app: payroll, saml: { entity_id: "https://strict.example/sp", acs: ["https://sp.example/acs", "https://sp.example/other"], requests: signed, certificates: [%(pem)s] } }
  - { id: easy, kind: saml, app: wiki, saml: { entity_id: "https://easy.example/sp", acs: ["https://sp.example/acs"], certificates: [%(pem)s] } }
"""


def quoted(text):
    return '"%s"' % text.strip().replace("\n", "\\n")


class Scene:
    def __init__(self, world):
        self.pair, self.other = self_signed(world.folder, "sp"), self_signed(world.folder, "stranger")
        self.gateway = world.gateway(policy=fast_policy() + DOORS % {"pem": quoted(pem(self.pair[0]))}).start()
        self.sso = "https://localhost:%d/saml/sso" % self.gateway.public_port
        self.listener()

    def listener(self):
        """Whoever connects here was sent by an XML parser that should not have."""
        self.fetched = []
        scene = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                scene.fetched.append(self.path)
                self.send_error(404)

            def log_message(self, *args):
                pass
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.trap = "http://127.0.0.1:%d" % server.server_port

    def xml(self, door="easy", destination=None, acs=ACS, **kw):
        return wire.authn_request("https://%s.example/sp" % door, self.sso if destination is None else destination, acs, **kw)

    def signed(self, door="strict", pair=None, **kw):
        number = wire.new_id()
        return wire.sign(self.xml(door, id=number, **kw), pair or self.pair, "AuthnRequest", number)

    # ---- sending: each returns the page where the browser stands, held before an answer leaves for the SP

    def get(self, xml, relay=None, **kw):
        return self.open(wire.redirect(self.sso, xml, relay, **kw))

    def open(self, url):
        return Browser(ca=[self.gateway.ca]).go(url, hold=lambda method, to, fields: "sp.example" in urllib.parse.urlsplit(to).netloc)

    def post(self, xml, relay=None):
        return self.form(wire.post(xml, relay))

    def form(self, fields):
        return Browser(ca=[self.gateway.ca]).post(self.sso, fields, hold=lambda method, to, fields: "sp.example" in urllib.parse.urlsplit(to).netloc)


def answered(page):
    """The status codes of an answer that was on its way to the SP, or None."""
    if not isinstance(page, tuple):
        return None
    xml = base64.b64decode(page[2]["SAMLResponse"]).decode()
    return [c.rpartition(":")[2] for c in re.findall(r'StatusCode[^>]* Value="([^"]*)"', xml)]


def outcome(page):
    """refused: a page of 4xx that says so; taken: the login goes on; or the codes of the answer to the SP."""
    codes = answered(page)
    if codes is not None:
        return "+".join(codes)
    if 400 <= page.status < 500 and "/saml/sso" in page.url:
        return "refused"
    return "taken" if "/login/" in page.url else "%d at %s" % (page.status, page.url)


def check(rows, scene):
    wrong = []
    for name, send, wanted in rows:
        page = send()
        got = outcome(page)
        if got != wanted:
            wrong.append("%s: wanted %s, got %s %r" % (name, wanted, got, page))
        if wanted == "refused" and not isinstance(page, tuple):
            wrong += ["%s: a refusal may not hold %r" % (name, word) for word in ("evil.example", "SAMLResponse", "libxml", "xmlsec", ".c:", "0x") if word in page.text]
            if page.forms or page.header("location"):
                wrong.append("%s: a refusal leads away: %r" % (name, page))
    expect(not wrong, "\n      ".join(["%d of %d rows" % (len(wrong), len(rows))] + wrong))
    expect(not scene.fetched, "the parser fetched %s" % scene.fetched)
    wait_for("the gateway stays ready", lambda: scene.gateway.get("/readyz", admin=True).status == 200)


def deflated(text):
    return base64.b64encode(wire.deflate(text)).decode()


def story_a_message_that_is_no_request(world):
    scene = Scene(world)
    good = scene.xml()

    def query(text):
        return lambda: scene.open(scene.sso + "?" + text)

    def field(value):
        return lambda: scene.form({"SAMLRequest": value})
    coded = urllib.parse.quote_plus(deflated(good))
    bomb = base64.b64encode(zlib_bomb(4 << 20)).decode()
    nested = good.replace("<saml:Issuer>", "<samlp:Extensions>" + "<a>" * 500 + "</a>" * 500 + "</samlp:Extensions><saml:Issuer>")
    many = good.replace("</saml:Issuer>", "</saml:Issuer><samlp:Extensions>" + "<a/>" * 6000 + "</samlp:Extensions>")
    rows = [
        ("a good one, for comparison", lambda: scene.get(scene.xml()), "taken"),
        ("a good one by form", lambda: scene.post(scene.xml()), "taken"),
        ("nothing", query(""), "refused"),
        ("nothing by form", lambda: scene.form({}), "refused"),
        ("an empty one", query("SAMLRequest="), "refused"),
        ("an empty one by form", field(""), "refused"),
        ("no base64", query("SAMLRequest=%21%21%21"), "refused"),
        ("no base64 by form", field("<xml>"), "refused"),
        ("base64 of nothing compressed", query("SAMLRequest=" + urllib.parse.quote_plus(base64.b64encode(good.encode()).decode())), "refused"),
        ("compressed by form", field(deflated(good)), "refused"),
        ("compressed with zlib's head", query("SAMLRequest=" + urllib.parse.quote_plus(base64.b64encode(zlib.compress(good.encode())).decode())), "refused"),
        ("bytes after the end", query("SAMLRequest=" + urllib.parse.quote_plus(base64.b64encode(wire.deflate(scene.xml()) + b"more").decode())), "refused"),
        ("cut short", query("SAMLRequest=" + urllib.parse.quote_plus(base64.b64encode(wire.deflate(scene.xml())[:-20]).decode())), "refused"),
        ("twice", query("SAMLRequest=%s&SAMLRequest=%s" % (coded, coded)), "refused"),
        ("twice by form", lambda: scene.form([("SAMLRequest", wire.post(good)["SAMLRequest"])] * 2), "refused"),
        ("RelayState twice", query("SAMLRequest=%s&RelayState=a&RelayState=b" % urllib.parse.quote_plus(deflated(scene.xml()))), "refused"),
        ("a response", lambda: scene.form({"SAMLResponse": wire.post(good)["SAMLRequest"]}), "refused"),
        ("an inflate bomb", query("SAMLRequest=" + urllib.parse.quote_plus(bomb)), "refused"),
        ("depth", lambda: scene.post(nested), "refused"),
        ("nodes", lambda: scene.post(many), "refused"),
        ("cut XML", lambda: scene.post(good[:-20]), "refused"),
        ("text after the end", lambda: scene.post(good + "<x/>"), "refused"),
        ("UTF-16", lambda: scene.form({"SAMLRequest": base64.b64encode(good.encode("utf-16")).decode()}), "refused"),
        ("bytes that are no UTF-8", lambda: scene.form({"SAMLRequest": base64.b64encode(good.encode() .replace(b"easy", b"\xff\xfe")).decode()}), "refused"),
        ("a DTD", lambda: scene.post("<!DOCTYPE samlp:AuthnRequest []>" + good), "refused"),
        ("laughs", lambda: scene.post('<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "%s"><!ENTITY c "%s">]>' % ("&a;" * 50, "&b;" * 50) + good.replace("https://easy", "&c;")), "refused"),
        ("an external entity", lambda: scene.post('<!DOCTYPE a [<!ENTITY a SYSTEM "%s/entity">]>' % scene.trap + good.replace("https://easy", "&a;")), "refused"),
        ("a file as entity", lambda: scene.post('<!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + good.replace("https://easy", "&a;")), "refused"),
        ("an external DTD", lambda: scene.post('<!DOCTYPE a SYSTEM "%s/dtd">' % scene.trap + good), "refused"),
        ("a schema's place", lambda: scene.post(scene.xml(attributes='xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="%s %s/xsd"' % (wire.SAMLP, scene.trap))), "refused"),
        ("an inclusion", lambda: scene.post(scene.xml(extensions='<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="%s/x"/>' % scene.trap)), "taken"),
    ]
    check(rows, scene)
    for method in ("PUT", "DELETE", "PATCH"):
        expect(scene.gateway.call(method, "/saml/sso").status in (404, 405), method)
    answer = scene.gateway.call("POST", "/saml/sso", {"SAMLRequest": wire.post(good)["SAMLRequest"]})
    expect(400 <= answer.status < 500, "JSON is no form: %d" % answer.status)
    scene.gateway.stop()


def zlib_bomb(size):
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    return squeeze.compress(b" " * size) + squeeze.flush()


def story_a_request_with_one_thing_wrong(world):
    scene = Scene(world)

    def swap(old, new, **kw):
        def send():
            xml = scene.xml(**kw)
            assert old in xml, old
            return scene.post(xml.replace(old, new, 1))
        return send

    def post(**kw):
        return lambda: scene.post(scene.xml(**kw))
    now = time.time()
    rows = [
        ("another root", lambda: scene.post(scene.xml().replace("samlp:AuthnRequest", "samlp:LogoutRequest")), "refused"),
        ("another namespace", swap(wire.SAMLP, "urn:oasis:names:tc:SAML:1.0:protocol"), "refused"),
        ("version 1.1", swap('Version="2.0"', 'Version="1.1"'), "refused"),
        ("no version", swap(' Version="2.0"', ""), "refused"),
        ("no ID", lambda: scene.post(re.sub(r' ID="[^"]*"', "", scene.xml())), "refused"),
        ("an ID that is no name", post(id="1 2"), "refused"),
        ("a long ID", post(id="a" * 5000), "refused"),
        ("no time", lambda: scene.post(re.sub(r' IssueInstant="[^"]*"', "", scene.xml())), "refused"),
        ("a time in words", lambda: scene.post(re.sub(r'IssueInstant="[^"]*"', 'IssueInstant="now"', scene.xml())), "refused"),
        ("ten minutes old", post(at=now - 600), "refused"),
        ("ten minutes ahead", post(at=now + 600), "refused"),
        ("two minutes old", post(at=now - 120), "taken"),
        ("two minutes ahead", post(at=now + 120), "taken"),
        ("milliseconds", lambda: scene.post(re.sub(r'(IssueInstant="[^"Z]*)Z', r"\1.123Z", scene.xml())), "taken"),
        ("no Issuer", lambda: scene.post(re.sub(r"<saml:Issuer>.*</saml:Issuer>", "", scene.xml())), "refused"),
        ("Issuer twice", swap("<samlp:NameIDPolicy", "<saml:Issuer>https://easy.example/sp</saml:Issuer><samlp:NameIDPolicy"), "refused"),
        ("an unknown Issuer", swap("https://easy.example/sp", "https://evil.example/sp"), "refused"),
        ("an Issuer with a comment inside", swap("https://easy.example/sp", "https://easy.example/sp<!-- x -->"), "refused"),
        ("an Issuer that goes on after a comment", swap("https://easy.example/sp", "https://easy.example/sp<!-- x -->.evil.example"), "refused"),
        ("a person with a comment inside", swap("ana@acme.example", "ana@acme.example<!---->.evil.example", person="ana@acme.example"), "refused"),
        ("a processing instruction", swap("<saml:Issuer>", "<?xml-stylesheet href='x'?><saml:Issuer>"), "refused"),
        ("another destination", post(destination="https://evil.example/saml/sso"), "refused"),
        ("no destination, unsigned", post(destination=""), "taken"),
        ("an ACS of a stranger", post(acs="https://evil.example/acs"), "refused"),
        ("an ACS with one more slash", post(acs=ACS + "/"), "refused"),
        ("an ACS in capitals", post(acs=ACS.upper()), "refused"),
        ("an ACS with a query", post(acs=ACS + "?x=1"), "refused"),
        ("an ACS that begins alike", post(acs="https://sp.example.evil.example/acs"), "refused"),
        ("an ACS with a name in it", post(acs="https://sp.example@evil.example/acs"), "refused"),
        ("an ACS that is code", post(acs="javascript:alert(1)"), "refused"),
        ("the ACS of another SP", lambda: scene.post(scene.xml(acs="https://sp.example/other")), "refused"),
        ("no ACS: the first one", post(acs=""), "taken"),
        ("an unknown index", post(acs="", attributes='AssertionConsumerServiceIndex="7"'), "refused"),
        ("an index in words", post(acs="", attributes='AssertionConsumerServiceIndex="first"'), "refused"),
        ("address and index", post(attributes='AssertionConsumerServiceIndex="0"'), "refused"),
        ("another binding for the answer", swap("bindings:HTTP-POST", "bindings:HTTP-Artifact"), "refused"),
        ("two policies", swap("</samlp:AuthnRequest>", "<samlp:NameIDPolicy/></samlp:AuthnRequest>"), "refused"),
        ("two subjects", swap("<samlp:NameIDPolicy", "<saml:Subject><saml:NameID>ben@acme.example</saml:NameID></saml:Subject><samlp:NameIDPolicy", person="ana@acme.example"), "refused"),
        ("an unknown comparison", post(classes=["urn:x"], comparison="about"), "refused"),
        ("a passive that is no truth value", post(attributes='IsPassive="maybe"'), "refused"),
        ("a long person", post(person="a" * 4000), "refused"),
        ("a name format we have not", post(name_format="urn:oasis:names:tc:SAML:2.0:nameid-format:kerberos"), "Responder+InvalidNameIDPolicy"),
        ("a class we cannot give", post(classes=["urn:oasis:names:tc:SAML:2.0:ac:classes:SmartcardPKI"], comparison="exact"), "Responder+NoAuthnContext"),
        ("passive, and a page would be needed", post(attributes='IsPassive="1"'), "Responder+NoPassive"),
    ]
    # Which of Requester and Responder stands on top, the standard leaves open for these.
    rows = [(name, (lambda s=send: s()), wanted) for name, send, wanted in rows]
    check(rows, scene)
    scene.gateway.stop()


def story_state_comes_back_as_it_went_or_not_at_all(world):
    scene = Scene(world)
    passive = 'IsPassive="true"'  # answered at once: no device is proved
    rows = [("plain", "abc"), ("markup", "\"><script>alert(1)</script>"), ("an address", "https://evil.example/?a=b&c=d"), ("entities", "&amp;&#34;'`"), ("blanks and plus", "a b+c%20d"),
            ("a line end", "a\r\nSet-Cookie: x=1"), ("letters of the world", "Grüße 日本"), ("1,000 bytes", "x" * 1000), ("empty", "")]
    for name, relay in rows:
        for way in ("form", "query"):
            page = scene.post(scene.xml(attributes=passive), relay) if way == "form" else scene.get(scene.xml(attributes=passive), relay)
            expect(answered(page), "%s by %s: %r" % (name, way, page))
            expect(page[1] == ACS, "%s by %s goes to %s" % (name, way, page[1]))
            expect(page[2].get("RelayState", "") == relay, "%s by %s: %r came back as %r" % (name, way, relay, page[2].get("RelayState")))
    expect("RelayState" not in scene.post(scene.xml(attributes=passive))[2], "none sent, none answered")
    for name, size in (("one over", 1025), ("2 KiB", 2048), ("1 MB", 1 << 20)):
        page = scene.post(scene.xml(attributes=passive), "x" * size)
        expect(not isinstance(page, tuple) and 400 <= page.status < 500, "%s: %r" % (name, page))
    scene.gateway.stop()


def wrap(xml, id, shape):
    """Signature wrapping: a request of ours, unsigned, around or beside the signed one of somebody else's."""
    head = re.sub(r"^<\?xml[^>]*\?>\s*", "", xml)
    signature = re.search(r"(?s)<ds:Signature .*?</ds:Signature>", head).group(0)
    bare = head.replace(signature, "")
    forged = bare.replace('ID="%s"' % id, 'ID="forged"').replace("https://sp.example/acs", "https://sp.example/other")
    inside = forged.replace("</saml:Issuer>", "</saml:Issuer>%s", 1)
    end = "</samlp:AuthnRequest>"
    return {
        "the signed one in Extensions": inside % (signature + "<samlp:Extensions>" + bare + "</samlp:Extensions>"),
        "the signed one, with its signature, in Extensions": inside % ("<samlp:Extensions>" + head + "</samlp:Extensions>"),
        "the signed one in an Object of the signature": inside % signature.replace("</ds:Signature>", "<ds:Object>" + bare + "</ds:Object></ds:Signature>"),
        "the signed one after it": forged.replace(end, head + end),
        "the forged one in the signed one": head.replace(end, forged + end),
        "both with one ID": head.replace("</saml:Issuer>", "</saml:Issuer><samlp:Extensions>" + bare + "</samlp:Extensions>", 1),
        "two signatures": head.replace(signature, signature + signature),
        "the signature at the end": head.replace(signature, "").replace(end, signature + end),
        "the signature before the Issuer": head.replace(signature, "").replace("<saml:Issuer>", signature + "<saml:Issuer>", 1),
        "the signature inside Extensions": bare.replace("</saml:Issuer>", "</saml:Issuer><samlp:Extensions>" + signature + "</samlp:Extensions>", 1),
    }


def story_signatures_are_believed_only_where_they_cover(world):
    scene = Scene(world)

    def resigned(old, new):
        """Signed by the right key, over something else than it should."""
        def send():
            number = wire.new_id()
            xml = scene.xml("strict", id=number)
            at = xml.index("</saml:Issuer>") + len("</saml:Issuer>")
            made = wire.template(number)
            assert old in made, old
            done = wire.run_on(xml[:at] + made.replace(old, new.replace("@ID@", number)) + xml[at:], "xmlsec1", "--sign", "--privkey-pem", "%s,%s" % (scene.pair[1], scene.pair[0]), *wire.ID_ATTRIBUTES)
            expect(done.returncode == 0, "xmlsec1: " + done.stderr)
            return scene.post(done.stdout)
        return send

    def changed(old, new):
        return lambda: scene.post(scene.signed().replace(old, new, 1))

    def query(change=lambda q: q, door="strict", key=None, **kw):
        return lambda: scene.open(change(wire.redirect(scene.sso, scene.xml(door), key=key or scene.pair[1], **kw)))
    rows = [
        ("signed, for comparison", lambda: scene.post(scene.signed()), "taken"),
        ("a signed query, for comparison", query(), "taken"),
        ("a signed query with a state", lambda: scene.get(scene.xml("strict"), "a b&c", key=scene.pair[1]), "taken"),
        ("not signed though it must", lambda: scene.post(scene.xml("strict")), "refused"),
        ("a query not signed though it must", lambda: scene.get(scene.xml("strict")), "refused"),
        ("signed by a stranger", lambda: scene.post(scene.signed(pair=scene.other)), "refused"),
        ("signed by a stranger though it need not", lambda: scene.post(scene.signed("easy", pair=scene.other)), "refused"),
        ("a query signed by a stranger", query(key=scene.other[1]), "refused"),
        ("a query signed by a stranger though it need not", query(door="easy", key=scene.other[1]), "refused"),
        ("signed without a destination", lambda: scene.post(scene.signed(destination="")), "refused"),
        ("another ACS after signing", changed("https://sp.example/acs", "https://sp.example/other"), "refused"),
        ("a person added after signing", changed("<samlp:NameIDPolicy", "<saml:Subject><saml:NameID>ana@acme.example</saml:NameID></saml:Subject><samlp:NameIDPolicy"), "refused"),
        ("an attribute added after signing", changed('Version="2.0"', 'Version="2.0" ForceAuthn="true"'), "refused"),
        ("the signature cut out", lambda: scene.post(re.sub(r"(?s)<ds:Signature .*</ds:Signature>", "", scene.signed())), "refused"),
        ("the signature empty", lambda: scene.post(re.sub(r"(?s)<ds:SignatureValue>.*</ds:SignatureValue>", "<ds:SignatureValue/>", scene.signed())), "refused"),
        ("the whole document referenced", resigned(*('URI="#', 'URI="" x="')), "refused"),
        ("SHA-1", resigned("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", "http://www.w3.org/2000/09/xmldsig#rsa-sha1"), "refused"),
        ("a digest by SHA-1", resigned("http://www.w3.org/2001/04/xmlenc#sha256", "http://www.w3.org/2000/09/xmldsig#sha1"), "refused"),
        ("inclusive canonical form", resigned('<ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>',
                                               '<ds:CanonicalizationMethod Algorithm="http://www.w3.org/TR/2001/REC-xml-c14n-20010315"/>'), "refused"),
        ("an XPath transform", resigned('<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>', '<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xpath-19991116">'
                                        '<ds:XPath>not(ancestor-or-self::node()[local-name()="NameIDPolicy"])</ds:XPath></ds:Transform>'), "refused"),
        ("a query by SHA-1", query(method="http://www.w3.org/2000/09/xmldsig#rsa-sha1", digest="-sha1"), "refused"),
        ("a query that names another method", query(method="http://www.w3.org/2001/04/xmldsig-more#rsa-sha512"), "refused"),
        ("a query by a keyed hash", query(method="http://www.w3.org/2000/09/xmldsig#hmac-sha1"), "refused"),
        ("a query changed", query(lambda q: q.replace("&SigAlg", "&RelayState=x&SigAlg")), "refused"),
        ("a query without its method", query(lambda q: re.sub("&SigAlg=[^&]*", "", q)), "refused"),
        ("a query with an empty signature", query(lambda q: re.sub("Signature=[^&]*", "Signature=", q)), "refused"),
        ("a query without its signature", query(lambda q: re.sub("&Signature=[^&]*", "", q)), "refused"),
        ("a query with two signatures", query(lambda q: q + "&Signature=AAAA"), "refused"),
        ("a query with two methods", query(lambda q: q + "&SigAlg=x"), "refused"),
        ("a signed document in an unsigned query", lambda: scene.get(scene.signed()), "refused"),
    ]
    number = wire.new_id()
    signed = wire.sign(scene.xml("strict", id=number), scene.pair, "AuthnRequest", number)
    for shape in wrap(signed, number, None):
        def send(shape=shape):
            fresh = wire.new_id()
            return scene.post(wrap(wire.sign(scene.xml("strict", id=fresh), scene.pair, "AuthnRequest", fresh), fresh, None)[shape])
        rows.append(("wrapped: " + shape, send, "refused"))
    check(rows, scene)
    scene.gateway.stop()


def story_a_signed_query_counts_as_it_was_written(world):
    """SAML bindings 3.4.4.1: the octets that were sent are signed, so another way to write the same is good when it was signed so."""
    scene = Scene(world)
    import subprocess
    for name, change in (("small letters", lambda t: re.sub(r"%[0-9A-F]{2}", lambda m: m.group(0).lower(), t)), ("all written out", lambda t: t.replace(".", "%2E").replace("-", "%2D"))):
        query = change("SAMLRequest=" + urllib.parse.quote_plus(deflated(scene.xml("strict"))) + "&RelayState=" + urllib.parse.quote_plus("a/b=c")) + "&SigAlg=" + urllib.parse.quote_plus(wire.RSA_SHA256).lower()
        query = query.replace("rsa-sha256".replace("-", "%2d"), "rsa-sha256")
        done = subprocess.run(["openssl", "dgst", "-sha256", "-sign", scene.pair[1]], input=query.encode(), capture_output=True, check=True, timeout=60)
        page = scene.open(scene.sso + "?" + query + "&Signature=" + urllib.parse.quote_plus(base64.b64encode(done.stdout).decode()))
        expect(outcome(page) == "taken", "%s: %r" % (name, page))
    scene.gateway.stop()


def story_a_request_counts_once(world):
    scene = Scene(world)
    xml = scene.xml()
    expect(outcome(scene.post(xml)) == "taken", "the first time")
    expect(outcome(scene.post(xml)) == "refused", "the second time")
    expect(outcome(scene.get(xml)) == "refused", "by the other binding")
    expect(outcome(scene.post(scene.xml("strict"))) == "refused", "refused requests are not remembered")
    number = wire.new_id()
    expect(outcome(scene.post(scene.xml(id=number))) == "taken", "an id of one SP")
    again = wire.sign(scene.xml("strict", id=number), scene.pair, "AuthnRequest", number)
    expect(outcome(scene.post(again)) == "taken", "another SP may choose the same id")
    scene.gateway.stop()


def story_half_finished_logins_cost_nothing(world):
    scene = Scene(world)
    count = 10000 if world.long else 300

    def memory():
        with open("/proc/%d/status" % scene.gateway.process.child.pid) as f:
            return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1))

    def begin(number):
        for _ in range(number):
            answer = request(wire.redirect(scene.sso, scene.xml()), ca=scene.gateway.ca)
            expect(answer.status in (302, 303), "begun: %d" % answer.status)
    begin(50)
    before = memory()
    threads = [threading.Thread(target=begin, args=(count // 4,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print("      %d logins begun and left: %d KiB more" % (count, memory() - before))
    expect(outcome(scene.post(scene.xml())) == "taken", "the next one is as good as the first")
    scene.gateway.stop()


if __name__ == "__main__":
    harness.main(globals())
