// What an operator should look at, over the namespaces that there are.
import { request, type Page } from "../api/http";
import { eventCountsPath, refusals, slow, type TopicCounts } from "../api/tools";
import { namespaces } from "../state/namespaces";
import { link } from "../state/route";
import { useStore } from "../state/store";
import { ago, count } from "../ui/format";
import { useLoad } from "../ui/load";
import { Panel, State, type Tone } from "../ui/parts";

interface Item {
  tone: Tone;
  ns: string;
  what: string;
  href: string;
}

const looked = 10; // namespaces
const many = 100; // messages that wait in one session
const recent = 3600_000; // milliseconds

/** Attention is a list of what is not as it should be, each with the page that says more. */
export function Attention() {
  const all = useStore(namespaces);
  const names = (all ?? []).map((n) => n.name).slice(0, looked);
  const { value } = useLoad(async (signal) => (await Promise.all(names.map((ns) => lookAt(ns, signal)))).flat(), [names], 10_000);
  if (!all || !value) return null;
  const left = all.length - names.length;
  return (
    <Panel title="Needs attention">
      {value.length === 0 ? (
        <p>
          <State tone="good">Nothing</State> <span class="hint">No session is far behind, nobody was refused in the last hour, no event was lost or is a dead letter.</span>
        </p>
      ) : (
        <ul class="attention">
          {value.map((i) => (
            <li key={i.href + i.what}>
              <State tone={i.tone}>{i.ns}</State> <a href={i.href}>{i.what}</a>
            </li>
          ))}
        </ul>
      )}
      {left > 0 && <p class="hint after">{count(left)} more namespaces were not looked at.</p>}
    </Panel>
  );
}

/** lookAt asks one namespace. What the operator may not see is left out. */
async function lookAt(ns: string, signal: AbortSignal): Promise<Item[]> {
  const lists = await Promise.all([behind(ns, signal), refused(ns, signal), undelivered(ns, signal)].map((p) => p.catch((): Item[] => [])));
  return lists.flat();
}

async function behind(ns: string, signal: AbortSignal): Promise<Item[]> {
  const [worst] = await slow(ns, "messages", 1, signal);
  if (!worst || worst.queuedMessages < many) return [];
  const since = worst.oldestPublished ? `, the oldest for ${ago(worst.oldestPublished)}` : "";
  return [{ tone: "warn", ns, what: `${count(worst.queuedMessages)} messages wait for ${worst.clientId}${since}`, href: link("ns", ns, "slow") }];
}

async function refused(ns: string, signal: AbortSignal): Promise<Item[]> {
  const late = (await refusals(ns, signal)).filter((r) => Date.now() - Date.parse(r.time) < recent);
  if (late.length === 0) return [];
  const who = new Set(late.map((r) => r.authenticationName || r.clientId || r.remote));
  const [one] = who;
  return [{ tone: "warn", ns, what: who.size === 1 ? `${one} was refused in the last hour` : `${count(who.size)} clients were refused in the last hour`, href: link("ns", ns, "refused") }];
}

async function undelivered(ns: string, signal: AbortSignal): Promise<Item[]> {
  const topics = (await request<Page<TopicCounts>>(eventCountsPath(ns), { signal })).body.value;
  const items: Item[] = [];
  for (const t of topics)
    for (const s of t.eventSubscriptions) {
      const name = `${t.name}/${s.name}`;
      const page = link("ns", ns, "topics", t.name, s.name);
      if (s.dropped > 0) items.push({ tone: "bad", ns, what: `${name} lost ${events(s.dropped)}: it names no destination for dead letters, or that did not take them`, href: page });
      if (s.deadLettered + s.deadLettersDue > 0) items.push({ tone: "warn", ns, what: `${name} has had ${events(s.deadLettered + s.deadLettersDue)} that became dead letters`, href: page });
    }
  return items;
}

const events = (n: number): string => `${count(n)} ${n === 1 ? "event" : "events"}`;
