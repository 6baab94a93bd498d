// One member of a resource in a form.
import { useEffect, useId, useState } from "preact/hooks";
import { get, text, type Json, type JsonObject } from "../api/json";
import type { Field } from "../kinds/kind";

interface Props {
  field: Field;
  doc: JsonObject;
  names: string[]; // of ref
  fault: string;
  onValue: (v: Json | undefined, fault?: string) => void;
}

export function FieldRow({ field: f, doc, names, fault, onValue }: Props) {
  const id = useId();
  const hint = f.hint && !fault.includes(f.hint) ? f.hint : ""; // the fault may say the same
  const described = [hint && `${id}-hint`, fault && `${id}-fault`].filter(Boolean).join(" ") || undefined;
  const common = { id, name: f.path, "aria-describedby": described, "aria-invalid": fault !== "" };
  const words = text(doc, f.path);
  const input = () => {
    switch (f.type) {
      case "flag":
        return <input type="checkbox" {...common} checked={get(doc, f.path) === true} onChange={(e) => onValue(e.currentTarget.checked || undefined)} />;
      case "choice":
        return (
          <select {...common} value={words} onChange={(e) => onValue(e.currentTarget.value || undefined)}>
            {!f.choices?.includes(words) && <option value={words}>{words || "Not set"}</option>}
            {f.choices?.map((c) => (
              <option key={c} value={c}>
                {(f.labels?.[c] ?? c) || "Choose"}
              </option>
            ))}
          </select>
        );
      case "number":
        return (
          <input
            {...common}
            class="short"
            inputMode="numeric"
            value={words}
            onInput={(e) => {
              const v = e.currentTarget.value.trim();
              onValue(v === "" ? undefined : Number.isNaN(Number(v)) ? v : Number(v));
            }}
          />
        );
      case "lines":
        return <Lines common={common} field={f} value={get(doc, f.path)} onValue={onValue} />;
      case "json":
        return <JsonText common={common} field={f} value={get(doc, f.path)} onValue={onValue} />;
      case "area":
        return <textarea {...common} rows={3} spellcheck={false} placeholder={f.placeholder} value={words} onInput={(e) => onValue(e.currentTarget.value)} />;
      case "pem":
        return <Pem common={common} value={words} onValue={onValue} />;
      case "secret":
        return <Secret common={common} field={f} value={words} onValue={onValue} />;
      case "ref":
        return (
          <>
            <input {...common} list={`${id}-names`} autocomplete="off" value={words} onInput={(e) => onValue(e.currentTarget.value)} />
            <datalist id={`${id}-names`}>
              {[...(f.choices ?? []), ...names].map((n) => (
                <option key={n} value={n} />
              ))}
            </datalist>
          </>
        );
      default:
        return <input {...common} autocomplete="off" spellcheck={false} placeholder={f.placeholder} value={inShort(f, words)} onInput={(e) => onValue(inFull(f, e.currentTarget.value) || undefined)} />;
    }
  };
  return (
    <div class={`field ${f.type}`}>
      <label for={id}>{f.label}</label>
      <div>
        {input()}
        {fault && (
          <p class="fault" id={`${id}-fault`} role="alert">
            {fault}
          </p>
        )}
        {hint && (
          <p class="hint" id={`${id}-hint`}>
            {hint}
          </p>
        )}
      </div>
    </div>
  );
}

/** inShort leaves out what a value begins with mostly; inFull puts it before a plain name. */
const inShort = (f: Field, value: string): string => (f.brief && value.startsWith(f.brief) ? value.slice(f.brief.length) : value);
const inFull = (f: Field, typed: string): string => (f.brief && typed && !typed.includes("/") ? f.brief + typed : typed);

interface Common {
  id: string;
  name: string;
  "aria-describedby": string | undefined;
  "aria-invalid": boolean;
}

/** Lines is a list of texts, one on a line. What is typed stays as it is, empty lines too. */
function Lines({ common, field, value, onValue }: { common: Common; field: Field; value: Json | undefined; onValue: (v: Json | undefined) => void }) {
  const given = Array.isArray(value) ? value.map(String) : [];
  const [typed, setTyped] = useState(given.join("\n"));
  const read = (s: string): string[] =>
    s
      .split("\n")
      .map((l) => l.trim())
      .filter(Boolean);
  useEffect(() => {
    if (JSON.stringify(read(typed)) !== JSON.stringify(given)) setTyped(given.join("\n"));
  }, [JSON.stringify(given)]);
  return (
    <textarea
      {...common}
      rows={Math.min(10, Math.max(2, typed.split("\n").length + 1))}
      spellcheck={false}
      placeholder={field.placeholder}
      value={typed}
      onInput={(e) => {
        setTyped(e.currentTarget.value);
        onValue(read(e.currentTarget.value));
      }}
    />
  );
}

/** JsonText is any member as JSON. Text that is not JSON is told and not taken. */
function JsonText({ common, field, value, onValue }: { common: Common; field: Field; value: Json | undefined; onValue: (v: Json | undefined, fault?: string) => void }) {
  const shown = value === undefined ? "" : JSON.stringify(value, null, 2);
  const [typed, setTyped] = useState(shown);
  useEffect(() => {
    try {
      if (JSON.stringify(typed.trim() ? JSON.parse(typed) : undefined) === JSON.stringify(value)) return;
      setTyped(shown);
    } catch {
      // what is being typed is not JSON yet; it is the newest all the same
    }
  }, [shown]);
  return (
    <textarea
      {...common}
      rows={Math.min(16, Math.max(3, typed.split("\n").length))}
      spellcheck={false}
      placeholder={field.placeholder}
      value={typed}
      onInput={(e) => {
        const next = e.currentTarget.value;
        setTyped(next);
        try {
          onValue(next.trim() ? (JSON.parse(next) as Json) : undefined);
        } catch (e) {
          onValue(value, `This is not JSON: ${e instanceof Error ? e.message : String(e)}`);
        }
      }}
    />
  );
}

/** Pem is a certificate, pasted or from a file. A private key is not sent anywhere. */
function Pem({ common, value, onValue }: { common: Common; value: string; onValue: (v: Json | undefined, fault?: string) => void }) {
  const take = (t: string): void => {
    if (t.includes("PRIVATE KEY")) onValue("", "This holds a private key. Take the certificate only; the key stays with its owner.");
    else onValue(t);
  };
  return (
    <>
      <textarea {...common} rows={8} spellcheck={false} placeholder="-----BEGIN CERTIFICATE-----" value={value} onInput={(e) => take(e.currentTarget.value)} />
      <input
        type="file"
        class="file"
        aria-label="Certificate from a file"
        accept=".pem,.crt,.cer"
        onChange={(e) => {
          void e.currentTarget.files?.[0]?.text().then(take);
        }}
      />
    </>
  );
}

/** Secret can be given and is not shown. */
function Secret({ common, field, value, onValue }: { common: Common; field: Field; value: string; onValue: (v: Json | undefined) => void }) {
  const [seen, setSeen] = useState(false);
  const rest = {
    ...common,
    autocomplete: "new-password" as const,
    spellcheck: false,
    value,
    onInput: (e: { currentTarget: HTMLInputElement }) => onValue(e.currentTarget.value || undefined),
  };
  const make = (): void => {
    const raw = crypto.getRandomValues(new Uint8Array(32));
    onValue(btoa(String.fromCharCode(...raw)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", ""));
    setSeen(true);
  };
  return (
    <div class="row tight">
      {seen ? <input type="text" {...rest} /> : <input type="password" {...rest} />}
      <button type="button" class="plain" onClick={() => setSeen(!seen)}>
        {seen ? "Hide" : "Show"}
      </button>
      {field.path.endsWith("password") && (
        <button type="button" class="plain" onClick={make}>
          Make one
        </button>
      )}
    </div>
  );
}
