package behaviour

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"testing"
)

// Sparkplug B 3.0 (Eclipse): edge nodes and their devices, a host application, and the
// rules by which each knows whether the others are there. The broker's part is wills,
// retained messages, order, and sessions that end with their connections; docs/sparkplug.md
// has the same permissions as a manifest.

// A plant is a fleet in which certificates name edge nodes and host applications.
func plant(f *fleet) {
	for _, name := range []string{"node-1", "node-2"} {
		f.client(name, object{"kind": "edge-node", "group": "plant"})
	}
	f.client("node-9", object{"kind": "edge-node", "group": "other"})
	f.client("scada", object{"kind": "host"})
	f.client("historian", object{"kind": "reader"})
	f.clientGroup("edge-nodes", "attributes.kind = 'edge-node'")
	f.clientGroup("hosts", "attributes.kind = 'host'")
	f.clientGroup("readers", "attributes.kind IN ['reader', 'host']")
	const group, node = "spBv1.0/${client.attributes.group}/", "/${client.authenticationName}"
	f.topicSpace("node-reports", group+"NBIRTH"+node, group+"NDATA"+node, group+"NDEATH"+node,
		group+"DBIRTH"+node+"/+", group+"DDATA"+node+"/+", group+"DDEATH"+node+"/+")
	f.topicSpace("node-commands", group+"NCMD"+node, group+"DCMD"+node+"/+")
	f.topicSpace("host-states", "spBv1.0/STATE/+")
	f.topicSpace("everything", "spBv1.0/#")
	f.topicSpace("host-commands", "spBv1.0/+/NCMD/+", "spBv1.0/+/DCMD/+/+", "spBv1.0/STATE/${client.authenticationName}")
	f.bind("edge-nodes", "Publisher", "node-reports")
	f.bind("edge-nodes", "Subscriber", "node-commands")
	f.bind("edge-nodes", "Subscriber", "host-states")
	f.bind("readers", "Subscriber", "everything")
	f.bind("hosts", "Publisher", "host-commands")
}

// An edgeNode counts as Sparkplug says: bdSeq with each CONNECT, seq with each message.
type edgeNode struct {
	f     *fleet
	name  string
	bdSeq uint64
	seq   uint64
	*client
}

// connect is a session of an edge node: its will is registered, it has asked for
// commands, and is born.
func (n *edgeNode) connect() {
	n.f.Helper()
	n.client = n.f.enter(n.name, login{will: &will{topic: n.topic("NDEATH"), payload: death(n.bdSeq), qos: 1}})
	if n.present {
		n.f.Errorf("%s: a session is there, although it starts clean", n.name)
	}
	n.subscribe(1, n.topic("NCMD"), n.topic("DCMD")+"/+")
	n.seq = 0
	n.publish(0, n.topic("NBIRTH"), n.birth())
}

func (n *edgeNode) topic(kind string) string { return "spBv1.0/plant/" + kind + "/" + n.name }

func (n *edgeNode) birth() string {
	return payload(0, metric{name: "bdSeq", kind: sparkInt64, long: n.bdSeq}, metric{name: "Node Control/Rebirth", kind: sparkBoolean})
}

// report publishes at QoS 0, as nodes and devices ("/name") do, with the next seq.
func (n *edgeNode) report(kind, device string, m metric) (sent string) {
	n.f.Helper()
	n.seq = (n.seq + 1) % 256
	sent = payload(n.seq, m)
	n.publish(0, n.topic(kind)+device, sent)
	return sent
}

// TestSparkplugLife: births, data, a command, the death of a node whose connection is
// cut, and its next life.
func TestSparkplugLife(t *testing.T) {
	secured(t, func(f *fleet) {
		plant(f)
		host := f.enter("scada", login{will: stateOf(false)})
		host.subscribe(1, "spBv1.0/#")
		host.send(state(true))
		host.want(stateOf(true).payload)

		one, two := &edgeNode{f: f, name: "node-1", bdSeq: 7}, &edgeNode{f: f, name: "node-2"}
		for _, n := range []*edgeNode{one, two} {
			n.connect()
			if m := host.want(n.birth())[0]; m.qos != 0 || m.retain || m.topic != n.topic("NBIRTH") {
				f.Errorf("NBIRTH came as %v", m)
			}
		}
		host.want(one.report("DBIRTH", "/oven", metric{name: "temperature", kind: sparkDouble, double: 20}))
		var sent []string
		for i := range 300 { // seq goes round at 256; a gap would make the host ask for a rebirth
			sent = append(sent, one.report("DDATA", "/oven", metric{name: "temperature", kind: sparkDouble, double: float64(i)}))
		}
		host.want(sent...)
		host.want(two.report("NDATA", "", metric{name: "load", kind: sparkDouble, double: 0.5}))

		again := payload(0, metric{name: "Node Control/Rebirth", kind: sparkBoolean, long: 1})
		host.publish(0, one.topic("NCMD"), again)
		one.want(again)
		host.publish(0, two.topic("DCMD")+"/press", again)
		two.want(again)
		host.want(again, again) // it has subscribed to everything
		one.seq = 0
		one.publish(0, one.topic("NBIRTH"), one.birth()) // with the bdSeq of its CONNECT
		host.want(one.birth())

		one.drop()
		if m := host.want(death(7))[0]; m.qos != 1 || m.retain || m.topic != one.topic("NDEATH") {
			f.Errorf("NDEATH came as %v", m)
		}
		one.bdSeq++
		one.connect()
		host.want(one.birth())

		// Who leaves on purpose says so himself, and then there is no second death.
		two.publish(0, two.topic("NDEATH"), death(0))
		two.leave()
		host.want(death(0))
		host.silent()
	})
}

// TestSparkplugTakeOver: a node comes back before its old connection is known to be
// dead. The old death is told before the new birth, so that no host takes the node for
// dead; its bdSeq tells which life it ends.
func TestSparkplugTakeOver(t *testing.T) {
	secured(t, func(f *fleet) {
		plant(f)
		host := f.enter("scada", login{will: stateOf(false)})
		host.subscribe(1, "spBv1.0/plant/#")
		node := &edgeNode{f: f, name: "node-1"}
		node.connect()
		host.want(node.birth())
		for range 5 {
			before, old := death(node.bdSeq), node.client
			node.bdSeq++
			node.connect()
			old.wantEnd(sessionTakenOver)
			host.want(before, node.birth())
		}
		node.silent()
		host.silent()
	})
}

// TestSparkplugHostState: whether a host is there is a retained message, its will tells
// when it is gone. Nodes that come later know it at once.
func TestSparkplugHostState(t *testing.T) {
	secured(t, func(f *fleet) {
		plant(f)
		online, offline := stateOf(true).payload, stateOf(false).payload
		node := f.enter("node-1", login{})
		node.subscribe(1, "spBv1.0/STATE/scada")
		host := f.enter("scada", login{will: stateOf(false)})
		host.send(state(true))
		node.want(online)
		late := f.enter("node-2", login{})
		late.subscribe(1, "spBv1.0/STATE/+")
		if m := late.want(online)[0]; !m.retain || m.qos != 1 {
			f.Errorf("STATE came late as %v", m)
		}
		host.drop()
		node.want(offline)
		late.want(offline)
		later := f.enter("node-9", login{})
		later.subscribe(1, "spBv1.0/STATE/scada")
		if m := later.want(offline)[0]; !m.retain {
			f.Errorf("STATE came later as %v", m)
		}
		host = f.enter("scada", login{will: stateOf(false)})
		host.send(state(true))
		node.want(online)
		later.want(online)

		// Taken over: offline by the will of the old connection, then online. A host that
		// sees itself offline says that it is not (the last word is the new connection's).
		old := host
		host = f.enter("scada", login{will: stateOf(false)})
		old.wantEnd(sessionTakenOver)
		host.subscribe(1, "spBv1.0/STATE/scada")
		host.want(offline)
		host.send(state(true))
		host.want(online)
		node.want(offline, online)
		late.want(online, offline, online)
	})
}

// TestSparkplugSessions end with their connections: nothing is kept for a node that is
// away, and who comes late sees STATE and nothing of the lives of nodes.
func TestSparkplugSessions(t *testing.T) {
	secured(t, func(f *fleet) {
		plant(f)
		host := f.enter("scada", login{will: stateOf(false)})
		host.send(state(true))
		node := &edgeNode{f: f, name: "node-1"}
		node.connect()
		node.leave()
		f.away("node-1")
		host.publish(1, node.topic("NCMD"), "an old command")
		node.connect()
		node.silent()

		historian := f.enter("historian", login{})
		historian.subscribe(1, "spBv1.0/#")
		historian.want(stateOf(true).payload)
		historian.silent()
		host.publish(0, node.topic("NCMD"), "rebirth") // so it asks for what it has missed
		node.want("rebirth")
		historian.want("rebirth")
		node.publish(0, node.topic("NBIRTH"), node.birth())
		historian.want(node.birth())
	})
}

// TestSparkplugPermissions: a node speaks for itself and its devices only, in its group;
// also in its will.
func TestSparkplugPermissions(t *testing.T) {
	secured(t, func(f *fleet) {
		plant(f)
		f.wants(`
			node-1     publish    spBv1.0/plant/NBIRTH/node-1       yes
			node-1     publish    spBv1.0/plant/DDATA/node-1/oven   yes
			node-1     publish    spBv1.0/plant/NDEATH/node-2       no
			node-1     publish    spBv1.0/plant/DDATA/node-2/oven   no
			node-1     publish    spBv1.0/other/NBIRTH/node-1       no
			node-1     publish    spBv1.0/plant/NCMD/node-2         no
			node-1     publish    spBv1.0/plant/NCMD/node-1         no
			node-1     publish    spBv1.0/STATE/scada               no
			node-1     publish    spBv1.0/plant/DDATA/node-1/a/b    no
			node-1     subscribe  spBv1.0/plant/NCMD/node-1         yes
			node-1     subscribe  spBv1.0/plant/DCMD/node-1/+       yes
			node-1     subscribe  spBv1.0/plant/NCMD/+              no
			node-1     subscribe  spBv1.0/plant/#                   no
			node-1     subscribe  spBv1.0/STATE/scada               yes
			node-9     publish    spBv1.0/other/NBIRTH/node-9       yes
			node-9     publish    spBv1.0/plant/NBIRTH/node-9       no
			scada      publish    spBv1.0/plant/NCMD/node-1         yes
			scada      publish    spBv1.0/plant/DCMD/node-1/oven    yes
			scada      publish    spBv1.0/STATE/scada               yes
			scada      publish    spBv1.0/STATE/other               no
			scada      publish    spBv1.0/plant/NDATA/node-1        no
			historian  subscribe  spBv1.0/#                         yes
			historian  publish    spBv1.0/plant/NCMD/node-1         no
		`)
		lie := &will{topic: "spBv1.0/plant/NDEATH/node-2", payload: death(0), qos: 1}
		if c, r := f.tryEnter("node-1", login{will: lie}); c != nil || r.code != f.notAuthorized() {
			f.Errorf("node-1 with the NDEATH of node-2 as its will: let in %t, code %#x, %v", c != nil, r.code, r.err)
		}
	})
}

const (
	sparkInt64   = 4
	sparkDouble  = 10
	sparkBoolean = 11
)

// A metric is a small part of what Sparkplug's has.
type metric struct {
	name   string
	kind   uint64
	long   uint64
	double float64
}

// payload is a Payload of sparkplug_b.proto: timestamp, metrics, seq.
func payload(seq uint64, metrics ...metric) string {
	b := field(nil, 1, 1_700_000_000_000)
	for _, m := range metrics {
		b = text(b, 2, m.encode())
	}
	return string(field(b, 3, seq))
}

// death is that of NDEATH, which has no seq.
func death(bdSeq uint64) string {
	return string(text(field(nil, 1, 1_700_000_000_000), 2, metric{name: "bdSeq", kind: sparkInt64, long: bdSeq}.encode()))
}

func (m metric) encode() []byte {
	b := text(nil, 1, []byte(m.name))
	b = field(b, 4, m.kind)
	switch m.kind {
	case sparkInt64:
		return field(b, 11, m.long)
	case sparkDouble:
		return binary.LittleEndian.AppendUint64(binary.AppendUvarint(b, 13<<3|1), math.Float64bits(m.double))
	}
	return field(b, 14, m.long)
}

func field(b []byte, number, v uint64) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(b, number<<3), v)
}

func text(b []byte, number uint64, s []byte) []byte {
	return append(binary.AppendUvarint(binary.AppendUvarint(b, number<<3|2), uint64(len(s))), s...)
}

// stateOf is the will of a host application, and its birth.
func stateOf(online bool) *will {
	b, err := json.Marshal(map[string]any{"online": online, "timestamp": 1_700_000_000_000})
	if err != nil {
		panic(err) // ours
	}
	return &will{topic: "spBv1.0/STATE/scada", payload: string(b), qos: 1, retain: true}
}

func state(online bool) message {
	w := stateOf(online)
	return message{topic: w.topic, payload: w.payload, qos: w.qos, retain: w.retain}
}
