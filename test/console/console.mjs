// The steps of TestBrowser. The operator's token comes on standard input; the address of
// the console, the browser and a folder for its profile are in the environment.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";

const { CONSOLE: address, CHROMIUM: executablePath, PROFILE: profile, GRIDMQ_SCREENSHOTS: pictures } = process.env;
const token = readFileSync(0, "utf8").trim();
const secret = "a long phrase that nobody guesses";

const context = await chromium.launchPersistentContext(profile, {
  executablePath,
  headless: true,
  // The server's certificate is of a CA that it has made for itself a moment ago.
  ignoreHTTPSErrors: true,
  viewport: { width: 1280, height: 860 },
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
context.setDefaultTimeout(30_000);
const page = context.pages()[0] ?? (await context.newPage());

// Whatever the policy refuses, and whatever goes elsewhere, is a fault of the console.
const faults = [];
const said = []; // for whoever looks for the cause
page.on("console", (m) => {
  said.push(`${m.type()}: ${m.text()}`);
  if (/Content Security Policy|Trusted ?Type/i.test(m.text())) faults.push(`console: ${m.text()}`);
});
page.on("pageerror", (e) => faults.push(`error in the page: ${e.message}`));
const ours = new URL(address);
page.on("request", (r) => {
  const url = new URL(r.url());
  if (url.hostname !== ours.hostname) faults.push(`request to ${url.origin}`);
  if (r.url().includes(token)) faults.push("a request has the token in its URL");
});
page.on("websocket", (w) => {
  if (new URL(w.url()).hostname !== ours.hostname) faults.push(`WebSocket to ${w.url()}`);
});

const field = (name) => page.locator(`[name="${name}"]`);
const fault = (text) => page.locator(".fault", { hasText: text }).first().waitFor();
const open = async (...path) => {
  await page.goto(`${address}#/${path.map(encodeURIComponent).join("/")}`);
};
const menu = (name) => page.getByRole("navigation").getByRole("link", { name, exact: true }).click();
const heading = (name) => page.getByRole("heading", { level: 1, name, exact: true }).waitFor();

async function step(name, what) {
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

/** create fills the form of a new resource and sends it. */
async function create(list, name, values) {
  await menu(list);
  await heading(list);
  await page.getByRole("link", { name: /^New / }).first().click();
  await field("name").fill(name);
  for (const [path, value] of Object.entries(values)) {
    const input = field(path);
    if ((await input.evaluate((e) => e.tagName)) === "SELECT") await input.selectOption(value);
    else await input.fill(value);
  }
  await page.getByText("Would be created.").waitFor();
  await page.getByRole("button", { name: "Create" }).click();
  await heading(name);
}

try {
  await step("a wrong token is told where it was typed", async () => {
    await page.goto(address);
    await field("token").fill("gmq_wrong");
    await page.getByRole("button", { name: "Sign in" }).click();
    await fault("not valid");
  });
  await step("sign in, with the keyboard alone", async () => {
    await field("token").fill(token);
    await page.keyboard.press("Enter");
    await heading("Overview");
    await page.getByText("Messages per second").waitFor();
  });
  await step("a reload keeps it, in this tab's session only", async () => {
    await page.reload();
    await heading("Overview");
    const kept = await page.evaluate(() => [JSON.stringify(localStorage), document.cookie, location.href].join());
    assert(!kept.includes("gmq_"), "the token is kept outside of sessionStorage");
  });
  await step("choose a namespace and allow passwords", async () => {
    await page.getByLabel("Namespace").selectOption("quickstart");
    await heading("Sessions");
    await menu("Settings");
    await heading("quickstart");
    await field("properties.gridmq.passwords.enabled").check();
    await page.getByText("Can be saved.").waitFor();
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("Saved, and in force.").waitFor();
  });
  await step("what is wrong is at its field while it is typed", async () => {
    await menu("Clients");
    await page.getByRole("link", { name: "New client" }).click();
    await field("name").fill("lamp 1");
    await fault("letters, digits");
    await field("properties.attributes").fill('{"kind": ');
    await fault("This is not JSON");
    assert(await page.getByRole("button", { name: "Create" }).isDisabled());
    await menu("Client groups");
    await page.getByRole("link", { name: "New client group" }).click();
    await field("name").fill("lamps");
    await field("properties.query").fill("attributes.kind =");
    await fault("column");
  });
  await step("create a client, a group, a topic space and bindings", async () => {
    await create("Clients", "lamp-1", { "properties.attributes": '{"kind": "lamp"}', "properties.gridmq.password": secret });
    await create("Client groups", "lamps", { "properties.query": "attributes.kind = 'lamp'" });
    await create("Topic spaces", "own-lamps", { "properties.topicTemplates": "lamps/${client.authenticationName}/#" });
    await create("Permission bindings", "lamps-report", {
      "properties.clientGroupName": "lamps",
      "properties.topicSpaceName": "own-lamps",
      "properties.permission": "Publisher",
    });
    await create("Permission bindings", "lamps-obey", {
      "properties.clientGroupName": "lamps",
      "properties.topicSpaceName": "own-lamps",
      "properties.permission": "Subscriber",
    });
  });
  await step("a name that is taken is told", async () => {
    await menu("Client groups");
    await page.getByRole("link", { name: "New client group" }).click();
    await field("name").fill("lamps");
    await fault("already");
  });
  await step("a wrong password is refused", async () => {
    await menu("Live client");
    await field("username").fill("lamp-1");
    await field("password").fill("guessed");
    await page.getByRole("button", { name: "Connect", exact: true }).click();
    await page.getByRole("alert").filter({ hasText: /Bad user ?name or password|0x86/i }).waitFor();
  });
  await step("the live client connects, and a message arrives", async () => {
    await field("password").fill(secret);
    await field("clientId").fill("in-the-page");
    await page.getByRole("button", { name: "Connect", exact: true }).click();
    await field("filter").fill("lamps/lamp-1/#");
    await page.getByRole("button", { name: "Subscribe" }).click();
    await page.locator(".subscriptions", { hasText: "lamps/lamp-1/#" }).waitFor();
    await field("publish-topic").fill("lamps/lamp-1/light");
    await field("payload").fill('{"on": true}');
    await page.getByText("Properties", { exact: true }).click();
    await page.getByLabel("Content type").fill("application/json");
    await page.getByLabel("User properties").fill("room = 7");
    await page.getByRole("button", { name: "Publish", exact: true }).click();
    await page.getByText("Acknowledged.").waitFor();
    const came = page.locator(".messages li", { hasText: "came" });
    await came.waitFor();
    const text = await came.innerText();
    for (const part of ["lamps/lamp-1/light", '{"on": true}', "application/json", "room: 7"]) assert(text.includes(part), `${part} is not in ${text}`);
  });
  await step("what it may not do is refused", async () => {
    await field("filter").fill("machines/#");
    await page.getByRole("button", { name: "Subscribe" }).click();
    await fault("not authorized");
    await field("publish-topic").fill("machines/lamp-1/telemetry");
    await page.getByRole("button", { name: "Publish", exact: true }).click();
    await fault("refused the message");
  });
  await step("the explorer says why, and what a change would do", async () => {
    await open("ns", "quickstart", "access", "lamp-1", "machines/lamp-1/telemetry");
    await page.locator(".answer", { hasText: "Refused" }).waitFor();
    await page.locator(".steps", { hasText: "client group lamps holds the client" }).waitFor();
    await page.getByLabel("Suppose a change").selectOption("bindings");
    const change = page.locator(".suppose");
    await change.getByLabel("Name").fill("lamps-too");
    await change.locator('[name="properties.clientGroupName"]').fill("lamps");
    await change.locator('[name="properties.topicSpaceName"]').fill("own-telemetry");
    const then = page.locator(".verdict", { hasText: "With the changes" });
    await then.locator(".answer", { hasText: "Allowed" }).waitFor();
    await page.locator(".verdict", { hasText: "Now" }).locator(".answer", { hasText: "Refused" }).waitFor();
  });
  await step("deleting a binding says first who would lose what", async () => {
    await menu("Permission bindings");
    await page.getByRole("link", { name: "lamps-obey" }).click();
    await page.getByRole("button", { name: "Delete…" }).click();
    await page.getByRole("cell", { name: "subscription lamps/lamp-1/#" }).waitFor();
    await page.getByRole("button", { name: "Keep it" }).click();
  });
  await step("the session is there, and is ended with a reason", async () => {
    await menu("Sessions");
    await page.getByRole("link", { name: "in-the-page" }).click();
    await page.getByRole("cell", { name: "lamps/lamp-1/#" }).waitFor();
    await page.getByLabel("Reason").fill("the test is over");
    await page.getByRole("button", { name: "Disconnect" }).click();
    await menu("Live client");
    await page.getByRole("alert").filter({ hasText: "the test is over" }).waitFor();
  });
  await step("the refusal and the changes are listed", async () => {
    await menu("Refused");
    await page.getByRole("cell", { name: "lamp-1" }).first().waitFor();
    await menu("Audit log");
    await page.getByRole("cell", { name: "quickstart/permissionBindings/lamps-obey" }).first().waitFor();
  });
  if (pictures) await step("pictures", takePictures);
  await step("sign out forgets the token", async () => {
    await page.getByRole("button", { name: "Sign out" }).click();
    await field("token").waitFor();
    assert.equal(await page.evaluate(() => sessionStorage.length), 0);
    await page.reload();
    await field("token").waitFor();
  });
  assert.deepEqual(faults, []);
} finally {
  await context.close();
}

async function takePictures() {
  mkdirSync(pictures, { recursive: true });
  const ns = (...rest) => ["ns", "quickstart", ...rest];
  const pages = {
    overview: ["overview"],
    sessions: ns("sessions"),
    session: ns("sessions", "in-the-page"),
    clients: ns("clients"),
    client: ns("clients", "lamp-1"),
    "client-new": ns("clients", "+"),
    groups: ns("groups"),
    spaces: ns("spaces"),
    bindings: ns("bindings"),
    binding: ns("bindings", "lamps-obey"),
    certificates: ns("certificates"),
    access: ns("access", "lamp-1", "machines/lamp-1/telemetry"),
    live: ns("live"),
    topics: ns("topics"),
    topic: ns("topics", "telemetry"),
    "event-subscription": ns("topics", "telemetry", "all"),
    refused: ns("refused"),
    bans: ns("bans"),
    settings: ns("settings"),
    namespaces: ["namespaces"],
    operators: ["operators"],
    "operator-new": ["operators", "+"],
    audit: ["audit"],
  };
  for (const [shape, width, height] of [["wide", 1280, 860], ["narrow", 390, 800]]) {
    await page.setViewportSize({ width, height });
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      for (const [name, path] of Object.entries(pages)) {
        await open(...path);
        await page.waitForTimeout(700);
        await page.screenshot({ path: join(pictures, `${name}-${colorScheme}-${shape}.png`) });
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        if (wide > 0) faults.push(`${name} is ${wide} pixels too wide at ${width}`);
      }
    }
  }
  await page.setViewportSize({ width: 1280, height: 860 });
}
