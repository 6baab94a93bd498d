import { useEffect, useState } from "preact/hooks";
import { get } from "../api/json";
import { addresses } from "../api/tools";
import { namespaceNamed } from "../state/namespaces";
import { link } from "../state/route";
import { clear, connect, end, live, publish, subscribe, unsubscribe, type Message, type Outgoing } from "../state/live";
import { useStore } from "../state/store";
import { bytes, count, moment } from "../ui/format";
import { Missing } from "../ui/editor";
import { messageOf, useLoad } from "../ui/load";
import { Empty, Head, Notice, Panel, Problem, State, type Tone } from "../ui/parts";
import { hex, words } from "../ui/payload";
import { useNamespace } from "./resource";

const levels = [0, 1, 2] as const;
type QoS = (typeof levels)[number];

/** Live is an MQTT client in the page: subscribe, publish, look at messages. */
export function LivePage({ ns }: { ns: string }) {
  const { missing } = useNamespace(ns);
  const now = useStore(live);
  const tone: Record<typeof now.state, Tone> = { off: "quiet", connecting: "warn", connected: "good", ended: "bad" };
  if (missing) return <Missing ns={ns} />;
  const on = now.state === "connected";
  return (
    <>
      <Head title="Live client" about="An MQTT 5 client in this page, over WebSocket. It is held to the same rights as any other.">
        <State tone={tone[now.state]}>{now.state === "off" ? "not connected" : now.state}</State>
        {(on || now.state === "connecting") && (
          <button type="button" class="plain" onClick={end}>
            Disconnect
          </button>
        )}
      </Head>
      <Problem text={now.problem} />
      {!on && <Connect ns={ns} busy={now.state === "connecting"} />}
      {on && (
        <div class="columns">
          <Subscriptions />
          <Publish />
        </div>
      )}
      <Messages messages={now.messages} missed={now.missed} on={on} />
    </>
  );
}

function Connect({ ns, busy }: { ns: string; busy: boolean }) {
  const list = useLoad((signal) => addresses(ns, signal), [ns]);
  const urls = (list.value ?? []).filter((a) => a.transport === "wss").map((a) => a.url);
  const [url, setUrl] = useState("");
  const [clientId, setClientId] = useState(`console-${Math.random().toString(36).slice(2, 8)}`);
  const [username, setUsername] = useState("");
  const [password, setPassword] = useState("");
  const [clean, setClean] = useState(true);
  const [kept, setKept] = useState("");
  const best = urls.find((u) => new URL(u).hostname === location.hostname) ?? urls[0] ?? "";
  useEffect(() => setUrl(best), [best]);
  const passwords = get(namespaceNamed(ns), "properties.gridmq.passwords.enabled") === true;
  return (
    <>
      {list.value && urls.length === 0 && (
        <Notice tone="warn">No secure WebSocket listener leads to this namespace by a host name. Give it one under Settings, or make it a listener's namespace.</Notice>
      )}
      {!passwords && (
        <Notice>
          Clients of this namespace cannot use passwords. Connect with a certificate that the browser has, without a user name, or allow passwords under <a href={link("ns", ns, "settings")}>Settings</a>, and give{" "}
          <a href={link("ns", ns, "clients")}>a client</a> one.
        </Notice>
      )}
      <form
        class="panel connect"
        onSubmit={(e) => {
          e.preventDefault();
          void connect({ url, clientId, username, password, cleanStart: clean, kept: Number(kept) }).catch((e: unknown) => {
            live.value = { ...live.value, state: "ended", problem: messageOf(e) };
          });
        }}
      >
        <label class="wide">
          Address
          <select name="url" value={url} onChange={(e) => setUrl(e.currentTarget.value)}>
            {urls.map((u) => (
              <option key={u} value={u}>
                {u}
              </option>
            ))}
          </select>
        </label>
        <label>
          User name
          <input name="username" autocomplete="off" placeholder="authentication name" value={username} onInput={(e) => setUsername(e.currentTarget.value)} />
        </label>
        <label>
          Password
          <input name="password" type="password" autocomplete="off" value={password} onInput={(e) => setPassword(e.currentTarget.value)} />
        </label>
        <label>
          Client identifier
          <input name="clientId" autocomplete="off" value={clientId} onInput={(e) => setClientId(e.currentTarget.value)} />
        </label>
        <label>
          Session kept, seconds
          <input name="kept" inputMode="numeric" autocomplete="off" placeholder="0" value={kept} onInput={(e) => setKept(e.currentTarget.value.replace(/\D/g, ""))} />
        </label>
        <label class="check">
          <input type="checkbox" checked={clean} onChange={(e) => setClean(e.currentTarget.checked)} /> Clean start
        </label>
        <button type="submit" class="primary" disabled={busy || !url}>
          {busy ? "Connecting…" : "Connect"}
        </button>
      </form>
    </>
  );
}

function Subscriptions() {
  const { subscriptions } = useStore(live);
  const [filter, setFilter] = useState("");
  const [qos, setQos] = useState<QoS>(1);
  const [problem, setProblem] = useState("");
  const run = (what: Promise<void>): void => {
    what.then(
      () => setProblem(""),
      (e: unknown) => setProblem(messageOf(e)),
    );
  };
  return (
    <Panel title="Subscriptions">
      <form
        class="row wrap"
        onSubmit={(e) => {
          e.preventDefault();
          run(subscribe(filter, qos));
        }}
      >
        <input name="filter" class="mono" aria-label="Topic filter" autocomplete="off" spellcheck={false} placeholder="machines/+/telemetry" value={filter} onInput={(e) => setFilter(e.currentTarget.value)} />
        <Level value={qos} onValue={setQos} />
        <button type="submit" disabled={!filter}>
          Subscribe
        </button>
      </form>
      {problem && (
        <p class="fault after" role="alert">
          {problem}
        </p>
      )}
      <ul class="subscriptions">
        {subscriptions.map((s) => (
          <li key={s.filter}>
            <code>{s.filter}</code> <span class="faint">QoS {s.qos}</span>
            <button type="button" class="plain small" onClick={() => run(unsubscribe(s.filter))}>
              End
            </button>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function Level({ value, onValue }: { value: QoS; onValue: (q: QoS) => void }) {
  return (
    <select aria-label="QoS" class="auto" value={String(value)} onChange={(e) => onValue(Number(e.currentTarget.value) as QoS)}>
      {levels.map((q) => (
        <option key={q} value={String(q)}>
          QoS {q}
        </option>
      ))}
    </select>
  );
}

const blank: Outgoing = { topic: "", payload: "", qos: 1, retain: false, contentType: "", responseTopic: "", expiry: "", user: [] };

function Publish() {
  const [m, setM] = useState(blank);
  const [user, setUser] = useState("");
  const [told, setTold] = useState({ problem: "", done: "" });
  const change = (what: Partial<Outgoing>): void => setM({ ...m, ...what });
  const send = async (): Promise<void> => {
    const pairs = user
      .split("\n")
      .filter((l) => l.trim())
      .map((l): [string, string] => {
        const at = l.indexOf("=");
        return at < 0 ? [l.trim(), ""] : [l.slice(0, at).trim(), l.slice(at + 1).trim()];
      });
    try {
      await publish({ ...m, user: pairs });
      setTold({ problem: "", done: m.qos === 0 ? "Sent." : "Acknowledged." });
    } catch (e) {
      setTold({ problem: messageOf(e), done: "" });
    }
  };
  return (
    <Panel title="Publish">
      <form
        onSubmit={(e) => {
          e.preventDefault();
          void send();
        }}
      >
        <div class="row">
          <input name="publish-topic" class="mono" aria-label="Topic" autocomplete="off" spellcheck={false} placeholder="machines/press-1/commands" value={m.topic} onInput={(e) => change({ topic: e.currentTarget.value })} />
          <Level value={m.qos} onValue={(qos) => change({ qos })} />
        </div>
        <textarea name="payload" class="after" aria-label="Payload" rows={3} spellcheck={false} placeholder="Payload" value={m.payload} onInput={(e) => change({ payload: e.currentTarget.value })} />
        <details>
          <summary>Properties</summary>
          <div class="field">
            <label for="p-type">Content type</label>
            <input id="p-type" value={m.contentType} placeholder="application/json" onInput={(e) => change({ contentType: e.currentTarget.value })} />
          </div>
          <div class="field">
            <label for="p-response">Response topic</label>
            <input id="p-response" value={m.responseTopic} onInput={(e) => change({ responseTopic: e.currentTarget.value })} />
          </div>
          <div class="field">
            <label for="p-expiry">Expires after, seconds</label>
            <input id="p-expiry" inputMode="numeric" pattern="[0-9]*" value={m.expiry} onInput={(e) => change({ expiry: e.currentTarget.value.replace(/\D/g, "") })} />
          </div>
          <div class="field">
            <label for="p-user">User properties</label>
            <textarea id="p-user" rows={2} placeholder="name = value, one on a line" value={user} onInput={(e) => setUser(e.currentTarget.value)} />
          </div>
        </details>
        <div class="submit">
          <button type="submit" class="primary" disabled={!m.topic}>
            Publish
          </button>
          <label class="check">
            <input type="checkbox" checked={m.retain} onChange={(e) => change({ retain: e.currentTarget.checked })} /> Retain
          </label>
          <span class="hint" role="status">
            {told.done}
          </span>
        </div>
        {told.problem && (
          <p class="fault" role="alert">
            {told.problem}
          </p>
        )}
      </form>
    </Panel>
  );
}

function Messages({ messages, missed, on }: { messages: Message[]; missed: number; on: boolean }) {
  if (messages.length === 0)
    return on ? <Empty title="No message yet">Subscribe to something, or publish. The last 500 messages are kept as long as this page is.</Empty> : null;
  return (
    <Panel
      title={
        <>
          Messages <span class="faint">{count(messages.length)}</span>
        </>
      }
      aside={
        <button type="button" class="plain small" onClick={clear}>
          Clear
        </button>
      }
    >
      <ol class="messages" aria-live="polite" aria-relevant="additions">
        {messages.map((m) => {
          const t = words(m.payload, m.bytes === m.payload.length);
          return (
            <li key={m.number} class={m.out ? "out" : ""}>
              <header>
                <span class="way">{m.out ? "sent" : "came"}</span>
                <code>{m.topic}</code>
                <span class="faint">
                  QoS {m.qos}
                  {m.retain ? " · retained" : ""} · {bytes(m.bytes)}
                </span>
                <time dateTime={m.time}>{moment(m.time).slice(11)}</time>
              </header>
              <pre>{t ?? hex(m.payload)}</pre>
              {m.properties.length > 0 && (
                <p class="hint">
                  {m.properties.map(([k, v], i) => (
                    <span key={i}>
                      {k}: <code>{v}</code>{" "}
                    </span>
                  ))}
                </p>
              )}
            </li>
          );
        })}
      </ol>
      {missed > 0 && <p class="hint">{count(missed)} older ones are not kept any more.</p>}
    </Panel>
  );
}
