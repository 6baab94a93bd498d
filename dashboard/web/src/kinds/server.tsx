// What belongs to the whole server, and the namespaces.
import { get, text } from "../api/json";
import { Keys } from "../ui/keys";
import { State } from "../ui/parts";
import { NewToken } from "../ui/token";
import type { Kind } from "./kind";

const spaces = "properties.topicSpacesConfiguration";

export const namespaceKind: Kind = {
  key: "namespaces",
  arm: "namespaces",
  one: "namespace",
  many: "Namespaces",
  about: "Tenants: each has its own clients, rights, sessions, topics and limits.",
  empty: "A namespace is what clients connect to.",
  nameHint: "3 to 50 letters, digits and hyphens",
  start: { location: "local", properties: { topicSpacesConfiguration: { state: "Enabled" }, gridmq: { profile: "standard" } } },
  columns: [
    {
      title: "MQTT",
      cell: (r) => <State tone={text(r, `${spaces}.state`) === "Enabled" ? "good" : "quiet"}>{(text(r, `${spaces}.state`) || "Disabled").toLowerCase()}</State>,
    },
    { title: "Profile", cell: (r) => text(r, "properties.gridmq.profile") },
    { title: "Hosts", kind: "wide", cell: (r) => ((get(r, "properties.gridmq.hosts") as string[] | undefined) ?? []).join(", ") },
    { title: "Routes to", minor: true, cell: (r) => text(r, `${spaces}.routeTopicResourceId`).split("/").pop() ?? "" },
  ],
  fields: [
    { path: `${spaces}.state`, label: "MQTT", type: "choice", choices: ["Enabled", "Disabled"], hint: "Disabled: clients are refused and disconnected; sessions stay." },
    { path: "properties.gridmq.profile", label: "Profile", type: "choice", choices: ["standard", "azure"], hint: "azure has the documented limits and refusals of Event Grid." },
    { path: "properties.gridmq.hosts", label: "Host names", type: "lines", hint: "Names by which clients reach it, one on a line.", placeholder: "mqtt.plant.example" },
    { path: "properties.gridmq.passwords.enabled", label: "Clients may use passwords", type: "flag" },
    {
      path: `${spaces}.clientAuthentication.alternativeAuthenticationNameSources`,
      label: "Names in certificates",
      type: "lines",
      hint: "Where the authentication name is when CONNECT has no user name: ClientCertificateSubject, ...Dns, ...Uri, ...Ip, ...Email.",
    },
    { path: `${spaces}.maximumClientSessionsPerAuthenticationName`, label: "Sessions per name", type: "number" },
    { path: `${spaces}.maximumSessionExpiryInHours`, label: "Sessions are kept, hours", type: "number" },
    { path: `${spaces}.routeTopicResourceId`, label: "Route to topic", type: "text", hint: "The resource id of a topic; left out: no message becomes an event." },
    { path: "properties.gridmq.limits", label: "Limits", type: "json", hint: "Single numbers of the profile, by the names of the configuration file.", placeholder: '{"queue": {"messages": 1000}}' },
  ],
  extra: (r) => <Keys id={r.id} />,
};

export const operators: Kind = {
  key: "operators",
  arm: "operators",
  one: "operator",
  many: "Operators",
  about: "Who may use this console and the management API, by token.",
  empty: "Only the local operator, whose token is in the data directory, may do anything.",
  nameHint: "3 to 50 letters, digits and hyphens",
  start: { properties: { role: "reader", scope: "/" } },
  columns: [
    { title: "Role", cell: (r) => text(r, "properties.role") },
    { title: "Scope", kind: "wide", cell: (r) => <code>{text(r, "properties.scope")}</code> },
    {
      title: "Token",
      cell: (r) =>
        get(r, "properties.disabled") ? <State tone="bad">disabled</State> : get(r, "properties.hasToken") ? <State tone="good">has one</State> : <State tone="quiet">none yet</State>,
    },
    { title: "Description", minor: true, cell: (r) => text(r, "properties.description") },
  ],
  fields: [
    { path: "properties.role", label: "Role", type: "choice", choices: ["reader", "contributor", "owner"], hint: "reader: everything but keys. contributor: all but operators and roles." },
    { path: "properties.scope", label: "Scope", type: "text", hint: "/ or a resource id, as that of a namespace." },
    { path: "properties.disabled", label: "Disabled", type: "flag" },
    { path: "properties.description", label: "Description", type: "text" },
  ],
  extra: (r, again) => <NewToken id={r.id} again={again} />,
};

const assignment = "Microsoft.Authorization/roleAssignments";

/** Definition is a built-in role. */
export interface Definition {
  id: string;
  properties: { roleName: string; description: string };
}

/** roleAssignments are the kind with the roles that there are. */
export function roleAssignments(roles: Definition[]): Kind {
  const labels = Object.fromEntries(roles.map((d) => [d.id, d.properties.roleName]));
  return {
    key: "roles",
    arm: "roleAssignments",
    one: "role assignment",
    many: "Role assignments",
    about: "What applications and people of a directory may do, by their object ids: manage, send and receive events, publish and subscribe.",
    empty: "Operators with tokens need none. Applications of the token endpoint and people of your directory do.",
    nameHint: "1 to 64 characters, usually a UUID",
    start: { properties: { principalId: "", roleDefinitionId: "" } },
    columns: [
      { title: "Role", cell: (r) => labels[text(r, "properties.roleDefinitionId")] ?? text(r, "properties.roleDefinitionId") },
      { title: "Object id", kind: "wide", cell: (r) => <code>{text(r, "properties.principalId")}</code> },
      { title: "Scope", kind: "wide", cell: (r) => <code title={text(r, "properties.scope")}>{shortScope(text(r, "properties.scope"))}</code> },
      { title: "Description", minor: true, cell: (r) => text(r, "properties.description") },
    ],
    fields: [
      { path: "properties.roleDefinitionId", label: "Role", type: "choice", choices: ["", ...roles.map((d) => d.id)], labels },
      { path: "properties.principalId", label: "Object id", type: "text", hint: "Of the application or person in the directory.", placeholder: "0c4a7a52-0000-0000-0000-000000000001" },
      { path: "properties.principalType", label: "Kind", type: "choice", choices: ["", "ServicePrincipal", "User", "Group"], labels: { "": "Any" } },
      { path: "properties.description", label: "Description", type: "text" },
    ],
  };
}

/** assignmentsAt is the resource id of the list at a scope. */
export const assignmentsAt = (scope: string): string => `${scope === "/" ? "" : scope}/providers/${assignment}`;

/** shortScope is a scope from the namespace on. */
export const shortScope = (scope: string): string => scope.replace(/^.*\/providers\/Microsoft\.EventGrid\//i, "");
