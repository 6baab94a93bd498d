// The browser with its one page, and what the page must never do.
import { readFileSync } from "node:fs";
import { chromium } from "playwright-core";

export const { CONSOLE: address, CHROMIUM: executablePath, PROFILE: profile, GRIDMQ_SCREENSHOTS: pictures, PROVIDER } = process.env;
export const token = readFileSync(0, "utf8").trim();

export const context = await chromium.launchPersistentContext(profile, {
  executablePath,
  headless: true,
  // The server's certificate is of a CA that it has made for itself a moment ago.
  ignoreHTTPSErrors: true,
  viewport: { width: 1280, height: 860 },
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
context.setDefaultTimeout(30_000);
export const page = context.pages()[0] ?? (await context.newPage());

// Whatever the policy refuses, and whatever goes elsewhere, is a fault of the console.
export const faults = [];
export const said = []; // for whoever looks for the cause
const ours = new URL(address);
const others = PROVIDER ? [new URL(PROVIDER).origin] : []; // where else it may go
function watch(tab) {
  tab.on("console", (m) => {
    said.push(`${m.type()}: ${m.text()}`);
    // The browser itself writes a line for every answer of 4xx and 5xx, which the page shows in its own words.
    if (m.type() === "error" && !/^Failed to load resource: the server responded with a status of 4/.test(m.text())) faults.push(`console: ${m.text()}`);
    else if (/Content Security Policy|Trusted ?Type/i.test(m.text())) faults.push(`console: ${m.text()}`);
  });
  tab.on("pageerror", (e) => faults.push(`error in the page: ${e.message}`));
  tab.on("request", (r) => {
    const url = new URL(r.url());
    if (url.hostname !== ours.hostname && !others.includes(url.origin)) faults.push(`request to ${url.origin}`);
    if (r.url().includes(token)) faults.push("a request has the token in its URL");
  });
  tab.on("websocket", (w) => {
    if (new URL(w.url()).hostname !== ours.hostname) faults.push(`WebSocket to ${w.url()}`);
  });
}
watch(page);
context.on("page", watch);

/** open goes to a page of the console by its path behind the #. */
export async function open(...path) {
  await page.goto(hrefOf(...path));
}

export const hrefOf = (...path) => `${address}#/${path.map(encodeURIComponent).join("/")}`;
