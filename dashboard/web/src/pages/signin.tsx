import { useState } from "preact/hooks";
import { farewell, signIn } from "../state/session";
import { useStore } from "../state/store";
import { messageOf } from "../ui/load";

/** SignIn asks for the operator's token: ours, or one of a directory, which the server tells apart. */
export function SignIn() {
  const why = useStore(farewell);
  const [token, setToken] = useState("");
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const submit = async (e: Event): Promise<void> => {
    e.preventDefault();
    setBusy(true);
    setProblem("");
    try {
      await signIn(token.trim());
    } catch (e) {
      setProblem(messageOf(e));
      setBusy(false);
    }
  };
  return (
    <main class="signin">
      <form onSubmit={(e) => void submit(e)}>
        <h1>
          <span class="mark" aria-hidden="true" /> GridMQ
        </h1>
        <label>
          Operator token
          <input
            type="password"
            name="token"
            autocomplete="off"
            spellcheck={false}
            autofocus
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
        <button type="submit" class="primary" disabled={busy || token.trim() === ""}>
          {busy ? "Signing in…" : "Sign in"}
        </button>
        <p id="token-where" class="hint">
          The first start of the server wrote one to <code>operator.token</code> in its data directory. Other operators have one of their own, or an access token of their directory. It stays in this tab only.
        </p>
      </form>
    </main>
  );
}
