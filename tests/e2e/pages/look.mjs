// Looks at a page that is open in Debian's Chromium: WCAG 2.2 AA as axe sees it, sideways scrolling, targets under 24 px. What is wrong is collected in `faults`.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
export const WITHIN_MS = 150000; // for anything that is waited for: a story waits a little longer for the whole
export const NARROW = { width: 320, height: 640 }, WIDE = { width: 1280, height: 800 };
export const faults = [];
export const fault = (url, where, what) => faults.push(`${url.slice(0, 80)} [${where}] ${what}`);
export const launch = (args = []) => chromium.launch({
  executablePath: process.env.CHROMIUM || "/usr/bin/chromium", headless: true, args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", ...args],
});

async function axeFaults(page, url, where) {
  await page.evaluate(axe);
  const found = await page.evaluate(() => window.axe.run(document, {
    runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
  }));
  for (const v of found.violations) {
    const line = `${v.impact} ${v.id}: ${v.help}: ${v.nodes.slice(0, 3).map((n) => n.html.slice(0, 120)).join(" | ")}`;
    if (v.impact === "serious" || v.impact === "critical") fault(url, where, line);
    else console.log(`note ${url.slice(0, 60)} [${where}] ${line}`);
  }
}

// Links within a sentence may be as small as their words (WCAG 2.2, 2.5.8, exception "inline").
async function smallTargets(page) {
  return page.evaluate(() => [...document.querySelectorAll("a, button, summary, select, textarea, input:not([type=hidden])")].filter((e) => {
    const box = e.getBoundingClientRect(), style = getComputedStyle(e);
    const shown = box.width > 0 && box.height > 0 && !e.classList.contains("skip");
    return shown && !(e.tagName === "A" && style.display === "inline") && (box.width < 24 || box.height < 24);
  }).map((e) => e.outerHTML.slice(0, 100)));
}

async function openFolds(page) {
  await page.evaluate(() => document.querySelectorAll("details").forEach((d) => { d.open = true; }));
}

export async function lookAt(page, url, where) {
  await openFolds(page);
  await axeFaults(page, url, where);
  const width = await page.evaluate(() => document.documentElement.scrollWidth), most = page.viewportSize().width;
  if (width > most) fault(url, where, `scrolls sideways: ${width} px in ${most}`);
  for (const html of await smallTargets(page)) fault(url, where, `target under 24 px: ${html}`);
}
