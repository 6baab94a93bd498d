import { Fragment } from "preact";
import { useState } from "preact/hooks";
import { audit, auditPath, type AuditEntry } from "../api/tools";
import { useLate } from "../ui/load";
import { usePaged } from "../ui/paged";
import { Empty, Head, Problem, Search, State, When } from "../ui/parts";
import { Table } from "../ui/table";

/** below is the end of a resource id, from the namespace on. */
function below(id: string): string {
  return id.replace(/^.*\/providers\/Microsoft\.EventGrid\/namespaces\//i, "").replace(/^\/gridmq\//, "");
}

/** Path is a text that may be broken after its slashes. */
function Path({ of, whole }: { of: string; whole: string }) {
  return (
    <span title={whole}>
      {of.split("/").map((part, i) => (
        <Fragment key={i}>
          {i > 0 && (
            <>
              /<wbr />
            </>
          )}
          {part}
        </Fragment>
      ))}
    </span>
  );
}

/** Members are the last names of what changed; all of them whole on hover. */
function Members({ of }: { of: string[] }) {
  const names = [...new Set(of.map((m) => m.split(".").pop() ?? m))];
  return <span title={of.join("\n")}>{names.length > 3 ? `${names.slice(0, 3).join(", ")} and ${names.length - 3} more` : names.join(", ")}</span>;
}

/** Audit is who changed what. */
export function Audit() {
  const [operator, setOperator] = useState("");
  const [result, setResult] = useState("");
  const late = useLate(operator, 300);
  const list = usePaged(audit, auditPath({ operator: late, result }), 10_000);
  return (
    <>
      <Head title="Audit log" about="Every change and every attempt that was refused, newest first. Values are not in it.">
        <Search value={operator} onValue={setOperator} label="Operator, whole name" />
        <select aria-label="Result" value={result} onChange={(e) => setResult(e.currentTarget.value)}>
          <option value="">All results</option>
          <option value="Succeeded">Succeeded</option>
          <option value="Failed">Failed</option>
        </select>
      </Head>
      <Problem text={list.problem} retry={list.again} />
      <Table<AuditEntry>
        label="Audit log"
        rows={list.rows}
        id={(e) => `${e.time}${e.request ?? ""}${e.resource}`}
        loading={list.loading}
        columns={[
          { title: "Time", kind: "number", cell: (e) => <When at={e.time} exact /> },
          { title: "Operator", cell: (e) => e.operator },
          { title: "Operation", kind: "wide", cell: (e) => <Path of={e.operation.replace(/^Microsoft\.EventGrid\//i, "").replace(/^(gridmq\/)?namespaces\/(?=.*\/)/i, "")} whole={e.operation} /> },
          { title: "Resource", kind: "wide", cell: (e) => <Path of={below(e.resource)} whole={e.resource} /> },
          { title: "Members", minor: true, kind: "wide", cell: (e) => <Members of={e.members ?? []} /> },
          { title: "Result", cell: (e) => <State tone={e.result === "Succeeded" ? "good" : "bad"}>{e.code ?? e.result.toLowerCase()}</State> },
          { title: "From", kind: "code", minor: true, cell: (e) => e.from ?? "" },
        ]}
        empty={<Empty title="No entry matches">{late && "The operator's name has to be whole."}</Empty>}
      />
      {list.more && (
        <button type="button" class="plain more" onClick={list.more}>
          Show more
        </button>
      )}
    </>
  );
}
