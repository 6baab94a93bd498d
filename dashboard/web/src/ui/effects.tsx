import type { DryRun } from "../api/arm";
import { Table } from "./table";

/** Effects are the live clients that would lose something. */
export function Effects({ dry }: { dry: DryRun }) {
  return (
    <>
      <Table
        label="Clients that would lose something"
        rows={dry.effects}
        id={(e) => `${e.namespace}/${e.session ?? ""}/${e.loses}`}
        columns={[
          { title: "Client", cell: (e) => e.client },
          { title: "Would lose", kind: "wide", cell: (e) => e.loses },
          { title: "Because", kind: "wide", minor: true, cell: (e) => e.reason },
        ]}
        empty={<p class="hint">No client that is connected loses anything.</p>}
      />
      {dry.moreEffects ? <p class="hint">{dry.moreEffects} more are left out.</p> : null}
      {dry.warnings?.map((w) => (
        <p class="hint" key={w}>
          {w}
        </p>
      ))}
    </>
  );
}
