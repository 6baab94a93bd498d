// The pages of a namespace's resources.
import { listId } from "../kinds";
import type { Kind } from "../kinds/kind";
import { namespaceNamed, namespaces } from "../state/namespaces";
import { go, link } from "../state/route";
import { useStore } from "../state/store";
import { Editor, Missing } from "../ui/editor";
import { Resources } from "./resources";

/** useNamespace is a namespace's resource id; "" while it is being read. */
export function useNamespace(ns: string): { id: string; missing: boolean } {
  const all = useStore(namespaces);
  const found = namespaceNamed(ns);
  return { id: found?.id ?? "", missing: all !== null && !found };
}

export function ResourceList({ ns, kind }: { ns: string; kind: Kind }) {
  const { id, missing } = useNamespace(ns);
  const base = listId(ns, kind);
  if (missing) return <Missing ns={ns} />;
  if (!id || !base) return null;
  return <Resources key={base} kind={kind} base={base} href={(name) => link("ns", ns, kind.key, name)} newHref={link("ns", ns, kind.key, "+")} />;
}

export function ResourcePage({ ns, kind, name }: { ns: string; kind: Kind; name: string | null }) {
  const { id, missing } = useNamespace(ns);
  const base = listId(ns, kind);
  if (missing) return <Missing ns={ns} />;
  if (!id || !base) return null;
  return (
    <Editor
      key={`${base}/${name ?? ""}`}
      kind={kind}
      base={base}
      name={name}
      refs={id}
      above={
        <>
          <a href={link("ns", ns, kind.key)}>{kind.many}</a> of {ns}
          {kind.key === "clients" && name !== null && (
            <>
              {" · "}
              <a href={link("ns", ns, "access", name)}>What may it do?</a>
            </>
          )}
        </>
      }
      saved={(made) => go("ns", ns, kind.key, made)}
      gone={() => go("ns", ns, kind.key)}
    />
  );
}
