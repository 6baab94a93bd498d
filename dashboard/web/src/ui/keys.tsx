import { useState } from "preact/hooks";
import { act } from "../api/arm";
import { messageOf } from "./load";
import { Copy } from "./copy";
import { Ask, Panel, Problem } from "./parts";

interface Pair {
  key1: string;
  key2: string;
}

/** Keys of a namespace or a topic, shown when asked for. */
export function Keys({ id }: { id: string }) {
  const [keys, setKeys] = useState<Pair | null>(null);
  const [problem, setProblem] = useState("");
  const run = async (what: Promise<Pair>): Promise<void> => {
    try {
      setKeys(await what);
      setProblem("");
    } catch (e) {
      setProblem(messageOf(e));
    }
  };
  return (
    <Panel
      title="Access keys"
      aside={
        keys ? (
          <button type="button" class="plain" onClick={() => setKeys(null)}>
            Hide
          </button>
        ) : (
          <button type="button" class="plain" onClick={() => void run(act<Pair>(id, "listKeys"))}>
            Show
          </button>
        )
      }
    >
      <Problem text={problem} />
      {!keys && <p class="hint">Publishers and consumers of events over HTTP use them. That they were shown is in the audit log.</p>}
      {keys &&
        (["key1", "key2"] as const).map((name) => (
          <div class="row" key={name}>
            <Copy name={name} value={keys[name]} />
            <Ask label="Make anew" sure="Make it anew" about="Whoever uses the old one is refused from then on." onSure={() => run(act<Pair>(id, "regenerateKey", { keyName: name }))} />
          </div>
        ))}
    </Panel>
  );
}
