"""`postern door`: a door is added to the policy in force, everything to copy into the IdP is printed, its secret works and is revoked with it. Where
something is missing, or the policy is managed by files, nothing changes and what is known is printed all the same."""
import json
import os
import subprocess

import yaml

import harness
from harness import expect, fast_policy

ENTRA = "https://login.microsoftonline.com/common/federation/externalauthprovider"
CALLBACK = "https://kc.example/realms/acme/broker/postern/endpoint"
TENANT = "6babcaad-604b-40ac-a9d7-9fd97c0b779f"


def certificate(folder):
    path = os.path.join(folder, "sp.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", os.path.join(folder, "sp.key"), "-out", path, "-days", "30", "-subj", "/CN=sp"],
                   check=True, capture_output=True)
    return path


def refused(gateway, *args):
    """The command says no: (stdout, stderr), and the policy is as it was."""
    before = gateway.cli_json("door", "list")
    done = subprocess.run([gateway.world.postern] + list(args), capture_output=True, text=True, timeout=120, env=dict(os.environ, POSTERN_STATE=gateway.state))
    expect(done.returncode == 1, "postern %s: exit %d\n%s%s" % (" ".join(args), done.returncode, done.stdout, done.stderr))
    expect(gateway.cli_json("door", "list") == before, "the doors changed although the answer was no")
    return done.stdout, done.stderr


def values(answer):
    """(section, field) -> value of a set-up."""
    return {(s["title"].split(":")[0], f["name"]): f["value"] for s in answer["set_up"] for f in s["fields"]}


def value(answer, name):
    found = [v for (_, field), v in values(answer).items() if field == name]
    expect(found, "no field %s in %s" % (name, sorted(values(answer))))
    return found[0]


def story_a_door_is_added_shown_and_removed(world):
    gateway = world.gateway(policy=fast_policy()).start()
    url = "https://localhost:%d" % gateway.public_port
    expect("no doors yet" in gateway.cli("door", "list"), "an empty list says how to begin")
    added = gateway.cli_json("door", "add", "keycloak", "--app", "wiki", "--redirect-uri", CALLBACK, "--client-id", "keycloak")
    expect(added["id"] == "keycloak" and added["secret"].startswith("pst_"), "added: %s" % added)
    for field, wanted in {"Discovery endpoint": url + "/.well-known/openid-configuration", "Issuer": url, "Authorization URL": url + "/oidc/authorize", "Token URL": url + "/oidc/token",
                          "User Info URL": url + "/oidc/userinfo", "JWKS URL": url + "/oidc/jwks", "Client ID": "keycloak", "Client Secret": added["secret"],
                          "Redirect URI (Keycloak shows it)": CALLBACK}.items():
        expect(value(added, field) == wanted, "%s is %s, wanted %s" % (field, value(added, field), wanted))
    expect(gateway.cli_json("door", "list")["doors"][0]["secrets"][0]["state"] == "active", "the secret is listed")
    text = gateway.cli("door", "show", "keycloak")
    expect(added["secret"] not in text and "postern key create --scope login --door keycloak" in text, "the secret is shown once, and the page says how to make another:\n" + text)
    expect(CALLBACK in text and "to undo, in this order" in text, text)
    changes = [e for e in gateway.events("policy.applied")]
    expect(len(changes) == 2, "a new version with an event: %s" % changes)
    expect("keycloak" in gateway.cli("door", "list"), "listed")
    stdout, _ = refused(gateway, "door", "remove", "keycloak")
    expect("Keycloak, first:" in stdout, "what to take away at the IdP is said first:\n" + stdout)
    gateway.cli("door", "remove", "keycloak", "--yes")
    expect(gateway.cli_json("door", "list")["doors"] == [], "gone")
    keys = [k for k in gateway.cli_json("key", "list")["keys"] if k.get("door") == "keycloak"]
    expect([k["state"] for k in keys] == ["revoked"], "its secret is revoked: %s" % keys)
    expect("no door" in gateway.cli("door", "show", "keycloak", code=1), "a door that is gone is not shown")
    gateway.stop()


def story_every_kind_of_door_can_be_added_and_its_block_read_again(world):
    gateway = world.gateway(policy=fast_policy()).start()
    pem = certificate(world.folder)
    rows = [
        ("okta-posture", ["--app", "chat", "--entity-id", "https://www.okta.com/saml2/service-provider/sp1", "--acs", "https://corp.okta.example/sso/saml2/0oaP", "--certificate", pem],
         {"IdP Usage": "Device posture provider", "Audience URI": "https://www.okta.com/saml2/service-provider/sp1"}, False),
        ("okta-factor", ["--app", "wiki", "--redirect-uri", "https://corp.okta.example/oauth2/v1/authorize/callback", "--client-id", "okta"], {"IdP Usage": "Factor only", "Client ID": "okta"}, True),
        ("okta-hooks", [], {"Authentication field": "Authorization", "Endpoint URL": "https://localhost:%d/hooks/okta/events" % gateway.public_port}, True),
        ("entra", ["--app", "payroll", "--client-id", "postern-entra", "--tenant", TENANT, "--app-id", "11111111-2222-3333-4444-555555555555"],
         {"Client ID": "postern-entra", "App ID": "11111111-2222-3333-4444-555555555555"}, False),
        ("keycloak", ["--id", "kc-saml", "--app", "wiki", "--entity-id", "https://kc.example/realms/acme", "--acs", CALLBACK], {"Service provider entity ID": "https://kc.example/realms/acme"}, False),
        ("saml", ["--app", "wiki", "--title", "Wiki \"2\": the äöü", "--entity-id", "urn:wiki", "--acs", "https://wiki.example/acs", "--acs", "https://wiki.example/acs2"],
         {"SP entity ID (audience), as registered here": "urn:wiki"}, False),
        ("oidc", ["--app", "wiki", "--redirect-uri", "https://wiki.example/cb", "--auth", "none", "--when-denied", "answer"], {"Client ID": "oidc"}, False),
    ]
    blocks = ""
    saml_certificate = None
    for kind, options, fields, secret in rows:
        added = gateway.cli_json("door", "add", kind, *options)
        for name, wanted in fields.items():
            expect(value(added, name) == wanted, "%s: %s is %s, wanted %s" % (kind, name, value(added, name), wanted))
        expect(("secret" in added) == secret, "%s: a secret is made where one is needed: %s" % (kind, sorted(added)))
        shown = gateway.cli_json("door", "show", added["id"])
        expect(shown["yaml"] == added["yaml"], "%s: show prints the same block" % kind)
        blocks += added["yaml"]
        for name in ("IdP Signature Certificate", "Validating X509 certificates", "Signing certificate"):
            saml_certificate = next((v for (_, field), v in values(added).items() if field == name), saml_certificate)
    read = subprocess.run(["openssl", "x509", "-noout", "-checkend", "86400", "-subject"], input=saml_certificate, capture_output=True, text=True)
    expect(read.returncode == 0, "the certificate of our SAML answers is printed as PEM: %s" % read.stderr)
    in_force = gateway.admin("GET", "/admin/v1/policy").json()["version"]
    path = os.path.join(world.folder, "whole.yaml")
    with open(path, "w") as f:
        f.write(fast_policy() + "\ndoors:\n" + blocks)
    checked = json.loads(subprocess.run([world.postern, "check", path, "--json"], capture_output=True, text=True).stdout)["files"][0]
    expect(checked["good"], "the printed blocks are a policy: %s" % checked)
    expect(checked["version"] == in_force, "the printed blocks are the doors in force: %s, %s" % (checked["version"], in_force))
    hooks = gateway.cli_json("door", "show", "okta-hooks")
    expect("for app" not in json.dumps(hooks["set_up"]), "no empty value is printed")
    gateway.stop()


METADATA = """<?xml version="1.0"?>
<!-- as the SP exports it -->
<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" xmlns:ds="http://www.w3.org/2000/09/xmldsig#" entityID="https://sp.example/metadata">
  <SPSSODescriptor AuthnRequestsSigned="true" protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
    <KeyDescriptor use="signing"><ds:KeyInfo><ds:X509Data><ds:X509Certificate>%s</ds:X509Certificate></ds:X509Data></ds:KeyInfo></KeyDescriptor>
    <AssertionConsumerService index="1" Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Artifact" Location="https://sp.example/artifact"/>
    <AssertionConsumerService index="2" Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="https://sp.example/second"/>
    <AssertionConsumerService index="3" isDefault="true" Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="https://sp.example/acs"/>
  </SPSSODescriptor>
</EntityDescriptor>
"""


def story_a_saml_door_is_read_from_metadata(world):
    gateway = world.gateway(policy=fast_policy()).start()
    with open(certificate(world.folder)) as f:
        body = "".join(line for line in f if "CERTIFICATE" not in line)
    path = os.path.join(world.folder, "sp.xml")
    with open(path, "w") as f:
        f.write(METADATA % body)
    added = gateway.cli_json("door", "add", "saml", "--id", "whole", "--app", "wiki", "--metadata", path)
    block = yaml.safe_load(added["yaml"])[0]["saml"]
    expect(block["entity_id"] == "https://sp.example/metadata" and block["acs"] == ["https://sp.example/acs", "https://sp.example/second"], "the default address comes first: %s" % block)
    expect(block["requests"] == "signed" and len(block["certificates"]) == 1 and "BEGIN CERTIFICATE" in block["certificates"][0], "it signs, with this key: %s" % block)
    added = gateway.cli_json("door", "add", "saml", "--id", "part", "--app", "wiki", "--metadata", path, "--entity-id", "urn:other", "--acs", "https://sp.example/second")
    block = yaml.safe_load(added["yaml"])[0]["saml"]
    expect(block["entity_id"] == "urn:other" and block["acs"] == ["https://sp.example/second"], "what is said beside it counts more: %s" % block)
    for name, text, words in (("no", "<x/>", "EntityDescriptor"), ("dtd", "<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>" + METADATA % body, "DTD"), ("big", " " * 300000, "longer")):
        wrong = os.path.join(world.folder, name + ".xml")
        with open(wrong, "w") as f:
            f.write(text)
        _, stderr = refused(gateway, "door", "add", "saml", "--id", name, "--app", "wiki", "--metadata", wrong)
        expect(wrong in stderr and words in stderr, "%s: %s" % (name, stderr))
    gateway.stop()


def story_what_is_missing_or_wrong_is_said_with_what_is_known(world):
    gateway = world.gateway(policy=fast_policy()).start()
    stdout, stderr = refused(gateway, "door", "add", "okta-posture", "--app", "chat")
    expect("entity_id" in stderr and "acs" in stderr, stderr)
    expect("https://localhost:%d/saml/sso" % gateway.public_port in stdout, "the values that Okta needs before it gives its own:\n" + stdout)
    for words, said in {
        ("saml", "--app", "nowhere", "--entity-id", "e", "--acs", "https://a.example/"): "app: there is no app \"nowhere\"",
        ("saml", "--app", "wiki", "--entity-id", "e", "--acs", "http://a.example/"): "acs: must begin with https://",
        ("saml", "--app", "wiki", "--entity-id", "e", "--acs", "https://a.example/#x"): "acs: must not have a fragment",
        ("oidc", "--app", "wiki", "--redirect-uri", "https://*.example/"): "redirect_uris: must be written out",
        ("oidc", "--app", "wiki", "--redirect-uri", "https://a.example/", "--auth", "private_key_jwt"): "needs jwks",
        ("entra", "--app", "wiki"): "needs tenants",
        ("entra", "--app", "wiki", "--tenant", "contoso"): "tenants: \"contoso\" is not a tenant id",
        ("oidc", "--id", "Bad Id", "--app", "wiki", "--redirect-uri", "https://a.example/"): "id: \"Bad Id\" is not an id",
        ("saml", "--certificate", "/nowhere.pem"): "/nowhere.pem",
    }.items():
        _, stderr = refused(gateway, "door", "add", *words)
        expect(said in stderr, "%s: wanted %s, said:\n%s" % (" ".join(words), said, stderr))
    gateway.cli("door", "add", "okta-hooks")
    _, stderr = refused(gateway, "door", "add", "okta-hooks")
    expect("stands twice" in stderr, stderr)
    gateway.cli("door", "add", "windows-hello", code=2)
    gateway.cli("door", "add", code=2)
    for body in ("", "[]", "{}", '{"door": []}', '{"door": {"id": 7}}', '{"door": {"id": "x", "kind": "saml", "colour": "red"}}', '{"door": {"id": "x"}, "more": 1}'):
        status = gateway.admin("POST", "/admin/v1/doors", None if body == "" else json.loads(body)).status
        expect(400 <= status < 500, "%s: %d" % (body, status))
    gateway.stop()


def story_keys_of_doors_are_for_doors_that_have_clients(world):
    gateway = world.gateway(policy=fast_policy()).start()
    gateway.cli("door", "add", "oidc", "--id", "kc", "--app", "wiki", "--redirect-uri", CALLBACK)
    gateway.cli("door", "add", "saml", "--id", "sp", "--app", "wiki", "--entity-id", "urn:sp", "--acs", "https://sp.example/acs")
    gateway.cli("door", "add", "okta-hooks", "--id", "hooks")
    rows = {("login", "kc"): 0, ("hooks", "hooks"): 0, ("hooks", None): 0, ("login", None): 1, ("login", "sp"): 1, ("login", "hooks"): 1, ("hooks", "kc"): 1, ("login", "nowhere"): 1, ("decide", "kc"): 1}
    for (scope, door), code in rows.items():
        gateway.cli("key", "create", "--scope", scope, *(["--door", door] if door else []), code=code)
    gateway.cli("key", "create", "--scope", "login", "--scope", "decide", "--door", "kc", code=1)
    gateway.stop()


def story_doctor_tells_what_is_wrong_with_a_door(world):
    gateway = world.gateway(policy=fast_policy()).start()
    gateway.cli("door", "add", "oidc", "--id", "kc", "--app", "wiki", "--redirect-uri", CALLBACK)
    gateway.cli("door", "add", "okta-hooks", "--id", "hooks")

    def findings():
        done = subprocess.run([gateway.world.postern, "doctor", "--json"], capture_output=True, text=True, timeout=120, env=dict(os.environ, POSTERN_STATE=gateway.state))
        found = json.loads(done.stdout)
        expect(found["good"] == (done.returncode == 0) and done.returncode in (0, 1), "the exit code is the verdict: %s" % found)
        return {f["what"]: f for f in found["findings"]}
    first = findings()
    expect(first["door kc"]["state"] == "ok" and first["door hooks"]["state"] == "warn" and "this machine's own name" in first["door hooks"]["detail"], str(first))
    for what in ("oidc discovery", "oidc keys", "okta hooks"):
        expect(first[what]["state"] == "ok", "%s: %s" % (what, first[what]))
    for key in gateway.cli_json("key", "list")["keys"]:
        if key.get("door"):
            gateway.cli("key", "revoke", key["id"])
    second = findings()
    expect(second["door kc"]["state"] == "fail" and "postern key create --scope login --door kc" in second["door kc"]["fix"], str(second["door kc"]))
    gateway.cli("key", "create", "--scope", "login", "--door", "kc", "--expires", "3d")
    third = findings()
    expect(third["door kc"]["state"] == "warn" and "days" in third["door kc"]["detail"], str(third["door kc"]))
    gateway.stop()


def story_a_policy_managed_by_files_is_left_alone(world):
    gateway = world.gateway(policy=fast_policy() + "\npolicy_managed_by: files\n").start()
    stdout, stderr = refused(gateway, "door", "add", "entra", "--app", "payroll", "--tenant", TENANT, "--app-id", "entra")
    expect("managed by files" in stderr, stderr)
    expect("use: entra" in stdout and TENANT in stdout and ENTRA in stdout, "the block to add is printed:\n" + stdout)
    expect("/.well-known/openid-configuration" in stdout, "and the values are printed:\n" + stdout)
    gateway.cli("door", "remove", "nothing", code=1)
    gateway.stop()


if __name__ == "__main__":
    harness.main(globals())
