// What there is besides resources: sessions, refusals, explanations, counts.
import { segment } from "./arm";
import { request, type Page } from "./http";
import type { Json } from "./json";

const of = (ns: string, tool: string): string => `/gridmq/namespaces/${segment(ns)}/${tool}`;

export interface Who {
  name: string;
  type: string;
  grants: { role: string; scope: string }[];
}

export const whoAmI = async (): Promise<Who> => (await request<Who>("/gridmq/whoami")).body;

export interface Session {
  clientId: string;
  authenticationName: string;
  client?: string;
  authenticationMethod?: string;
  connected: boolean;
  protocol?: string;
  remote?: string;
  since?: string;
  expiresAt?: string;
  credentialExpiresAt?: string;
  sessionExpiryInSeconds: number;
  keepAliveInSeconds: number;
  queuedMessages: number;
  queuedBytes: number;
  inFlightMessages: number;
  clientGroups?: string[];
  subscriptions?: { filter: string; qos: number; share?: string }[];
}

export function sessionsPath(ns: string, q: { clientId?: string; authenticationName?: string; connected?: string }): string {
  const p = new URLSearchParams({ $top: "100" });
  for (const [name, value] of Object.entries(q)) if (value) p.set(name, value);
  return `${of(ns, "sessions")}?${p}`;
}

export const sessions = async (path: string, signal?: AbortSignal): Promise<Page<Session>> => (await request<Page<Session>>(path, { signal })).body;

const one = (ns: string, client: string): string => `${of(ns, "sessions")}/${segment(client)}`;

export const session = async (ns: string, client: string, signal?: AbortSignal): Promise<Session> =>
  (await request<Session>(one(ns, client), { signal })).body;

export async function disconnect(ns: string, client: string, reason: string): Promise<void> {
  await request(`${one(ns, client)}/disconnect`, { method: "POST", body: { reason } });
}

export async function endSession(ns: string, client: string): Promise<void> {
  await request(one(ns, client), { method: "DELETE" });
}

export interface Refusal {
  time: string;
  clientId: string;
  authenticationName?: string;
  remote: string;
  code: string;
  reason: string;
  count: number;
}

/** refusals of a namespace; of an empty one: connections that reached none. */
export async function refusals(ns: string, signal?: AbortSignal): Promise<Refusal[]> {
  const path = ns ? of(ns, "refused") : "/gridmq/refused";
  return (await request<Page<Refusal>>(`${path}?$top=100`, { signal })).body.value;
}

export type Action = "connect" | "publish" | "subscribe";

export interface Assumption {
  kind: string;
  name: string;
  properties?: Json;
  deleted?: boolean;
}

export interface Question {
  action: Action;
  client: string;
  topic?: string;
  attributes?: Json;
  assume?: Assumption[];
}

export interface Step {
  what: string;
  result: string;
  passed: boolean;
  detail?: string;
}

export interface Explanation {
  allowed: boolean;
  reason: string;
  steps?: Step[];
}

export const explain = async (ns: string, q: Question, signal?: AbortSignal): Promise<Explanation> =>
  (await request<Explanation>(of(ns, "explain"), { method: "POST", body: q, signal })).body;

export interface AuditEntry {
  time: string;
  operator: string;
  from?: string;
  operation: string;
  resource: string;
  result: string;
  code?: string;
  members?: string[];
  request?: string;
}

export function auditPath(q: { operator?: string; resource?: string; result?: string }): string {
  const p = new URLSearchParams({ $top: "100" });
  for (const [name, value] of Object.entries(q)) if (value) p.set(name, value);
  return `/gridmq/audit?${p}`;
}

export const audit = async (path: string, signal?: AbortSignal): Promise<Page<AuditEntry>> => (await request<Page<AuditEntry>>(path, { signal })).body;

export interface Metric {
  name: string;
  type: string;
  samples: { labels?: Record<string, string>; value: number; count?: number }[];
}

export interface Metrics {
  time: string;
  value: Metric[];
}

export const metrics = async (signal?: AbortSignal): Promise<Metrics> => (await request<Metrics>("/gridmq/metrics?prefix=gridmq_", { signal })).body;

export interface SubscriptionCounts {
  name: string;
  deliveryMode: string;
  matched: number;
  unmatched: number;
  delivered: number;
  acknowledged: number;
  released: number;
  rejected: number;
  deadLettered: number;
  dropped: number;
  unread: number;
  outstanding: number;
  deadLettersDue: number;
}

export interface TopicCounts {
  name: string;
  published: number;
  discarded: number;
  refused: number;
  bytes: number;
  eventSubscriptions: SubscriptionCounts[];
}

export const eventCountsPath = (ns: string): string => `${of(ns, "eventCounts")}?$top=100`;

export interface Address {
  listener: string;
  transport: string;
  url: string;
}

export const addresses = async (ns: string, signal?: AbortSignal): Promise<Address[]> =>
  (await request<Page<Address>>(of(ns, "addresses"), { signal })).body.value;
