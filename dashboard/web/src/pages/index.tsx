// Which page is where. "+" stands for a resource that is new: no name can be that.
import type { ComponentChild } from "preact";
import { namespaceKinds } from "../kinds";
import { Empty, Head } from "../ui/parts";
import { Access } from "./access";
import { Audit } from "./audit";
import { DeadLettersPage } from "./deadletters";
import { History } from "./history";
import { LivePage } from "./live";
import { Overview } from "./overview";
import { Refused } from "./refused";
import { ResourceList, ResourcePage } from "./resource";
import { Retained, RetainedPage } from "./retained";
import { RolePage, Roles } from "./roles";
import { NamespacePage, Namespaces, OperatorPage, Operators } from "./server";
import { SessionPage } from "./session";
import { Sessions } from "./sessions";
import { Slow } from "./slow";
import { SubscriptionPage } from "./subscription";
import { TopicPage, Topics } from "./topic";

export interface Entry {
  key: string;
  title: string;
}

export interface Group {
  title: string; // "": without a headline
  entries: Entry[];
}

export const namespacePages: Group[] = [
  {
    title: "",
    entries: [
      { key: "sessions", title: "Sessions" },
      { key: "slow", title: "Slow subscribers" },
      { key: "retained", title: "Retained messages" },
      { key: "live", title: "Live client" },
      { key: "history", title: "History" },
      { key: "refused", title: "Refused" },
      { key: "settings", title: "Settings" },
    ],
  },
  {
    title: "Access",
    entries: [
      { key: "clients", title: "Clients" },
      { key: "groups", title: "Client groups" },
      { key: "spaces", title: "Topic spaces" },
      { key: "bindings", title: "Permission bindings" },
      { key: "access", title: "Access explorer" },
      { key: "certificates", title: "CA certificates" },
      { key: "bans", title: "Bans" },
    ],
  },
  {
    title: "Events",
    entries: [
      { key: "topics", title: "Topics" },
      { key: "letters", title: "Dead letters" },
    ],
  },
];

export const processPages: Entry[] = [
  { key: "namespaces", title: "Namespaces" },
  { key: "operators", title: "Operators" },
  { key: "roles", title: "Role assignments" },
  { key: "audit", title: "Audit log" },
];

export interface Page {
  title: string;
  draw: () => ComponentChild;
}

const nameOf = (part: string): string | null => (part === "+" ? null : part);

/** pageFor finds the page of a path. */
export function pageFor(at: string[]): Page {
  const [first = "overview", second, ...rest] = at;
  const page =
    first === "ns" && second !== undefined ? ofNamespace(second, rest[0] ?? "sessions", rest.slice(1)) : ofServer(first, second, rest[0]);
  return page ?? { title: "Nothing here", draw: () => <Nothing /> };
}

function ofServer(first: string, name: string | undefined, more: string | undefined): Page | undefined {
  switch (first) {
    case "overview":
      return { title: "Overview", draw: () => <Overview /> };
    case "namespaces":
      return name === "+" ? { title: "New namespace", draw: () => <NamespacePage ns={null} /> } : { title: "Namespaces", draw: () => <Namespaces /> };
    case "operators":
      return name === undefined ? { title: "Operators", draw: () => <Operators /> } : { title: name, draw: () => <OperatorPage name={nameOf(name)} /> };
    case "roles":
      if (name === undefined) return { title: "Role assignments", draw: () => <Roles /> };
      return { title: nameOf(name) ?? "New role assignment", draw: () => <RolePage key={`${name}/${more ?? ""}`} name={nameOf(name)} scope={more ?? "/"} /> };
    case "audit":
      return { title: "Audit log", draw: () => <Audit /> };
  }
  return undefined;
}

function ofNamespace(ns: string, key: string, [name, more]: string[]): Page | undefined {
  const title = namespacePages.flatMap((g) => g.entries).find((p) => p.key === key)?.title ?? "";
  switch (key) {
    case "sessions":
      return name === undefined ? { title, draw: () => <Sessions ns={ns} /> } : { title: name, draw: () => <SessionPage key={name} ns={ns} client={name} /> };
    case "access":
      return { title, draw: () => <Access key={`${ns}/${name ?? ""}`} ns={ns} client={name ?? ""} topic={more ?? ""} /> };
    case "live":
      return { title, draw: () => <LivePage ns={ns} /> };
    case "slow":
      return { title, draw: () => <Slow ns={ns} /> };
    case "history":
      return { title, draw: () => <History key={ns} ns={ns} /> };
    case "retained":
      return name === undefined ? { title, draw: () => <Retained key={ns} ns={ns} /> } : { title: name, draw: () => <RetainedPage key={`${ns}/${name}`} ns={ns} topic={name} /> };
    case "letters":
      return { title, draw: () => <DeadLettersPage key={`${ns}/${name ?? ""}`} ns={ns} topic={name ?? ""} /> };
    case "refused":
      return { title, draw: () => <Refused ns={ns} /> };
    case "settings":
      return { title, draw: () => <NamespacePage key={ns} ns={ns} /> };
    case "topics":
      if (name === undefined) return { title, draw: () => <Topics ns={ns} /> };
      if (more !== undefined) return { title: more, draw: () => <SubscriptionPage ns={ns} topic={name} name={nameOf(more)} /> };
      if (name !== "+") return { title: name, draw: () => <TopicPage key={name} ns={ns} topic={name} /> };
  }
  const kind = namespaceKinds.find((k) => k.key === key);
  if (!kind) return undefined;
  if (name === undefined) return { title, draw: () => <ResourceList ns={ns} kind={kind} /> };
  return { title: nameOf(name) ?? `New ${kind.one}`, draw: () => <ResourcePage ns={ns} kind={kind} name={nameOf(name)} /> };
}

function Nothing() {
  return (
    <>
      <Head title="Nothing here" />
      <Empty title="There is no page at this address">Choose one in the menu.</Empty>
    </>
  );
}
