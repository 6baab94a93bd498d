// JSON documents, and members of them by path.

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json | undefined };
export type JsonObject = { [name: string]: Json | undefined };

export function isObject(v: unknown): v is JsonObject {
  return typeof v === "object" && v !== null && !Array.isArray(v);
}

/** get is the member at a path such as "properties.queue.maxDeliveryCount". */
export function get(doc: Json | undefined, path: string): Json | undefined {
  let at: Json | undefined = doc;
  for (const name of path.split(".")) {
    if (!isObject(at)) return undefined;
    at = at[name];
  }
  return at;
}

export function text(doc: Json | undefined, path: string): string {
  const v = get(doc, path);
  return v === undefined || v === null ? "" : typeof v === "string" ? v : JSON.stringify(v);
}

/** set returns doc with a member at a path; undefined takes it away, and objects that are empty then. */
export function set(doc: JsonObject, path: string, value: Json | undefined): JsonObject {
  const dot = path.indexOf(".");
  const next: JsonObject = { ...doc };
  if (dot < 0) {
    if (value === undefined) delete next[path];
    else next[path] = value;
    return next;
  }
  const name = path.slice(0, dot);
  const child = next[name];
  const below = set(isObject(child) ? child : {}, path.slice(dot + 1), value);
  if (value === undefined && Object.keys(below).length === 0) delete next[name];
  else next[name] = below;
  return next;
}
