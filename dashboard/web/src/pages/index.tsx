// Which page is where.
import type { ComponentChild } from "preact";
import { Empty, Head } from "../ui/parts";
import { Overview } from "./overview";
import { Sessions } from "./sessions";
import { SessionPage } from "./session";

export interface Entry {
  key: string;
  title: string;
}

export const namespacePages: Entry[] = [
  { key: "sessions", title: "Sessions" },
];

export const processPages: Entry[] = [];

export interface Page {
  title: string;
  draw: () => ComponentChild;
}

/** pageFor finds the page of a path. */
export function pageFor(at: string[]): Page {
  const [first = "overview", ns = "", key = "sessions", ...rest] = at;
  if (first === "overview") return { title: "Overview", draw: () => <Overview /> };
  if (first === "ns") {
    if (key === "sessions" && rest[0] !== undefined) return { title: rest[0], draw: () => <SessionPage ns={ns} client={rest[0] ?? ""} /> };
    if (key === "sessions") return { title: "Sessions", draw: () => <Sessions ns={ns} /> };
  }
  return {
    title: "Nothing here",
    draw: () => (
      <>
        <Head title="Nothing here" />
        <Empty title="There is no page at this address">Choose one in the menu.</Empty>
      </>
    ),
  };
}
