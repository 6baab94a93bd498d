// Steps tell how far a program has come, and where it failed.
import { join } from "node:path";
import { faults, page, pictures, said } from "./browser.mjs";

export async function step(name, what) {
  const began = Date.now();
  try {
    await what();
  } catch (e) {
    if (pictures) await page.screenshot({ path: join(pictures, "failed.png") });
    console.error(faults.concat(said.slice(-10)).join("\n"));
    console.error(`FAILED at: ${name}\n${(await page.locator("#page, main").first().innerText().catch(() => "")).slice(0, 2000)}`);
    throw e;
  }
  console.log(`ok ${name} (${Date.now() - began} ms)`);
}
