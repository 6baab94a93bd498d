// What a person does on a page of the console, on any tab.

export const secret = "a long phrase that nobody guesses"; // the password of lamp-1

export function hands(page) {
  const field = (name) => page.locator(`[name="${name}"]`);
  const fault = (text) => page.locator(".fault", { hasText: text }).first().waitFor();
  const menu = (name) => page.getByRole("navigation").getByRole("link", { name, exact: true }).click();
  const heading = (name) => page.getByRole("heading", { level: 1, name, exact: true }).waitFor();

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

  /** dialog presses a button, and says yes in the dialog that comes. */
  async function dialog(label, yes, within = page) {
    await within.getByRole("button", { name: label, exact: true }).first().click();
    await page.getByRole("dialog").getByRole("button", { name: yes, exact: true }).click();
  }

  /** reconnect has the live client connect as lamp-1. */
  async function reconnect(clientId, kept = "") {
    await field("clientId").fill(clientId);
    await field("kept").fill(kept);
    await page.getByLabel("Clean start").setChecked(kept === "");
    await field("username").fill("lamp-1");
    await field("password").fill(secret);
    await page.getByRole("button", { name: "Connect", exact: true }).click();
    await field("publish-topic").waitFor();
  }

  async function subscribe(filter) {
    await field("filter").fill(filter);
    await page.getByRole("button", { name: "Subscribe" }).click();
    await page.locator(".subscriptions", { hasText: filter }).waitFor();
  }

  /** publish has the live client publish, and waits for the acknowledgement. */
  async function publish(topic, payload, retain = false) {
    await field("publish-topic").fill(topic);
    await field("payload").fill(payload);
    await page.getByLabel("Retain").setChecked(retain);
    await page.getByRole("button", { name: "Publish", exact: true }).click();
    await page.locator(".messages li.out", { hasText: topic }).first().waitFor();
  }

  return { create, dialog, fault, field, heading, menu, publish, reconnect, subscribe };
}
