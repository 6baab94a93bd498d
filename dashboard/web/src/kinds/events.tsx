// Topics and their event subscriptions.
import { get, text } from "../api/json";
import { Keys } from "../ui/keys";
import type { Field, Kind } from "./kind";

export const topics: Kind = {
  key: "topics",
  arm: "topics",
  one: "topic",
  many: "Topics",
  about: "Logs of CloudEvents. Event subscriptions say who gets which of them, and how.",
  empty: "MQTT messages become events in a topic once the namespace routes there (Settings).",
  nameHint: "3 to 50 letters, digits and hyphens",
  start: { properties: { eventRetentionInDays: 1 } },
  columns: [{ title: "Retention", kind: "number", cell: (r) => `${text(r, "properties.eventRetentionInDays")} d` }],
  fields: [{ path: "properties.eventRetentionInDays", label: "Retention in days", type: "number", hint: "1 to 7" }],
  extra: (r) => <Keys id={r.id} />,
};

const queue = "properties.deliveryConfiguration.queue";
const push = "properties.deliveryConfiguration.push";
const isPush = (doc: Parameters<typeof get>[0]): boolean => get(doc, "properties.deliveryConfiguration.deliveryMode") === "Push";

/** deadLetters is where events go that cannot be delivered, in one of the two modes. */
function deadLetters(mode: string, when: NonNullable<Field["when"]>): Field[] {
  const whole = `${mode}.deadLetterDestinationWithResourceIdentity`;
  const to = `${whole}.deadLetterDestination`;
  const kept: Field["when"] = (d) => when(d) && get(d, `${to}.endpointType`) !== undefined;
  return [
    {
      path: `${to}.endpointType`,
      label: "Dead letters",
      type: "choice",
      choices: ["", "StorageBlob"],
      labels: { "": "Not kept: what cannot be delivered is lost", StorageBlob: "Kept, in a container of a storage account" },
      whole,
      when,
    },
    {
      path: `${to}.properties.resourceId`,
      label: "Storage account",
      type: "text",
      brief: "/subscriptions/local/resourceGroups/local/providers/Microsoft.Storage/storageAccounts/",
      hint: "A name, or a whole resource id. It is a folder of this server, or the bucket or topic that the configuration has for the name.",
      placeholder: "letters",
      when: kept,
    },
    { path: `${to}.properties.blobContainerName`, label: "Container", type: "text", hint: "3 to 63 lower-case letters, digits and single hyphens", placeholder: "dead", when: kept },
  ];
}

export const eventSubscriptions: Kind = {
  key: "subscriptions",
  arm: "eventSubscriptions",
  one: "event subscription",
  many: "Event subscriptions",
  about: "Who gets which events of the topic, and how.",
  empty: "Events that are published while nobody subscribes are discarded.",
  nameHint: "3 to 50 letters, digits and hyphens",
  start: { properties: { deliveryConfiguration: { deliveryMode: "Queue", queue: {} } } },
  columns: [
    { title: "Mode", cell: (r) => text(r, "properties.deliveryConfiguration.deliveryMode") },
    { title: "Types", cell: (r) => ((get(r, "properties.filtersConfiguration.includedEventTypes") as string[] | undefined) ?? []).join(", ") || "all" },
  ],
  fields: [
    { path: "properties.deliveryConfiguration.deliveryMode", label: "Delivery", type: "choice", choices: ["Queue", "Push"], hint: "Queue: consumers ask. Push: the broker sends. It cannot change later." },
    { path: `${queue}.receiveLockDurationInSeconds`, label: "Lock in seconds", type: "number", hint: "60 to 300", when: (d) => !isPush(d) },
    { path: `${queue}.maxDeliveryCount`, label: "Deliveries at most", type: "number", hint: "1 to 10", when: (d) => !isPush(d) },
    { path: `${queue}.eventTimeToLive`, label: "Time to live", type: "text", hint: "ISO 8601, as PT12H or P2D; left out: the topic's retention.", when: (d) => !isPush(d) },
    { path: `${push}.destination.endpointType`, label: "Destination", type: "choice", choices: ["", "WebHook", "EventHub"], when: isPush },
    {
      path: `${push}.destination.properties.endpointUrl`,
      label: "Webhook",
      type: "secret",
      hint: "https. It is not shown again, as it may hold a key. Left alone: as it was.",
      when: (d) => isPush(d) && get(d, `${push}.destination.endpointType`) !== "EventHub",
    },
    { path: `${push}.maxDeliveryCount`, label: "Deliveries at most", type: "number", hint: "1 to 10", when: isPush },
    { path: `${push}.eventTimeToLive`, label: "Time to live", type: "text", hint: "ISO 8601, as PT12H or P2D", when: isPush },
    ...deadLetters(queue, (d) => !isPush(d)),
    ...deadLetters(push, isPush),
    { path: "properties.filtersConfiguration.includedEventTypes", label: "Event types", type: "lines", hint: "One on a line; none: all." },
    {
      path: "properties.filtersConfiguration.filters",
      label: "Filters",
      type: "json",
      placeholder: '[{"operatorType": "NumberGreaterThan", "key": "data.total", "value": 100}]',
    },
    { path: "properties.expirationTimeUtc", label: "Ends", type: "text", placeholder: "2027-01-31T12:00:00Z", hint: "Left out: never." },
  ],
};
