"""SimpleSAMLphp as service provider. It sends what Okta sends to a device posture provider: the class with Comparison minimum, the person in Subject, the app in Extensions."""
import os

from peers.apache import Apache
from peers.tls import pem, self_signed

HOME = "/usr/share/simplesamlphp"

CONFIG = """<?php
$config = [
  'baseurlpath' => '%(base)s/simplesaml/', 'certdir' => '%(folder)s/cert/', 'loggingdir' => '%(folder)s/log/', 'datadir' => '%(folder)s/data/', 'tempdir' => '%(folder)s/tmp',
  'technicalcontact_name' => 'stories', 'technicalcontact_email' => 'stories@sp.example', 'timezone' => 'UTC', 'secretsalt' => 'of-the-stories-only',
  'auth.adminpassword' => 'not-used-here-1', 'showerrors' => true, 'errorreporting' => false, 'debug' => ['saml' => true, 'backtraces' => true, 'validatexml' => true],
  'logging.level' => SimpleSAML\\Logger::DEBUG, 'logging.handler' => 'file', 'enable.saml20-idp' => false, 'store.type' => 'phpsession',
  'session.cookie.secure' => true, 'session.cookie.samesite' => 'None', 'session.phpsession.savepath' => '%(folder)s/tmp', 'session.phpsession.cookiename' => 'SimpleSAML',
  'session.cookie.name' => 'SimpleSAMLSessionID', 'session.authtoken.cookiename' => 'SimpleSAMLAuthToken', 'session.phpsession.httponly' => true,
  'language.available' => ['en'], 'language.default' => 'en', 'metadata.sources' => [['type' => 'xml', 'file' => '%(folder)s/postern.xml']],
  'module.enable' => ['core' => true, 'saml' => true],
];
"""

SOURCES = """<?php
$config = ['postern' => ['saml:SP', 'entityID' => '%(entity)s', 'idp' => '%(idp)s', 'privatekey' => 'sp.key', 'certificate' => 'sp.crt',
  'sign.authnrequest' => %(sign)s, 'redirect.sign' => %(sign)s, 'signature.algorithm' => 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256',
  'WantAssertionsSigned' => true, 'saml20.sign.response' => true, 'redirect.validate' => true, 'disable_scoping' => true]];
"""

# One protected page. What the login asks for comes from the address, as an app's own configuration would give it.
PAGE = """<?php
require '%(home)s/lib/_autoload.php';
$ask = [];
$q = $_GET;
if (isset($q['class'])) { $ask['saml:AuthnContextClassRef'] = $q['class']; $ask['saml:AuthnContextComparison'] = $q['comparison'] ?? 'minimum'; }
if (isset($q['person'])) { $ask['saml:NameID'] = ['Value' => $q['person'], 'Format' => null]; }
if (isset($q['app'])) {
  $ask['saml:Extensions'] = [];
  foreach (['OktaAppInstanceId' => $q['app'], 'OktaAppName' => $q['title'] ?? $q['app']] as $name => $value) {
    $dom = SAML2\\DOMDocumentFactory::create();
    $element = $dom->createElement($name);
    $element->appendChild($dom->createTextNode($value));
    $dom->appendChild($element);
    $ask['saml:Extensions'][] = new SAML2\\XML\\Chunk($element);
  }
}
if (isset($q['force'])) { $ask['ForceAuthn'] = true; }
if (isset($q['passive'])) { $ask['isPassive'] = true; }
if (isset($q['format'])) { $ask['saml:NameIDPolicy'] = ['Format' => $q['format'], 'AllowCreate' => true]; }
$as = new SimpleSAML\\Auth\\Simple('postern');
if (isset($q['fresh']) && $as->isAuthenticated() && $as->getAuthData('AuthnInstant') < (int) $q['fresh']) { $as->login($ask); }
$as->requireAuth($ask);
header('Content-Type: application/json');
$name = $as->getAuthData('saml:sp:NameID');
echo json_encode(['person' => $name->getValue(), 'format' => $name->getFormat(), 'attributes' => $as->getAttributes(), 'class' => $as->getAuthData('saml:sp:AuthnContext'),
  'session' => $as->getAuthData('saml:sp:SessionIndex')]);
"""


class SimpleSamlPhp:
    def __init__(self, world, authority, host="ssp.example", sign=True):
        self.apache = Apache(world, authority, host, ["php"])
        self.sign = sign
        self.base = self.apache.base
        self.entity_id = self.base + "/simplesaml/module.php/saml/sp/metadata.php/postern"
        self.acs = self.base + "/simplesaml/module.php/saml/sp/saml2-acs.php/postern"
        certificate, key = self_signed(os.path.join(self.apache.folder, "cert"), "sp")
        os.chmod(key, 0o644)  # of a story, read by whoever Apache answers as
        self.certificate = pem(certificate)

    def start(self, idp, metadata):
        """idp: entity id of the identity provider; metadata: its document as text."""
        folder, sign = self.apache.folder, "true" if self.sign else "false"
        self.apache.write("postern.xml", metadata)
        self.apache.write("config/config.php", CONFIG % {"base": self.base, "folder": folder})
        self.apache.write("config/authsources.php", SOURCES % {"entity": self.entity_id, "idp": idp, "sign": sign})
        self.apache.write("www/page.php", PAGE % {"home": HOME})
        for name in ("log", "data", "tmp"):
            os.makedirs(os.path.join(folder, name))
            os.chmod(os.path.join(folder, name), 0o777)
        self.apache.start("""
SetEnv SIMPLESAMLPHP_CONFIG_DIR %(folder)s/config
Alias /simplesaml %(home)s/www
<FilesMatch "\\.php$">
  SetHandler application/x-httpd-php
</FilesMatch>
php_admin_value session.save_path %(folder)s/tmp
php_admin_value error_log %(folder)s/php.log
php_admin_value opcache.enable 0
""" % {"folder": folder, "home": HOME})
        return self

    def page(self, **query):
        """The protected page; query: class, comparison, person, app, title, force, passive, format."""
        from urllib.parse import urlencode
        return self.base + "/page.php" + ("?" + urlencode(query) if query else "")

    def stop(self):
        self.apache.stop()
