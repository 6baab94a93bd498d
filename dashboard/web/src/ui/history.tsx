import { type HistoryEvent } from "../api/tools";
import { link } from "../state/route";
import { count } from "./format";
import { Empty, State, When, type Tone } from "./parts";
import { Table, type Column } from "./table";

const tones: Record<HistoryEvent["event"], Tone> = { connected: "good", disconnected: "quiet", refused: "bad" };

/** HistoryTable is what happened with clients; of one client, without its name in every row. */
export function HistoryTable({ ns, rows, loading, one = false }: { ns: string; rows: HistoryEvent[]; loading: boolean; one?: boolean }) {
  const who: Column<HistoryEvent>[] = [
    { title: "Client", cell: (e) => (e.clientId ? <a href={link("ns", ns, "sessions", e.clientId)}>{e.clientId}</a> : <span class="faint">none</span>) },
    { title: "Authentication name", minor: true, cell: (e) => e.authenticationName ?? "" },
  ];
  return (
    <Table<HistoryEvent>
      label="History"
      rows={rows}
      id={(e) => `${e.time}${e.event}${e.clientId}${e.remote ?? ""}`}
      loading={loading}
      columns={[
        { title: one ? "Ago" : "Time", kind: "number", cell: (e) => <When at={e.time} exact={!one} /> },
        { title: "Event", cell: (e) => <State tone={tones[e.event]}>{e.count > 1 ? `${e.event} ${count(e.count)} times` : e.event}</State> },
        ...(one ? [] : who),
        { title: "Why", kind: "wide", cell: (e) => [e.code && e.code !== "0x00" ? e.code : "", e.reason ?? ""].filter(Boolean).join(" ") },
        { title: "Protocol", kind: "code", minor: true, cell: (e) => e.protocol ?? "" },
        { title: "Remote", kind: "code", minor: true, cell: (e) => e.remote ?? "" },
      ]}
      empty={<Empty title="Nothing happened lately">Connections, refusals and disconnections are remembered since the start of the server.</Empty>}
    />
  );
}
