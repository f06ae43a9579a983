"""Keycloak as broker: the distribution archive, fetched by its Maven coordinates, with one realm that is imported at start. Everything lives in the story's folder.

The realm sends people to postern over OpenID Connect or SAML, by `kc_idp_hint`, makes a user out of the answer or links the one of that e-mail, asks nothing,
and serves the company's apps as OpenID Provider."""
import collections
import json
import os
import shutil

from harness import Process, expect, fetched, free_port, request, wait_for
from peers.tls import pem, self_signed

COORDINATES = "org.keycloak:keycloak-quarkus-dist:26.5.6:zip"
COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy"
REALM = "corp"
# What no login here needs; it starts sooner without.
WITHOUT = "account,admin,ciba,device-flow,kerberos,passkeys,web-authn,organization,impersonation"
JAVA = "-Xms64m -Xmx512m -XX:TieredStopAtLevel=1"

FIRST_LOGIN = {"alias": "make or link", "providerId": "basic-flow", "topLevel": True, "builtIn": False, "authenticationExecutions": [
    {"authenticator": "idp-create-user-if-unique", "requirement": "ALTERNATIVE", "priority": 10},
    {"authenticator": "idp-auto-link", "requirement": "ALTERNATIVE", "priority": 20}]}

ServiceProvider = collections.namedtuple("ServiceProvider", "entity_id acs certificate sign")


class Keycloak:
    """`base` and the addresses of the broker are known before start(), for the policy's doors."""

    def __init__(self, world, authority, host="kc.example"):
        self.world, self.host, self.port = world, host, free_port()
        self.folder = os.path.join(world.folder, host)
        self.base = "https://%s:%d" % (host, self.port)
        self.issuer = "%s/realms/%s" % (self.base, REALM)
        self.tls = authority.server(host, "localhost")
        self.trusted = authority.certificate
        self.keys = self_signed(os.path.join(world.folder, host + "-keys"), "realm")
        self.certificate = pem(self.keys[0])  # signs its SAML requests
        self.providers, self.clients = [], []
        self.log = os.path.join(world.folder, host + ".log")

    def broker_url(self, alias):
        return "%s/broker/%s/endpoint" % (self.issuer, alias)

    def service_provider(self, alias):
        """What a door of postern must know of the broker as SAML service provider."""
        return ServiceProvider("%s/%s" % (self.base, alias), self.broker_url(alias), self.certificate, True)

    def add_oidc(self, alias, url, client_id, secret, **config):
        """postern at `url` as identity provider over OpenID Connect."""
        self.add(alias, "oidc", dict({
            "issuer": url, "authorizationUrl": url + "/oidc/authorize", "tokenUrl": url + "/oidc/token", "userInfoUrl": url + "/oidc/userinfo", "jwksUrl": url + "/oidc/jwks",
            "useJwksUrl": "true", "validateSignature": "true", "clientAuthMethod": "client_secret_basic", "clientId": client_id, "clientSecret": secret,
            "pkceEnabled": "true", "pkceMethod": "S256", "defaultScope": "openid email profile", "loginHint": "true", "syncMode": "FORCE"}, **config))

    def add_saml(self, alias, url, entity_id, idp, **config):
        """postern at `url` as identity provider over SAML, both signatures wanted, keys from its metadata. idp: its entity id."""
        self.add(alias, "saml", dict({
            "entityId": entity_id, "idpEntityId": idp, "singleSignOnServiceUrl": url + "/saml/sso", "postBindingResponse": "true", "postBindingAuthnRequest": "true",
            "wantAuthnRequestsSigned": "true", "signatureAlgorithm": "RSA_SHA256", "xmlSigKeyInfoKeyNameTransformer": "NONE", "wantAssertionsSigned": "true",
            "validateSignature": "true", "useMetadataDescriptorUrl": "true", "metadataDescriptorUrl": url + "/saml/metadata", "loginHint": "true", "principalType": "SUBJECT",
            "nameIDPolicyFormat": "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress", "syncMode": "FORCE", "allowedClockSkew": "5"}, **config))

    def add(self, alias, kind, config):
        self.providers.append({"alias": alias, "providerId": kind, "enabled": True, "trustEmail": True, "firstBrokerLoginFlowAlias": FIRST_LOGIN["alias"], "config": config})

    def add_client(self, client_id, secret, redirect_uri):
        """An app of the company."""
        self.clients.append({"clientId": client_id, "secret": secret, "protocol": "openid-connect", "publicClient": False, "standardFlowEnabled": True, "redirectUris": [redirect_uri],
                             "attributes": {"pkce.code.challenge.method": "S256"}})

    def realm(self):
        keys = [{"name": "rsa", "providerId": "rsa", "config": {"priority": ["100"], "privateKey": [pem(self.keys[1])], "certificate": [pem(self.keys[0])], "algorithm": ["RS256"]}},
                {"name": "hmac", "providerId": "hmac-generated", "config": {"algorithm": ["HS512"]}}, {"name": "aes", "providerId": "aes-generated", "config": {}}]
        return {"realm": REALM, "enabled": True, "sslRequired": "all", "authenticationFlows": [FIRST_LOGIN], "identityProviders": self.providers, "clients": self.clients,
                "requiredActions": [{"alias": "VERIFY_PROFILE", "name": "Verify Profile", "providerId": "VERIFY_PROFILE", "enabled": False, "defaultAction": False, "priority": 90, "config": {}}],
                "components": {"org.keycloak.keys.KeyProvider": keys}}

    def kc(self, *args):
        return ["bash", os.path.join(self.folder, "bin", "kc.sh")] + list(args)

    def prepare(self):
        """Fetches (Maven keeps a copy), unpacks and builds; needs nothing of postern. Its build runs until start() waits for it."""
        archives = os.path.join(self.world.folder, "archives")
        fetched(["mvn", "-q", "-B", COPY, "-Dartifact=" + COORDINATES, "-DoutputDirectory=" + archives], self.world.folder)
        archive, = os.listdir(archives)
        shutil.unpack_archive(os.path.join(archives, archive), archives)
        os.rename(os.path.join(archives, archive.replace("keycloak-quarkus-dist", "keycloak").replace(".zip", "")), self.folder)
        self.env = {"JAVA_OPTS_KC_HEAP": JAVA}
        self.build = Process(self.kc("build", "--db=dev-mem", "--health-enabled=false", "--features-disabled=" + WITHOUT), self.log, env=self.env, own_group=True)
        return self

    def start(self, gateway):
        folder = os.path.join(self.folder, "data", "import")
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, REALM + "-realm.json"), "w") as f:
            json.dump(self.realm(), f)
        expect(self.build.child.wait(600) == 0, "kc.sh build: " + self.build.text())
        self.process = Process(self.kc("start", "--optimized", "--cache=local", "--import-realm", "--http-host=127.0.0.1", "--https-port=%d" % self.port, "--hostname=" + self.base,
                                       "--https-certificate-file=" + self.tls[0], "--https-certificate-key-file=" + self.tls[1], "--truststore-paths=" + gateway.ca), self.log, env=self.env, own_group=True)

        def up():
            expect(self.process.alive(), "Keycloak ended: " + self.process.text())
            return request("https://localhost:%d/realms/%s/.well-known/openid-configuration" % (self.port, REALM), ca=self.trusted).status == 200
        wait_for("Keycloak", up, limit_s=600, pause_s=0.2)
        return self

    def stop(self):
        self.process.stop()
