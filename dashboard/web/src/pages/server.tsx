// Pages of the whole server: namespaces, operators.
import { namespaceKind, operators } from "../kinds/server";
import { type Resource } from "../api/arm";
import { namespaceNamed, namespaces, readNamespaces } from "../state/namespaces";
import { go, link } from "../state/route";
import { useStore } from "../state/store";
import { Editor, Missing } from "../ui/editor";
import { Empty, Head } from "../ui/parts";
import { Table } from "../ui/table";
import { Resources } from "./resources";

const group = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/gridmq/providers/Microsoft.EventGrid/namespaces";

export function Namespaces() {
  const all = useStore(namespaces);
  return (
    <>
      <Head title="Namespaces" about={namespaceKind.about}>
        <a class="button primary" href={link("namespaces", "+")}>
          New namespace
        </a>
      </Head>
      <Table<Resource>
        label="Namespaces"
        rows={all ?? []}
        id={(r) => r.id}
        loading={all === null}
        columns={[{ title: "Name", kind: "wide", cell: (r) => <a href={link("ns", r.name, "settings")}>{r.name}</a> }, ...namespaceKind.columns]}
        empty={<Empty title="No namespace that you may see">{namespaceKind.empty}</Empty>}
      />
    </>
  );
}

/** NamespacePage is the settings of one, or a new one. */
export function NamespacePage({ ns }: { ns: string | null }) {
  const all = useStore(namespaces);
  const found = ns === null ? undefined : namespaceNamed(ns);
  if (ns !== null && all === null) return null;
  if (ns !== null && !found) return <Missing ns={ns} />;
  const base = found ? found.id.slice(0, found.id.lastIndexOf("/")) : group;
  return (
    <Editor
      key={ns ?? ""}
      kind={namespaceKind}
      base={base}
      name={found?.name ?? null}
      refs={found?.id ?? ""}
      above={<a href={link("namespaces")}>Namespaces</a>}
      onSaved={() => void readNamespaces()}
      saved={(name) => void readNamespaces().then(() => go("ns", name, "settings"))}
      gone={() => void readNamespaces().then(() => go("namespaces"))}
    />
  );
}

export function Operators() {
  return <Resources kind={operators} base="/gridmq/operators" href={(name) => link("operators", name)} newHref={link("operators", "+")} />;
}

export function OperatorPage({ name }: { name: string | null }) {
  return (
    <Editor
      key={name ?? ""}
      kind={operators}
      base="/gridmq/operators"
      name={name}
      refs=""
      above={<a href={link("operators")}>Operators</a>}
      saved={(made) => go("operators", made)}
      gone={() => go("operators")}
    />
  );
}
