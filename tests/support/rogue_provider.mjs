// An OpenID Provider that answers as postern must, but for what its configuration makes wrong: shows that the fakes of Okta and Entra refuse what they should.
// usage: node rogue_provider.mjs CONFIG.json
// CONFIG: { port, base, tls: { certificate, key }, client_id, signer: { certificate, key }, other: { certificate }, wrong: {} }; `wrong` is read again for each request:
//   claims, header: members of the ID token (null: left out) · key: "stranger" · answer: parameters of the authorization answer · document, jwk: members of the
//   discovery document and of the key · chunked: the document has no Content-Length · token: members of the token answer · foreign_x5c: the certificate of another key
import { createServer } from "node:https";
import { X509Certificate, createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { SignJWT, decodeJwt } from "jose";

const read = () => JSON.parse(readFileSync(process.argv[2]));
const config = read(), KID = "c0ffee";
const key = createPrivateKey(readFileSync(config.signer.key)), stranger = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
const x5c = (file) => [new X509Certificate(readFileSync(file)).raw.toString("base64")];
const codes = new Map();

function changed(good, wrong) {
  const all = { ...good, ...wrong };
  for (const name of Object.keys(all)) if (all[name] === null) delete all[name];
  return all;
}

function discovery() {
  return changed({ issuer: config.base, authorization_endpoint: `${config.base}/authorize`, token_endpoint: `${config.base}/token`, userinfo_endpoint: `${config.base}/userinfo`,
    jwks_uri: `${config.base}/jwks`, scopes_supported: ["openid"], response_types_supported: ["code", "id_token"], subject_types_supported: ["public"],
    id_token_signing_alg_values_supported: ["RS256"] }, read().wrong.document);
}

function keySet() {
  const wrong = read().wrong;
  const jwk = { ...createPublicKey(key).export({ format: "jwk" }), kid: KID, use: "sig", alg: "RS256", x5c: x5c(wrong.foreign_x5c ? config.other.certificate : config.signer.certificate) };
  return { keys: [changed(jwk, wrong.jwk)] };
}

async function idToken(claims) {
  const wrong = read().wrong, now = Math.floor(Date.now() / 1000);
  const all = changed({ iss: config.base, aud: config.client_id, iat: now, exp: now + 300, ...claims }, wrong.claims);
  return new SignJWT(all).setProtectedHeader({ alg: "RS256", kid: KID, ...wrong.header }).sign(wrong.key === "stranger" ? stranger : key);
}

function forOkta(asked) {
  const login = asked.get("login_hint"), echoed = ["app_instance_id", "app_name", "OktaAppInstanceId", "OktaAppName"].filter((n) => asked.has(n)).map((n) => [n, asked.get(n)]);
  return { sub: login, email: login, nonce: asked.get("nonce"), amr: ["pop"], device_context: { managed: true, compliant: true, externalId: "C02" }, ...Object.fromEntries(echoed) };
}

const forEntra = (asked) => ({ sub: decodeJwt(asked.get("id_token_hint")).sub, nonce: asked.get("nonce"), acr: "possessionorinherence", amr: ["pop"] });
const escape = (text) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);

async function authorize(res, asked) {
  const wrong = read().wrong, to = asked.get("redirect_uri");
  if (asked.get("response_mode") === "form_post") {
    const fields = changed({ id_token: await idToken(forEntra(asked)), state: asked.get("state") }, wrong.answer);
    res.writeHead(200, { "Content-Type": "text/html" });
    return res.end(`<form method="post" action="${to}">${Object.entries(fields).map(([n, v]) => `<input type="hidden" name="${n}" value="${escape(v)}">`).join("")}</form>`);
  }
  const code = randomBytes(8).toString("hex");
  codes.set(code, asked);
  res.writeHead(303, { Location: `${to}?${new URLSearchParams(changed({ code, state: asked.get("state"), iss: config.base }, wrong.answer))}` });
  return res.end();
}

function json(res, body, headers = {}) {
  const text = JSON.stringify(body);
  res.writeHead(200, { "Content-Type": "application/json", ...(read().wrong.chunked ? {} : { "Content-Length": Buffer.byteLength(text) }), ...headers });
  res.write(text.slice(0, 1));
  res.end(text.slice(1));
}

async function handle(req, res, body) {
  const url = new URL(req.url, config.base), form = new URLSearchParams(body);
  if (url.pathname === "/.well-known/openid-configuration") return json(res, discovery());
  if (url.pathname === "/jwks") return json(res, keySet());
  if (url.pathname === "/authorize") return authorize(res, req.method === "POST" ? form : url.searchParams);
  if (url.pathname === "/userinfo") return json(res, changed({ sub: codes.values().next().value.get("login_hint") }, read().wrong.user_info));
  if (url.pathname !== "/token") return json(res, {});
  const answer = { id_token: await idToken(forOkta(codes.get(form.get("code")))), token_type: "Bearer", access_token: "a", expires_in: 60 };
  return json(res, changed(answer, read().wrong.token), { "Cache-Control": "no-store" });
}

createServer({ cert: readFileSync(config.tls.certificate), key: readFileSync(config.tls.key) }, (req, res) => {
  const parts = [];
  req.on("data", (d) => parts.push(d));
  req.on("end", () => handle(req, res, Buffer.concat(parts).toString()).catch((error) => {
    console.error(error);
    res.writeHead(500).end();
  }));
}).listen(config.port, "127.0.0.1");
