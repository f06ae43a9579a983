"""mod_auth_mellon (Lasso) in Apache as service provider: /payroll and /wiki ask for a login, and what the module learnt is answered as JSON."""
import os

from peers.apache import Apache
from peers.tls import pem, self_signed

METADATA = """<EntityDescriptor entityID="%(entity)s" xmlns="urn:oasis:names:tc:SAML:2.0:metadata" xmlns:ds="http://www.w3.org/2000/09/xmldsig#">
<SPSSODescriptor AuthnRequestsSigned="%(signs)s" WantAssertionsSigned="true" protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
<KeyDescriptor use="signing"><ds:KeyInfo><ds:X509Data><ds:X509Certificate>%(certificate)s</ds:X509Certificate></ds:X509Data></ds:KeyInfo></KeyDescriptor>
<NameIDFormat>urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress</NameIDFormat>
<AssertionConsumerService index="0" isDefault="true" Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="%(acs)s"/>
</SPSSODescriptor></EntityDescriptor>
"""


class Mellon:
    """One site. wants: AuthnContextClassRef it asks for and insists on; comparison: how (exact, minimum, ...); empty: none."""

    def __init__(self, world, authority, host="mellon.example", sign=True, wants="", comparison=""):
        self.apache = Apache(world, authority, host, ["auth_mellon"])
        self.sign, self.wants, self.comparison = sign, wants, comparison
        self.base = self.apache.base
        self.entity_id, self.acs = self.base + "/mellon/metadata", self.base + "/mellon/postResponse"
        self.pair = self_signed(os.path.join(self.apache.folder, "sp"), "sp")
        for path in self.pair:
            os.chmod(path, 0o644)
        self.certificate = pem(self.pair[0])

    def start(self, metadata):
        own = self.apache.write("sp.xml", METADATA % {"entity": self.entity_id, "acs": self.acs, "signs": "true" if self.sign else "false",
                                                      "certificate": "".join(self.certificate.strip().splitlines()[1:-1])})
        idp = self.apache.write("idp.xml", metadata)
        self.apache.write("www/index.html", "open to all")
        for app in ("payroll", "wiki"):
            self.apache.write("www/%s/index.html" % app, "%s is open" % app)
        asks = ("  MellonAuthnContextClassRef \"%s\"\n" % self.wants if self.wants else "") + ("  MellonAuthnContextComparisonType \"%s\"\n" % self.comparison if self.comparison else "")
        self.apache.start("""
<Location />
  MellonEnable info
  MellonEndpointPath /mellon
  MellonSPMetadataFile %(own)s
  MellonSPPrivateKeyFile %(key)s
  MellonSPCertFile %(certificate)s
  MellonIdPMetadataFile %(idp)s
  MellonSecureCookie On
  MellonCookieSameSite none
  MellonSignatureMethod rsa-sha256
%(asks)s
</Location>
<LocationMatch "^/(payroll|wiki)/">
  AuthType Mellon
  MellonEnable auth
  Require valid-user
  Header set X-Person "expr=%%{REMOTE_USER}"
</LocationMatch>
""" % {"own": own, "key": self.pair[1], "certificate": self.pair[0], "idp": idp, "asks": asks})
        return self

    def page(self, app="payroll"):
        return "%s/%s/" % (self.base, app)

    def passive(self, app="payroll"):
        """A login that may show nothing."""
        return "%s/mellon/login?IsPassive=true&ReturnTo=%s" % (self.base, self.page(app))

    def stop(self):
        self.apache.stop()
