// Okta as the company's IdP, with postern as external OpenID Connect identity provider: device posture provider, or IdP authenticator (factor).
// It refuses what Okta refuses (docs/doors/okta-posture.md, docs/doors/okta-factor.md): a state or issuer that is not its own, a token that is not for it,
// an AppContext that is not echoed, a device_context without `managed`, a factor without `amr` or without proof of possession, another person.
// usage: node fake_okta_oidc.mjs CONFIG.json
// CONFIG: { port, base, tls: { certificate, key }, issuer, client_id, auth, secret, usage: "posture" | "factor", user_info, spelling: "guide" | "api" | "off",
//           login_hint, apps: { ID: { name, managed, compliant } } }
//   /app/ID          a protected page: password first when nobody is signed in, then postern, then the page (200), or Okta's own refusal (403)
//   /login           the password form (any password)
//   /leave           signs out
import { createServer } from "node:https";
import { randomBytes, createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRemoteJWKSet, jwtVerify } from "jose";

const config = JSON.parse(readFileSync(process.argv[2]));
const CALLBACK = `${config.base}/oauth2/v1/authorize/callback`, SKEW_S = 120;
const POSSESSION = new Set(["hwk", "swk", "sc", "otp", "phr", "pop", "sms", "tel"]), BIOMETRIC = new Set(["face", "fpt", "iris", "retina", "vbm"]);
const KNOWN = new Set([...POSSESSION, ...BIOMETRIC, "kba", "mfa", "pwd"]);
const SPELLING = { guide: ["app_instance_id", "app_name"], api: ["OktaAppInstanceId", "OktaAppName"] }[config.spelling];
const sessions = new Map(), asked = new Map();
let provider;

class Refusal extends Error {}
const insist = (good, why) => { if (!good) throw new Refusal(why); };

// An administrator pastes the four addresses; the fake reads them from the discovery document as its set-up wizard does, once.
async function addresses() {
  if (!provider) {
    const document = await (await fetch(`${config.issuer}/.well-known/openid-configuration`)).json();
    insist(document.issuer === config.issuer, `issuer of the discovery document: ${document.issuer}`);
    provider = { ...document, keys: createRemoteJWKSet(new URL(document.jwks_uri)) };
  }
  return provider;
}

function send(res, status, body, headers = {}) {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  res.writeHead(status, { "Content-Type": typeof body === "string" ? "text/html; charset=utf-8" : "application/json", "Cache-Control": "no-store", ...headers });
  res.end(text);
}
const go = (res, to, headers = {}) => send(res, 302, "", { Location: to, ...headers });
const cookieOf = (req, name) => (req.headers.cookie ?? "").split("; ").map((c) => c.split("=")).find(([n]) => n === name)?.[1];
const setCookie = (name, value) => ({ "Set-Cookie": `${name}=${value}; Path=/; Secure; HttpOnly; SameSite=None` });
const loginForm = (next) => `<!doctype html><html lang="en"><title>Sign in</title><form method="post" action="/login"><input type="hidden" name="next" value="${next}">
<label>User <input name="login"></label><label>Password <input type="password" name="password"></label><button>Sign in</button></form></html>`;

function signIn(res, form) {
  const next = form.get("next") ?? "", key = randomBytes(16).toString("hex");
  if (!/^\/app\/\w+$/.test(next) || !form.get("login") || !form.get("password")) return send(res, 400, { refused: "sign-in form" });
  sessions.set(key, { login: form.get("login"), apps: new Set() });
  return go(res, next, setCookie("sid", key));
}

async function askPostern(res, key, app) {
  const p = await addresses(), verifier = randomBytes(32).toString("base64url"), state = randomBytes(24).toString("base64url"), nonce = randomBytes(24).toString("base64url");
  const query = new URLSearchParams({ client_id: config.client_id, response_type: "code", scope: "openid email profile", redirect_uri: CALLBACK, state, nonce,
    code_challenge: createHash("sha256").update(verifier).digest("base64url"), code_challenge_method: "S256" });
  if (SPELLING) [app, config.apps[app].name].forEach((value, i) => query.set(SPELLING[i], value));
  if (config.login_hint) query.set("login_hint", sessions.get(key).login);
  asked.set(state, { key, app, nonce, verifier, at: Date.now() });
  return go(res, `${p.authorization_endpoint}?${query}`);
}

async function redeem(code, verifier) {
  const p = await addresses(), form = new URLSearchParams({ grant_type: "authorization_code", code, redirect_uri: CALLBACK, code_verifier: verifier }), headers = { "Content-Type": "application/x-www-form-urlencoded" };
  if (config.auth === "client_secret_basic") headers.Authorization = "Basic " + Buffer.from(`${encodeURIComponent(config.client_id)}:${encodeURIComponent(config.secret)}`).toString("base64");
  else [["client_id", config.client_id], ["client_secret", config.secret]].forEach(([n, v]) => form.set(n, v));
  const answer = await fetch(p.token_endpoint, { method: "POST", headers, body: form }), body = await answer.json();
  insist(answer.status === 200, `token endpoint: ${answer.status} ${JSON.stringify(body)}`);
  insist(/no-store/.test(answer.headers.get("cache-control") ?? ""), "tokens must come with Cache-Control: no-store");
  insist(/^bearer$/i.test(body.token_type ?? ""), `token_type: ${body.token_type}`);
  insist(typeof body.id_token === "string", "no id_token");
  insist(!config.user_info || typeof body.access_token === "string", "userinfo is configured, and there is no access token");
  return body;
}

async function userInfo(token, subject) {
  const answer = await fetch((await addresses()).userinfo_endpoint, { headers: { Authorization: `Bearer ${token}` } });
  insist(answer.status === 200, `userinfo: ${answer.status}`);
  const body = await answer.json();
  insist(body.sub === subject, "userinfo names somebody else than the ID token");
  return body;
}

async function claimsOf(tokens, nonce) {
  const p = await addresses();
  const { payload, protectedHeader } = await jwtVerify(tokens.id_token, p.keys, { issuer: config.issuer, audience: config.client_id, algorithms: ["RS256"], clockTolerance: SKEW_S,
    requiredClaims: ["iss", "sub", "aud", "exp", "iat", "nonce"] });
  insist(protectedHeader.kid, "the ID token names no key");
  insist(payload.aud === config.client_id || (payload.aud.length === 1), "aud holds somebody else too");
  insist(payload.nonce === nonce, "nonce");
  insist(payload.iat <= Date.now() / 1000 + SKEW_S && payload.iat > Date.now() / 1000 - 600, "iat is not of now");
  return config.user_info ? { ...await userInfo(tokens.access_token, payload.sub), ...payload } : payload;
}

function checkContext(claims, app) {
  if (SPELLING) [app, config.apps[app].name].forEach((value, i) => insist(claims[SPELLING[i]] === value, `The AppContext response is invalid: ${SPELLING[i]} is ${JSON.stringify(claims[SPELLING[i]])}`));
}

function checkPosture(claims, app) {
  const device = claims.device_context;
  insist(typeof device === "object" && device !== null, "no device_context");
  insist(typeof device.managed === "boolean", "device_context.managed is mandatory, true or false");
  insist(device.compliant === undefined || typeof device.compliant === "boolean", "device_context.compliant must be true or false");
  insist(device.externalId === undefined || typeof device.externalId === "string", "device_context.externalId must be a text");
  const wanted = config.apps[app];
  insist(!wanted.managed || device.managed, "policy: the device is not managed");
  insist(!wanted.compliant || device.compliant === true, "policy: the device is not compliant");
}

function checkFactor(claims) {
  insist(Array.isArray(claims.amr) && claims.amr.length > 0, "claims sharing is on, and there is no amr");
  const values = claims.amr.filter((v) => KNOWN.has(v));
  insist(values.some((v) => POSSESSION.has(v)), `amr ${JSON.stringify(claims.amr)} proves possession of nothing`);
}

async function answered(req, res, url) {
  const one = (name) => { insist(url.searchParams.getAll(name).length <= 1, `${name} twice`); return url.searchParams.get(name); };
  const wait = asked.get(one("state"));
  insist(wait && wait.key === cookieOf(req, "sid"), "state is not of this browser");
  asked.delete(one("state"));
  insist(one("iss") === config.issuer, `iss of the answer: ${one("iss")}`);
  insist(!one("error"), `postern said ${one("error")}: ${one("error_description")}`);
  const claims = await claimsOf(await redeem(one("code"), wait.verifier), wait.nonce), session = sessions.get(wait.key);
  insist(typeof claims.email === "string", "no email");
  insist([claims.email, claims.preferred_username, claims.sub].includes(session.login), `the answer is about ${claims.email}, not ${session.login}`);
  checkContext(claims, wait.app);
  config.usage === "factor" ? checkFactor(claims) : checkPosture(claims, wait.app);
  session.apps.add(wait.app);
  session.claims = claims;
  return go(res, `/app/${wait.app}`);
}

async function handle(req, res, body) {
  const url = new URL(req.url, config.base), key = cookieOf(req, "sid"), session = sessions.get(key), app = url.pathname.match(/^\/app\/(\w+)$/)?.[1];
  if (url.pathname === "/leave") { sessions.delete(key); return send(res, 200, { left: true }); }
  if (url.pathname === "/login" && req.method === "POST") return signIn(res, new URLSearchParams(body));
  if (url.pathname === "/oauth2/v1/authorize/callback") return answered(req, res, url);
  if (!app || !config.apps[app]) return send(res, url.pathname === "/" ? 200 : 404, { apps: Object.keys(config.apps) });
  if (!session) return send(res, 200, loginForm(url.pathname));
  // The first matching sign-in rule of the app needs posture each time: nothing is remembered past one visit.
  if (!session.apps.delete(app)) return askPostern(res, key, app);
  return send(res, 200, { app, login: session.login, claims: session.claims });
}

createServer({ cert: readFileSync(config.tls.certificate), key: readFileSync(config.tls.key) }, (req, res) => {
  const parts = [];
  req.on("data", (d) => parts.push(d));
  req.on("end", () => handle(req, res, Buffer.concat(parts).toString()).catch((error) => {
    const refusal = error instanceof Refusal || error.code?.startsWith("ERR_J");
    if (!refusal) console.error(error);
    send(res, refusal ? 403 : 500, { refused: String(error.message) });
  }));
}).listen(config.port, "127.0.0.1");
