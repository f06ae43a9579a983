// Microsoft Entra ID as the company's IdP, with postern as external MFA method. It asks as Entra asks and refuses what Entra refuses
// (docs/doors/entra.md): the discovery document's rules, keys without x5c, any issuer, audience, subject, nonce, acr or amr but the exact ones, answers after 5 minutes.
// usage: node fake_entra.mjs CONFIG.json
// CONFIG: { port, base, plain_port, tls: { certificate, key }, tenant, client_id, hint_audience, discovery, people: { LOGIN: OID }, upn, minutes,
//           hint: { key, claims, header, age_s } }        `hint` is read again for each login, so that a story can send wrong ones
//   base     https://login.microsoftonline.com, as the browser sees it; plain_port: http on this machine, for postern's own calls
//   upn: the optional claim is switched on in the app registration
//   /app     the protected page: password first, then postern, then the page (200), or Entra's refusal (403)
//   /{tenant or common}/v2.0/.well-known/openid-configuration, /keys    who signs the hints
import { createServer as createPlain } from "node:http";
import { createServer } from "node:https";
import { randomBytes, randomUUID, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { SignJWT, exportJWK, generateKeyPair, importJWK, jwtVerify } from "jose";

const read = () => JSON.parse(readFileSync(process.argv[2]));
const config = read();
const RECEIVER = "/common/federation/externalauthprovider", ATTEMPT_MS = (config.minutes ?? 5) * 60000;
const ACR = ["possessionorinherence", "knowledgeorpossession", "knowledgeorinherence", "knowledgeorpossessionorinherence", "knowledge", "possession", "inherence"];
const POSSESSION = ["fido", "hwk", "otp", "pop", "sc", "sms", "swk", "tel"], INHERENCE = ["face", "fpt", "iris", "retina", "vbm"];
const WANTED = { acr: ["possessionorinherence"], amr: [...POSSESSION, ...INHERENCE] }; // the first factor was a password
const own = await generateKeyPair("RS256"), stranger = await generateKeyPair("RS256");
const ownJwk = { ...await exportJWK(own.publicKey), kid: "entra-1", use: "sig", alg: "RS256" };
const sessions = new Map(), asked = new Map();
let cached;

class Refusal extends Error {}
const insist = (good, why) => { if (!good) throw new Refusal(why); };
const includes = (list, ...values) => Array.isArray(list) && values.every((v) => list.includes(v));

function send(res, status, body, headers = {}) {
  res.writeHead(status, { "Content-Type": typeof body === "string" ? "text/html; charset=utf-8" : "application/json", "Cache-Control": "no-store", ...headers });
  res.end(typeof body === "string" ? body : JSON.stringify(body));
}
const escape = (text) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
const cookieOf = (req, name) => (req.headers.cookie ?? "").split("; ").map((c) => c.split("=")).find(([n]) => n === name)?.[1];
const setCookie = (name, value) => ({ "Set-Cookie": `${name}=${value}; Path=/; Secure; HttpOnly; SameSite=None` });
const form = (action, fields, button) => `<!doctype html><html lang="en"><title>Sign in</title><form method="post" action="${escape(action)}">${Object.entries(fields)
  .map(([name, value]) => `<input type="hidden" name="${name}" value="${escape(value)}">`).join("")}<button>${button}</button></form><script>document.forms[0].submit()</script></html>`;

// ---- the provider's document and keys, kept for a day ----

function checkDocument(document, answer) {
  const url = new URL(config.discovery);
  insist(url.protocol === "https:" && config.discovery.endsWith("/.well-known/openid-configuration") && !url.search && !url.hash, "the discovery address");
  insist(answer.headers.get("content-length"), "the discovery document comes without Content-Length");
  insist(`${document.issuer}/.well-known/openid-configuration` === config.discovery && !/:443(\/|$)/.test(document.issuer), `issuer ${document.issuer} is not that of ${config.discovery}`);
  for (const name of ["authorization_endpoint", "jwks_uri"]) insist(new URL(document[name]).protocol === "https:", name);
  insist(includes(document.scopes_supported, "openid"), "scopes_supported");
  insist(includes(document.response_types_supported, "id_token"), "response_types_supported");
  insist(Array.isArray(document.subject_types_supported) && document.subject_types_supported.length > 0, "subject_types_supported");
  insist(includes(document.id_token_signing_alg_values_supported, "RS256"), "id_token_signing_alg_values_supported");
  insist(document.claim_types_supported === undefined || includes(document.claim_types_supported, "normal"), "claim_types_supported");
}

async function checkKey(jwk) {
  insist(jwk.kty === "RSA", `a key of type ${jwk.kty} says alg RS256`);
  insist(Array.isArray(jwk.x5c) && jwk.x5c.length > 0, `key ${jwk.kid} has no x5c`);
  insist(typeof jwk.kid === "string" && /^[A-Za-z0-9+/_-]+=*$/.test(jwk.kid), `kid ${jwk.kid} is not base64 text`);
  const certificate = new X509Certificate(Buffer.from(jwk.x5c[0], "base64")), inside = certificate.publicKey.export({ format: "jwk" });
  insist(inside.n === jwk.n && inside.e === jwk.e, `x5c of ${jwk.kid} is the certificate of another key`);
  insist(!("d" in jwk), "a private key is published");
}

async function provider() {
  if (cached) return cached;
  const answer = await fetch(config.discovery);
  insist(answer.status === 200, `discovery: ${answer.status}`);
  const document = await answer.json();
  checkDocument(document, answer);
  const { keys } = await (await fetch(document.jwks_uri)).json(), usable = keys.filter((k) => (k.alg ?? "RS256") === "RS256");
  insist(usable.length > 0, "no key for RS256");
  for (const jwk of usable) await checkKey(jwk);
  cached = { document, keys: new Map(usable.map((k) => [k.kid, k])) };
  return cached;
}

// ---- asking ----

async function hintOf(login) {
  const wrong = read().hint ?? {}, now = Math.floor(Date.now() / 1000) - (wrong.age_s ?? 0);
  const claims = { iss: `${config.base}/${config.tenant}/v2.0`, aud: config.hint_audience, sub: `pairwise-${config.people[login]}`, oid: config.people[login], tid: config.tenant,
    preferred_username: login, name: login, ...(config.upn && { upn: login }), iat: now, nbf: now, exp: now, ver: "2.0", ...wrong.claims };
  for (const [name, value] of Object.entries(claims)) if (value === null) delete claims[name];
  const key = wrong.key === "stranger" ? stranger.privateKey : own.privateKey;
  return { claims, text: await new SignJWT(claims).setProtectedHeader({ alg: "RS256", kid: ownJwk.kid, typ: "JWT", ...wrong.header }).sign(key) };
}

async function ask(res, key) {
  const p = await provider(), login = sessions.get(key).login, hint = await hintOf(login), state = randomBytes(40).toString("base64url"), nonce = randomUUID();
  asked.set(state, { key, nonce, subject: hint.claims.sub, at: Date.now() });
  const claims = { id_token: { acr: { essential: true, values: WANTED.acr }, amr: { essential: true, values: WANTED.amr } } };
  return send(res, 200, form(p.document.authorization_endpoint, { scope: "openid", response_mode: "form_post", response_type: "id_token", client_id: config.client_id,
    redirect_uri: config.base + RECEIVER, claims: JSON.stringify(claims), nonce, id_token_hint: hint.text, "client-request-id": randomUUID(), state }, "Go on"));
}

// ---- being answered ----

async function claimsOf(token) {
  const p = await provider();
  const keyOf = async (header) => {
    insist(header.alg === "RS256", `alg ${header.alg}`);
    insist(p.keys.has(header.kid), `kid ${header.kid} is not among the published keys`);
    return importJWK({ ...p.keys.get(header.kid), alg: "RS256" });
  };
  const { payload } = await jwtVerify(token, keyOf, { algorithms: ["RS256"], issuer: p.document.issuer, audience: config.client_id, requiredClaims: ["iss", "aud", "sub", "nonce", "iat", "exp", "acr", "amr"] });
  return payload;
}

async function answered(req, res, fields) {
  const one = (name) => { insist(fields.getAll(name).length <= 1, `${name} twice`); return fields.get(name); };
  insist(req.method === "POST" && /^application\/x-www-form-urlencoded/.test(req.headers["content-type"] ?? ""), "the answer must be a posted form");
  const wait = asked.get(one("state"));
  insist(wait && wait.key === cookieOf(req, "esctx"), "state is not of this browser");
  asked.delete(one("state"));
  insist(Date.now() - wait.at < ATTEMPT_MS, "the attempt was dropped: it took too long");
  insist(!one("error"), `postern said ${one("error")}: ${one("error_description")}`);
  const claims = await claimsOf(one("id_token"));
  insist(claims.aud === config.client_id, "aud must be one text");
  insist(claims.sub === wait.subject, `sub ${claims.sub} is not that of the hint`);
  insist(claims.nonce === wait.nonce, "nonce");
  insist(typeof claims.acr === "string" && ACR.includes(claims.acr) && WANTED.acr.includes(claims.acr), `acr ${JSON.stringify(claims.acr)} was not asked for`);
  insist(Array.isArray(claims.amr) && claims.amr.length === 1, `amr must hold exactly one value: ${JSON.stringify(claims.amr)}`);
  insist(WANTED.amr.includes(claims.amr[0]), `amr ${claims.amr[0]} was not asked for`);
  insist((claims.acr !== "possession" || POSSESSION.includes(claims.amr[0])) && (claims.acr !== "inherence" || INHERENCE.includes(claims.amr[0])), "amr does not fit acr");
  Object.assign(sessions.get(wait.key), { passed: true, claims });
  return send(res, 302, "", { Location: "/app" });
}

function signIn(res, fields) {
  const key = randomBytes(16).toString("hex"), login = fields.get("login");
  if (!(login in config.people) || !fields.get("password")) return send(res, 400, { refused: "sign-in form" });
  sessions.set(key, { login });
  return send(res, 302, "", { Location: "/app", ...setCookie("esctx", key) });
}

async function page(req, res) {
  const key = cookieOf(req, "esctx"), session = sessions.get(key);
  if (!session) return send(res, 200, `<!doctype html><html lang="en"><title>Sign in</title><form method="post" action="/login"><label>User <input name="login"></label>
<label>Password <input type="password" name="password"></label><button>Sign in</button></form></html>`);
  if (!session.passed) return ask(res, key);
  session.passed = false; // sign-in frequency: every time
  return send(res, 200, { login: session.login, claims: session.claims });
}

async function handle(req, res, body) {
  const path = new URL(req.url, config.base).pathname;
  if (path.endsWith("/v2.0/.well-known/openid-configuration"))
    return send(res, 200, { issuer: `${config.base}/{tenantid}/v2.0`, jwks_uri: `http://127.0.0.1:${config.plain_port}/keys`, authorization_endpoint: `${config.base}/common/oauth2/v2.0/authorize`,
      response_types_supported: ["code", "id_token"], subject_types_supported: ["pairwise"], id_token_signing_alg_values_supported: ["RS256"] });
  if (path === "/keys") return send(res, 200, { keys: [{ ...ownJwk, issuer: `${config.base}/{tenantid}/v2.0` }] });
  if (path === "/login" && req.method === "POST") return signIn(res, new URLSearchParams(body));
  if (path === "/leave") { sessions.delete(cookieOf(req, "esctx")); return send(res, 200, { left: true }); }
  if (path === "/forget-keys") { cached = undefined; return send(res, 200, { forgotten: true }); }
  if (path === RECEIVER) return answered(req, res, new URLSearchParams(body));
  return path === "/app" ? page(req, res) : send(res, path === "/" ? 200 : 404, {});
}

const listener = (req, res) => {
  const parts = [];
  req.on("data", (d) => parts.push(d));
  req.on("end", () => handle(req, res, Buffer.concat(parts).toString()).catch((error) => {
    const refusal = error instanceof Refusal || error.code?.startsWith("ERR_J");
    if (!refusal) console.error(error);
    send(res, refusal ? 403 : 500, { refused: String(error.message) });
  }));
};
createPlain(listener).listen(config.plain_port, "127.0.0.1");
createServer({ cert: readFileSync(config.tls.certificate), key: readFileSync(config.tls.key) }, listener).listen(config.port, "127.0.0.1");
