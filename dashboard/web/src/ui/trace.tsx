import { useEffect, useState } from "preact/hooks";
import { clear, forget, pause, start, stop, traced, type Line, type Trace } from "../state/trace";
import { useStore } from "../state/store";
import { count } from "./format";
import { Empty, Notice, Panel, Problem, State, type Tone } from "./parts";
import { facts, what, wrong } from "./tracefacts";

const drawn = 100; // lines; the others when they are asked for

const states: Record<Trace["state"], [Tone, string]> = { off: ["quiet", "off"], starting: ["warn", "starting"], on: ["good", "running"], ended: ["quiet", "ended"] };

/** TracePanel is what the broker sees of a client at this moment. It ends when one leaves the page. */
export function TracePanel({ ns, client }: { ns: string; client: string }) {
  const now = useStore(traced);
  const [topic, setTopic] = useState("");
  const [payload, setPayload] = useState(false);
  useEffect(() => forget, [ns, client]);
  const runs = now.state === "on" || now.state === "starting";
  const [tone, word] = states[now.state];
  return (
    <Panel title="Trace" aside={now.state !== "off" && <span role="status"><State tone={tone}>{now.paused && runs ? "paused" : word}</State></span>}>
      <form
        class="row wrap"
        onSubmit={(e) => {
          e.preventDefault();
          void start(ns, client, { topic: topic.trim(), payload });
        }}
      >
        <input name="trace-topic" class="mono" aria-label="Only topics that match" placeholder="Topic filter; empty: everything" autocomplete="off" spellcheck={false} disabled={runs} value={topic} onInput={(e) => setTopic(e.currentTarget.value)} />
        <label class="check">
          <input type="checkbox" checked={payload} disabled={runs} onChange={(e) => setPayload(e.currentTarget.checked)} /> Payloads
        </label>
        {runs ? (
          <>
            <button type="button" aria-pressed={now.paused} onClick={() => pause(!now.paused)}>
              {now.paused ? "Go on" : "Pause"}
            </button>
            <button type="button" class="danger" onClick={stop}>
              Stop
            </button>
          </>
        ) : (
          <button type="submit" class="primary">
            Start
          </button>
        )}
      </form>
      <Problem text={now.problem} />
      {now.why && <Notice>The trace has ended: {now.why}.</Notice>}
      {now.held > 0 && <p class="hint after">{count(now.held)} newer ones are held back.</p>}
      {now.lines.length > 0 ? (
        <Lines lines={now.lines} missed={now.missed} />
      ) : runs ? (
        <Empty title={now.state === "on" ? "Nothing yet" : "Starting…"}>The next packet of the client is shown here, and what the broker makes of it. Keep-alive packets are left out.</Empty>
      ) : (
        now.state === "off" && <p class="hint after">Its packets, what it may and why, what waits for it and what it does not get, while you look. Passwords are never shown. It begins with the next CONNECT if the client is away, ends after 10 minutes or with this page, and is in the audit log.</p>
      )}
    </Panel>
  );
}

function Lines({ lines, missed }: { lines: Line[]; missed: number }) {
  const [all, setAll] = useState(false);
  const more = lines.length - drawn;
  return (
    <>
      <div class="section after">
        <span class="hint">
          {count(lines.length)} events, the newest first{missed > 0 && `; ${count(missed)} more are not kept`}
        </span>
        <button type="button" class="plain small" onClick={clear}>
          Clear
        </button>
      </div>
      <ol class="trace" aria-label="Events of the trace">
        {(all ? lines : lines.slice(0, drawn)).map((l) => (
          <Row key={l.number} line={l} />
        ))}
      </ol>
      {more > 0 && (
        <button type="button" class="plain more" aria-pressed={all} onClick={() => setAll(!all)}>
          {all ? "Show fewer" : `Show ${count(more)} older ones`}
        </button>
      )}
    </>
  );
}

function Row({ line }: { line: Line }) {
  const { arrow, word, aloud } = what(line);
  const at = new Date(line.time);
  return (
    <li class={wrong(line) ? "wrong" : undefined}>
      <time dateTime={line.time}>
        {at.toTimeString().slice(0, 8)}.{String(at.getMilliseconds()).padStart(3, "0")}
      </time>
      <span class="arrow" aria-hidden="true">
        {arrow}
      </span>
      <b title={aloud}>
        {word}
        {aloud && <span class="aloud"> {aloud}</span>}
      </b>
      <span class="facts">
        {facts(line).map((f, i) => (f.code ? <code key={i}>{f.text}</code> : <span key={i}>{f.text}</span>))}
      </span>
    </li>
  );
}
