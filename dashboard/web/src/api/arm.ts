// Resources in the shape of Azure Resource Manager, and those below /gridmq.
import { all, request, type Answer, type Page } from "./http";
import type { Json, JsonObject } from "./json";

const version = "2025-11-15-preview";

export interface Resource {
  id: string;
  name: string;
  type: string;
  location?: string;
  properties: JsonObject;
  systemData?: JsonObject;
  [member: string]: Json | undefined;
}

export interface Effect {
  namespace: string;
  client: string;
  session?: string;
  loses: string;
  reason: string;
}

export interface DryRun {
  operation: "create" | "update" | "delete" | "none";
  members: string[];
  changes: { id: string; operation: string }[];
  effects: Effect[];
  moreEffects?: number;
  warnings?: string[];
}

/** url is the path of a resource or a list with what its API wants in the query. */
export function url(id: string, query: Record<string, string> = {}): string {
  const q = new URLSearchParams(query);
  if (!id.startsWith("/gridmq")) q.set("api-version", version);
  const tail = q.toString();
  return tail ? `${id}?${tail}` : id;
}

/** segment is a name as a part of a path. */
export const segment = (name: string): string => encodeURIComponent(name);

export async function namespaces(signal?: AbortSignal): Promise<Resource[]> {
  const subscriptions = await all<{ subscriptionId: string }>(url("/subscriptions"), 100, signal);
  const lists = await Promise.all(
    subscriptions.map((s) =>
      all<Resource>(url(`/subscriptions/${segment(s.subscriptionId)}/providers/Microsoft.EventGrid/namespaces`, { $top: "100" }), 2000, signal),
    ),
  );
  return lists.flat();
}

/** named is a $filter for names that hold a text; empty: all. */
export function named(part: string): Record<string, string> {
  return part ? { $filter: `contains(name,'${part.replaceAll("'", "''")}')` } : {};
}

export async function page(path: string, signal?: AbortSignal): Promise<Page<Resource>> {
  return (await request<Page<Resource>>(path, { signal })).body;
}

export function read(id: string, signal?: AbortSignal): Promise<Answer<Resource>> {
  return request<Resource>(url(id), { signal });
}

/** guard lets a write go only over what was read; an empty tag: only where there is nothing. */
function guard(etag: string): Record<string, string> {
  return etag ? { "If-Match": etag } : { "If-None-Match": "*" };
}

export function write(id: string, body: JsonObject, etag: string): Promise<Answer<Resource>> {
  return request<Resource>(url(id), { method: "PUT", body, headers: guard(etag) });
}

export async function tryWrite(id: string, body: JsonObject, etag: string, signal?: AbortSignal): Promise<DryRun> {
  return (await request<DryRun>(url(id, { "gridmq-dry-run": "true" }), { method: "PUT", body, headers: guard(etag), signal })).body;
}

export async function patch(id: string, body: JsonObject): Promise<Resource> {
  return (await request<Resource>(url(id), { method: "PATCH", body })).body;
}

export async function remove(id: string): Promise<void> {
  await request(url(id), { method: "DELETE" });
}

export async function tryRemove(id: string, signal?: AbortSignal): Promise<DryRun> {
  return (await request<DryRun>(url(id, { "gridmq-dry-run": "true" }), { method: "DELETE", signal })).body;
}

/** act is a POST below a resource, as listKeys. */
export async function act<T>(id: string, action: string, body: Json = {}): Promise<T> {
  return (await request<T>(url(`${id}/${action}`), { method: "POST", body })).body;
}
