import { useState } from "preact/hooks";
import { disconnect, endSession, history, session } from "../api/tools";
import { go, link } from "../state/route";
import { bytes, count, duration } from "../ui/format";
import { messageOf, useLoad } from "../ui/load";
import { Ask, Empty, Head, Pairs, Panel, Problem, State, When } from "../ui/parts";
import { HistoryTable } from "../ui/history";
import { Table } from "../ui/table";
import { TracePanel } from "../ui/trace";

/** SessionPage is one session: what it is, what it subscribes to, and how to end it. */
export function SessionPage({ ns, client }: { ns: string; client: string }) {
  const { value: s, problem, again } = useLoad((signal) => session(ns, client, signal), [ns, client], 3000);
  const past = useLoad((signal) => history(ns, client, 50, signal), [ns, client], 3000);
  const [failed, setFailed] = useState("");
  const [reason, setReason] = useState("");
  const act = async (what: () => Promise<void>, then: () => void): Promise<void> => {
    try {
      await what();
      setFailed("");
      then();
    } catch (e) {
      setFailed(messageOf(e));
    }
  };
  return (
    <>
      <Head
        title={client}
        about={
          <>
            <a href={link("ns", ns, "sessions")}>Sessions</a> of {ns}
          </>
        }
      >
        {s && <Ask label="End session" sure="End it" about="The client is disconnected. Its subscriptions go, and every message that waits for it." onSure={() => act(() => endSession(ns, client), () => go("ns", ns, "sessions"))} />}
      </Head>
      <Problem text={failed} />
      {!s && problem && <Empty title={problem}>It has ended, or its client has not been here. What is remembered of it is below.</Empty>}
      {s && (
        <div class="columns">
          <Panel title="State">
            <Pairs
              of={[
                ["State", <State tone={s.connected ? "good" : "quiet"}>{s.connected ? "connected" : "away"}</State>],
                ["Since", <When at={s.since} exact />],
                ["Ends", s.connected ? "" : s.expiresAt ? <When at={s.expiresAt} exact /> : "never"],
                ["Remote", s.remote && <code>{s.remote}</code>],
                ["Protocol", s.protocol],
                ["Keep alive", s.connected ? (s.keepAliveInSeconds ? duration(s.keepAliveInSeconds) : "off") : ""],
                ["Kept after disconnect", s.sessionExpiryInSeconds === 0xffffffff ? "for ever" : s.sessionExpiryInSeconds === 0 ? "not" : duration(s.sessionExpiryInSeconds)],
              ]}
            />
          </Panel>
          <Panel title="Who">
            <Pairs
              of={[
                ["Authentication name", s.authenticationName],
                ["Client", s.client && <a href={link("ns", ns, "clients", s.client)}>{s.client}</a>],
                ["Logged in by", s.authenticationMethod],
                ["Credential ends", s.credentialExpiresAt && <When at={s.credentialExpiresAt} exact />],
                ["Groups", (s.clientGroups ?? []).join(", ")],
              ]}
            />
            <p class="after">
              <a href={link("ns", ns, "access", s.client ?? s.authenticationName)}>What may it do?</a>
            </p>
          </Panel>
          <div>
            <Panel title="Queue">
              <Pairs
                of={[
                  ["Messages that wait", count(s.queuedMessages)],
                  ["Bytes", bytes(s.queuedBytes)],
                  ["Sent, not acknowledged", count(s.inFlightMessages)],
                ]}
              />
            </Panel>
            <Panel title="Disconnect">
              <p class="hint">The client is told 0x98 and the reason; the session stays, and the client may come back.</p>
              <div class="row">
                <input aria-label="Reason" placeholder="Reason, told to the client" maxLength={256} value={reason} onInput={(e) => setReason(e.currentTarget.value)} />
                <button type="button" class="danger" disabled={!s.connected} onClick={() => void act(() => disconnect(ns, client, reason), again)}>
                  Disconnect
                </button>
              </div>
            </Panel>
          </div>
        </div>
      )}
      {s && (
        <Panel title="Subscriptions">
          <Table
            label="Subscriptions"
            rows={s.subscriptions ?? []}
            id={(x) => `${x.share ?? ""}/${x.filter}`}
            columns={[
              { title: "Filter", kind: "wide", cell: (x) => <code>{x.filter}</code> },
              { title: "QoS", kind: "number", cell: (x) => x.qos },
              { title: "Shared by", cell: (x) => x.share ?? "" },
            ]}
            empty={<Empty title="It subscribes to nothing" />}
          />
        </Panel>
      )}
      <TracePanel ns={ns} client={client} />
      <Panel title="History">
        <Problem text={past.problem} />
        <HistoryTable ns={ns} rows={past.value ?? []} loading={past.loading && !past.value} one />
      </Panel>
    </>
  );
}
