// Small things that pages are made of.
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { moment, ago } from "./format";

export type Tone = "good" | "bad" | "warn" | "quiet";

/** State is a word with a dot, so that it does not speak by colour alone. */
export function State({ tone, children }: { tone: Tone; children: ComponentChildren }) {
  return (
    <span class={`state ${tone}`}>
      <i aria-hidden="true" />
      {children}
    </span>
  );
}

export function Head({ title, about, children }: { title: ComponentChildren; about?: ComponentChildren; children?: ComponentChildren }) {
  return (
    <header class="head">
      <div>
        <h1>{title}</h1>
        {about && <p>{about}</p>}
      </div>
      {children && <div class="actions">{children}</div>}
    </header>
  );
}

/** Empty says why there is nothing, and what to do about it. */
export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <strong>{title}</strong>
      {children && <div>{children}</div>}
    </div>
  );
}

export function Problem({ text, retry }: { text: string; retry?: () => void }) {
  if (!text) return null;
  return (
    <div class="notice bad" role="alert">
      <span>{text}</span>
      {retry && (
        <button type="button" class="plain" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  );
}

export function Notice({ tone = "quiet", children }: { tone?: Tone; children: ComponentChildren }) {
  return (
    <div class={`notice ${tone}`} role="status">
      <span>{children}</span>
    </div>
  );
}

/** When is an instant as an age, with the exact one on hover. */
export function When({ at, exact = false }: { at: string | undefined; exact?: boolean }) {
  if (!at) return <span class="faint">–</span>;
  return (
    <time dateTime={at} title={exact ? `${ago(at)} ago` : moment(at)}>
      {exact ? moment(at) : ago(at)}
    </time>
  );
}

/** Ask is a button that asks once more before it does something. */
export function Ask({ label, sure, onSure, tone = "bad" }: { label: string; sure: string; onSure: () => Promise<void>; tone?: "bad" | "plain" }) {
  const [asking, setAsking] = useState(false);
  const [busy, setBusy] = useState(false);
  const first = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (asking) first.current?.focus();
  }, [asking]);
  if (!asking) {
    return (
      <button type="button" class={tone === "bad" ? "danger" : "plain"} onClick={() => setAsking(true)}>
        {label}
      </button>
    );
  }
  return (
    <span class="ask" onKeyDown={(e) => e.key === "Escape" && setAsking(false)}>
      <button
        ref={first}
        type="button"
        class="danger filled"
        disabled={busy}
        onClick={() => {
          setBusy(true);
          void onSure().finally(() => {
            setBusy(false);
            setAsking(false);
          });
        }}
      >
        {sure}
      </button>
      <button type="button" class="plain" onClick={() => setAsking(false)}>
        Cancel
      </button>
    </span>
  );
}

/** Pairs are names with values. */
export function Pairs({ of }: { of: [string, ComponentChildren][] }) {
  return (
    <dl class="pairs">
      {of.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value === "" || value === undefined || value === null ? <span class="faint">–</span> : value}</dd>
        </div>
      ))}
    </dl>
  );
}

export function Search({ value, onValue, label }: { value: string; onValue: (v: string) => void; label: string }) {
  return (
    <input
      type="search"
      class="search"
      placeholder={label}
      aria-label={label}
      value={value}
      onInput={(e) => onValue(e.currentTarget.value)}
    />
  );
}

export function Panel({ title, aside, children }: { title: ComponentChildren; aside?: ComponentChildren; children: ComponentChildren }) {
  return (
    <section class="panel">
      <header>
        <h2>{title}</h2>
        {aside}
      </header>
      {children}
    </section>
  );
}
