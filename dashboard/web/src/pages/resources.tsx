import { useState } from "preact/hooks";
import type { ComponentChildren } from "preact";
import { named, page, url, type Resource } from "../api/arm";
import type { Kind } from "../kinds/kind";
import { useLate } from "../ui/load";
import { usePaged } from "../ui/paged";
import { Empty, Head, Problem, Search } from "../ui/parts";
import { Table, type Column } from "../ui/table";

interface Props {
  kind: Kind;
  base: string; // resource id of the list
  href: (name: string) => string;
  newHref: string;
  more?: Column<Resource>[];
  bare?: boolean; // in another page: without a headline of its own
  below?: ComponentChildren;
}

/** Resources is the list of a kind. */
export function Resources({ kind, base, href, newHref, more = [], bare }: Props) {
  const [part, setPart] = useState("");
  const late = useLate(part, 250);
  const list = usePaged(page, url(base, { $top: "100", ...named(late) }), 10_000);
  const make = (
    <a class="button primary" href={newHref}>
      New {kind.one}
    </a>
  );
  return (
    <>
      {bare ? (
        <header class="section">
          <h2>{kind.many}</h2>
          {make}
        </header>
      ) : (
        <Head title={kind.many} about={kind.about}>
          <Search value={part} onValue={setPart} label="Name" />
          {make}
        </Head>
      )}
      <Problem text={list.problem} retry={list.again} />
      <Table<Resource>
        label={kind.many}
        rows={list.rows}
        id={(r) => r.id}
        loading={list.loading}
        columns={[{ title: "Name", kind: "wide", cell: (r) => <a href={href(r.name)}>{r.name}</a> }, ...kind.columns, ...more]}
        empty={
          late ? (
            <Empty title="No name holds this text">Take the filter away to see all.</Empty>
          ) : (
            <Empty title={`No ${kind.many.charAt(0).toLowerCase() === kind.many.charAt(0) ? kind.many : kind.many.replace(/^[A-Z](?![A-Z])/, (c) => c.toLowerCase())} yet`}>
              <p>{kind.empty}</p>
              {!bare && make}
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
