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
  oldestPublished?: string; // of what waits; in the list of slow ones only
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

export type SlowBy = "messages" | "bytes" | "age";

/** slow lists the sessions in which most waits, the worst first. */
export const slow = async (ns: string, by: SlowBy, top: number, signal?: AbortSignal): Promise<Session[]> =>
  (await request<Page<Session>>(`${of(ns, "slow")}?by=${by}&$top=${top}`, { signal })).body.value;

export interface HistoryEvent {
  time: string;
  event: "connected" | "disconnected" | "refused";
  clientId: string;
  authenticationName?: string;
  remote?: string;
  protocol?: string;
  code?: string;
  reason?: string;
  count: number;
}

/** history is what happened with a client lately, newest first; of an empty one: with all. */
export async function history(ns: string, client: string, top: number, signal?: AbortSignal): Promise<HistoryEvent[]> {
  const p = new URLSearchParams({ $top: String(top) });
  if (client) p.set("client", client);
  return (await request<Page<HistoryEvent>>(`${of(ns, "history")}?${p}`, { signal })).body.value;
}

export interface RetainedMessage {
  topic: string;
  qos: number;
  sizeInBytes: number;
  lastModifiedTime: string;
  expiresAt?: string;
  contentType?: string; // from here on: of a single one
  userProperties?: { name: string; value: string }[];
  payload?: string; // base64
}

export function retainedPath(ns: string, filter: string): string {
  return `${of(ns, "retained")}?${new URLSearchParams({ $top: "100", ...(filter ? { filter } : {}) })}`;
}

export const retained = async (path: string, signal?: AbortSignal): Promise<Page<RetainedMessage>> =>
  (await request<Page<RetainedMessage>>(path, { signal })).body;

const retainedOf = (ns: string, topic: string): string => `${of(ns, "retained/message")}?${new URLSearchParams({ topic })}`;

export const retainedMessage = async (ns: string, topic: string, signal?: AbortSignal): Promise<RetainedMessage> =>
  (await request<RetainedMessage>(retainedOf(ns, topic), { signal })).body;

export async function deleteRetained(ns: string, topic: string): Promise<void> {
  await request(retainedOf(ns, topic), { method: "DELETE" });
}

export interface DeadLetter {
  topic: string;
  eventSubscription: string;
  file: string;
  lettersInFile: number;
  hour: string;
  reason: string;
  deliveryAttempts: number;
  lastResult?: string;
  publishTime?: string;
  lastAttemptTime?: string;
  event: { [name: string]: Json | undefined };
}

export interface LetterAccount {
  name: string;
  kind: string;
  containers?: string[];
  topic?: string;
}

/** letterAccounts are where letters are besides the server's disk. */
export const letterAccounts = async (ns: string, signal?: AbortSignal): Promise<LetterAccount[]> =>
  (await request<Page<LetterAccount>>(of(ns, "deadLetters/accounts"), { signal })).body.value;

export interface Letters {
  account?: string; // none: on the server's disk
  topic: string;
  eventSubscription?: string;
  file?: string;
}

export function deadLettersPath(ns: string, which: Partial<Letters>): string {
  const p = new URLSearchParams({ $top: "20" });
  for (const [name, value] of Object.entries(which)) if (value) p.set(name, value);
  return `${of(ns, "deadLetters")}?${p}`;
}

export const deadLetters = async (path: string, signal?: AbortSignal): Promise<Page<DeadLetter>> => (await request<Page<DeadLetter>>(path, { signal })).body;

export interface Replayed {
  events: number;
  files: number;
  left: number;
  refused: { file?: string; topic: string; reason: string }[];
}

export const replay = async (ns: string, which: Letters): Promise<Replayed> =>
  (await request<Replayed>(of(ns, "deadLetters/replay"), { method: "POST", body: which })).body;

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
  failed: number; // attempts to push that failed
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
