// A service provider on node-saml as its users run it: both signatures wanted (its default), no clock skew allowed (its default),
// InResponseTo always checked. usage: node sp.mjs FILE; the file is JSON: port, host, tls, saml options, apps.
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import { randomUUID } from "node:crypto";
import { SAML } from "@node-saml/node-saml";

const given = JSON.parse(readFileSync(process.argv[2], "utf8"));
const pending = new Map();
const cache = {
    async saveAsync(key, value) { pending.set(key, value); return { value, createdAt: Date.now() }; },
    async getAsync(key) { return pending.get(key) ?? null; },
    async removeAsync(key) { pending.delete(key); return key; },
};
const common = { ...given.saml, wantAuthnResponseSigned: true, wantAssertionsSigned: true, validateInResponseTo: "always", cacheProvider: cache };
const ways = { plain: new SAML(common), passive: new SAML({ ...common, passive: true }), force: new SAML({ ...common, forceAuthn: true }) };
const sessions = new Map();

function answer(res, status, value, headers = {}) {
    res.writeHead(status, { "content-type": "application/json", ...headers });
    res.end(JSON.stringify(value));
}
async function form(req) {
    const parts = [];
    for await (const part of req) parts.push(part);
    return Object.fromEntries(new URLSearchParams(Buffer.concat(parts).toString()));
}
// The page of an app: /payroll, /payroll?way=passive.
async function page(req, res, url) {
    const sid = /(?:^|; )sid=([^;]+)/.exec(req.headers.cookie ?? "")?.[1];
    const way = ways[url.searchParams.get("way")] ? url.searchParams.get("way") : "plain";
    if (sessions.has(sid) && way === "plain") return answer(res, 200, { open: url.pathname, ...sessions.get(sid) });
    if (given.binding === "HTTP-POST") {
        const html = await ways[way].getAuthorizeFormAsync(url.pathname, given.host);
        res.writeHead(200, { "content-type": "text/html" });
        return res.end(html);
    }
    res.writeHead(302, { location: await ways[way].getAuthorizeUrlAsync(url.pathname, given.host, {}) });
    res.end();
}
async function consume(req, res) {
    const fields = await form(req);
    try {
        const { profile } = await ways.plain.validatePostResponseAsync(fields);
        if (!profile) return answer(res, 403, { error: "no profile: the identity provider may not show a page" });
        const { nameID, nameIDFormat, sessionIndex, issuer, attributes } = profile;
        const sid = randomUUID();
        sessions.set(sid, { person: nameID, format: nameIDFormat, session: sessionIndex, issuer, attributes });
        answer(res, 302, {}, { location: fields.RelayState ?? "/", "set-cookie": `sid=${sid}; Path=/; Secure; HttpOnly; SameSite=None` });
    } catch (error) {
        answer(res, 403, { error: error.message, status: error.xmlStatus });
    }
}
createServer({ cert: readFileSync(given.tls[0]), key: readFileSync(given.tls[1]) }, (req, res) => {
    const url = new URL(req.url, "https://sp.example");
    const done = req.method === "POST" && url.pathname === "/acs" ? consume(req, res) : given.apps.includes(url.pathname.slice(1)) ? page(req, res, url) : answer(res, 404, { error: "no such page" });
    Promise.resolve(done).catch((error) => answer(res, 500, { error: error.message }));
}).listen(given.port, "127.0.0.1", () => console.log("listening"));
