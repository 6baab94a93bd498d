// Every page of the console: none is too wide, and pictures of all when they are wanted.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { open, page, pictures } from "./browser.mjs";

const ns = (...rest) => ["ns", "quickstart", ...rest];

export const pages = {
  overview: ["overview"],
  sessions: ns("sessions"),
  session: ns("sessions", "in-the-page"),
  "session-gone": ns("sessions", "nobody"),
  slow: ns("slow"),
  retained: ns("retained"),
  "retained-message": ns("retained", "lamps/lamp-1/kept"),
  live: ns("live"),
  history: ns("history"),
  refused: ns("refused"),
  clients: ns("clients"),
  client: ns("clients", "lamp-1"),
  "client-new": ns("clients", "+"),
  groups: ns("groups"),
  spaces: ns("spaces"),
  bindings: ns("bindings"),
  binding: ns("bindings", "lamps-obey"),
  access: ns("access", "lamp-1", "machines/lamp-1/telemetry"),
  certificates: ns("certificates"),
  bans: ns("bans"),
  topics: ns("topics"),
  topic: ns("topics", "telemetry"),
  "event-subscription-new": ns("topics", "telemetry", "+"),
  "event-subscription": ns("topics", "telemetry", "billing"),
  letters: ns("letters"),
  settings: ns("settings"),
  namespaces: ["namespaces"],
  operators: ["operators"],
  "operator-new": ["operators", "+"],
  roles: ["roles"],
  "role-new": ["roles", "+"],
  audit: ["audit"],
};

/** show opens a page and waits until it has read what it shows. */
export async function show(path) {
  await open(...path);
  await page.waitForFunction(
    (hash) => location.hash === hash && document.querySelector("#page h1") && !/Reading…/.test(document.getElementById("page")?.innerText ?? ""),
    `#/${path.map(encodeURIComponent).join("/")}`,
  );
}

/** tooWide is by how many pixels a page would have to be scrolled sideways. */
const tooWide = () => page.evaluate(() => Math.max(...[document.documentElement, document.getElementById("page"), ...document.querySelectorAll(".table")].map((e) => e.scrollWidth - e.clientWidth)));

export async function walkNarrow() {
  const wide = {};
  await page.setViewportSize({ width: 360, height: 740 });
  for (const [name, path] of Object.entries(pages)) {
    await show(path);
    let by = await tooWide();
    for (let i = 0; by > 0 && i < 20; i++) {
      await page.waitForTimeout(50); // charts are drawn anew once they have seen their new width
      by = await tooWide();
    }
    if (by > 0) wide[name] = by;
    assert.equal(await page.locator("td:empty:visible").count(), 0, `${name} has titles without anything beside them`);
  }
  // The menu is behind a button there; Escape closes it.
  await page.getByRole("button", { name: "Menu" }).click();
  await page.getByRole("link", { name: "Overview" }).waitFor();
  if (pictures) await page.screenshot({ path: join(pictures, "menu-narrow-light.png") });
  await page.keyboard.press("Escape");
  await page.getByRole("link", { name: "Overview" }).waitFor({ state: "hidden" });
  await page.setViewportSize({ width: 1280, height: 860 });
  assert.deepEqual(wide, {}, "pages that have to be scrolled sideways, by so many pixels");
}

/** picture takes the whole of what is open, as high as it is, in both colours. */
async function picture(name, width, height) {
  await page.setViewportSize({ width, height });
  const more = await page.evaluate(() => {
    const e = document.getElementById("page") ?? document.documentElement;
    return e.scrollHeight - e.clientHeight;
  });
  if (more > 0) await page.setViewportSize({ width, height: Math.min(height + more, 5000) });
  await page.mouse.move(width - 2, height - 2); // over nothing
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" }); // colours change at once
    await page.screenshot({ path: join(pictures, `${name}-${width > 760 ? "wide" : "narrow"}-${colorScheme}.png`) });
  }
}

const shapes = [
  [1440, 900],
  [360, 740],
];

export async function takePictures() {
  mkdirSync(pictures, { recursive: true });
  for (const [width, height] of shapes) {
    for (const [name, path] of Object.entries(pages)) {
      await page.setViewportSize({ width, height });
      await show(path);
      await picture(name, width, height);
    }
  }
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize({ width: 1280, height: 860 });
}

/** alsoPicture takes pictures of what only a step has open, when they are wanted. */
export async function alsoPicture(name) {
  if (!pictures) return;
  const before = page.viewportSize();
  mkdirSync(pictures, { recursive: true });
  for (const shape of shapes) await picture(name, ...shape);
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize(before);
}
