import { useState } from "preact/hooks";
import { act } from "../api/arm";
import { Copy } from "./copy";
import { messageOf } from "./load";
import { Ask, Panel, Problem } from "./parts";

/** NewToken gives an operator another token, which is shown once. */
export function NewToken({ id, again }: { id: string; again: () => void }) {
  const [token, setToken] = useState("");
  const [problem, setProblem] = useState("");
  return (
    <Panel title="Token">
      <Problem text={problem} />
      {token ? (
        <>
          <div class="row">
            <Copy name="Token" value={token} />
          </div>
          <p class="hint after">It is not shown again.</p>
        </>
      ) : (
        <Ask
          label="Make a token"
          sure="Make it"
          about="An old token, if there is one, is worthless from then on. The new one is shown once."
          tone="plain"
          onSure={async () => {
            try {
              setToken((await act<{ token: string }>(id, "newToken")).token);
              again();
            } catch (e) {
              setProblem(messageOf(e));
            }
          }}
        />
      )}
    </Panel>
  );
}
