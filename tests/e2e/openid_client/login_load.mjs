// A steady load of whole logins at an OpenID Provider of several nodes: authorization request with PKCE, the hops of a browser, the code redeemed by openid-client, the ID
// token verified with jose against a key set that is kept as long as relying parties keep it. Each request goes to a node taken at random. Prints one line of JSON a
// second, the last one after SIGTERM: { logins, failed, failures: [first ones], keys: { KID: tokens }, p50_ms, p99_ms }.
// usage: node login_load.mjs CONFIG.json
// CONFIG: { issuer, ports: [of the nodes], client_id, secret, redirect_uri, signing, headers: {of the browser's requests}, per_second (at most), keys_kept_s, leeway_s }
//   keys_kept_s: a key set is asked for again after so long and never sooner, as relying parties do that do not look for a key they miss
//   leeway_s: how far the nodes' clocks may be from this one
import { readFileSync } from "node:fs";
import { createLocalJWKSet, jwtVerify } from "jose";
import * as client from "openid-client";

const config = JSON.parse(readFileSync(process.argv[2]));
const HOPS_MOST = 8, FAILURES_KEPT = 5, RUNNING_MOST = 4; // more would only queue on a machine that is too slow for them, until a code is too old
const seen = { logins: 0, failed: 0, failures: [], keys: {} }, took = [];
let kept, keptUntil = 0;

// Stands for the balancer in front of the nodes.
const anyNode = (url, options) => {
  const to = new URL(url);
  to.port = config.ports[Math.floor(Math.random() * config.ports.length)];
  return fetch(to, options);
};
const made = await client.discovery(new URL(config.issuer), config.client_id, { id_token_signed_response_alg: config.signing, [client.clockTolerance]: config.leeway_s },
  client.ClientSecretBasic(config.secret), { [client.customFetch]: anyNode });

async function keys() {
  if (Date.now() >= keptUntil) {
    const answer = await anyNode(made.serverMetadata().jwks_uri);
    if (answer.status !== 200) throw new Error(`key set: ${answer.status}`);
    kept = createLocalJWKSet(await answer.json());
    keptUntil = Date.now() + config.keys_kept_s * 1000;
  }
  return kept;
}

// Follows the provider's own redirects as a browser does; the address that belongs to the relying party.
async function hops(url, jar) {
  for (let i = 0; i < HOPS_MOST; i++) {
    const answer = await anyNode(url, { redirect: "manual", headers: { ...config.headers, Cookie: [...jar].map((c) => c.join("=")).join("; "), Accept: "text/html" } });
    for (const line of answer.headers.getSetCookie()) jar.set(...line.split(";")[0].split(/=(.*)/s, 2));
    const text = await answer.text(), to = answer.headers.get("location");
    if (!to) throw new Error(`${answer.status} at ${url.pathname}: ${text.replace(/<[^>]*>|\s+/g, " ").slice(0, 300)}`);
    url = new URL(to, url);
    if (url.href.startsWith(config.redirect_uri)) return url;
  }
  throw new Error("too many redirects");
}

async function login() {
  const verifier = client.randomPKCECodeVerifier(), state = client.randomState(), nonce = client.randomNonce();
  const ask = { redirect_uri: config.redirect_uri, scope: "openid email", state, nonce, code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256" };
  const answer = await hops(client.buildAuthorizationUrl(made, ask), new Map());
  const tokens = await client.authorizationCodeGrant(made, answer, { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true });
  const { protectedHeader } = await jwtVerify(tokens.id_token, await keys(), { issuer: config.issuer, audience: config.client_id, algorithms: [config.signing], clockTolerance: config.leeway_s });
  seen.keys[protectedHeader.kid] = (seen.keys[protectedHeader.kid] ?? 0) + 1;
}

async function one() {
  const begun = performance.now();
  try {
    await login();
    took.push(performance.now() - begun);
  } catch (error) {
    seen.failed++;
    if (seen.failures.length < FAILURES_KEPT) seen.failures.push([error.code, error.error, error.message, error.cause?.message, error.error_description].filter(Boolean).join(": "));
  }
  seen.logins++;
}

function report() {
  const sorted = took.toSorted((a, b) => a - b), at = (share) => Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
  console.log(JSON.stringify({ ...seen, p50_ms: at(0.5), p99_ms: at(0.99) }));
}

const running = new Set();
const timers = [setInterval(() => { if (running.size >= RUNNING_MOST) return; const p = one().finally(() => running.delete(p)); running.add(p); }, 1000 / config.per_second), setInterval(report, 1000)];
process.on("SIGTERM", async () => {
  timers.forEach(clearInterval);
  await Promise.all(running);
  report();
  process.exit(0);
});
