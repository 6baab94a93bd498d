// What the console knows of a kind of resource: how it is listed and which members have
// a field of their own. All others are edited as JSON, and whatever is right or wrong
// is for the server to say.
import type { ComponentChild } from "preact";
import type { Resource } from "../api/arm";
import type { JsonObject } from "../api/json";
import type { Column } from "../ui/table";

export type FieldType = "text" | "number" | "flag" | "choice" | "lines" | "json" | "area" | "pem" | "secret" | "ref";

export interface Field {
  path: string; // from the top of the resource, as "properties.query"
  label: string;
  type: FieldType;
  hint?: string;
  placeholder?: string;
  choices?: string[]; // of choice; others of ref, besides those that exist
  labels?: Record<string, string>; // of choices, where they are not words
  of?: string; // of ref: the kind whose names it takes
  when?: (doc: JsonObject) => boolean;
  whole?: string; // what goes when this is not set any more: the member that it is in
  brief?: string; // of text: what a value begins with mostly, and need not be typed
}

export interface Kind {
  key: string; // in the console's paths
  arm: string; // in the API's paths
  one: string;
  many: string;
  about: string;
  empty: string;
  columns: Column<Resource>[];
  fields: Field[];
  start: JsonObject; // a new one
  nameHint: string;
  extra?: (r: Resource, again: () => void) => ComponentChild;
}
