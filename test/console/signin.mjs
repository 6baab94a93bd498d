// The steps of TestSignIn: the OpenID provider's login page has a link for each person.
import assert from "node:assert/strict";
import { address, context, faults, open, page, token } from "./browser.mjs";
import { step } from "./step.mjs";

const provider = process.env.PROVIDER;
const button = page.getByRole("button", { name: `Sign in at ${new URL(provider).host}` });
const alert = (text) => page.getByRole("alert").filter({ hasText: text }).waitFor();
const heading = (name) => page.getByRole("heading", { level: 1, name, exact: true }).waitFor();
const kept = () => page.evaluate(() => Object.keys(sessionStorage).sort().join());

async function login(person) {
  await button.click();
  await page.waitForURL(`${provider}/authorize?*`);
  await page.getByRole("link", { name: person, exact: true }).click();
  await page.waitForURL((url) => url.href.startsWith(address) && url.search === "");
}

/** refused is what is told to somebody who does not get in, and nothing of it stays. */
async function refused(person, text) {
  await login(person);
  await alert(text);
  assert.equal(await kept(), "");
}

try {
  await step("the provider is offered, and the policy lets the page ask it", async () => {
    const answer = await page.goto(address);
    const connect = /connect-src ([^;]*)/.exec(answer.headers()["content-security-policy"])[1].split(" ");
    assert(connect.includes(new URL(provider).origin), `the policy has ${connect}`);
    await page.locator("button:focus", { hasText: "Sign in at" }).waitFor();
    const told = await context.request.get(`${address}signin.json`);
    assert.equal((await told.json()).audience, "gridmq");
  });
  await step("an answer of no sign-in is not taken", async () => {
    await page.goto(`${address}?code=stolen&state=guessed`);
    await alert("does not belong to a sign-in of this tab (state)");
  });
  await step("nor one with another state", () => refused("state", "(state)"));
  await step("nor one with another nonce", () => refused("nonce", "belongs to another sign-in (nonce)"));
  await step("a token for another audience is told", () => refused("audience", "is for the audience another-service, and the server takes those for gridmq"));
  await step("and one that is no JWT", () => refused("opaque", "is not a JWT"));
  await step("and why the provider did not want to", () => refused("denied", "did not sign you in: The shift is over."));
  await step("somebody without a role is told what is missing", () => refused("stranger", "You are stranger-7, who has no role here."));
  await step("somebody with a role signs in, and comes to the page that was asked for", async () => {
    const id = "/providers/Microsoft.Authorization/roleAssignments/anna?api-version=2022-04-01";
    const made = await context.request.put(new URL(id, address).href, {
      headers: { Authorization: `Bearer ${token}` },
      data: { properties: { principalId: "anna-1", roleDefinitionId: "acdd72a7-3385-48ef-bd42-f606fba81ae7" } },
    });
    assert(made.ok(), await made.text());
    await open("ns", "quickstart", "clients");
    await login("anna"); // whose first token ends at once: it is renewed
    await heading("Clients");
    await page.getByTitle("Signed in").filter({ hasText: "anna-1" }).waitFor();
    assert(!page.url().includes("code="), page.url());
  });
  await step("a reload keeps it, in this tab's session only", async () => {
    await page.reload();
    await heading("Clients");
    assert.equal(await kept(), "gridmq.renewal,gridmq.token");
    assert.equal(await page.evaluate(() => document.cookie + Object.keys(localStorage).filter((k) => /token|renewal/.test(k)).join()), "");
  });
  await step("an answer that nobody asked for signs nobody out", async () => {
    await page.goto(`${address}?code=stolen&state=guessed`);
    await page.getByTitle("Signed in").filter({ hasText: "anna-1" }).waitFor();
    assert(!page.url().includes("code="), page.url());
    await open("ns", "quickstart", "clients");
  });
  await step("sign out forgets it, and says where one is signed in still", async () => {
    const given = page.waitForResponse(`${provider}/revoke`);
    await page.getByRole("button", { name: "Sign out" }).click();
    await given;
    const link = page.getByRole("link", { name: "sign out there, too" });
    assert.equal(await link.getAttribute("href"), `${provider}/logout?client_id=gridmq-console`);
    assert.equal(await kept(), "");
  });
  await step("a sign-in that cannot be renewed ends with a word", async () => {
    await login("brief");
    await heading("Clients");
    await page.evaluate(() => sessionStorage.setItem("gridmq.renewal", JSON.stringify({ expires: Date.now() - 1, refresh: "" }))); // an hour later
    await page.reload();
    await alert(/The sign-in at .* has ended. Sign in again/);
    assert.equal(await kept(), "");
    await login("anna");
    await heading("Clients"); // where it was
    await page.getByRole("button", { name: "Sign out" }).click();
    await button.waitFor();
  });
  assert.deepEqual(faults, []);
  await step("a provider that is away is told", async () => {
    await page.reload();
    await page.route(`${provider}/**`, (r) => r.abort());
    await button.click();
    await alert("cannot be reached from this browser");
    await page.locator('[name="token"]').fill(token); // that needs no provider
    await page.getByRole("button", { name: "Sign in", exact: true }).click();
    await heading("Clients");
  });
} finally {
  await context.close();
}
