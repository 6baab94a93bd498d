import { samples, type Sample } from "../state/samples";
import { useStore } from "../state/store";
import { bytes, count, milliseconds, short } from "../ui/format";
import { Chart } from "../ui/chart";
import { Attention } from "./attention";
import { Empty, Head, Notice, Problem } from "../ui/parts";

const span = 5 * 60_000;

function Tile({ name, value, about }: { name: string; value: string; about: string }) {
  return (
    <div class="tile">
      <span>{name}</span>
      <strong>{value}</strong>
      <small>{about}</small>
    </div>
  );
}

/** Overview is what the whole server does now, all namespaces together. */
export function Overview() {
  const { list, forbidden, problem } = useStore(samples);
  const head = <Head title="Overview" about="The whole server, all namespaces together. Read every two seconds while this tab is visible." />;
  if (forbidden)
    return (
      <>
        {head}
        <Empty title="Not for this operator">
          Metrics are of all namespaces together, so they need a role at <code>/</code>. The pages of your namespaces are in the menu.
        </Empty>
      </>
    );
  const now = list[list.length - 1];
  if (!now)
    return (
      <>
        {head}
        {problem ? <Problem text={problem} /> : <div class="empty quiet">Reading…</div>}
      </>
    );
  const times = list.map((s) => s.time);
  const of = (k: keyof Sample): number[] => list.map((s) => Number(s[k]));
  const rate = (n: number): string => short(n);
  return (
    <>
      {head}
      <Problem text={problem} />
      {now.storeFull && <Notice tone="bad">The disk is full: durable work is refused (0x97) until there is space.</Notice>}
      <div class="tiles">
        <Tile name="Connections" value={count(now.connections)} about={`${count(now.sessions)} ${now.sessions === 1 ? "session" : "sessions"}`} />
        <Tile name="In" value={`${rate(now.received)}/s`} about={`${bytes(now.bytesIn)}/s`} />
        <Tile name="Out" value={`${rate(now.sent)}/s`} about={`${bytes(now.bytesOut)}/s`} />
        <Tile name="Queued" value={short(now.queued)} about="messages waiting" />
        <Tile name="Ack delay" value={milliseconds(now.ackWait)} about="to be durable" />
        <Tile name="Subscriptions" value={count(now.subscriptions)} about={`${count(now.retained)} retained`} />
        <Tile name="Store" value={bytes(now.logBytes)} about={`${bytes(now.freeBytes)} free`} />
      </div>
      <Attention />
      <div class="charts">
        <Chart
          title="Messages per second"
          times={times}
          span={span}
          format={rate}
          least={1}
          lines={[
            { name: "in", look: "a", values: of("received") },
            { name: "out", look: "b", values: of("sent") },
          ]}
        />
        <Chart
          title="Connections"
          times={times}
          span={span}
          format={short}
          least={4}
          lines={[
            { name: "connected", look: "a", values: of("connections") },
            { name: "sessions", look: "b", values: of("sessions") },
          ]}
        />
        <Chart title="Queued messages" times={times} span={span} format={short} least={4} lines={[{ name: "waiting", look: "a", values: of("queued") }]} />
        <Chart title="Ack delay" times={times} span={span} format={milliseconds} least={1} lines={[{ name: "to be durable", look: "a", values: of("ackWait") }]} />
        <Chart
          title="Trouble per second"
          times={times}
          span={span}
          format={rate}
          least={1}
          lines={[
            { name: "messages dropped", look: "a", values: of("dropped") },
            { name: "clients refused", look: "b", values: of("refused") },
          ]}
        />
        <Chart
          title="Bytes per second"
          times={times}
          span={span}
          format={short}
          least={1000}
          lines={[
            { name: "in", look: "a", values: of("bytesIn") },
            { name: "out", look: "b", values: of("bytesOut") },
          ]}
        />
      </div>
    </>
  );
}
