import { useState } from "preact/hooks";
import { slow, type Session, type SlowBy } from "../api/tools";
import { link } from "../state/route";
import { bytes, count } from "../ui/format";
import { useLoad } from "../ui/load";
import { Empty, Head, Problem, State, When } from "../ui/parts";
import { Table } from "../ui/table";

/** Slow is in which sessions most waits. */
export function Slow({ ns }: { ns: string }) {
  const [by, setBy] = useState<SlowBy>("messages");
  const list = useLoad((signal) => slow(ns, by, 50, signal), [ns, by], 3000);
  return (
    <>
      <Head title="Slow subscribers" about="Sessions in which most waits: their clients are away, or do not keep up. The worst first.">
        <select aria-label="Compared by" value={by} onChange={(e) => setBy(e.currentTarget.value as SlowBy)}>
          <option value="messages">By messages</option>
          <option value="bytes">By bytes</option>
          <option value="age">By age of the oldest</option>
        </select>
      </Head>
      <Problem text={list.problem} retry={list.again} />
      <Table<Session>
        label="Slow subscribers"
        rows={list.value ?? []}
        id={(s) => s.clientId}
        loading={list.loading && !list.value}
        columns={[
          { title: "Client identifier", kind: "wide", cell: (s) => <a href={link("ns", ns, "sessions", s.clientId)}>{s.clientId}</a> },
          { title: "State", cell: (s) => <State tone={s.connected ? "warn" : "quiet"}>{s.connected ? "behind" : "away"}</State> },
          { title: "Since", kind: "number", minor: true, cell: (s) => <When at={s.since} /> },
          { title: "Waiting", kind: "number", cell: (s) => count(s.queuedMessages) },
          { title: "Bytes", kind: "number", cell: (s) => bytes(s.queuedBytes) },
          { title: "In flight", kind: "number", minor: true, cell: (s) => count(s.inFlightMessages) },
          { title: "Oldest", kind: "number", cell: (s) => <When at={s.oldestPublished} /> },
        ]}
        empty={<Empty title="Nothing waits">Every session has been sent, and has acknowledged, all that it should.</Empty>}
      />
    </>
  );
}
