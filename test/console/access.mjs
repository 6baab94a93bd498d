// Whether everybody can use the pages: axe-core looks at each, the keyboard goes through some.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { page } from "./browser.mjs";
import { pages, show } from "./walk.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** look is what axe has to say of what is open. */
async function look(rules, without = []) {
  if (!(await page.evaluate(() => "axe" in window))) await page.evaluate(axe); // by the debugger, which the page's policy does not bind
  return page.evaluate(async ([only, exclude]) => {
    const { violations, passes } = await window.axe.run({ include: [document], exclude }, { resultTypes: ["violations"], ...(only ? { runOnly: only } : {}) });
    if (passes.length === 0) return ["axe has looked at nothing"];
    return violations.flatMap((v) => v.nodes.map((n) => `${v.id}: ${n.target.join(" ")}: ${n.any[0]?.message ?? v.help}`));
  }, [rules, without]);
}

/** lookTwice looks in light, and at the contrast in dark. */
async function lookTwice(without) {
  const found = await look(null, without);
  await page.emulateMedia({ colorScheme: "dark", reducedMotion: "reduce" }); // colours change at once
  found.push(...(await look(["color-contrast"], without)).map((f) => `dark: ${f}`));
  await page.emulateMedia({ colorScheme: "light" });
  return found;
}

/** sound looks at what only a step has open. */
export async function sound() {
  assert.deepEqual(await lookTwice(), [], "what axe found");
}

/** everyPage looks at all of them, without the menu beside them, which the steps before have seen. */
export async function everyPage() {
  const wrong = {}; // pages by what was found
  for (const [name, path] of Object.entries(pages)) {
    await show(path);
    for (const f of await lookTwice(["#menu"])) (wrong[f] ??= []).push(name);
  }
  assert.deepEqual(wrong, {}, "what axe found");
}

/** headingFirst goes to another page by the menu: its heading has the focus, and Tab goes on below it. */
export async function headingFirst() {
  for (const name of ["Clients", "Settings", "Audit log"]) {
    const link = page.getByRole("navigation").getByRole("link", { name, exact: true });
    await link.focus();
    await page.keyboard.press("Enter");
    await page.locator("#page h1:focus", { hasText: name === "Settings" ? "quickstart" : name }).waitFor();
  }
  await page.keyboard.press("Tab");
  assert(await page.evaluate(() => document.activeElement?.closest("#page")), "Tab goes on in the page");
}
