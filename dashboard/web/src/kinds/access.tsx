// Clients and what opens topics to them.
import { text, get } from "../api/json";
import { Fingerprint } from "../ui/certificate";
import { State } from "../ui/parts";
import type { Kind } from "./kind";

const name50 = "3 to 50 letters, digits and hyphens";

export const clients: Kind = {
  key: "clients",
  arm: "clients",
  one: "client",
  many: "Clients",
  about: "Who may connect by certificate or password. Groups are queries over their attributes.",
  empty: "Clients that come with tokens of an issuer need no entry here; all others do.",
  nameHint: "1 to 128 letters, digits, - : . _",
  start: { properties: { state: "Enabled", attributes: {} } },
  columns: [
    { title: "State", cell: (r) => <State tone={text(r, "properties.state") === "Enabled" ? "good" : "bad"}>{text(r, "properties.state").toLowerCase()}</State> },
    { title: "Authentication name", cell: (r) => text(r, "properties.authenticationName") },
    { title: "Attributes", kind: "wide", minor: true, cell: (r) => <code>{text(r, "properties.attributes")}</code> },
    { title: "Description", minor: true, cell: (r) => text(r, "properties.description") },
  ],
  fields: [
    { path: "properties.authenticationName", label: "Authentication name", type: "text", hint: "What the client calls itself. Left out: its name." },
    { path: "properties.state", label: "State", type: "choice", choices: ["Enabled", "Disabled"] },
    { path: "properties.attributes", label: "Attributes", type: "json", hint: "Groups ask for them, templates use them.", placeholder: '{"kind": "machine", "hall": 4}' },
    {
      path: "properties.clientCertificateAuthentication.validationScheme",
      label: "Certificate",
      type: "choice",
      choices: [
        "SubjectMatchesAuthenticationName",
        "DnsMatchesAuthenticationName",
        "UriMatchesAuthenticationName",
        "IpMatchesAuthenticationName",
        "EmailMatchesAuthenticationName",
        "ThumbprintMatch",
      ],
      hint: "Which field of its certificate has the authentication name.",
    },
    {
      path: "properties.clientCertificateAuthentication.allowedThumbprints",
      label: "Thumbprints",
      type: "lines",
      hint: "One or two, SHA-256 or SHA-1, one on a line.",
      when: (doc) => get(doc, "properties.clientCertificateAuthentication.validationScheme") === "ThumbprintMatch",
    },
    { path: "properties.gridmq.password", label: "Password", type: "secret", hint: "Only a hash is kept, and it is not shown again. Left alone: as it was." },
    { path: "properties.description", label: "Description", type: "text" },
  ],
};

export const clientGroups: Kind = {
  key: "groups",
  arm: "clientGroups",
  one: "client group",
  many: "Client groups",
  about: "Queries over the attributes of clients. Membership follows the attributes; $all is everybody.",
  empty: "A binding for everybody can name $all; for some clients, make a group first.",
  nameHint: name50,
  start: { properties: { query: "" } },
  columns: [
    { title: "Query", kind: "wide", cell: (r) => <code>{text(r, "properties.query")}</code> },
    { title: "Description", minor: true, cell: (r) => text(r, "properties.description") },
  ],
  fields: [
    { path: "properties.query", label: "Query", type: "area", placeholder: "attributes.kind = 'machine' AND attributes.hall >= 4" },
    { path: "properties.description", label: "Description", type: "text" },
  ],
};

export const topicSpaces: Kind = {
  key: "spaces",
  arm: "topicSpaces",
  one: "topic space",
  many: "Topic spaces",
  about: "Sets of topic templates. Nothing is open until a binding gives a group one of them.",
  empty: "A topic space says which topics belong together, as machines/${client.authenticationName}/#.",
  nameHint: name50,
  start: { properties: { topicTemplates: [] } },
  columns: [
    {
      title: "Templates",
      kind: "wide",
      cell: (r) => (
        <>
          {((get(r, "properties.topicTemplates") as string[] | undefined) ?? []).map((t) => (
            <div key={t}>
              <code>{t}</code>
            </div>
          ))}
        </>
      ),
    },
    { title: "Description", minor: true, cell: (r) => text(r, "properties.description") },
  ],
  fields: [
    {
      path: "properties.topicTemplates",
      label: "Topic templates",
      type: "lines",
      hint: "Up to 10, one on a line.",
      placeholder: "machines/${client.authenticationName}/telemetry",
    },
    { path: "properties.description", label: "Description", type: "text" },
  ],
};

export const permissionBindings: Kind = {
  key: "bindings",
  arm: "permissionBindings",
  one: "permission binding",
  many: "Permission bindings",
  about: "A group may publish to a topic space, or subscribe to it. Bindings add up; none takes away.",
  empty: "Nothing is open yet. A binding needs a client group and a topic space.",
  nameHint: name50,
  start: { properties: { clientGroupName: "", topicSpaceName: "", permission: "Publisher" } },
  columns: [
    { title: "Group", cell: (r) => text(r, "properties.clientGroupName") },
    { title: "Permission", cell: (r) => text(r, "properties.permission") },
    { title: "Topic space", cell: (r) => text(r, "properties.topicSpaceName") },
    { title: "Description", minor: true, kind: "wide", cell: (r) => text(r, "properties.description") },
  ],
  fields: [
    { path: "properties.clientGroupName", label: "Client group", type: "ref", of: "clientGroups", choices: ["$all"] },
    { path: "properties.permission", label: "Permission", type: "choice", choices: ["Publisher", "Subscriber"] },
    { path: "properties.topicSpaceName", label: "Topic space", type: "ref", of: "topicSpaces" },
    { path: "properties.description", label: "Description", type: "text" },
  ],
};

export const caCertificates: Kind = {
  key: "certificates",
  arm: "caCertificates",
  one: "CA certificate",
  many: "CA certificates",
  about: "Whoever shows a certificate that leads to one of these is believed to be who it says.",
  empty: "Clients whose certificates are registered by thumbprint need none.",
  nameHint: name50,
  start: { properties: { encodedCertificate: "" } },
  columns: [
    { title: "Valid until", kind: "number", cell: (r) => text(r, "properties.expiryTimeInUtc").slice(0, 10) },
    { title: "Description", kind: "wide", cell: (r) => text(r, "properties.description") },
  ],
  fields: [
    { path: "properties.encodedCertificate", label: "Certificate", type: "pem", hint: "PEM, without a private key." },
    { path: "properties.description", label: "Description", type: "text" },
  ],
  extra: (r) => <Fingerprint resource={r} />,
};

export const bans: Kind = {
  key: "bans",
  arm: "bans",
  one: "ban",
  many: "Bans",
  about: "Who is kept out, whatever else is true of it.",
  empty: "Nobody is banned. A ban names an authentication name, a client identifier or a network.",
  nameHint: name50,
  start: { properties: {} },
  columns: [
    {
      title: "Who",
      kind: "wide",
      cell: (r) =>
        ["authenticationName", "clientId", "address"]
          .map((m) => text(r, `properties.${m}`))
          .filter(Boolean)
          .join(", "),
    },
    { title: "Reason", cell: (r) => text(r, "properties.reason") },
    { title: "Until", kind: "number", cell: (r) => text(r, "properties.expires").slice(0, 16).replace("T", " ") || "for ever" },
  ],
  fields: [
    { path: "properties.authenticationName", label: "Authentication name", type: "text" },
    { path: "properties.clientId", label: "Client identifier", type: "text" },
    { path: "properties.address", label: "Address or network", type: "text", placeholder: "203.0.113.0/24" },
    { path: "properties.reason", label: "Reason", type: "text" },
    { path: "properties.expires", label: "Until", type: "text", hint: "An instant; left out: for ever.", placeholder: "2027-01-31T12:00:00Z" },
  ],
};
