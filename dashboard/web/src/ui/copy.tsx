import { useState } from "preact/hooks";

/** Copy is a text to take along. */
export function Copy({ name, value }: { name: string; value: string }) {
  const [done, setDone] = useState(false);
  return (
    <>
      <input readOnly class="mono" aria-label={name} value={value} onFocus={(e) => e.currentTarget.select()} />
      <button
        type="button"
        class="plain"
        onClick={() => {
          void navigator.clipboard.writeText(value).then(() => {
            setDone(true);
            setTimeout(() => setDone(false), 1500);
          });
        }}
      >
        {done ? "Copied" : "Copy"}
      </button>
    </>
  );
}
