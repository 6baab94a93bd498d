// A consumer of events beside the page: the HTTP data plane of the quickstart.
import assert from "node:assert/strict";
import { address, context, token } from "./browser.mjs";

const group = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/gridmq/providers/Microsoft.EventGrid/namespaces";
const manage = { Authorization: `Bearer ${token}` };

async function ask(url, headers, data) {
  const answer = await (data === undefined ? context.request.get(url, { headers }) : context.request.post(url, { headers, data }));
  assert(answer.ok(), `${url}: ${answer.status()} ${await answer.text()}`);
  return answer.json();
}

/** consumer is the URL of an event subscription, with an access key. */
async function consumer(topic, subscription) {
  const { value } = await ask(new URL("/gridmq/namespaces/quickstart/addresses", address).href, manage);
  const wss = new URL(value.find((a) => a.transport === "wss").url);
  const { key1 } = await ask(new URL(`${group}/quickstart/listKeys?api-version=2025-11-15-preview`, address).href, manage, {});
  return {
    do: (action, body) => ask(`https://localhost:${wss.port}/topics/${topic}/eventsubscriptions/${subscription}:${action}`, { Authorization: `SharedAccessKey ${key1}` }, body),
  };
}

async function receive(c) {
  const { value } = await c.do("receive?api-version=2024-06-01&maxWaitTime=20", {});
  assert.equal(value.length, 1, "one event is there");
  return { id: value[0].event.id, token: value[0].brokerProperties.lockToken };
}

/** received is the id of the next event. */
export async function received(topic, subscription) {
  return (await receive(await consumer(topic, subscription))).id;
}

/** rejectOne receives an event and rejects it: it will not be delivered. */
export async function rejectOne(topic, subscription) {
  const c = await consumer(topic, subscription);
  const { id, token: lock } = await receive(c);
  await c.do("reject?api-version=2024-06-01", { lockTokens: [lock] });
  return id;
}

/** subscribe makes an event subscription whose dead letters are of a storage account. */
export async function subscribe(topic, name, account) {
  const resourceId = `/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/${account}`;
  const deadLetterDestination = { endpointType: "StorageBlob", properties: { resourceId, blobContainerName: "dead" } };
  const answer = await context.request.put(new URL(`${group}/quickstart/topics/${topic}/eventSubscriptions/${name}?api-version=2025-11-15-preview`, address).href, {
    headers: manage,
    data: { properties: { deliveryConfiguration: { deliveryMode: "Queue", queue: { deadLetterDestinationWithResourceIdentity: { deadLetterDestination } } } } },
  });
  assert(answer.ok(), await answer.text());
}
