import { useState } from "preact/hooks";
import { refusals, type Refusal } from "../api/tools";
import { link } from "../state/route";
import { count } from "../ui/format";
import { useLoad } from "../ui/load";
import { Empty, Head, Problem, When } from "../ui/parts";
import { Table } from "../ui/table";

/** Refused is who was not let in lately, and what to do about it. */
export function Refused({ ns }: { ns: string }) {
  const [outside, setOutside] = useState(false);
  const list = useLoad((signal) => refusals(outside ? "" : ns, signal), [ns, outside], 3000);
  return (
    <>
      <Head title="Refused" about="Who was not let in lately, newest first. The same refusal again counts up.">
        <label class="check">
          <input type="checkbox" checked={outside} onChange={(e) => setOutside(e.currentTarget.checked)} /> That reached no namespace
        </label>
      </Head>
      <Problem text={list.problem} retry={list.again} />
      <Table<Refusal>
        label="Refused connections"
        rows={list.value ?? []}
        id={(r) => `${r.time}${r.clientId}${r.remote}${r.code}`}
        loading={list.loading && !list.value}
        columns={[
          { title: "Ago", kind: "number", cell: (r) => <When at={r.time} /> },
          { title: "Client", cell: (r) => r.clientId || <span class="faint">none</span> },
          {
            title: "Authentication name",
            minor: true,
            cell: (r) => (r.authenticationName && !outside ? <a href={link("ns", ns, "access", r.authenticationName)}>{r.authenticationName}</a> : (r.authenticationName ?? "")),
          },
          { title: "Code", cell: (r) => <code>{r.code}</code> },
          { title: "Reason", kind: "wide", cell: (r) => r.reason },
          { title: "Remote", kind: "code", minor: true, cell: (r) => r.remote },
          { title: "Times", kind: "number", cell: (r) => count(r.count) },
        ]}
        empty={<Empty title="Nobody was refused">Refusals since the start of the server are remembered, the last 1,000.</Empty>}
      />
    </>
  );
}
