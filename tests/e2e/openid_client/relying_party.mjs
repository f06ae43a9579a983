// Pages behind OpenID Connect, protected by openid-client: what a web app of the company does. Each page is a client of its own.
// usage: node relying_party.mjs CONFIG.json
// CONFIG: { port, base, tls: { certificate, key }, pages: { NAME: { issuer, client_id, auth, secret | key, signing, pkce, response_mode, user_info, ask: {} } } }
//   /NAME            the page: who is signed in, as JSON; without a session it asks the provider. Its query is added to the request: /wiki?login_hint=ana
//   /NAME/callback   where answers go; a refusal is shown as JSON with status 403
//   /NAME/leave      forgets the session
import { createServer } from "node:https";
import { createPrivateKey, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import * as client from "openid-client";

const config = JSON.parse(readFileSync(process.argv[2]));
const sessions = new Map(), waiting = new Map(), providers = new Map();
const AUTH = {
  client_secret_basic: (p) => client.ClientSecretBasic(p.secret),
  client_secret_post: (p) => client.ClientSecretPost(p.secret),
  none: () => client.None(),
  private_key_jwt: async (p) => client.PrivateKeyJwt({ key: await privateKey(p.key), kid: p.kid }),
};

// PEM, PKCS #8: RSA for RS256, P-256 for ES256.
async function privateKey(pem) {
  const key = createPrivateKey(pem), data = key.export({ type: "pkcs8", format: "der" });
  const algorithm = key.asymmetricKeyType === "rsa" ? { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" } : { name: "ECDSA", namedCurve: "P-256" };
  return crypto.subtle.importKey("pkcs8", data, algorithm, false, ["sign"]);
}

async function provider(name, page) {
  if (!providers.has(name)) {
    const metadata = { id_token_signed_response_alg: page.signing ?? "RS256" };
    const made = await client.discovery(new URL(page.issuer), page.client_id, metadata, await AUTH[page.auth](page));
    client.enableNonRepudiationChecks(made);
    providers.set(name, made);
  }
  return providers.get(name);
}

function send(res, status, body, headers = {}) {
  res.writeHead(status, { "Content-Type": "application/json", "Cache-Control": "no-store", ...headers });
  res.end(JSON.stringify(body));
}

const cookieOf = (req, name) => (req.headers.cookie ?? "").split("; ").map((c) => c.split("=")).find(([n]) => n === name)?.[1];
// SameSite=None: the answer may come as a form that another site posts.
const setCookie = (name, value) => ({ "Set-Cookie": `${name}=${value}; Path=/; Secure; HttpOnly; SameSite=None` });

async function ask(res, name, page, url) {
  const verifier = client.randomPKCECodeVerifier(), state = client.randomState(), nonce = client.randomNonce(), key = randomBytes(16).toString("hex");
  const wanted = { redirect_uri: `${config.base}/${name}/callback`, scope: "openid profile email", state, nonce, ...page.ask, ...Object.fromEntries(url.searchParams) };
  if (page.pkce !== false) Object.assign(wanted, { code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256" });
  if (page.response_mode) wanted.response_mode = page.response_mode;
  waiting.set(key, { name, state, nonce, verifier: page.pkce !== false ? verifier : undefined, maxAge: wanted.max_age });
  const to = client.buildAuthorizationUrl(await provider(name, page), wanted);
  send(res, 303, {}, { Location: to.href, ...setCookie(`asked-${name}`, key) });
}

async function answered(req, res, name, page, body) {
  const asked = waiting.get(cookieOf(req, `asked-${name}`));
  if (!asked) return send(res, 400, { error: "no login was begun in this browser" });
  const url = `${config.base}${req.url}`, made = await provider(name, page);
  const answer = req.method === "POST" ? new Request(url, { method: "POST", body, headers: { "Content-Type": req.headers["content-type"] } }) : new URL(url);
  try {
    const tokens = await client.authorizationCodeGrant(made, answer, {
      pkceCodeVerifier: asked.verifier, expectedState: asked.state, expectedNonce: asked.nonce, idTokenExpected: true,
      ...(asked.maxAge !== undefined && { maxAge: Number(asked.maxAge) }),
    });
    const claims = tokens.claims();
    const user_info = page.user_info ? await client.fetchUserInfo(made, tokens.access_token, claims.sub) : undefined;
    const session = randomBytes(16).toString("hex"), header = JSON.parse(Buffer.from(tokens.id_token.split(".")[0], "base64url"));
    sessions.set(session, { page: name, claims, user_info, header });
    send(res, 303, {}, { Location: `/${name}`, ...setCookie(`session-${name}`, session) });
  } catch (error) {
    const cause = error.cause?.code ?? error.cause?.message ?? error.cause;
    send(res, 403, { page: name, error: error.error ?? error.code ?? String(error), error_description: error.error_description ?? error.message, cause: String(cause ?? "") });
  }
}

async function handle(req, res, body) {
  const url = new URL(req.url, config.base), [name, what] = url.pathname.slice(1).split("/"), page = config.pages[name];
  if (!page) return send(res, name ? 404 : 200, { pages: Object.keys(config.pages) });
  if (what === "callback") return answered(req, res, name, page, body);
  if (what === "leave") return send(res, 200, {}, setCookie(`session-${name}`, "gone"));
  const session = sessions.get(cookieOf(req, `session-${name}`));
  return session ? send(res, 200, session) : ask(res, name, page, url);
}

const server = createServer({ cert: readFileSync(config.tls.certificate), key: readFileSync(config.tls.key) }, (req, res) => {
  const parts = [];
  req.on("data", (d) => parts.push(d));
  req.on("end", () => handle(req, res, Buffer.concat(parts).toString()).catch((error) => {
    console.error(error);
    send(res, 500, { error: String(error), cause: String(error.cause ?? "") });
  }));
});
server.listen(config.port, "127.0.0.1");
