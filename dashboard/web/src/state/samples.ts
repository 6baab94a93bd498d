// Metrics, read every two seconds as long as somebody is signed in and the page is
// visible, and kept for ten minutes.
import { metrics, type Metrics } from "../api/tools";
import { ApiError } from "../api/http";
import { Store } from "./store";

const interval = 2000; // milliseconds
const kept = 300;

/** A Sample is what the charts need of one reading. Rates are per second. */
export interface Sample {
  time: number; // milliseconds
  connections: number;
  sessions: number;
  subscriptions: number;
  retained: number;
  queued: number;
  ackWait: number; // milliseconds
  received: number;
  sent: number;
  dropped: number;
  refused: number;
  bytesIn: number;
  bytesOut: number;
  storeFull: boolean;
  logBytes: number;
  freeBytes: number;
}

export interface Samples {
  list: Sample[];
  forbidden: boolean; // the operator may not read metrics
  problem: string;
}

export const samples = new Store<Samples>({ list: [], forbidden: false, problem: "" });

type Totals = Record<"received" | "sent" | "dropped" | "refused" | "bytesIn" | "bytesOut", number>;

const totalNames: Record<keyof Totals, string> = {
  received: "gridmq_messages_received_total",
  sent: "gridmq_messages_sent_total",
  dropped: "gridmq_messages_dropped_total",
  refused: "gridmq_connects_refused_total",
  bytesIn: "gridmq_received_bytes_total",
  bytesOut: "gridmq_sent_bytes_total",
};

function sum(m: Metrics, name: string): number {
  return m.value.find((one) => one.name === name)?.samples.reduce((n, s) => n + s.value, 0) ?? 0;
}

function totals(m: Metrics): Totals {
  return Object.fromEntries(Object.entries(totalNames).map(([k, name]) => [k, sum(m, name)])) as Totals;
}

/** between makes a sample of two readings; null when the server has restarted meanwhile. */
export function between(before: Metrics, now: Metrics): Sample | null {
  const time = Date.parse(now.time);
  const seconds = (time - Date.parse(before.time)) / 1000;
  const a = totals(before);
  const b = totals(now);
  const rates = {} as Totals;
  for (const k of Object.keys(totalNames) as (keyof Totals)[]) {
    if (b[k] < a[k]) return null;
    rates[k] = seconds > 0 ? (b[k] - a[k]) / seconds : 0;
  }
  return {
    time,
    ...rates,
    connections: sum(now, "gridmq_connections"),
    sessions: sum(now, "gridmq_sessions"),
    subscriptions: sum(now, "gridmq_subscriptions"),
    retained: sum(now, "gridmq_retained_messages"),
    queued: sum(now, "gridmq_queued_messages"),
    ackWait: sum(now, "gridmq_store_commit_wait_seconds") * 1000,
    storeFull: sum(now, "gridmq_store_full") > 0,
    logBytes: sum(now, "gridmq_store_log_bytes"),
    freeBytes: sum(now, "gridmq_store_free_bytes"),
  };
}

let before: Metrics | null = null;

async function read(): Promise<void> {
  try {
    const now = await metrics();
    const sample = before && between(before, now);
    before = now;
    if (sample) samples.value = { list: [...samples.value.list, sample].slice(-kept), forbidden: false, problem: "" };
  } catch (e) {
    const forbidden = e instanceof ApiError && e.status === 403;
    samples.value = { ...samples.value, forbidden, problem: e instanceof Error ? e.message : String(e) };
  }
}

/** watch reads until the returned function is called. */
export function watch(): () => void {
  let over = false;
  let timer = 0;
  const turn = async (): Promise<void> => {
    if (document.visibilityState === "visible") await read();
    if (!over && !samples.value.forbidden) timer = window.setTimeout(() => void turn(), before && samples.value.list.length === 0 ? interval / 4 : interval);
  };
  void turn();
  return () => {
    over = true;
    clearTimeout(timer);
    before = null;
    samples.value = { list: [], forbidden: false, problem: "" };
  };
}
