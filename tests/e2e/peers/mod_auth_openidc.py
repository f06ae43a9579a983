"""Apache with mod_auth_openidc as relying party: one protected page that shows who was signed in and what the ID token says of the device."""
import json
import os

from peers.apache import Apache

PAGE = """{"person": "<!--#echo encoding="none" var="REMOTE_USER" -->", "email": "<!--#echo encoding="none" var="OIDC_CLAIM_email" -->",
"issuer": "<!--#echo encoding="none" var="OIDC_CLAIM_iss" -->", "acr": "<!--#echo encoding="none" var="OIDC_CLAIM_acr" -->", "amr": "<!--#echo encoding="none" var="OIDC_CLAIM_amr" -->"}
"""

CONFIG = """
OIDCProviderMetadataURL %(issuer)s/.well-known/openid-configuration
OIDCCABundlePath %(trusted)s
OIDCSSLValidateServer On
OIDCClientID %(client_id)s
OIDCClientSecret %(secret)s
OIDCProviderTokenEndpointAuth %(auth)s
OIDCIDTokenSignedResponseAlg %(signing)s
OIDCPKCEMethod S256
OIDCResponseMode %(response_mode)s
OIDCScope "openid email profile"
OIDCRedirectURI %(callback)s
OIDCCryptoPassphrase of-the-stories-only
OIDCRemoteUserClaim sub
OIDCCookieSameSite Off
OIDCStateMaxNumberOfCookies 20 true
%(more)s
<Location "/page">
  AuthType openid-connect
  Require valid-user
  Options +Includes
  SetOutputFilter INCLUDES
  ForceType application/json
</Location>
<Location "/callback">
  AuthType openid-connect
  Require valid-user
</Location>
"""


class ModAuthOpenidc:
    def __init__(self, world, authority, host="apache.example"):
        self.apache = Apache(world, authority, host, ["include", "auth_openidc"])
        self.base = self.apache.base
        self.callback = self.base + "/callback"
        self.page = self.base + "/page/index.txt"

    def start(self, issuer, trusted, client_id, secret, auth="client_secret_basic", response_mode="query", signing="RS256", more=""):
        """The page is behind postern. trusted: one file of certificates. more: further directives."""
        os.chmod(trusted, 0o644)
        self.apache.write("www/page/index.txt", PAGE)
        self.apache.start(CONFIG % {"issuer": issuer, "trusted": trusted, "client_id": client_id, "secret": secret, "auth": auth, "response_mode": response_mode, "signing": signing,
                                    "callback": self.callback, "more": more})
        return self

    @staticmethod
    def opened(page):
        """Whose the protected page is; None when the browser is not there."""
        return json.loads(page.text)["email"] if page.status == 200 and page.text.startswith('{"person"') else None

    def stop(self):
        self.apache.stop()
