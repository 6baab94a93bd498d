import { Fragment, type ComponentChild } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { namespaces, readNamespaces } from "./state/namespaces";
import { go, link, route } from "./state/route";
import { watch } from "./state/samples";
import { signOut, who } from "./state/session";
import { useStore } from "./state/store";
import { nextTheme, theme } from "./state/theme";
import { pageFor, namespacePages, processPages, type Entry } from "./pages";
import { SignIn } from "./pages/signin";
import { turnToHeading } from "./ui/heading";
import { messageOf } from "./ui/load";
import { Problem } from "./ui/parts";

/** App is the sign-in page, or the menu with a page. */
export function App() {
  const me = useStore(who);
  if (me === undefined) return null; // not known yet; a moment
  if (me === null) return <SignIn />;
  return <Shell name={me.name} />;
}

function Shell({ name }: { name: string }) {
  const at = useStore(route);
  const all = useStore(namespaces);
  const [problem, setProblem] = useState("");
  const [open, setOpen] = useState(false);
  const read = (): void => {
    readNamespaces().then(
      () => setProblem(""),
      (e: unknown) => setProblem(messageOf(e)),
    );
  };
  useEffect(() => {
    read();
    return watch();
  }, []);
  const first = useRef(true);
  useEffect(() => {
    setOpen(false);
    document.getElementById("page")?.scrollTo(0, 0);
    if (!first.current) turnToHeading(); // a page that is loaded begins at its top
    first.current = false;
  }, [at]);

  // In the same turn as the menu appears: who presses Escape at once means it, too.
  useLayoutEffect(() => {
    if (!open) return;
    const escape = (e: KeyboardEvent): void => {
      if (e.key !== "Escape") return;
      setOpen(false);
      document.querySelector<HTMLElement>(".menu")?.focus();
    };
    addEventListener("keydown", escape);
    return () => removeEventListener("keydown", escape);
  }, [open]);

  const inNamespace = at[0] === "ns";
  const [last, setLast] = useState("");
  useEffect(() => {
    if (inNamespace && at[1]) setLast(at[1]);
  }, [inNamespace, at[1]]);
  const ns = (inNamespace && at[1]) || last || all?.find((n) => n.name !== "default")?.name || all?.[0]?.name || "";
  const page = pageFor(at);
  useEffect(() => {
    document.title = `${page.title}${inNamespace ? ` · ${ns}` : ""} · GridMQ`;
  }, [page.title, ns, inNamespace]);
  return (
    <div class={open ? "shell open" : "shell"}>
      <a class="skip" href="#page" onClick={(e) => (e.preventDefault(), document.getElementById("page")?.focus())}>
        To the page
      </a>
      <div class="bar">
        <button type="button" class="plain menu" aria-expanded={open} aria-controls="menu" onClick={() => setOpen(!open)}>
          Menu
        </button>
        <a class="brand" href={link("overview")}>
          <span class="mark" aria-hidden="true" /> GridMQ
        </a>
      </div>
      <nav id="menu" aria-label="Pages">
        <a class="brand" href={link("overview")}>
          <span class="mark" aria-hidden="true" /> GridMQ
        </a>
        <Links entries={[{ key: "overview", title: "Overview" }]} at={at[0] ?? "overview"} to={(key) => link(key)} />
        <label class="picker">
          Namespace
          <select value={ns} onChange={(e) => go("ns", e.currentTarget.value, inNamespace ? (at[2] ?? "sessions") : "sessions")}>
            {all === null && <option value="">Reading…</option>}
            {all?.length === 0 && <option value="">None</option>}
            {all?.map((n) => (
              <option key={n.id} value={n.name}>
                {n.name}
              </option>
            ))}
          </select>
        </label>
        {ns &&
          namespacePages.map((g) => (
            <Fragment key={g.title}>
              {g.title && <h2>{g.title}</h2>}
              <Links entries={g.entries} at={inNamespace ? (at[2] ?? "sessions") : ""} to={(key) => link("ns", ns, key)} />
            </Fragment>
          ))}
        <h2>Server</h2>
        <Links entries={processPages} at={inNamespace ? "" : (at[0] ?? "")} to={(key) => link(key)} />
        <footer>
          <Theme />
          <div class="me">
            <span title="Signed in">{name}</span>
            <button type="button" class="plain" onClick={signOut}>
              Sign out
            </button>
          </div>
        </footer>
      </nav>
      <main id="page" tabIndex={-1}>
        <Problem text={problem} retry={read} />
        {page.draw()}
      </main>
    </div>
  );
}

function Links({ entries, at, to }: { entries: Entry[]; at: string; to: (key: string) => string }): ComponentChild {
  return (
    <ul>
      {entries.map((e) => (
        <li key={e.key}>
          <a href={to(e.key)} aria-current={e.key === at ? "page" : undefined}>
            {e.title}
          </a>
        </li>
      ))}
    </ul>
  );
}

function Theme() {
  const t = useStore(theme);
  const names = { system: "Like the system", light: "Light", dark: "Dark" };
  return (
    <button type="button" class="plain theme" onClick={nextTheme} title="Change between light, dark and what the system says">
      <span class="halves" aria-hidden="true" />
      {names[t]}
    </button>
  );
}
