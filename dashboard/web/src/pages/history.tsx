import { useState } from "preact/hooks";
import { history } from "../api/tools";
import { HistoryTable } from "../ui/history";
import { useLate, useLoad } from "../ui/load";
import { Head, Problem, Search } from "../ui/parts";

/** History is who came, went and was refused lately. */
export function History({ ns }: { ns: string }) {
  const [client, setClient] = useState("");
  const late = useLate(client.trim(), 250);
  const list = useLoad((signal) => history(ns, late, 100, signal), [ns, late], 3000);
  return (
    <>
      <Head title="History" about="Who connected, was refused, and left, and why. The last hundred, newest first.">
        <Search value={client} onValue={setClient} label="Client, its whole name" />
      </Head>
      <Problem text={list.problem} retry={list.again} />
      <HistoryTable ns={ns} rows={list.value ?? []} loading={list.loading && !list.value} />
    </>
  );
}
