// The trace of one client, as long as its session's page is open. It ends with the page and
// with whoever signs out: a trace that nobody looks at is work for the broker, and payloads
// in the memory of a browser.
import { trace, type TraceEvent, type TraceQuery } from "../api/trace";
import { onSignOut } from "./session";
import { Store } from "./store";

const kept = 500; // events
const rest = 150; // milliseconds between two drawings; a client may do 2,000 things a second

export interface Line extends TraceEvent {
  number: number;
}

export interface Trace {
  state: "off" | "starting" | "on" | "ended";
  problem: string;
  why: string; // it has ended by itself
  paused: boolean; // what comes is kept, and not shown
  lines: Line[]; // newest first
  held: number; // lines that came while it was paused, and are kept
  missed: number; // lines that are not kept any more, or were too many for the broker to tell
}

const nothing: Trace = { state: "off", problem: "", why: "", paused: false, lines: [], held: 0, missed: 0 };

export const traced = new Store<Trace>(nothing);

let control: AbortController | null = null;
let waiting: Line[] = []; // newest first, like the lines
let dropped = 0;
let timer = 0;
let number = 0;

function change(what: Partial<Trace>): void {
  traced.value = { ...traced.value, ...what };
}

/** start begins one, and ends another. What becomes of it is in the store. */
export async function start(ns: string, client: string, q: TraceQuery): Promise<void> {
  forget();
  const mine = (control = new AbortController());
  traced.value = { ...nothing, state: "starting" };
  try {
    for await (const events of trace(ns, client, q, mine.signal)) {
      if (control === mine && traced.value.state === "starting") change({ state: "on" });
      for (const e of events) {
        if (e.event === "ended") return finish(mine, { why: e.reason ?? "" });
        if (e.event === "lost") dropped += e.count ?? 0;
        else if (e.event !== "alive") take(e);
      }
      if (events.length > 0) timer ||= window.setTimeout(draw, rest);
    }
    finish(mine, { problem: "The trace was cut off." });
  } catch (e) {
    finish(mine, { problem: e instanceof Error ? e.message : String(e) });
  }
}

function take(e: TraceEvent): void {
  waiting.unshift({ ...e, number: ++number });
  if (waiting.length > kept) {
    waiting.pop();
    dropped++;
  }
}

/** draw shows what has come; while it is paused, only how much. */
function draw(): void {
  timer = 0;
  if (traced.value.paused) {
    change({ held: waiting.length });
    return;
  }
  const all = [...waiting, ...traced.value.lines];
  change({ lines: all.slice(0, kept), held: 0, missed: traced.value.missed + dropped + Math.max(0, all.length - kept) });
  waiting = [];
  dropped = 0;
}

function finish(mine: AbortController, what: Partial<Trace>): void {
  if (control !== mine) return; // somebody has ended it, or begun another
  control = null;
  draw();
  change({ state: "ended", ...what });
}

export function pause(on: boolean): void {
  change({ paused: on });
  if (!on) draw();
}

/** stop ends it, and leaves what there is to be read. */
export function stop(): void {
  const was = control;
  control = null;
  was?.abort();
  clearTimeout(timer);
  change({ paused: false });
  draw();
  change({ state: "off" });
}

export function clear(): void {
  change({ lines: [], missed: 0 });
}

/** forget ends it with all that was seen. */
export function forget(): void {
  stop();
  traced.value = nothing;
}

onSignOut(forget);
