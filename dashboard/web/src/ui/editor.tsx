// A resource in a form. While it is typed, the server tries it (dry run): what it would
// refuse is at its field, and whom the change would hurt is beside it.
import { useEffect, useMemo, useState } from "preact/hooks";
import { named, page, read, remove, segment, tryRemove, tryWrite, url, write, type DryRun, type Resource } from "../api/arm";
import { ApiError, type Fault } from "../api/http";
import { isObject, set, type Json, type JsonObject } from "../api/json";
import type { Kind } from "../kinds/kind";
import { Effects } from "./effects";
import { assign } from "./faults";
import { FieldRow } from "./field";
import { messageOf, useLate, useLoad } from "./load";
import { Ask, Empty, Head, Notice, Panel, Problem, When } from "./parts";

interface Props {
  kind: Kind;
  base: string; // resource id of the list
  name: string | null; // null: a new one
  above: preact.ComponentChildren;
  saved: (name: string) => void; // a new one was made
  gone: () => void;
  refs: string; // resource id of the namespace, for names to choose from
  body?: JsonObject; // of a new one
  onSaved?: () => void; // one that there was has been saved
  intro?: preact.ComponentChildren; // above the form
}

/** draftOf is what of a resource is written back. */
function draftOf(r: Resource): JsonObject {
  const { id: _id, name: _name, type: _type, systemData: _system, ...rest } = r;
  return set(rest as JsonObject, "properties.provisioningState", undefined);
}

export function Editor(p: Props) {
  const { base, name } = p;
  const [done, setDone] = useState("");
  const [turn, setTurn] = useState(0); // another one begins anew
  const id = name === null ? "" : `${base}/${segment(name)}`;
  const stored = useLoad((signal) => (id ? read(id, signal) : Promise.resolve(null)), [id]);
  if (id && !stored.value)
    return (
      <>
        <Head title={name} about={p.above} />
        {stored.problem ? <Problem text={stored.problem} retry={stored.again} /> : <div class="empty quiet">Reading…</div>}
      </>
    );
  const answer = stored.value;
  return (
    <Form
      key={`${id}${answer?.etag ?? ""}/${turn}`}
      {...p}
      resource={answer?.body ?? null}
      etag={answer?.etag ?? ""}
      again={stored.again}
      discard={() => setTurn(turn + 1)}
      done={done}
      setDone={setDone}
    />
  );
}

interface FormProps extends Props {
  resource: Resource | null;
  etag: string;
  again: () => void; // reads it anew
  discard: () => void;
  done: string;
  setDone: (text: string) => void;
}

function Form({ kind, base, name, above, saved, gone, refs, body, onSaved, intro, resource, etag, again, discard, done, setDone }: FormProps) {
  const begin = useMemo(() => (resource ? draftOf(resource) : (body ?? kind.start)), []);
  const [doc, setDoc] = useState<JsonObject>(begin);
  const [typedName, setTypedName] = useState("");
  const [touched, setTouched] = useState<Set<string>>(new Set());
  const [wrong, setWrong] = useState<Map<string, string>>(new Map()); // found here, before asking
  const [asJson, setAsJson] = useState(false);
  const [failure, setFailure] = useState<ApiError | null>(null);
  const [busy, setBusy] = useState(false);

  const target = name ?? typedName.trim();
  const late = useLate(JSON.stringify([target, doc]), 350);
  const changed = JSON.stringify(doc) !== JSON.stringify(begin) || (name === null && target !== "");
  const trial = useTrial(base, late, etag, changed && target !== "" && wrong.size === 0);
  const names = useNames(kind, refs);

  const fields = kind.fields.filter((f) => !f.when || f.when(doc));
  const nameField = { path: "name", label: "Name", type: "text" as const, hint: kind.nameHint };
  const faults = failure?.faults.length ? failure.faults : trial.faults;
  const { byPath, rest } = assign(faults, [...fields, nameField]);
  const faultOf = (path: string): string => wrong.get(path) ?? (touched.has(path) || failure ? (byPath.get(path) ?? "") : "");
  const change = (path: string, value: Json | undefined, fault?: string): void => {
    setTouched((t) => new Set(t).add(path));
    setFailure(null);
    setDone("");
    setWrong((w) => {
      const next = new Map(w);
      if (fault) next.set(path, fault);
      else next.delete(path);
      return next;
    });
    setDoc((d) => set(d, path, value));
  };
  const save = async (e: Event): Promise<void> => {
    e.preventDefault();
    setBusy(true);
    try {
      await write(`${base}/${segment(target)}`, doc, etag);
      setFailure(null);
      if (name === null) saved(target);
      else {
        setDone("Saved, and in force.");
        onSaved?.();
        again();
      }
    } catch (e) {
      setFailure(e instanceof ApiError ? e : new ApiError(0, "", messageOf(e), []));
    } finally {
      setBusy(false);
    }
  };
  const general = failure && (failure.faults.length === 0 || rest.length > 0) ? failure.message : "";
  return (
    <>
      <Head title={name ?? `New ${kind.one}`} about={above}>
        <button type="button" class="plain" aria-pressed={asJson} onClick={() => setAsJson(!asJson)}>
          {asJson ? "As a form" : "As JSON"}
        </button>
      </Head>
      {intro}
      <div class="editor">
        <form onSubmit={(e) => void save(e)} noValidate>
          {name === null && (
            <FieldRow
              field={nameField}
              doc={{ name: typedName }}
              names={[]}
              fault={faultOf("name")}
              onValue={(v) => {
                setTypedName(typeof v === "string" ? v : "");
                setFailure(null);
                setTouched((t) => new Set(t).add("name"));
              }}
            />
          )}
          {asJson ? (
            <FieldRow
              field={{ path: "body", label: "Resource", type: "json", hint: "Everything the API takes, also what the form does not show." }}
              doc={{ body: doc }}
              names={[]}
              fault={wrong.get("body") ?? faults.map((f) => `${f.target}: ${f.message}`).join("\n")}
              onValue={(v, fault) => {
                setFailure(null);
                setWrong(fault || !isObject(v) ? new Map([["body", fault ?? "This is not a JSON object."]]) : new Map());
                if (isObject(v)) setDoc(v);
              }}
            />
          ) : (
            fields.map((f) => <FieldRow key={f.path} field={f} doc={doc} names={names.get(f.of ?? "") ?? []} fault={faultOf(f.path)} onValue={(v, fault) => change(v === undefined && f.whole ? f.whole : f.path, v, fault)} />)
          )}
          <Problem text={general || (touched.size > 0 && !asJson ? rest.map((f) => f.message).join("; ") : "")} />
          {done && <Notice tone="good">{done}</Notice>}
          <div class="submit">
            <button type="submit" class="primary" disabled={busy || !changed || target === "" || wrong.size > 0}>
              {busy ? "Saving…" : name === null ? "Create" : "Save"}
            </button>
            {changed && name !== null && (
              <button type="button" class="plain" onClick={discard}>
                Discard changes
              </button>
            )}
            <span class="hint" aria-live="polite">
              {trial.busy ? "Trying…" : trial.dry && verdict(trial.dry)}
            </span>
          </div>
        </form>
        <aside>
          {trial.dry && trial.dry.operation !== "none" && (
            <Panel title="What it would do">
              {trial.dry.members.length > 0 && trial.dry.operation === "update" && (
                <p class="hint">
                  Changes {trial.dry.members.map((m) => <code key={m}>{m} </code>)}
                </p>
              )}
              <Effects dry={trial.dry} />
            </Panel>
          )}
          {resource && kind.extra?.(resource, again)}
          {resource?.systemData && (
            <Panel title="History">
              <dl class="pairs">
                {(["created", "lastModified"] as const).map((what) => (
                  <div key={what}>
                    <dt>{what === "created" ? "Made" : "Changed"}</dt>
                    <dd>
                      <When at={String(resource.systemData?.[`${what}At`] ?? "")} exact /> by {String(resource.systemData?.[`${what}By`] ?? "")}
                    </dd>
                  </div>
                ))}
              </dl>
            </Panel>
          )}
          {resource && <Delete id={`${base}/${segment(resource.name)}`} one={kind.one} gone={gone} />}
        </aside>
      </div>
    </>
  );
}

const verdict = (d: DryRun): string =>
  ({ create: "Would be created.", update: "Can be saved.", delete: "", none: "Nothing would change." })[d.operation];

/** useTrial is what the server says of a draft that has stood still. */
function useTrial(base: string, draft: string, etag: string, wanted: boolean): { dry: DryRun | null; faults: Fault[]; busy: boolean } {
  const [state, setState] = useState<{ dry: DryRun | null; faults: Fault[]; busy: boolean }>({ dry: null, faults: [], busy: false });
  useEffect(() => {
    if (!wanted) {
      setState({ dry: null, faults: [], busy: false });
      return;
    }
    const control = new AbortController();
    const [name, body] = JSON.parse(draft) as [string, JsonObject];
    if (!name) return;
    setState((s) => ({ ...s, busy: true }));
    tryWrite(`${base}/${segment(name)}`, body, etag, control.signal).then(
      (dry) => setState({ dry, faults: [], busy: false }),
      (e: unknown) => {
        if (control.signal.aborted) return;
        const faults = e instanceof ApiError ? (e.faults.length ? e.faults : [{ target: e.status === 412 ? "name" : "", message: e.message }]) : [];
        // A new one whose name is taken is refused by If-None-Match.
        setState({ dry: null, faults: faults.map((f) => (f.target === "If-None-Match" ? { target: "name", message: "There is one of this name already." } : f)), busy: false });
      },
    );
    return () => control.abort();
  }, [base, draft, etag, wanted]);
  return state;
}

/** useNames are the names that ref fields may take: the first hundred of each kind. */
function useNames(kind: Kind, namespace: string): Map<string, string[]> {
  const kinds = [...new Set(kind.fields.flatMap((f) => (f.of ? [f.of] : [])))];
  const lists = useLoad(
    async (signal) => new Map(await Promise.all(kinds.map(async (k) => [k, (await page(url(`${namespace}/${k}`, { $top: "100", ...named("") }), signal)).value.map((r) => r.name)] as const))),
    [namespace, kinds],
  );
  return lists.value ?? new Map();
}

/** Delete asks the server first whom it would hurt. */
function Delete({ id, one, gone }: { id: string; one: string; gone: () => void }) {
  const [dry, setDry] = useState<DryRun | null>(null);
  const [problem, setProblem] = useState("");
  const attempt = async (what: () => Promise<void>): Promise<void> => {
    try {
      await what();
      setProblem("");
    } catch (e) {
      setProblem(messageOf(e));
    }
  };
  return (
    <Panel title="Delete">
      <Problem text={problem} />
      {dry ? (
        <>
          <Effects dry={dry} />
          <div class="row">
            <Ask
              label={`Delete this ${one}`}
              sure="Delete it"
              about="It cannot be brought back. Whoever loses something by it loses it at once."
              onSure={() =>
                attempt(async () => {
                  await remove(id);
                  gone();
                })
              }
            />
            <button type="button" class="plain" onClick={() => setDry(null)}>
              Keep it
            </button>
          </div>
        </>
      ) : (
        <>
          <p class="hint">You are shown first who would lose what.</p>
          <button type="button" class="danger after" onClick={() => void attempt(async () => setDry(await tryRemove(id)))}>
            Delete…
          </button>
        </>
      )}
    </Panel>
  );
}

/** Missing is a page about a namespace that is not there. */
export function Missing({ ns }: { ns: string }) {
  return <Empty title={`There is no namespace ${ns}`}>Choose another one in the menu.</Empty>;
}
