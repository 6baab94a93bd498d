import { useState } from "preact/hooks";
import { deleteRetained, retained, retainedMessage, retainedPath, type RetainedMessage } from "../api/tools";
import { go, link } from "../state/route";
import { bytes } from "../ui/format";
import { messageOf, useLate, useLoad } from "../ui/load";
import { usePaged } from "../ui/paged";
import { Ask, Empty, Head, Pairs, Panel, Problem, Search, When } from "../ui/parts";
import { decoded, Payload } from "../ui/payload";
import { Table } from "../ui/table";

/** Retained are the retained messages of a namespace that a filter matches. */
export function Retained({ ns }: { ns: string }) {
  const [filter, setFilter] = useState("");
  const late = useLate(filter.trim(), 250);
  const list = usePaged(retained, retainedPath(ns, late), 5000);
  return (
    <>
      <Head title="Retained messages" about="The last message of each topic that was published with the retain flag: what a new subscriber gets first.">
        <Search value={filter} onValue={setFilter} label="Topic filter, as machines/+/state" />
      </Head>
      <Problem text={list.problem} retry={list.again} />
      <Table<RetainedMessage>
        label="Retained messages"
        rows={list.rows}
        id={(m) => m.topic}
        loading={list.loading}
        columns={[
          { title: "Topic", kind: "wide", cell: (m) => <a class="mono" href={link("ns", ns, "retained", m.topic)}>{m.topic}</a> },
          { title: "QoS", kind: "number", minor: true, cell: (m) => m.qos },
          { title: "Size", kind: "number", cell: (m) => bytes(m.sizeInBytes) },
          { title: "Changed", kind: "number", cell: (m) => <When at={m.lastModifiedTime} /> },
          { title: "Ends", kind: "number", minor: true, cell: (m) => <When at={m.expiresAt} exact /> },
        ]}
        empty={
          late ? (
            <Empty title="No topic with a retained message matches">A filter is as in SUBSCRIBE: + stands for one level, # for all that follow.</Empty>
          ) : (
            <Empty title="No retained messages yet">Clients make them by publishing with the retain flag; an empty one takes it away.</Empty>
          )
        }
      />
      {list.more && (
        <button type="button" class="plain more" onClick={list.more}>
          Show more
        </button>
      )}
    </>
  );
}

/** RetainedPage is one of them with its payload. */
export function RetainedPage({ ns, topic }: { ns: string; topic: string }) {
  const { value: m, problem, again } = useLoad((signal) => retainedMessage(ns, topic, signal), [ns, topic], 5000);
  const [failed, setFailed] = useState("");
  return (
    <>
      <Head
        title={<code class="title">{topic}</code>}
        about={
          <>
            <a href={link("ns", ns, "retained")}>Retained messages</a> of {ns}
          </>
        }
      >
        {m && (
          <Ask
            label="Delete…"
            sure="Delete it"
            about="New subscribers get nothing on this topic until somebody publishes to it. Those who are subscribed are told nothing."
            onSure={async () => {
              try {
                await deleteRetained(ns, topic);
                go("ns", ns, "retained");
              } catch (e) {
                setFailed(messageOf(e));
              }
            }}
          />
        )}
      </Head>
      <Problem text={failed} />
      {!m && <Problem text={problem} retry={again} />}
      {m && (
        <div class="columns">
          <Panel title="Message">
            <Pairs
              of={[
                ["Changed", <When at={m.lastModifiedTime} exact />],
                ["Ends", m.expiresAt ? <When at={m.expiresAt} exact /> : "never"],
                ["QoS", m.qos],
                ["Size", bytes(m.sizeInBytes)],
                ["Content type", m.contentType],
                ...(m.userProperties ?? []).map((u): [string, string] => [u.name, u.value]),
              ]}
            />
          </Panel>
          <Panel title="Payload">
            <Payload of={decoded(m.payload ?? "")} />
          </Panel>
        </div>
      )}
    </>
  );
}
