// Debian's Chromium, led by a story line by line: a JSON command on standard input, a JSON answer on standard output. Its virtual authenticator is a laptop's
// own: inside of it, with a screen lock that verifies the person.
// Every name that ends in .example stands for this machine.
// usage: node real_browser.mjs SPKI_HASH...     hashes of certificates' keys that the browser takes although no authority that it knows signed them
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const WAIT_MS = 110000; // a little less than real_browser.py waits for an answer
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM || "/usr/bin/chromium", headless: true,
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--host-resolver-rules=MAP *.example 127.0.0.1", `--ignore-certificate-errors-spki-list=${process.argv.slice(2).join(",")}`] });
let context, page, cdp, authenticator, faults = [];

// A new profile: no cookies, an empty authenticator (or none). headers: what a proxy in front would add to its requests.
async function profile({ laptop = true, width = 1280, height = 800, script = true, synced = false, headers = {}, dark = false }) {
  if (context) await context.close();
  context = await browser.newContext({ reducedMotion: "reduce", viewport: { width, height }, javaScriptEnabled: script, extraHTTPHeaders: headers, colorScheme: dark ? "dark" : "light" });
  context.setDefaultTimeout(WAIT_MS);
  page = await context.newPage();
  faults = [];
  page.on("pageerror", (e) => faults.push(`script: ${e.message}`));
  page.on("console", (m) => { if (m.type() === "error" && !/status of 4\d\d/.test(m.text())) faults.push(m.text()); });
  cdp = await context.newCDPSession(page);
  await cdp.send("WebAuthn.enable");
  authenticator = null;
  if (!laptop) return {};
  const options = { protocol: "ctap2", ctap2Version: "ctap2_1", transport: "internal", hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true,
                    defaultBackupEligibility: synced, defaultBackupState: synced };
  ({ authenticatorId: authenticator } = await cdp.send("WebAuthn.addVirtualAuthenticator", { options }));
  return {};
}

async function axeFaults() {
  await page.evaluate(axe);
  const found = await page.evaluate(() => window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }));
  const sideways = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  return found.violations.map((v) => `${v.impact} ${v.id}: ${v.nodes.slice(0, 2).map((n) => n.html.slice(0, 120)).join(" | ")}`).concat(sideways > 0 ? [`scrolls sideways by ${sideways} px`] : []);
}

const commands = {
  profile,
  async go({ url }) { await page.goto(url, { waitUntil: "load" }); return { url: page.url() }; },
  async press({ name }) { await page.getByRole("button", { name }).first().click(); return {}; },
  async follow({ name }) { await page.getByRole("link", { name }).first().click(); return {}; },
  async wait({ text }) {
    await page.locator("body", { hasText: text }).waitFor();
    return { url: page.url(), text: await page.innerText("body") };
  },
  async see() { return { url: page.url(), text: await page.innerText("body"), html: await page.content() }; },
  async headers({ headers }) { await context.setExtraHTTPHeaders(headers); return {}; },
  async axe() { return { faults: await axeFaults() }; },
  async shot({ path }) { await page.screenshot({ path, fullPage: true }); return {}; },
  async faults() { return { faults }; },
  async cookies() { return { cookies: await context.cookies() }; },
  async credentials() { return await cdp.send("WebAuthn.getCredentials", { authenticatorId: authenticator }); },
  async put_credential({ credential }) { return await cdp.send("WebAuthn.addCredential", { authenticatorId: authenticator, credential }); },
  async verifies({ yes }) { return await cdp.send("WebAuthn.setUserVerified", { authenticatorId: authenticator, isUserVerified: yes }); },
  // What the page's forms send while this is on is kept and not sent; then it can be sent as the story likes.
  async hold() {
    const sent = new Promise((resolve) => {
      page.route(/\/(device|key-add)$/, async (route) => {
        if (route.request().method() !== "POST") return route.continue();
        resolve({ url: route.request().url(), body: route.request().postData(), headers: await route.request().allHeaders() });
        await route.abort();
      });
    });
    commands.held = async () => { const what = await sent; await page.unroute(/\/(device|key-add)$/); return what; };
    return {};
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { op, ...args } = JSON.parse(line);
  try {
    console.log(JSON.stringify({ ok: true, ...(await commands[op](args)) }));
  } catch (error) {
    let where = "";
    try { where = `\n${page.url()}\n${(await page.innerText("body")).slice(0, 800)}`; } catch { /* no page yet */ }
    console.log(JSON.stringify({ ok: false, error: String(error.message || error) + where }));
  }
}
await browser.close();
