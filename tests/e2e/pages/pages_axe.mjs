// Opens pages in Debian's Chromium and says what a person would stumble over: WCAG 2.2 AA as axe sees it, sideways scrolling at 320 px,
// targets under 24 px, requests to other places, anything that needs JavaScript, focus that cannot be seen.
// usage: node pages_axe.mjs URL...             checks each page; exit 0 or 1
//        node pages_axe.mjs --recheck URL      presses "Check again", prints "asked", and waits until the page itself says that it is fixed
import { NARROW, WIDE, WITHIN_MS, fault, faults, launch, lookAt } from "./look.mjs";

const TABS_MOST = 80;

async function open(browser, url, where, options) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, reducedMotion: "reduce", ...options });
  context.setDefaultTimeout(WITHIN_MS);
  const page = await context.newPage();
  const origin = new URL(url).origin;
  page.on("request", (r) => {
    if (!r.url().startsWith("data:") && new URL(r.url()).origin !== origin) fault(url, where, `asks another place: ${r.url()}`);
  });
  page.on("console", (m) => { if (m.type() === "error" && !/status of 4\d\d/.test(m.text())) fault(url, where, `console: ${m.text()}`); });
  page.on("pageerror", (e) => fault(url, where, `script: ${e.message}`));
  await page.goto(url, { waitUntil: "load" });
  return page;
}

async function checkLooks(browser, url, where, options) {
  const page = await open(browser, url, where, options);
  await lookAt(page, url, where);
  await page.context().close();
}

async function checkKeyboard(browser, url) {
  const page = await open(browser, url, "keyboard", { viewport: WIDE });
  const seen = new Set();
  let last = -1; // a day has a stop for each of its parts, and a button: they are one control
  for (let i = 0; i < TABS_MOST * 4 && seen.size < TABS_MOST; i++) {
    await page.keyboard.press("Tab");
    const at = await page.evaluate(() => {
      const e = document.activeElement, style = getComputedStyle(e), box = e.getBoundingClientRect();
      if (e === document.body) return null;
      return { html: e.outerHTML.slice(0, 90), place: [...document.querySelectorAll("*")].indexOf(e), outline: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
               inside: box.bottom > 0 && box.top < innerHeight && box.right > 0 };
    });
    if (at === null || (seen.has(at.place) && at.place !== last)) break;
    seen.add(at.place);
    last = at.place;
    if (!at.outline) fault(url, "keyboard", `focus cannot be seen: ${at.html}`);
    if (!at.inside) fault(url, "keyboard", `focus is out of sight: ${at.html}`);
  }
  const all = await page.evaluate(() => [...document.querySelectorAll("a[href], button, summary, select, textarea, input:not([type=hidden])")]
    .filter((e) => e.checkVisibility()).length);
  if (seen.size < Math.min(all, TABS_MOST)) fault(url, "keyboard", `only ${seen.size} of ${all} controls can be reached`);
  await page.context().close();
}

async function checkWithoutScript(browser, url) {
  const page = await open(browser, url, "no script", { viewport: NARROW, javaScriptEnabled: false });
  const count = (selector) => page.locator(selector).count();
  for (const [selector, wanted] of [["h1", 1], ["main", 1], ["[role=status]", 1], ["main [role=status]", 0], ["#help", 1], ["html[lang]", 1]])
    if (await count(selector) !== wanted) fault(url, "no script", `${selector}: ${await count(selector)}, not ${wanted}`);
  if (!(await page.locator("h1").innerText()).trim()) fault(url, "no script", "the heading is empty");
  if (!(await page.title())) fault(url, "no script", "no title");
  for (const form of await page.locator("form").all())
    if (await form.locator("button").count() !== 1 || await form.getAttribute("method") !== "post") fault(url, "no script", "a form without its button");
  await page.context().close();
}

async function recheck(browser, url) {
  const page = await open(browser, url, "check again", { viewport: NARROW });
  const answered = page.waitForResponse((r) => r.request().method() === "POST"); // it may wait some seconds for the device
  await page.getByRole("button", { name: "Check again" }).first().click();
  await answered;
  await page.waitForLoadState();
  let loads = 0;
  page.on("load", () => loads++);
  console.log("asked");
  await page.getByRole("status").filter({ hasText: "It is fixed." }).waitFor();
  await page.getByRole("heading", { level: 1, name: /It is fixed/ }).waitFor();
  if (loads > 0) fault(url, "check again", "the page was loaded again instead of changed in place");
  await page.context().close();
}

const args = process.argv.slice(2);
const browser = await launch();
try {
  if (args[0] === "--recheck") {
    await recheck(browser, args[1]);
  } else {
    for (const url of args) {
      await checkLooks(browser, url, "phone", { viewport: NARROW, colorScheme: "light" });
      await checkLooks(browser, url, "phone, dark", { viewport: NARROW, colorScheme: "dark" });
      await checkLooks(browser, url, "desktop", { viewport: WIDE, colorScheme: "light" });
      await checkKeyboard(browser, url);
      await checkWithoutScript(browser, url);
      console.log(`looked at ${url.slice(0, 80)}`);
    }
  }
} finally {
  await browser.close();
}
for (const f of faults) console.log(`FAULT ${f}`);
if (args.length === 0) console.log("usage: pages_axe.mjs URL... | --recheck URL");
process.exit(faults.length > 0 || args.length === 0 ? 1 : 0);
