// The official JavaScript client, unchanged: it sends, receives, renews, releases,
// rejects and acknowledges. Usage: node events.mjs ENDPOINT, with an access key in
// GRIDMQ_EVENTS_KEY. It prints "done" when everything was as it should be.
import assert from "node:assert/strict";
import { AzureKeyCredential } from "@azure/core-auth";
import { EventGridReceiverClient, EventGridSenderClient } from "@azure/eventgrid-namespaces";

const endpoint = process.argv[2];
const key = new AzureKeyCredential(process.env.GRIDMQ_EVENTS_KEY);
const sender = new EventGridSenderClient(endpoint, key, "orders");
const receiver = new EventGridReceiverClient(endpoint, key, "orders", "billing");

const event = (id, data) => ({ id, source: "/shop/7", type: "shop.order.placed", subject: `orders/${id}`, data });
await sender.sendEvents(event("one", { total: 19.9 }));
await sender.sendEvents([event("two", { total: 2 }), event("three", { total: 3 })]);

const receive = async () => (await receiver.receiveEvents({ maxEvents: 10, maxWaitTime: 10 })).details;
const token = (detail) => detail.brokerProperties.lockToken;

const first = await receive();
assert.deepEqual(first.map((d) => d.event.id), ["one", "two", "three"]);
assert.equal(first[0].brokerProperties.deliveryCount, 1);
assert.equal(first[0].event.data.total, 19.9);

const renewed = await receiver.renewEventLocks(first.map(token));
assert.equal(renewed.succeededLockTokens.length, 3);
const acknowledged = await receiver.acknowledgeEvents([token(first[0])]);
assert.deepEqual(acknowledged.succeededLockTokens, [token(first[0])]);
assert.deepEqual(acknowledged.failedLockTokens, []);
const released = await receiver.releaseEvents(first.slice(1).map(token));
assert.equal(released.succeededLockTokens.length, 2);

const second = await receive();
assert.deepEqual(second.map((d) => [d.event.id, d.brokerProperties.deliveryCount]), [["two", 2], ["three", 2]]);
const rejected = await receiver.rejectEvents([token(second[0]), token(first[0]), "garbage"]);
assert.deepEqual(rejected.succeededLockTokens, [token(second[0])]);
assert.deepEqual(rejected.failedLockTokens.map((f) => f.error.code), ["TokenLost", "BadToken"]);

// A delay is kept; what is spent is refused, all of it, and nothing is left.
const begun = Date.now();
await receiver.releaseEvents([token(second[1])], { releaseDelay: 10 });
const third = (await receiver.receiveEvents({ maxEvents: 10, maxWaitTime: 60 })).details;
assert.deepEqual(third.map((d) => [d.event.id, d.brokerProperties.deliveryCount]), [["three", 3]]);
assert.ok(Date.now() - begun > 9000, "released for 10 s, and here before");
await receiver.acknowledgeEvents([token(third[0])]);
const spent = await receiver.acknowledgeEvents([token(third[0]), "garbage"]);
assert.deepEqual(spent.succeededLockTokens, []);
assert.deepEqual(spent.failedLockTokens.map((f) => f.error.code), ["TokenLost", "BadToken"]);
assert.deepEqual(await receive(), []);

const wrong = new EventGridSenderClient(endpoint, new AzureKeyCredential("guessed"), "orders");
await assert.rejects(wrong.sendEvents(event("four", {})), (e) => e.statusCode === 401 || Number(e.statusCode) === 401);
console.log("done");
