"""The fakes of Okta and Entra over OpenID Connect take a good answer and refuse each wrong one: a provider that is wrong in one thing at a time shows it."""
import os

import harness
from browser import Browser
from harness import expect, request
from peers.node_peers import NodePeer, trust
from peers.tls import Authority, self_signed
from test_oidc_entra import APP_ID, HOST, OIDS, TENANT
from test_oidc_okta import ANA, APPS, BEN, open_app

SOON, LONG_AGO = 4102444800, 946684800

# What is wrong with the answer, and a word of the fake's refusal.
OKTA_BOTH = [
    ({"answer": {"iss": None}}, "iss of the answer"), ({"answer": {"iss": "https://else.example"}}, "iss of the answer"), ({"answer": {"state": "other"}}, "state"),
    ({"answer": {"error": "access_denied"}}, "access_denied"), ({"claims": {"iss": "https://else.example"}}, "iss"), ({"claims": {"aud": "else"}}, "aud"), ({"claims": {"aud": ["okta", "else"]}}, "aud"),
    ({"claims": {"nonce": "other"}}, "nonce"), ({"claims": {"nonce": None}}, "nonce"), ({"claims": {"exp": LONG_AGO}}, "exp"), ({"claims": {"iat": SOON}}, "iat"), ({"claims": {"iat": LONG_AGO}}, "iat"),
    ({"claims": {"email": None}}, "no email"), ({"claims": {"email": BEN, "sub": BEN}, "user_info": {"sub": BEN}}, "not " + ANA), ({"key": "stranger"}, "signature"), ({"header": {"kid": "other"}}, "key"),
    ({"header": {"kid": None}}, "names no key"), ({"token": {"id_token": None}}, "id_token"), ({"token": {"token_type": "mac"}}, "token_type"), ({"token": {"access_token": None}}, "access token"),
    ({"user_info": {"sub": BEN}}, "somebody else"),
]
OKTA_POSTURE = OKTA_BOTH + [
    ({"claims": {"device_context": None}}, "device_context"), ({"claims": {"device_context": {"compliant": True}}}, "managed"), ({"claims": {"device_context": {"managed": "true"}}}, "managed"),
    ({"claims": {"device_context": {"managed": True, "compliant": 1}}}, "compliant"), ({"claims": {"device_context": {"managed": True, "compliant": False}}}, "not compliant"),
    ({"claims": {"device_context": {"managed": False}}}, "not managed"), ({"claims": {"device_context": {"managed": True, "compliant": True, "externalId": 7}}}, "externalId"),
    ({"claims": {"app_instance_id": None}}, "AppContext"), ({"claims": {"app_instance_id": "0oaWiki"}}, "AppContext"), ({"claims": {"app_name": "Payroll"}}, "AppContext"),
]
OKTA_FACTOR = OKTA_BOTH + [({"claims": {"amr": None}}, "amr"), ({"claims": {"amr": "pop"}}, "amr"), ({"claims": {"amr": []}}, "amr"), ({"claims": {"amr": ["pwd"]}}, "possession"), ({"claims": {"amr": ["face"]}}, "possession")]
ENTRA = [
    ({"answer": {"error": "access_denied"}}, "access_denied"), ({"answer": {"state": "other"}}, "state"), ({"key": "stranger"}, "signature"), ({"header": {"kid": "other"}}, "kid"),
    ({"claims": {"iss": "https://else.example"}}, "iss"), ({"claims": {"aud": "else"}}, "aud"), ({"claims": {"aud": ["postern-entra"]}}, "aud"), ({"claims": {"sub": OIDS[ANA]}}, "sub"),
    ({"claims": {"nonce": "other"}}, "nonce"), ({"claims": {"exp": LONG_AGO}}, "exp"), ({"claims": {"acr": None}}, "acr"), ({"claims": {"acr": "knowledge"}}, "acr"),
    ({"claims": {"acr": ["possessionorinherence"]}}, "acr"), ({"claims": {"acr": "urn:else"}}, "acr"), ({"claims": {"amr": None}}, "amr"), ({"claims": {"amr": []}}, "amr"), ({"claims": {"amr": ["pop", "hwk"]}}, "amr"),
    ({"claims": {"amr": "pop"}}, "amr"), ({"claims": {"amr": ["pwd"]}}, "amr"),
    ({"chunked": True}, "Content-Length"), ({"document": {"issuer": "https://else.example"}}, "issuer"), ({"document": {"scopes_supported": ["email"]}}, "scopes_supported"),
    ({"document": {"response_types_supported": ["code"]}}, "response_types_supported"), ({"document": {"subject_types_supported": None}}, "subject_types_supported"),
    ({"document": {"id_token_signing_alg_values_supported": ["ES256"]}}, "alg_values"), ({"document": {"claim_types_supported": ["distributed"]}}, "claim_types"),
    ({"jwk": {"x5c": None}}, "x5c"), ({"foreign_x5c": True}, "x5c"), ({"jwk": {"kid": "not base64!"}}, "kid"), ({"jwk": {"alg": "ES256"}}, "no key"),
]


class Scenery:
    def __init__(self, world, client_id):
        self.authority = Authority(world.folder + "/sites")
        self.rogue = NodePeer(world, self.authority, "rogue_provider.mjs", "localhost")
        signer, other = (self_signed(os.path.join(world.folder, "keys"), n) for n in ("signer", "other"))
        self.config = {"client_id": client_id, "signer": {"certificate": signer[0], "key": signer[1]}, "other": {"certificate": other[0]}}
        self.trusted = trust(world, [self.authority.certificate])
        self.rogue.start(dict(self.config, wrong={}), self.trusted)

    def be(self, wrong):
        self.rogue.write(dict(self.config, wrong=wrong))

    def browser(self, **kw):
        return Browser(ca=[self.authority.certificate], **kw)


def refuses(page, wrong, word):
    expect(page.status == 403 and word in page.text, "%s: wanted a refusal about %r: %r" % (wrong, word, page))


def okta(world, usage, rows, **more):
    scenery = Scenery(world, "okta")
    fake = NodePeer(world, scenery.authority, "fake_okta_oidc.mjs", "okta.example")
    fake.start(dict({"issuer": scenery.rogue.base, "client_id": "okta", "auth": "client_secret_basic", "secret": "s", "usage": usage, "apps": APPS, "login_hint": True, "user_info": True}, **more), scenery.trusted)
    for wrong, word in rows:
        scenery.be(wrong)
        refuses(open_app(scenery.browser(), fake, "0oaPay", ANA), wrong, word)
    scenery.be({})
    page = open_app(scenery.browser(), fake, "0oaPay", ANA)
    expect(page.status == 200, "a good answer: %r" % page)
    fake.stop()
    scenery.rogue.stop()


def story_okta_as_posture_consumer(world):
    okta(world, "posture", OKTA_POSTURE, spelling="guide")


def story_okta_as_consumer_of_a_factor(world):
    okta(world, "factor", OKTA_FACTOR, spelling="off")


def story_entra(world):
    scenery = Scenery(world, "postern-entra")
    fake = NodePeer(world, scenery.authority, "fake_entra.mjs", HOST, default_port=True)
    fake.start({"tenant": TENANT, "client_id": "postern-entra", "hint_audience": APP_ID, "discovery": scenery.rogue.base + "/.well-known/openid-configuration", "people": OIDS}, scenery.trusted)

    def sign_in():
        request(fake.local + "/forget-keys", ca=fake.trusted)
        browser = scenery.browser(ports={HOST: fake.port})
        return browser.submit(browser.go(fake.base + "/app"), fields={"login": ANA, "password": "of the story"})
    for wrong, word in ENTRA:
        scenery.be(wrong)
        refuses(sign_in(), wrong, word)
    scenery.be({})
    page = sign_in()
    expect(page.status == 200 and '"login"' in page.text, "a good answer: %r" % page)
    fake.stop()
    scenery.rogue.stop()


if __name__ == "__main__":
    harness.main(globals())
