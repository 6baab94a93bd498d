// Payloads as people read them: text where they are text, JSON in lines, else bytes.

/** words is a payload as text, if it is text; whole: all of it is there. */
export function words(b: Uint8Array, whole = true): string | null {
  try {
    const t = new TextDecoder("utf-8", { fatal: whole }).decode(b);
    return /[\u0000-\u0008\u000e-\u001f]/.test(t) ? null : t;
  } catch {
    return null;
  }
}

export function hex(b: Uint8Array, most = 64): string {
  return [...b.slice(0, most)].map((x) => x.toString(16).padStart(2, "0")).join(" ") + (b.length > most ? " …" : "");
}

/** decoded is what base64 stands for; nothing, if it is none. */
export function decoded(base64: string): Uint8Array {
  try {
    return Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  } catch {
    return new Uint8Array();
  }
}

const shown = 256 << 10; // characters

/** Payload is one by itself. */
export function Payload({ of }: { of: Uint8Array }) {
  if (of.length === 0) return <p class="hint">Empty.</p>;
  const t = words(of);
  if (t === null) return <pre class="payload">{hex(of, 4096)}</pre>;
  const lines = inLines(t);
  return <pre class="payload">{lines.length > shown ? `${lines.slice(0, shown)}\n…` : lines}</pre>;
}

/** inLines is JSON with a member on a line; what is no object or array stays as it is. */
function inLines(t: string): string {
  if (!/^\s*[{[]/.test(t) || t.length > shown) return t;
  try {
    return JSON.stringify(JSON.parse(t), null, 2);
  } catch {
    return t;
  }
}
