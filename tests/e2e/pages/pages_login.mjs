// A login in Debian's Chromium at a phone's width, on a laptop that has a client certificate: the protected page, postern's page in between looked at closely, and back.
// usage: node pages_login.mjs CONFIG.json
// CONFIG: { open, origins: [that ask for the certificate], certificate, key, walk: "through" | "continue" | "check again", title, shots: FOLDER }
//   open: the protected page, which is left for postern's and must be reached in the end; title: words its body holds then
//   walk: what is done on postern's page. "check again" prints "asked" once it was pressed, so that the laptop can be repaired meanwhile
import { readFileSync } from "node:fs";
import { NARROW, WITHIN_MS, fault, faults, launch, lookAt } from "./look.mjs";

const config = JSON.parse(readFileSync(process.argv[2]));

async function lookClosely(page, where) {
  await page.getByRole("heading", { level: 1 }).waitFor();
  await lookAt(page, page.url(), where);
  await page.screenshot({ path: `${config.shots}/${where.replace(/ /g, "-")}.png`, fullPage: true });
}

// The answer may wait some seconds for the device.
async function checkAgain(page) {
  const answered = page.waitForResponse((r) => r.request().method() === "POST");
  await page.getByRole("button", { name: "Check again" }).first().click();
  await answered;
}

async function walk(page) {
  if (config.walk === "continue") {
    await lookClosely(page, "warned");
    await page.getByRole("link", { name: /Continue/ }).click();
  } else if (config.walk === "check again") {
    await lookClosely(page, "blocked");
    await checkAgain(page);
    await lookClosely(page, "checking");
    console.log("asked");
  }
}

const browser = await launch();
try {
  const certificates = config.origins.map((origin) => ({ origin, certPath: config.certificate, keyPath: config.key }));
  const context = await browser.newContext({ ignoreHTTPSErrors: true, reducedMotion: "reduce", viewport: NARROW, clientCertificates: certificates });
  context.setDefaultTimeout(WITHIN_MS);
  const page = await context.newPage();
  page.on("pageerror", (e) => fault(page.url(), config.walk, `script: ${e.message}`));
  await page.goto(config.open, { waitUntil: "load" });
  await walk(page);
  await page.waitForURL((url) => url.href.startsWith(config.open));
  const text = await page.locator("body").innerText();
  if (!text.includes(config.title)) fault(page.url(), config.walk, `not the protected page: ${text.slice(0, 200)}`);
  else console.log("arrived");
} finally {
  await browser.close();
}
for (const f of faults) console.log(`FAULT ${f}`);
process.exit(faults.length > 0 ? 1 : 0);
