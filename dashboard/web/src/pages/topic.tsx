import { type Resource } from "../api/arm";
import { request, type Page } from "../api/http";
import { eventCountsPath, type SubscriptionCounts, type TopicCounts } from "../api/tools";
import { listId } from "../kinds";
import { eventSubscriptions, topics } from "../kinds/events";
import { go, link } from "../state/route";
import { bytes, count } from "../ui/format";
import { Editor, Missing } from "../ui/editor";
import { useLoad } from "../ui/load";
import type { Column } from "../ui/table";
import { DeadLetters } from "./deadletters";
import { useNamespace } from "./resource";
import { Resources } from "./resources";

/** useSubscriptionCounts are those of one event subscription. */
export function useSubscriptionCounts(ns: string, topic: string, name: string): SubscriptionCounts | undefined {
  return useCounts(ns)
    .get(topic.toLowerCase())
    ?.eventSubscriptions.find((s) => s.name.toLowerCase() === name.toLowerCase());
}

/** useCounts are those of a namespace's topics by name in lower case, read every two seconds. */
function useCounts(ns: string): Map<string, TopicCounts> {
  const { value } = useLoad(async (signal) => (await request<Page<TopicCounts>>(eventCountsPath(ns), { signal })).body.value, [ns], 2000);
  return new Map((value ?? []).map((t) => [t.name.toLowerCase(), t]));
}

/** attempts are deliveries, whatever became of them. */
export const attempts = (s: SubscriptionCounts | undefined): number | undefined => s && s.delivered + s.failed;
export const dead = (s: SubscriptionCounts | undefined): number | undefined => s && s.deadLettered + s.deadLettersDue;

const number = (n: number | undefined) => (n ? count(n) : <span class="faint">{n ?? "–"}</span>);

/** Topics with what is in them. */
export function Topics({ ns }: { ns: string }) {
  const { id, missing } = useNamespace(ns);
  const counts = useCounts(ns);
  const base = listId(ns, topics);
  if (missing) return <Missing ns={ns} />;
  if (!id || !base) return null;
  const of = (r: Resource): TopicCounts | undefined => counts.get(r.name.toLowerCase());
  const waiting = (r: Resource): number | undefined => of(r)?.eventSubscriptions.reduce((n, s) => n + s.unread + s.outstanding, 0);
  const more: Column<Resource>[] = [
    { title: "Published", kind: "number", cell: (r) => number(of(r)?.published) },
    { title: "Refused", kind: "number", minor: true, cell: (r) => number(of(r)?.refused) },
    { title: "Subscriptions", kind: "number", minor: true, cell: (r) => number(of(r)?.eventSubscriptions.length) },
    { title: "Waiting", kind: "number", cell: (r) => number(waiting(r)) },
    { title: "Held", kind: "number", minor: true, cell: (r) => (of(r) ? bytes(of(r)?.bytes ?? 0) : "") },
  ];
  return <Resources key={base} kind={topics} base={base} href={(name) => link("ns", ns, "topics", name)} newHref={link("ns", ns, "topics", "+")} more={more} />;
}

/** TopicPage is a topic, its event subscriptions, and what becomes of their events. */
export function TopicPage({ ns, topic }: { ns: string; topic: string }) {
  const { id, missing } = useNamespace(ns);
  const counts = useCounts(ns).get(topic.toLowerCase());
  const base = listId(ns, topics);
  const below = listId(ns, eventSubscriptions, topic);
  if (missing) return <Missing ns={ns} />;
  if (!id || !base || !below) return null;
  const of = (r: Resource): SubscriptionCounts | undefined => counts?.eventSubscriptions.find((s) => s.name.toLowerCase() === r.name.toLowerCase());
  const more: Column<Resource>[] = [
    { title: "Unread", kind: "number", cell: (r) => number(of(r)?.unread) },
    { title: "Out", kind: "number", cell: (r) => number(of(r)?.outstanding) },
    { title: "Attempts", kind: "number", cell: (r) => number(attempts(of(r))) },
    { title: "Failed", kind: "number", minor: true, cell: (r) => number(of(r)?.failed) },
    { title: "Done", kind: "number", cell: (r) => number(of(r)?.acknowledged) },
    { title: "Given back", kind: "number", minor: true, cell: (r) => number(of(r)?.released) },
    { title: "Rejected", kind: "number", minor: true, cell: (r) => number(of(r)?.rejected) },
    { title: "Dead", kind: "number", minor: true, cell: (r) => number(dead(of(r))) },
    { title: "Lost", kind: "number", minor: true, cell: (r) => number(of(r)?.dropped) },
  ];
  return (
    <Editor
      key={topic}
      kind={topics}
      base={base}
      name={topic}
      refs={id}
      above={
        <>
          <a href={link("ns", ns, "topics")}>Topics</a> of {ns}
          {counts && ` · ${count(counts.published)} ${counts.published === 1 ? "event" : "events"} since the start, ${bytes(counts.bytes)} held`}
        </>
      }
      saved={() => {}}
      gone={() => go("ns", ns, "topics")}
      intro={
        <>
          <Resources
            kind={eventSubscriptions}
            base={below}
            href={(name) => link("ns", ns, "topics", topic, name)}
            newHref={link("ns", ns, "topics", topic, "+")}
            more={more}
            bare
          />
          <p class="hint after">
            Counts are since the start of the server. Unread: not looked at by the subscription's filter yet. Out: locked by a consumer, delayed or given back. Failed: attempts to push that the receiver did not take.
          </p>
          <DeadLetters ns={ns} topic={topic} />
          <header class="section">
            <h2>Settings</h2>
          </header>
        </>
      }
    />
  );
}
