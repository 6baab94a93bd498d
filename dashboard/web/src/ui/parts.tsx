// Small things that pages are made of.
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { moment, ago } from "./format";
import { useHeading } from "./heading";

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
  const heading = useHeading();
  return (
    <header class="head">
      <div>
        <h1 ref={heading} tabIndex={-1}>
          {title}
        </h1>
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

/**
 * Ask is a button that asks once more, in a dialog, before it does something. The dialog
 * is modal: the page behind it cannot be reached, Escape is no, and the focus goes back
 * to the button.
 */
export function Ask({ label, sure, about, onSure, tone = "bad", small }: { label: string; sure: string; about?: ComponentChildren; onSure: () => Promise<void>; tone?: "bad" | "plain"; small?: boolean }) {
  const [asking, setAsking] = useState(false);
  const [busy, setBusy] = useState(false);
  const opener = useRef<HTMLButtonElement>(null);
  const asked = useRef(false);
  useEffect(() => {
    if (asked.current && !asking) opener.current?.focus(); // only now is the page behind the dialog there again
    asked.current = asking;
  }, [asking]);
  const close = (): void => setAsking(false);
  return (
    <>
      <button ref={opener} type="button" class={`${tone === "bad" ? "danger" : "plain"}${small ? " small" : ""}`} aria-haspopup="dialog" onClick={() => setAsking(true)}>
        {label}
      </button>
      {asking && (
        <Dialog title={label.replace(/…$/, "")} onClose={close}>
          {about && <div class="about">{about}</div>}
          <div class="row end">
            <button type="button" class="plain" autofocus onClick={close}>
              Cancel
            </button>
            <button
              type="button"
              class={tone === "bad" ? "danger filled" : "primary"}
              disabled={busy}
              onClick={() => {
                setBusy(true);
                void onSure().finally(() => {
                  setBusy(false);
                  close();
                });
              }}
            >
              {busy ? "One moment…" : sure}
            </button>
          </div>
        </Dialog>
      )}
    </>
  );
}

/** Dialog is modal as long as it is there. Tab stays in it; some browsers would leave the page. */
export function Dialog({ title, onClose, children }: { title: string; onClose: () => void; children: ComponentChildren }) {
  const box = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const d = box.current;
    d?.showModal();
    return () => d?.close();
  }, []);
  const round = (e: KeyboardEvent): void => {
    if (e.key !== "Tab") return;
    const stops = [...(box.current?.querySelectorAll<HTMLElement>("a[href], button:not(:disabled), input, select, textarea") ?? [])];
    const first = stops[0];
    const last = stops[stops.length - 1];
    const from = e.shiftKey ? first : last;
    if (document.activeElement !== from) return;
    e.preventDefault();
    (e.shiftKey ? last : first)?.focus();
  };
  return (
    <dialog
      ref={box}
      aria-labelledby={id}
      onKeyDown={round}
      onCancel={(e) => {
        e.preventDefault();
        onClose();
      }}
    >
      <h2 id={id}>{title}</h2>
      {children}
    </dialog>
  );
}

/** Pairs are names with values. */
export function Pairs({ of }: { of: [string, ComponentChildren][] }) {
  return (
    <dl class="pairs">
      {of.map(([name, value], i) => (
        <div key={i}>
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
