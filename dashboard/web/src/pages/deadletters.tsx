// Events that were not delivered: why, what became of each attempt, and once more.
import { useState } from "preact/hooks";
import { deadLetters, deadLettersPath, letterAccounts, replay, type DeadLetter, type LetterAccount, type Letters, type Replayed } from "../api/tools";
import { link } from "../state/route";
import { count } from "../ui/format";
import { messageOf, useLate, useLoad } from "../ui/load";
import { usePaged } from "../ui/paged";
import { Ask, Empty, Head, Notice, Panel, Problem, Search, When } from "../ui/parts";
import { decoded, Payload } from "../ui/payload";

const events = (n: number): string => `${count(n)} ${n === 1 ? "event" : "events"}`;

/** DeadLettersPage are those of a namespace. */
export function DeadLettersPage({ ns, topic: given }: { ns: string; topic: string }) {
  const [topic, setTopic] = useState(given);
  const late = useLate(topic.trim(), 250);
  return (
    <>
      <Head title="Dead letters" about="Events that an event subscription rejected, or did not take in time or by the last attempt. The newest first.">
        <Search value={topic} onValue={setTopic} label="Topic, its whole name" />
      </Head>
      <List ns={ns} topic={late} subscription="" />
    </>
  );
}

/** DeadLetters are those of a topic or of one of its event subscriptions, in its page. */
export function DeadLetters({ ns, topic, subscription = "" }: { ns: string; topic: string; subscription?: string }) {
  return (
    <div class="spaced">
      <Panel title="Dead letters">
        <List ns={ns} topic={topic} subscription={subscription} />
      </Panel>
    </div>
  );
}

function List({ ns, topic, subscription }: { ns: string; topic: string; subscription: string }) {
  const [account, setAccount] = useState("");
  const accounts = useLoad((signal) => letterAccounts(ns, signal), [ns]).value ?? [];
  return (
    <>
      {accounts.length > 0 && (
        <p>
          <label>
            Kept{" "}
            <select name="account" value={account} onChange={(e) => setAccount(e.currentTarget.value)}>
              <option value="">on the server's disk</option>
              {accounts.map((a) => (
                <option key={a.name} value={a.name}>
                  {where(a)}
                </option>
              ))}
            </select>
          </label>
        </p>
      )}
      <Of key={account} ns={ns} account={account} topic={topic} subscription={subscription} />
    </>
  );
}

const where = (a: LetterAccount): string => (a.kind === "topic" ? `for ${a.name}, in topic ${a.topic ?? ""}` : `for ${a.name}, in ${a.kind === "s3" ? "a bucket" : "blob storage"}`);

/** Of are those of a place. Stores elsewhere are not asked again and again. */
function Of({ ns, account, topic, subscription }: { ns: string; account: string; topic: string; subscription: string }) {
  const from = account ? { account } : {};
  const list = usePaged(deadLetters, deadLettersPath(ns, { ...from, topic, eventSubscription: subscription }), account ? 0 : 5000);
  const [told, setTold] = useState<Replayed | null>(null);
  const [failed, setFailed] = useState("");
  const again = async (which: Letters): Promise<void> => {
    try {
      setTold(await replay(ns, { ...from, ...which }));
      setFailed("");
    } catch (e) {
      setTold(null);
      setFailed(messageOf(e));
    }
    list.again();
  };
  return (
    <>
      <Problem text={list.problem} retry={list.again} />
      <Problem text={failed} />
      {told && <Told of={told} />}
      {topic && list.rows.length > 0 && (
        <p class="letters-all">
          <Ask
            label="Replay all…"
            sure="Publish them again"
            tone="plain"
            about={`All dead letters of ${subscription ? `${topic}/${subscription}` : topic} are published to ${topic} again, with the id they had, the oldest first. Every event subscription whose filter takes an event gets it.`}
            onSure={() => again({ topic, ...(subscription ? { eventSubscription: subscription } : {}) })}
          />
        </p>
      )}
      {list.rows.length === 0 ? (
        list.loading ? (
          <div class="empty quiet">Reading…</div>
        ) : (
          <Empty title="No dead letters">
            {account
              ? "Looked at are the containers that event subscriptions name now."
              : "They are kept here if the event subscription names a dead-letter destination. Those that the configuration sends to a bucket or a topic (events.dead_letters) are there instead."}
          </Empty>
        )
      ) : (
        <ol class="letters">
          {list.rows.map((l, i) => (
            <Letter key={`${l.file}/${i}`} ns={ns} l={l} again={() => again({ topic: l.topic, eventSubscription: l.eventSubscription, file: l.file })} />
          ))}
        </ol>
      )}
      {list.more && (
        <button type="button" class="plain more" onClick={list.more}>
          Show more
        </button>
      )}
    </>
  );
}

function Told({ of: r }: { of: Replayed }) {
  return (
    <>
      <Notice tone={r.refused.length > 0 || r.left > 0 ? "warn" : "good"}>
        {r.events > 0 ? `Published ${events(r.events)} again.` : "Nothing was published."}
        {r.left > 0 && ` ${count(r.left)} files are left: replay again to go on.`}
      </Notice>
      {r.refused.map((x, i) => (
        <Problem key={i} text={`Left where it was: ${x.file ?? x.topic}: ${x.reason}`} />
      ))}
    </>
  );
}

function Letter({ ns, l, again }: { ns: string; l: DeadLetter; again: () => Promise<void> }) {
  const [open, setOpen] = useState(false);
  const name = (member: string): string => String(l.event[member] ?? "");
  return (
    <li>
      <header>
        <button type="button" class="plain small" aria-expanded={open} onClick={() => setOpen(!open)}>
          {open ? "Hide" : "Show"}
        </button>
        <span class="what">
          <b>{name("type")}</b> <code>{name("id")}</code>
        </span>
        <span>
          <a href={link("ns", ns, "topics", l.topic)}>{l.topic}</a>/<a href={link("ns", ns, "topics", l.topic, l.eventSubscription)}>{l.eventSubscription}</a>
        </span>
        <Ask
          small
          label="Replay"
          sure="Publish again"
          tone="plain"
          about={
            l.lettersInFile > 1
              ? `It was written together with others: ${events(l.lettersInFile)} are published to ${l.topic} again. Every event subscription whose filter takes an event gets it.`
              : `The event is published to ${l.topic} again, with the id it had. Every event subscription whose filter takes it gets it.`
          }
          onSure={again}
        />
      </header>
      <p>
        {l.reason} <span class="hint">{attempts(l)}</span>
      </p>
      <p class="hint">
        Published <When at={l.publishTime} exact />
        {l.lastAttemptTime && (
          <>
            , last tried <When at={l.lastAttemptTime} exact />
          </>
        )}
      </p>
      {open && <pre class="payload">{JSON.stringify(l.event, null, 2)}</pre>}
      {open && typeof l.event["data_base64"] === "string" && (
        <>
          <p class="hint after">Its data, decoded:</p>
          <Payload of={decoded(l.event["data_base64"])} />
        </>
      )}
    </li>
  );
}

function attempts(l: DeadLetter): string {
  const n = `${count(l.deliveryAttempts)} ${l.deliveryAttempts === 1 ? "attempt" : "attempts"}`;
  return l.deliveryAttempts === 0 || !l.lastResult ? `${n}.` : `${n}, the last: ${l.lastResult}`;
}
