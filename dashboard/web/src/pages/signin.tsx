import { useEffect, useState } from "preact/hooks";
import { begin } from "../signin/code";
import { nameOf, provider, type Provider } from "../signin/provider";
import { elsewhere, farewell, signInWith } from "../state/session";
import { useStore } from "../state/store";
import { messageOf } from "../ui/load";

/**
 * SignIn leads to the OpenID provider, if there is one, and asks for an operator's token:
 * ours, or one of a directory, which the server tells apart.
 */
export function SignIn() {
  const why = useStore(farewell);
  const [token, setToken] = useState("");
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const at = provider();
  const attempt = async (what: Promise<void>): Promise<void> => {
    setBusy(true);
    setProblem("");
    try {
      await what;
    } catch (e) {
      setProblem(messageOf(e));
      setBusy(false);
    }
  };
  useEffect(() => {
    const back = (): void => setBusy(false); // from the provider, by the browser's button
    addEventListener("pageshow", back);
    return () => removeEventListener("pageshow", back);
  }, []);
  const submit = (e: Event): void => {
    e.preventDefault();
    void attempt(signInWith(token.trim()));
  };
  return (
    <main class="signin">
      <form onSubmit={submit}>
        <h1>
          <span class="mark" aria-hidden="true" /> GridMQ
        </h1>
        {at && <AtProvider p={at} busy={busy} go={() => void attempt(begin(at))} />}
        <label>
          {at ? "Or by an operator token" : "Operator token"}
          <input
            type="password"
            name="token"
            autocomplete="off"
            spellcheck={false}
            autofocus={!at}
            value={token}
            onInput={(e) => setToken(e.currentTarget.value)}
            aria-describedby="token-where"
            aria-invalid={problem !== ""}
          />
        </label>
        {(problem || why) && (
          <p class="fault" role="alert">
            {problem || why}
          </p>
        )}
        <button type="submit" class={at ? "plain" : "primary"} disabled={busy || token.trim() === ""}>
          {busy ? "Signing in…" : "Sign in"}
        </button>
        <p id="token-where" class="hint">
          The first start of the server wrote one to <code>operator.token</code> in its data directory. Other operators have one of their own, or an access token of their directory. It stays in this tab only.
        </p>
      </form>
    </main>
  );
}

function AtProvider({ p, busy, go }: { p: Provider; busy: boolean; go: () => void }) {
  const out = useStore(elsewhere);
  return (
    <>
      {out && (
        <p class="hint" role="status">
          You are signed out here. At {nameOf(p)} you may still be signed in: <a href={out}>sign out there, too</a>.
        </p>
      )}
      <button type="button" class="primary" autofocus disabled={busy} onClick={go}>
        Sign in at {nameOf(p)}
      </button>
    </>
  );
}
