import { useState } from "preact/hooks";
import { sessions, sessionsPath, type Session } from "../api/tools";
import { link } from "../state/route";
import { bytes, count } from "../ui/format";
import { useLate } from "../ui/load";
import { usePaged } from "../ui/paged";
import { Empty, Head, Problem, Search, State, When } from "../ui/parts";
import { Table } from "../ui/table";

/** Sessions of a namespace, connected or not. */
export function Sessions({ ns }: { ns: string }) {
  const [part, setPart] = useState("");
  const [connected, setConnected] = useState("");
  const late = useLate(part, 250);
  const list = usePaged(sessions, sessionsPath(ns, { clientId: late, connected }), 5000);
  return (
    <>
      <Head title="Sessions" about="Every MQTT session of the namespace, connected or waiting for its client.">
        <Search value={part} onValue={setPart} label="Client identifier" />
        <select aria-label="State" value={connected} onChange={(e) => setConnected(e.currentTarget.value)}>
          <option value="">All</option>
          <option value="true">Connected</option>
          <option value="false">Away</option>
        </select>
      </Head>
      <Problem text={list.problem} retry={list.again} />
      <Table<Session>
        label="Sessions"
        rows={list.rows}
        id={(s) => s.clientId}
        loading={list.loading}
        columns={[
          { title: "Client identifier", kind: "wide", cell: (s) => <a href={link("ns", ns, "sessions", s.clientId)}>{s.clientId}</a> },
          { title: "State", cell: (s) => <State tone={s.connected ? "good" : "quiet"}>{s.connected ? "connected" : "away"}</State> },
          { title: "Since", kind: "number", cell: (s) => <When at={s.since} /> },
          { title: "Authentication name", minor: true, cell: (s) => s.authenticationName },
          { title: "Protocol", minor: true, cell: (s) => s.protocol ?? "" },
          { title: "Remote", kind: "code", minor: true, cell: (s) => s.remote ?? "" },
          { title: "Queued", kind: "number", cell: (s) => (s.queuedMessages ? <span title={bytes(s.queuedBytes)}>{count(s.queuedMessages)}</span> : <span class="faint">0</span>) },
          { title: "In flight", kind: "number", minor: true, cell: (s) => (s.inFlightMessages ? count(s.inFlightMessages) : <span class="faint">0</span>) },
        ]}
        empty={
          late || connected ? (
            <Empty title="No session matches">Take the filter away to see all.</Empty>
          ) : (
            <Empty title="No client has connected yet">
              Connect one, or try <a href={link("ns", ns, "live")}>the live client</a>. Whoever was not let in is under <a href={link("ns", ns, "refused")}>Refused</a>.
            </Empty>
          )
        }
      />
      {list.more && (
        <button type="button" class="plain more" onClick={list.more}>
          Show more
        </button>
      )}
    </>
  );
}
