import { listId } from "../kinds";
import { eventSubscriptions } from "../kinds/events";
import { go, link } from "../state/route";
import { Editor, Missing } from "../ui/editor";
import { count } from "../ui/format";
import { DeadLetters } from "./deadletters";
import { useNamespace } from "./resource";
import { attempts, dead, useSubscriptionCounts } from "./topic";

/** SubscriptionPage is an event subscription, what became of its events, and a new one. */
export function SubscriptionPage({ ns, topic, name }: { ns: string; topic: string; name: string | null }) {
  const { id, missing } = useNamespace(ns);
  const base = listId(ns, eventSubscriptions, topic);
  if (missing) return <Missing ns={ns} />;
  if (!id || !base) return null;
  return (
    <>
      <Editor
        key={`${base}/${name ?? ""}`}
        kind={eventSubscriptions}
        base={base}
        name={name}
        refs={id}
        above={
          <>
            Event subscription of topic <a href={link("ns", ns, "topics", topic)}>{topic}</a>
          </>
        }
        intro={name === null ? undefined : <Counts ns={ns} topic={topic} name={name} />}
        saved={() => go("ns", ns, "topics", topic)}
        gone={() => go("ns", ns, "topics", topic)}
      />
      {name !== null && <DeadLetters ns={ns} topic={topic} subscription={name} />}
    </>
  );
}

/** Counts are what became of its events since the start of the server. */
function Counts({ ns, topic, name }: { ns: string; topic: string; name: string }) {
  const c = useSubscriptionCounts(ns, topic, name);
  const tile = (title: string, n: number | undefined, about: string) => (
    <div class="tile">
      <span>{title}</span>
      <strong>{n === undefined ? "–" : count(n)}</strong>
      <small>{about}</small>
    </div>
  );
  return (
    <div class="tiles">
      {tile("Waiting", c && c.unread + c.outstanding, c ? `${count(c.outstanding)} of them out` : "")}
      {tile("Attempts", attempts(c), c ? `${count(c.failed)} failed` : "")}
      {tile("Done", c?.acknowledged, "acknowledged")}
      {tile("Given back", c?.released, "released")}
      {tile("Rejected", c?.rejected, "by a consumer")}
      {tile("Dead letters", dead(c), c ? `${count(c.deadLettersDue)} to be written` : "")}
      {tile("Lost", c?.dropped, "without a destination")}
    </div>
  );
}
