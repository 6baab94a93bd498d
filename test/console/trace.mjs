// The trace of a client. The client is in a tab of its own, as a trace ends with its page.
import assert from "node:assert/strict";
import { sound } from "./access.mjs";
import { address, context, hrefOf, open, page, token } from "./browser.mjs";
import { hands } from "./hands.mjs";
import { alsoPicture } from "./walk.mjs";

const client = "watched";
const session = ["ns", "quickstart", "sessions", client];

let tab; // of the client
let there; // hands in it

async function arrive() {
  tab = await context.newPage();
  there = hands(tab);
  await tab.goto(address);
  await there.field("token").fill(token);
  await tab.getByRole("button", { name: "Sign in" }).click();
  await there.heading("Overview");
  await tab.goto(hrefOf("ns", "quickstart", "live"));
  await there.reconnect(client);
}

/** say has the client publish, and comes back to the page: browsers draw what is in front. */
async function say(topic, payload) {
  await tab.bringToFront();
  await there.publish(topic, payload);
  await page.bringToFront();
}

const running = (of) => of.getByRole("status").filter({ hasText: "running" }).waitFor();
const start = async (of) => {
  await of.getByRole("button", { name: "Start", exact: true }).click();
  await running(of);
};
/** given is the end of a trace's request by the page. */
const given = (of) => of.waitForEvent("requestfailed", (r) => r.url().includes(`/trace/${client}`));

export async function traceAClient() {
  await arrive();
  await page.bringToFront();
  await open(...session);
  await page.getByLabel("Payloads").check();
  await start(page);
  const lines = page.locator(".trace li");
  const line = (...texts) => texts.reduce((l, hasText) => l.filter({ hasText }), lines).first().waitFor();
  await say("lamps/lamp-1/light", '{"on": true}');
  await line("PUBLISH", "from the client", "lamps/lamp-1/light", '{"on": true}', "QoS 1");
  await line("access", "allowed: publish", "client group lamps, permission binding lamps-report");
  await line("PUBACK", "to the client");
  await tab.bringToFront();
  await there.field("publish-topic").fill("machines/lamp-1/telemetry");
  await tab.getByRole("button", { name: "Publish", exact: true }).click();
  await there.fault("refused the message");
  await page.bringToFront();
  await page.locator(".trace li.wrong", { hasText: "REFUSED: publish" }).first().waitFor();

  await sound();
  await alsoPicture("trace");
  const pause = page.getByRole("button", { name: "Pause" });
  await pause.click();
  await say("lamps/lamp-1/held", "kept for later");
  await page.getByText("held back").waitFor();
  assert.equal(await lines.filter({ hasText: "kept for later" }).count(), 0, "lines that are shown while the trace is paused");
  await page.getByRole("button", { name: "Go on" }).click();
  await line("lamps/lamp-1/held", "kept for later");

  let ended = given(page);
  await page.getByRole("button", { name: "Stop" }).click();
  await ended;
  assert((await lines.count()) > 0, "what was seen can still be read");
  await start(page);
  ended = given(page);
  await page.getByRole("navigation").getByRole("link", { name: "Audit log" }).click();
  await ended;
  await page.getByRole("row", { name: /sessions\/tracePayload\/action.*sessions\/watched/ }).first().waitFor();
}

export async function signOutEndsAll() {
  await tab.bringToFront();
  await tab.goto(hrefOf(...session));
  await start(tab);
  const ended = given(tab);
  await tab.getByRole("button", { name: "Sign out" }).click();
  await there.field("token").waitFor();
  await ended;
  await open(...session);
  await page.getByText("There is no session of client").waitFor(); // it was kept no longer than its connection
  await there.field("token").fill(token);
  await tab.getByRole("button", { name: "Sign in" }).click();
  await there.heading(client);
  await tab.getByRole("navigation").getByRole("link", { name: "Live client" }).click();
  await tab.getByRole("button", { name: "Connect", exact: true }).waitFor();
  assert.equal(await tab.locator(".messages li").count(), 0, "what the last one was sent is shown to the next one");
  await tab.close();
}
