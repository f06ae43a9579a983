// An authorization server of the company's, as far as our API sees one: a discovery document, keys, and tokens of any shape. Signs with node's own
// crypto, so nothing of ours is compared with itself.
// usage: node fake_issuer.mjs [PORT]     prints "listening PORT"; http on 127.0.0.1
//   GET  /.well-known/openid-configuration, /keys
//   POST /control/key      {"name": "a", "type": "rsa" | "ec"}        makes a key; its kid is its name
//   POST /control/publish  {"names": ["a"], "status": 200}            what /keys shows from now on, and how everything is answered
//   POST /control/token    {"key": "a", "alg": "RS256", "header": {}, "claims": {}}  the token as text; `header` and `claims` are added to plain ones, null takes a member away
//   GET  /control/gets     how often /keys was asked for
import { createServer } from "node:http";
import { constants, generateKeyPairSync, sign } from "node:crypto";

const keys = new Map();
let published = [], status = 200, gets = 0;

function makeKey({ name, type }) {
  keys.set(name, type === "ec" ? generateKeyPairSync("ec", { namedCurve: "P-256" }) : generateKeyPairSync("rsa", { modulusLength: 2048 }));
}

const base = () => `http://127.0.0.1:${server.address().port}`;
const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

function signature(text, key, alg) {
  if (alg === "none") return "";
  if (alg === "ES256") return sign("sha256", text, { key: key.privateKey, dsaEncoding: "ieee-p1363" }).toString("base64url");
  if (alg === "PS256") return sign("sha256", text, { key: key.privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }).toString("base64url");
  return sign("sha256", text, key.privateKey).toString("base64url");
}

function token({ key, alg = "RS256", header = {}, claims = {} }) {
  const now = Math.floor(Date.now() / 1000);
  const h = { alg, kid: key, typ: "at+jwt", ...header };
  const c = { iss: base(), aud: "postern", sub: "service", client_id: "tool", iat: now, exp: now + 600, jti: String(Math.random()), scope: "posture:read", ...claims };
  for (const object of [h, c]) for (const name of Object.keys(object)) if (object[name] === null) delete object[name];
  const text = `${part(h)}.${part(c)}`;
  return `${text}.${signature(Buffer.from(text), keys.get(key), alg)}`;
}

function document() { return { issuer: base(), jwks_uri: `${base()}/keys`, authorization_endpoint: `${base()}/authorize`, token_endpoint: `${base()}/token` }; }
const set = () => ({ keys: published.map((name) => ({ ...keys.get(name).publicKey.export({ format: "jwk" }), kid: name, use: "sig" })) });

function answer(res, code, body) {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  res.writeHead(code, { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(text) });
  res.end(text);
}

const server = createServer(async (req, res) => {
  let text = "";
  for await (const piece of req) text += piece;
  const body = text === "" ? {} : JSON.parse(text);
  if (req.url === "/control/key") { makeKey(body); return answer(res, 200, {}); }
  if (req.url === "/control/publish") { published = body.names ?? published; status = body.status ?? 200; return answer(res, 200, {}); }
  if (req.url === "/control/token") return answer(res, 200, token(body));
  if (req.url === "/control/gets") return answer(res, 200, { gets });
  if (req.url === "/keys") gets++;
  if (status !== 200) return answer(res, status, {});
  if (req.url === "/keys") return answer(res, 200, set());
  if (req.url === "/.well-known/openid-configuration") return answer(res, 200, document());
  return answer(res, 404, {});
});
server.listen(Number(process.argv[2] ?? 0), "127.0.0.1", () => console.log(`listening ${server.address().port}`));
