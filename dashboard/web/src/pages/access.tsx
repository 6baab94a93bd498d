// The access explorer: may this client do this here, why, and what would change that.
import { useState } from "preact/hooks";
import { page, url } from "../api/arm";
import type { Json, JsonObject } from "../api/json";
import { get, set } from "../api/json";
import { explain, type Action, type Assumption, type Explanation, type Question, type Step } from "../api/tools";
import { clientGroups, clients, permissionBindings, topicSpaces } from "../kinds/access";
import type { Kind } from "../kinds/kind";
import { go, link } from "../state/route";
import { Missing } from "../ui/editor";
import { FieldRow } from "../ui/field";
import { messageOf, useLate, useLoad } from "../ui/load";
import { Empty, Head, Panel, Problem, State } from "../ui/parts";
import { useNamespace } from "./resource";

const assumable: Kind[] = [permissionBindings, topicSpaces, clientGroups, clients];

interface Supposed {
  number: number;
  kind: Kind;
  name: string;
  doc: JsonObject;
  deleted: boolean;
}

/** hints are names that an input may take. */
function useHints(id: string, arm: string, part: string): string[] {
  const late = useLate(part, 200);
  const list = useLoad(async (signal) => (id ? (await page(url(`${id}/${arm}`, { $top: "50", ...(late ? { $filter: `contains(name,'${late.replaceAll("'", "''")}')` } : {}) }), signal)).value.map((r) => r.name) : []), [id, arm, late]);
  return list.value ?? [];
}

export function Access({ ns, client: given, topic: asked }: { ns: string; client: string; topic: string }) {
  const { id, missing } = useNamespace(ns);
  const [action, setAction] = useState<Action>("publish");
  const [client, setClient] = useState(given);
  const [topic, setTopic] = useState(asked);
  const [attributes, setAttributes] = useState("");
  const [supposed, setSupposed] = useState<Supposed[]>([]);
  const names = useHints(id, "clients", client);

  const parsed = attributesOf(attributes);
  const ready = client !== "" && (topic !== "" || action === "connect") && parsed.problem === "";
  const assume: Assumption[] = supposed
    .filter((s) => s.name !== "")
    .map((s) => ({ kind: s.kind.arm, name: s.name, ...(s.deleted ? { deleted: true } : { properties: get(s.doc, "properties") ?? {} }) }));
  const question: Question = { action, client, ...(action === "connect" ? {} : { topic }), ...(parsed.value === undefined ? {} : { attributes: parsed.value }) };
  const late = useLate(JSON.stringify({ question, assume, ready, ns }), 250);
  const answer = useLoad(
    async (signal) => {
      const asked = JSON.parse(late) as { question: Question; assume: Assumption[]; ready: boolean; ns: string };
      if (!asked.ready) return null;
      const now = await explain(asked.ns, asked.question, signal);
      if (asked.assume.length === 0) return { now, then: null, problem: "" };
      try {
        return { now, then: await explain(asked.ns, { ...asked.question, assume: asked.assume }, signal), problem: "" };
      } catch (e) {
        if (signal.aborted) throw e;
        return { now, then: null, problem: messageOf(e) };
      }
    },
    [late],
    5000,
  );
  if (missing) return <Missing ns={ns} />;
  const change = (n: number, what: Partial<Supposed>): void => setSupposed((all) => all.map((s) => (s.number === n ? { ...s, ...what } : s)));
  return (
    <>
      <Head title="Access explorer" about="May this client do this here, and why? Answered by the rules that decide." />
      <form class="question" onSubmit={(e) => e.preventDefault()}>
        <label>
          May
          <input name="client" list="access-clients" autocomplete="off" placeholder="client" value={client} onInput={(e) => setClient(e.currentTarget.value)} />
          <datalist id="access-clients">
            {names.map((n) => (
              <option key={n} value={n} />
            ))}
          </datalist>
        </label>
        <label>
          do
          <select name="action" value={action} onChange={(e) => setAction(e.currentTarget.value as Action)}>
            <option value="publish">publish to</option>
            <option value="subscribe">subscribe to</option>
            <option value="connect">connect</option>
          </select>
        </label>
        {action !== "connect" && (
          <label class="wide">
            {action === "publish" ? "topic" : "filter"}
            <input name="topic" class="mono" autocomplete="off" spellcheck={false} placeholder="machines/press-1/telemetry" value={topic} onInput={(e) => setTopic(e.currentTarget.value)} />
          </label>
        )}
      </form>
      <details class="spaced-below">
        <summary>With the attributes of a token</summary>
        <textarea aria-label="Attributes as JSON" rows={3} spellcheck={false} placeholder='{"kind": "machine"}' value={attributes} onInput={(e) => setAttributes(e.currentTarget.value)} />
        <p class={parsed.problem ? "fault" : "hint"}>{parsed.problem || "For clients that come with a token and are not in the registry."}</p>
      </details>
      <Problem text={answer.problem} />
      {!ready && <Empty title="Name a client and a topic">The client by its name in the registry, or by its authentication name.</Empty>}
      {ready && answer.value && (
        <div class={answer.value.then ? "columns verdicts" : "verdicts"}>
          <Verdict ns={ns} title={answer.value.then ? "Now" : ""} e={answer.value.now} />
          {answer.value.then && <Verdict ns={ns} title="With the changes below" e={answer.value.then} />}
        </div>
      )}
      <Panel
        title="Try a change"
        aside={
          <select
            aria-label="Suppose a change"
            class="auto"
            value=""
            onChange={(e) => {
              const kind = assumable.find((k) => k.key === e.currentTarget.value);
              e.currentTarget.value = "";
              if (kind) setSupposed((all) => [...all, { number: (all[all.length - 1]?.number ?? 0) + 1, kind, name: "", doc: kind.start, deleted: false }]);
            }}
          >
            <option value="">Suppose a…</option>
            {assumable.map((k) => (
              <option key={k.key} value={k.key}>
                {k.one}
              </option>
            ))}
          </select>
        }
      >
        {supposed.length === 0 && <p class="hint">Suppose a binding, a topic space, a group or a client, and see the answer with it. Nothing is changed.</p>}
        <Problem text={answer.value?.problem ?? ""} />
        {supposed.map((s) => (
          <Suppose
            key={s.number}
            id={id}
            ns={ns}
            of={s}
            onChange={(what) => change(s.number, what)}
            onRemove={() => setSupposed((all) => all.filter((x) => x.number !== s.number))}
          />
        ))}
      </Panel>
    </>
  );
}

function attributesOf(typed: string): { value: Json | undefined; problem: string } {
  if (!typed.trim()) return { value: undefined, problem: "" };
  try {
    return { value: JSON.parse(typed) as Json, problem: "" };
  } catch (e) {
    return { value: undefined, problem: `This is not JSON: ${messageOf(e)}` };
  }
}

function Verdict({ ns, title, e }: { ns: string; title: string; e: Explanation }) {
  return (
    <section class="verdict" aria-live="polite">
      {title && <h2>{title}</h2>}
      <p class={e.allowed ? "answer good" : "answer bad"}>
        <State tone={e.allowed ? "good" : "bad"}>{e.allowed ? "Allowed" : "Refused"}</State>
      </p>
      <p>{e.reason.replace(/^(ALLOWED|REFUSED): /, "")}</p>
      <ol class="steps">
        {(e.steps ?? []).map((s, i) => (
          <StepLine key={i} s={s} ns={ns} />
        ))}
      </ol>
    </section>
  );
}

/** what is a step's subject, as a link to its page where it has one. */
function subject(ns: string, what: string) {
  for (const kind of assumable) {
    const name = what.startsWith(`${kind.one} `) ? what.slice(kind.one.length + 1) : "";
    if (name && !name.startsWith("$") && !name.includes(" "))
      return (
        <>
          {kind.one} <a href={link("ns", ns, kind.key, name)}>{name}</a>
        </>
      );
  }
  return what;
}

function StepLine({ s, ns }: { s: Step; ns: string }) {
  return (
    <li class={s.passed ? "passed" : "not"}>
      <span class="sign">{s.passed ? "yes" : "no"}</span>
      <span>
        <b>{subject(ns, s.what)}</b> {s.result}
        {s.detail && (
          <>
            {" "}
            <code>{s.detail}</code>
          </>
        )}
      </span>
    </li>
  );
}

/** Suppose is one change to try: a resource that would be made, replaced or deleted. */
function Suppose({ id, ns, of: s, onChange, onRemove }: { id: string; ns: string; of: Supposed; onChange: (what: Partial<Supposed>) => void; onRemove: () => void }) {
  const names = useHints(id, s.kind.arm, "");
  const groups = useHints(id, "clientGroups", "");
  const spaces = useHints(id, "topicSpaces", "");
  const exists = names.includes(s.name);
  const take = async (name: string): Promise<void> => {
    onChange({ name });
    if (!names.includes(name)) return;
    const found = (await page(url(`${id}/${s.kind.arm}`, { $filter: `name eq '${name}'` }))).value[0];
    if (found) onChange({ name, doc: { properties: found.properties } });
  };
  const fields = s.kind.fields.filter((f) => f.type !== "secret" && !f.path.endsWith("description") && !f.path.includes("Certificate"));
  return (
    <fieldset class="suppose">
      <legend>
        {exists ? (s.deleted ? "Without " : "Another ") : "A new "}
        {s.kind.one}
      </legend>
      <div class="field">
        <label for={`suppose-${s.number}`}>Name</label>
        <div class="row tight">
          <input id={`suppose-${s.number}`} list={`suppose-names-${s.number}`} autocomplete="off" value={s.name} onInput={(e) => void take(e.currentTarget.value)} />
          <datalist id={`suppose-names-${s.number}`}>
            {names.map((n) => (
              <option key={n} value={n} />
            ))}
          </datalist>
          {exists && (
            <label class="check">
              <input type="checkbox" checked={s.deleted} onChange={(e) => onChange({ deleted: e.currentTarget.checked })} /> deleted
            </label>
          )}
          <button type="button" class="plain" onClick={onRemove}>
            Drop
          </button>
        </div>
      </div>
      {!s.deleted &&
        fields.map((f) => (
          <FieldRow
            key={f.path}
            field={f}
            doc={s.doc}
            names={f.of === "clientGroups" ? groups : spaces}
            fault=""
            onValue={(v) => onChange({ doc: set(s.doc, f.path, v) })}
          />
        ))}
      {!s.deleted && s.name !== "" && (
        <p class="hint">
          To make it so:{" "}
          <a
            href={exists ? link("ns", ns, s.kind.key, s.name) : link("ns", ns, s.kind.key, "+")}
            onClick={(e) => {
              e.preventDefault();
              if (exists) go("ns", ns, s.kind.key, s.name);
              else go("ns", ns, s.kind.key, "+");
            }}
          >
            {exists ? `edit ${s.name}` : `make a ${s.kind.one}`}
          </a>
          .
        </p>
      )}
    </fieldset>
  );
}
