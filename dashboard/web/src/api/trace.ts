// What the broker sees of one client, while it happens.
import { segment } from "./arm";
import { stream } from "./http";
import type { Json } from "./json";

export interface TraceEvent {
  time: string;
  event: string;
  direction?: "in" | "out"; // in: the client has sent it
  packet?: string;
  bytes?: number;
  packetId?: number;
  topic?: string; // or the filter of a decision
  qos?: number;
  dup?: boolean;
  retain?: boolean;
  payloadBytes?: number;
  payload?: string;
  payloadBase64?: string;
  truncated?: boolean;
  properties?: { [name: string]: Json | undefined };
  userProperties?: { name: string; value: string }[];
  subscriptions?: { filter: string; qos: number }[];
  connect?: {
    version: string;
    clientId: string;
    username?: string;
    hasPassword?: boolean;
    cleanStart?: boolean;
    keepAliveInSeconds: number;
    will?: { topic: string; qos: number; payloadBytes: number };
  };
  sessionPresent?: boolean;
  code?: string;
  codes?: string[];
  reason?: string;
  action?: string;
  allowed?: boolean;
  receivers?: number;
  stored?: number;
  routed?: boolean;
  waitingMessages?: number;
  waitingBytes?: number;
  remote?: string;
  count?: number;
}

export interface TraceQuery {
  topic: string; // a filter; empty: everything
  payload: boolean;
}

/** trace goes on until the broker ends it, after ten minutes at the latest, or the signal does. */
export function trace(ns: string, client: string, q: TraceQuery, signal: AbortSignal): AsyncGenerator<TraceEvent[]> {
  const p = new URLSearchParams({ for: "10m", payload: String(q.payload), ...(q.topic ? { topic: q.topic } : {}) });
  return stream<TraceEvent>(`/gridmq/namespaces/${segment(ns)}/trace/${segment(client)}?${p}`, { method: "POST", signal });
}
