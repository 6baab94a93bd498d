// The live client: one MQTT 5 connection of this page over WebSocket, and the last
// messages that came. It outlives its page, so that one can look at another meanwhile.
import type { IClientPublishOptions, MqttClient } from "mqtt";
import { onSignOut } from "./session";
import { Store } from "./store";

const kept = 500; // messages
const shown = 64 << 10; // bytes of a payload

export interface Message {
  number: number;
  time: string;
  out: boolean; // sent by us
  topic: string;
  qos: number;
  retain: boolean;
  bytes: number;
  payload: Uint8Array;
  properties: [string, string][];
}

export interface Live {
  state: "off" | "connecting" | "connected" | "ended";
  url: string;
  problem: string;
  subscriptions: { filter: string; qos: number }[];
  messages: Message[]; // newest first
  missed: number; // that are not kept any more
}

const nothing: Live = { state: "off", url: "", problem: "", subscriptions: [], messages: [], missed: 0 };

export const live = new Store<Live>(nothing);

let client: MqttClient | null = null;
let number = 0;

function change(what: Partial<Live>): void {
  live.value = { ...live.value, ...what };
}

export interface Credentials {
  url: string;
  clientId: string;
  username: string;
  password: string;
  cleanStart: boolean;
  kept: number; // seconds that the session is kept after the connection
}

/** connect makes the connection; what becomes of it is in the store. The library is loaded only now. */
export async function connect(c: Credentials): Promise<void> {
  end();
  live.value = { ...nothing, state: "connecting", url: c.url };
  const attempt = live.value;
  const [{ default: mqtt }, reached] = await Promise.all([import("mqtt"), greet(c.url)]);
  if (live.value !== attempt) return; // somebody has ended it, or begun another
  if (!reached) {
    change({ state: "ended", problem: unreachable(c.url) });
    return;
  }
  const now = mqtt.connect(c.url, {
    protocolVersion: 5,
    clientId: c.clientId,
    ...(c.username ? { username: c.username } : {}),
    ...(c.password ? { password: c.password } : {}),
    clean: c.cleanStart,
    properties: { sessionExpiryInterval: c.kept },
    reconnectPeriod: 0, // a person looks at it, and connects again
    connectTimeout: 10_000,
    keepalive: 30,
    timerVariant: "native", // the other makes a worker from text, which the page's policy refuses
  });
  client = now;
  let reason = "";
  const ours = (f: () => void) => (): void => {
    if (client === now) f();
  };
  now.on("connect", ours(() => change({ state: "connected", problem: "" })));
  now.on("disconnect", (p) => {
    reason = `The broker ended the connection: ${p.properties?.reasonString ?? ""} (0x${(p.reasonCode ?? 0).toString(16).padStart(2, "0").toUpperCase()})`;
  });
  now.on("error", (e) => {
    const code = "code" in e && typeof e.code === "number" ? ` (0x${e.code.toString(16).padStart(2, "0").toUpperCase()})` : "";
    reason = `${e.message}${code && !e.message.includes("0x") ? code : ""}`;
  });
  now.on(
    "close",
    ours(() => {
      const opened = live.value.state === "connected";
      change({
        state: "ended",
        problem: reason || (opened ? "The connection was lost." : unreachable(c.url)),
        subscriptions: [],
      });
      client = null;
      now.end(true);
    }),
  );
  now.on("message", (topic, payload, packet) => {
    if (client !== now) return;
    keep({
      out: false,
      topic,
      qos: packet.qos,
      retain: packet.retain,
      payload: new Uint8Array(payload),
      properties: propertiesOf((packet.properties ?? {}) as Record<string, unknown>),
    });
  });
}

/**
 * greet asks the listener for its front page, and says whether it answered. It asks
 * every TLS client for a certificate; for a WebSocket browsers do not ask the person,
 * but give up, unless that was settled for this host by an ordinary request before.
 */
async function greet(url: string): Promise<boolean> {
  try {
    const limit = AbortSignal.timeout(120_000); // somebody may be choosing a certificate
    await fetch(`${url.replace(/^wss:/, "https:").replace(/(\/\/[^/]*).*/, "$1/")}`, { mode: "no-cors", credentials: "include", cache: "no-store", signal: limit });
    return true;
  } catch {
    return false;
  }
}

function unreachable(url: string): string {
  return `${url} cannot be reached from this page. The browser has to trust its certificate (open ${url.replace(/^wss:/, "https:").replace(/\/mqtt$/, "/")} once in a tab to see), and the page's policy has to allow its name: see docs/console.md.`;
}

function keep(m: Omit<Message, "number" | "time" | "bytes">): void {
  const all = [{ ...m, number: ++number, time: new Date().toISOString(), bytes: m.payload.length, payload: m.payload.slice(0, shown) }, ...live.value.messages];
  change({ messages: all.slice(0, kept), missed: live.value.missed + Math.max(0, all.length - kept) });
}

/** propertiesOf lists what a PUBLISH carries besides its payload. */
function propertiesOf(p: Record<string, unknown>): [string, string][] {
  const list: [string, string][] = [];
  for (const [name, value] of Object.entries(p)) {
    if (name === "userProperties" && value && typeof value === "object") {
      for (const [k, v] of Object.entries(value)) for (const one of Array.isArray(v) ? v : [v]) list.push([k, String(one)]);
    } else if (value instanceof Uint8Array) list.push([name, new TextDecoder().decode(value)]);
    else if (value !== undefined && name !== "topicAlias") list.push([name, String(value)]);
  }
  return list;
}

export function end(): void {
  const was = client;
  client = null;
  was?.end(true);
  change({ state: "off", subscriptions: [], problem: "" });
}

// The next one at this tab is not shown what the last one was sent.
onSignOut(() => {
  end();
  live.value = nothing;
});

const codes: Record<number, string> = { 0x80: "refused", 0x87: "not authorized", 0x8f: "not a filter", 0x91: "in use", 0x97: "quota exceeded", 0x9e: "no shared subscriptions", 0xa2: "no wildcards" };

function meaning(code: number): string {
  return `${codes[code] ?? "refused"} (0x${code.toString(16).toUpperCase()})`;
}

export async function subscribe(filter: string, qos: 0 | 1 | 2): Promise<void> {
  if (!client) return;
  let granted: { qos: number }[];
  try {
    granted = await client.subscribeAsync(filter, { qos });
  } catch (e) {
    const code = e instanceof Error && "code" in e && typeof e.code === "number" ? e.code : 0;
    throw new Error(code >= 0x80 ? `The broker refused the subscription: ${meaning(code)}.` : e instanceof Error ? e.message : String(e));
  }
  const got = granted[0]?.qos ?? qos;
  if (got >= 0x80) throw new Error(`The broker refused the subscription: ${meaning(got)}.`);
  change({ subscriptions: [...live.value.subscriptions.filter((s) => s.filter !== filter), { filter, qos: got }] });
}

export async function unsubscribe(filter: string): Promise<void> {
  await client?.unsubscribeAsync(filter);
  change({ subscriptions: live.value.subscriptions.filter((s) => s.filter !== filter) });
}

export interface Outgoing {
  topic: string;
  payload: string;
  qos: 0 | 1 | 2;
  retain: boolean;
  contentType: string;
  responseTopic: string;
  expiry: string; // seconds
  user: [string, string][];
}

export async function publish(m: Outgoing): Promise<void> {
  if (!client) return;
  const properties: NonNullable<IClientPublishOptions["properties"]> = {};
  if (m.contentType) properties.contentType = m.contentType;
  if (m.responseTopic) properties.responseTopic = m.responseTopic;
  if (m.expiry) properties.messageExpiryInterval = Number(m.expiry);
  if (m.user.length) {
    const user: Record<string, string[]> = {};
    for (const [name, value] of m.user) (user[name] ??= []).push(value);
    properties.userProperties = user;
  }
  try {
    await client.publishAsync(m.topic, m.payload, { qos: m.qos, retain: m.retain, properties });
  } catch (e) {
    const code = e instanceof Error && "code" in e && typeof e.code === "number" ? e.code : 0;
    throw new Error(code >= 0x80 ? `The broker refused the message: ${meaning(code)}. The access explorer says why.` : e instanceof Error ? e.message : String(e));
  }
  keep({ out: true, topic: m.topic, qos: m.qos, retain: m.retain, payload: new TextEncoder().encode(m.payload), properties: propertiesOf(properties as Record<string, unknown>) });
}

export function clear(): void {
  change({ messages: [], missed: 0 });
}
