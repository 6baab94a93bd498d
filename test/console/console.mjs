// The steps of TestBrowser. The operator's token comes on standard input; the address of
// the console, the browser and a folder for its profile are in the environment.
import assert from "node:assert/strict";
import { join } from "node:path";
import { everyPage, headingFirst, sound } from "./access.mjs";
import { address, context, faults, open, page, pictures, token } from "./browser.mjs";
import { rejectOne, received, subscribe as subscribeTo } from "./events.mjs";
import { hands, secret } from "./hands.mjs";
import { step } from "./step.mjs";
import { signOutEndsAll, traceAClient } from "./trace.mjs";
import { alsoPicture, takePictures, walkNarrow } from "./walk.mjs";

const { create, dialog, fault, field, heading, menu, publish, reconnect, subscribe } = hands(page);

try {
  await step("a wrong token is told where it was typed", async () => {
    await page.goto(address);
    await field("token").fill("gmq_wrong");
    await page.getByRole("button", { name: "Sign in" }).click();
    await fault("not valid");
    await sound();
    await alsoPicture("signin");
  });
  await step("sign in, with the keyboard alone", async () => {
    await page.reload();
    await page.locator('[name="token"]:focus').waitFor(); // nobody has to look for it
    await page.keyboard.insertText(token);
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement?.textContent), "Sign in", "the next stop is the button");
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
    await sound();
    await alsoPicture("group-wrong");
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
  await step("an editor is walked through with the keyboard", async () => {
    await menu("Permission bindings");
    await page.getByRole("link", { name: "New permission binding" }).click();
    await field("name").focus();
    const stops = [];
    for (let i = 0; i < 4; i++) {
      await page.keyboard.press("Tab");
      stops.push(await page.evaluate(() => document.activeElement?.getAttribute("name")));
    }
    assert.deepEqual(stops, ["clientGroupName", "permission", "topicSpaceName", "description"].map((n) => `properties.${n}`));
    const labels = await page.evaluate(() => [...document.querySelectorAll("form input, form select, form textarea")].filter((e) => !e.labels?.length && !e.ariaLabel).map((e) => e.name));
    assert.deepEqual(labels, [], "fields without a label");
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
    await sound();
    await alsoPicture("access-suppose");
    await page.locator(".verdict", { hasText: "Now" }).locator(".answer", { hasText: "Refused" }).waitFor();
  });
  await step("deleting a binding says first who would lose what", async () => {
    await menu("Permission bindings");
    await page.getByRole("link", { name: "lamps-obey" }).click();
    await page.getByRole("button", { name: "Delete…" }).click();
    await page.getByRole("cell", { name: "subscription lamps/lamp-1/#" }).waitFor();
    await sound();
    await alsoPicture("binding-delete");
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
  await step("a retained message is listed, shown and deleted", async () => {
    await open("ns", "quickstart", "live");
    await reconnect("in-the-page");
    await publish("lamps/lamp-1/state", '{"lit": [1, 2]}', true);
    await menu("Retained messages");
    await page.getByLabel("Topic filter").fill("lamps/+/state");
    await page.getByRole("link", { name: "lamps/lamp-1/state" }).click();
    await page.locator(".payload", { hasText: '"lit": [' }).waitFor();
    await dialog("Delete…", "Delete it");
    await page.getByRole("heading", { level: 1, name: "Retained messages" }).waitFor();
    await page.getByText("No retained messages yet").waitFor();
  });
  await step("a dialog keeps the focus, and gives it back", async () => {
    await menu("Sessions");
    await page.getByRole("link", { name: "in-the-page" }).click();
    const button = page.getByRole("button", { name: "End session" });
    await button.focus();
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").waitFor();
    await sound();
    await alsoPicture("dialog");
    for (const key of ["Tab", "Tab", "Tab", "Shift+Tab", "Shift+Tab", "Shift+Tab", "Shift+Tab"]) {
      await page.keyboard.press(key);
      assert(await page.evaluate(() => document.activeElement?.closest("dialog")), `${key} leaves the dialog`);
    }
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await page.locator("button:focus", { hasText: "End session" }).waitFor(); // it is where it was
  });
  await step("what happened with a client is told", async () => {
    await page.getByRole("row", { name: /disconnected 0x98 administrative: the test is over/ }).first().waitFor();
    await menu("History");
    await page.getByRole("cell", { name: "in-the-page" }).first().waitFor();
    await page.getByLabel("Client, its whole name").fill("nobody-of-this-name");
    await page.getByText("Nothing happened lately").waitFor();
  });
  await step("a slow subscriber is found", async () => {
    await menu("Live client");
    await page.getByRole("button", { name: "Disconnect" }).click();
    await reconnect("sleeper", "600");
    await subscribe("lamps/lamp-1/#");
    await page.getByRole("button", { name: "Disconnect" }).click();
    await reconnect("in-the-page");
    await subscribe("lamps/lamp-1/#");
    await publish("lamps/lamp-1/light", '{"on": false}');
    await menu("Slow subscribers");
    await page.getByRole("row", { name: /sleeper.*away.* 1 / }).waitFor();
  });
  await step("what a client does is watched, paused and stopped", traceAClient);
  await step("signing out ends the live client and the trace", signOutEndsAll);
  await step("an event that is rejected becomes a dead letter, and is replayed", async () => {
    await menu("Topics");
    await page.getByRole("link", { name: "telemetry" }).click();
    await page.getByRole("link", { name: "New event subscription" }).click();
    await field("name").fill("billing");
    const letters = "properties.deliveryConfiguration.queue.deadLetterDestinationWithResourceIdentity.deadLetterDestination";
    await field(`${letters}.endpointType`).selectOption("StorageBlob");
    await field(`${letters}.properties.resourceId`).fill("letters");
    await field(`${letters}.properties.blobContainerName`).fill("Dead");
    await fault("lower-case letters");
    await sound();
    await alsoPicture("event-subscription-wrong");
    await field(`${letters}.properties.blobContainerName`).fill("dead");
    await page.getByText("Would be created.").waitFor();
    await page.getByRole("button", { name: "Create" }).click();
    await page.getByRole("link", { name: "billing" }).waitFor();
    await menu("Live client");
    await publish("lamps/lamp-1/broken", '{"volts": 0}');
    const id = await rejectOne("telemetry", "billing");
    await menu("Dead letters");
    const letter = page.locator(".letters li", { hasText: id });
    await letter.getByText("Event was rejected.").first().waitFor();
    await letter.getByRole("button", { name: "Show" }).click();
    await letter.locator(".payload", { hasText: "lamps/lamp-1/broken" }).waitFor();
    await sound();
    await alsoPicture("letter");
    await dialog("Replay", "Publish again", letter);
    await page.getByText("Published 1 event again.").waitFor();
    await page.getByText("No dead letters").waitFor();
    assert.equal(await received("telemetry", "billing"), id, "the id of the event that was published again");
    await menu("Live client");
    await publish("lamps/lamp-1/kept", '{"name": "hall 4, left", "since": "2026-11-29"}', true);
    await rejectOne("telemetry", "billing");
    await page.getByRole("link", { name: "Overview", exact: true }).click();
    await page.getByText("billing has had 2 events that became dead letters").waitFor();
    await menu("Audit log");
    await page.getByRole("cell", { name: "quickstart/deadLetters/telemetry/billing" }).first().waitFor();
  });
  await step("a dead letter in a topic is listed, and is replayed", async () => {
    await subscribeTo("telemetry", "audit", "shelf");
    await menu("Live client");
    await publish("lamps/lamp-1/dim", '{"volts": 3}');
    const id = await rejectOne("telemetry", "audit");
    await menu("Dead letters");
    await field("account").selectOption({ label: "for shelf, in topic telemetry" });
    const letter = page.locator(".letters li", { hasText: id });
    await letter.getByText("Event was rejected.").first().waitFor();
    await dialog("Replay", "Publish again", letter);
    await page.getByText("Published 1 event again.").waitFor();
    await page.getByText("No dead letters").waitFor();
  });
  await step("a role is assigned", async () => {
    await menu("Role assignments");
    await page.getByRole("link", { name: "New role assignment" }).first().click();
    await page.getByLabel("Scope").selectOption({ label: "quickstart" });
    await field("name").fill("robot-reads");
    await field("properties.roleDefinitionId").selectOption({ label: "Reader" });
    await field("properties.principalId").fill("0c4a7a52-0000-0000-0000-000000000001");
    await page.getByText("Would be created.").waitFor();
    await page.getByRole("button", { name: "Create" }).click();
    await page.getByRole("heading", { level: 1, name: "robot-reads" }).waitFor();
    await menu("Role assignments");
    await page.getByRole("row", { name: /robot-reads.*Reader.*namespaces\/quickstart/ }).waitFor();
  });
  await step("no page is too wide for a narrow screen", walkNarrow);
  await step("another page begins at its heading", headingFirst);
  await step("axe finds nothing on any page", everyPage);
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

