"""Shibboleth SP (mod_shib and its shibd) as service provider: /payroll and /wiki ask for a login, /passive asks for one that shows nothing."""
import os

from harness import Process, expect, wait_for
from peers.apache import Apache
from peers.tls import pem, self_signed

EMAIL = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"

CONFIG = """<SPConfig xmlns="urn:mace:shibboleth:3.0:native:sp:config" clockSkew="180">
  <OutOfProcess logger="%(folder)s/shibd.logger"/>
  <InProcess logger="%(folder)s/native.logger"/>
  <UnixListener address="%(folder)s/shibd.sock"/>
  <ApplicationDefaults entityID="%(entity)s" REMOTE_USER="person" signing="%(sign)s" encryption="false">
    <Sessions lifetime="600" timeout="600" relayState="ss:mem" checkAddress="false" handlerSSL="true" cookieProps="; path=/; secure; HttpOnly; SameSite=None" redirectLimit="exact">
      <SSO entityID="%(idp)s" NameIDFormat="%(email)s" %(asks)s>SAML2</SSO>
      <Handler type="Session" Location="/Session" showAttributeValues="true" contentType="application/json"/>
    </Sessions>
    <Errors supportContact="stories@sp.example"/>
    <MetadataProvider type="XML" validate="true" path="%(folder)s/postern.xml" reloadChanges="false"/>
    <AttributeExtractor type="XML" validate="true" reloadChanges="false" path="%(folder)s/attribute-map.xml"/>
    <CredentialResolver type="File" key="%(key)s" certificate="%(certificate)s"/>
  </ApplicationDefaults>
  <SecurityPolicyProvider type="XML" validate="true" path="/etc/shibboleth/security-policy.xml"/>
  <ProtocolProvider type="XML" validate="true" reloadChanges="false" path="/etc/shibboleth/protocols.xml"/>
</SPConfig>
"""

ATTRIBUTES = """<Attributes xmlns="urn:mace:shibboleth:2.0:attribute-map" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
  <Attribute name="%s" id="person"><AttributeDecoder xsi:type="NameIDAttributeDecoder" formatter="$Name" defaultQualifiers="true"/></Attribute>
  <Attribute name="email" nameFormat="urn:oasis:names:tc:SAML:2.0:attrname-format:basic" id="email"/>
</Attributes>
""" % EMAIL

LOGGER = """log4j.rootCategory=%s, file
log4j.appender.file=org.apache.log4j.FileAppender
log4j.appender.file.fileName=%s
log4j.appender.file.layout=org.apache.log4j.PatternLayout
log4j.appender.file.layout.ConversionPattern=%%d{%%H:%%M:%%S} %%p %%c %%m%%n
"""


class Shibboleth:
    """One site. asks: further attributes of its SSO element, e.g. authnContextClassRef and authnContextComparison."""

    def __init__(self, world, authority, host="shib.example", sign=True, asks=""):
        self.apache = Apache(world, authority, host, ["shib"])
        self.sign, self.asks = sign, asks
        self.base = self.apache.base
        self.entity_id, self.acs = self.base + "/shibboleth", self.base + "/Shibboleth.sso/SAML2/POST"
        self.pair = self_signed(os.path.join(self.apache.folder, "sp"), "sp")
        self.certificate = pem(self.pair[0])

    def start(self, idp, metadata):
        """idp: entity id of the identity provider; metadata: its document as text."""
        folder, site = self.apache.folder, self.apache
        site.write("postern.xml", metadata)
        site.write("attribute-map.xml", ATTRIBUTES)
        site.write("shibd.logger", LOGGER % ("INFO", folder + "/shibd.log"))
        site.write("native.logger", LOGGER % ("WARN", folder + "/native.log"))
        config = site.write("shibboleth2.xml", CONFIG % {"folder": folder, "entity": self.entity_id, "sign": "true" if self.sign else "false", "idp": idp, "asks": self.asks, "email": EMAIL,
                                                        "key": self.pair[1], "certificate": self.pair[0]})
        self.shibd = Process(["/usr/sbin/shibd", "-f", "-F", "-c", config, "-p", folder + "/shibd.pid"], folder + "/shibd.out")

        def listening():
            expect(self.shibd.alive(), "shibd ended: " + self.shibd.text() + self.log())
            return os.path.exists(folder + "/shibd.sock")
        wait_for("shibd", listening)
        site.write("www/index.html", "open to all")
        for app in ("payroll", "wiki", "passive", "force"):
            site.write("www/%s/index.html" % app, "%s is open" % app)
        site.start("""
ShibConfig %(config)s
<Location />
  AuthType shibboleth
  Require shibboleth
</Location>
<LocationMatch "^/(payroll|wiki|force)/">
  AuthType shibboleth
  ShibRequestSetting requireSession 1
  Require shib-session
  Header set X-Person "expr=%%{REMOTE_USER}"
</LocationMatch>
<Location /force>
  ShibRequestSetting forceAuthn 1
</Location>
<Location /passive>
  ShibRequestSetting requireSession 1
  ShibRequestSetting isPassive 1
  Require shib-session
</Location>
""" % {"config": config})
        return self

    def page(self, app="payroll"):
        return "%s/%s/" % (self.base, app)

    def session(self):
        """Answers what the SP knows of its session, as JSON."""
        return self.base + "/Shibboleth.sso/Session"

    def log(self):
        text = ""
        for name in ("shibd.log", "native.log"):
            path = os.path.join(self.apache.folder, name)
            if os.path.exists(path):
                with open(path, errors="replace") as f:
                    text += f.read()
        return text

    def stop(self):
        self.apache.stop()
        self.shibd.stop()
