// What is to be said of one event of a trace, in the words of `gridmq trace`.
import type { TraceEvent } from "../api/trace";
import { bytes, count } from "./format";

export interface Fact {
  text: string;
  code?: boolean; // as the client wrote it: a topic, a payload
}

/** what is the event in a word, with an arrow for what is said. */
export function what(e: TraceEvent): { arrow: string; word: string; aloud: string } {
  if (e.event !== "packet") return { arrow: "", word: e.event, aloud: "" };
  const from = e.direction === "in";
  return { arrow: from ? "←" : "→", word: e.packet ?? "", aloud: from ? "from the client" : "to the client" };
}

/** wrong says whether it is what one looks for in a trace: something was refused or is lost. */
export function wrong(e: TraceEvent): boolean {
  return e.allowed === false || e.event === "refused" || e.event === "dropped" || Number(e.code ?? 0) >= 0x80 || (e.codes ?? []).some((c) => Number(c) >= 0x80);
}

export function facts(e: TraceEvent): Fact[] {
  const list: Fact[] = [];
  const say = (text: string | false | undefined): void => void (text && list.push({ text }));
  const quote = (text: string | undefined): void => void (text && list.push({ text, code: true }));
  if (e.allowed !== undefined) say(`${e.allowed ? "allowed" : "REFUSED"}: ${e.action ?? ""}`);
  quote(e.topic);
  hello(e, say, quote);
  say(e.packetId ? `id ${e.packetId}` : "");
  say(e.qos === undefined ? "" : `QoS ${e.qos}`);
  say(e.dup && "DUP");
  say(e.retain && "retain");
  say(e.routed && "became an event");
  say(e.sessionPresent && "session present");
  for (const s of e.subscriptions ?? []) {
    quote(s.filter);
    say(`QoS ${s.qos}`);
  }
  say(e.receivers === undefined ? "" : `${count(e.receivers)} receivers, ${count(e.stored ?? 0)} of them stored`);
  say(e.payloadBytes === undefined ? "" : bytes(e.payloadBytes));
  quote(e.payload || (e.payloadBase64 && `base64: ${e.payloadBase64}`));
  say(e.truncated && "and more");
  say(e.waitingMessages ? `${count(e.waitingMessages)} messages wait, ${bytes(e.waitingBytes ?? 0)}` : "");
  for (const [name, value] of Object.entries(e.properties ?? {}).sort(([a], [b]) => a.localeCompare(b))) say(`${name} ${typeof value === "string" ? value : JSON.stringify(value)}`);
  for (const p of e.userProperties ?? []) quote(`${p.name}=${p.value}`);
  say(e.code && `code ${e.code}`);
  say(e.codes?.join(" "));
  say(e.reason);
  return list;
}

/** hello is what a CONNECT says, and where from. */
function hello(e: TraceEvent, say: (text: string | false | undefined) => void, quote: (text: string | undefined) => void): void {
  const h = e.connect;
  if (!h) return say(e.remote && `from ${e.remote}`);
  quote(h.clientId);
  say(`MQTT ${h.version} from ${e.remote ?? ""}`);
  say(h.username && `user name ${h.username}`);
  say(h.hasPassword && "password [hidden]");
  say(`keep alive ${h.keepAliveInSeconds} s`);
  say(h.cleanStart && "clean start");
  say(h.will && `will to ${h.will.topic}, QoS ${h.will.qos}, ${h.will.payloadBytes} bytes`);
}
