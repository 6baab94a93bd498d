import { namespaceNamed } from "../state/namespaces";
import { segment } from "../api/arm";
import { bans, caCertificates, clientGroups, clients, permissionBindings, topicSpaces } from "./access";
import { eventSubscriptions, topics } from "./events";
import type { Kind } from "./kind";

/** Kinds of a namespace that have a list and an editor of the common form. */
export const namespaceKinds: Kind[] = [clients, clientGroups, topicSpaces, permissionBindings, caCertificates, topics, bans];

/** listId is the resource id of a list; undefined while the namespaces are not read yet. */
export function listId(ns: string, kind: Kind, topic = ""): string | undefined {
  if (kind.arm === "bans") return `/gridmq/namespaces/${segment(ns)}/bans`;
  const n = namespaceNamed(ns);
  if (!n) return undefined;
  return kind === eventSubscriptions ? `${n.id}/topics/${segment(topic)}/${kind.arm}` : `${n.id}/${kind.arm}`;
}
