package conformance

import (
	"testing"
	"time"
)

var connect5 = map[string]test{
	"3.1.0-1": firstIsConnect,
	"3.1.0-2": secondConnect,

	"3.1.2-1":  protocolName,
	"3.1.2-2":  newerVersion,
	"3.1.2-3":  reservedConnectFlag,
	"3.1.2-4":  cleanDiscards,
	"3.1.2-5":  resumes,
	"3.1.2-6":  beginsSession,
	"3.1.2-7":  willAfterCut,
	"3.1.2-8":  all(willDelayed, willAtSessionEnd, willWithdrawn, willOnRequest, willStopped),
	"3.1.2-9":  willFieldsMissing,
	"3.1.2-10": all(willOnce, willWithdrawn),
	"3.1.2-11": willQoSWithoutWill,
	"3.1.2-12": willQoS,
	"3.1.2-13": willRetainWithoutWill,
	"3.1.2-14": willNotRetained,
	"3.1.2-15": willRetained,
	"3.1.2-16": userWithoutFlag,
	"3.1.2-17": flagWithoutUser,
	"3.1.2-18": passwordWithoutFlag,
	"3.1.2-19": flagWithoutPassword,
	"3.1.2-22": keepAlive,
	"3.1.2-23": sessionOutlives,
	"3.1.2-24": maximumPacketSize,
	"3.1.2-25": tooLargeCountsAsDelivered,
	"3.1.2-26": aliasesWithin,
	"3.1.2-27": noAliases,
	"3.1.2-28": noResponseInformation,
	"3.1.2-29": noProblemInformation,

	"3.1.3-1":  payloadOrder,
	"3.1.3-2":  idNamesSession,
	"3.1.3-3":  idMissing,
	"3.1.3-4":  refusesText(illFormed, inClientID),
	"3.1.3-5":  plainIDs,
	"3.1.3-6":  emptyID,
	"3.1.3-7":  assignedIDWorks,
	"3.1.3-8":  hugeID,
	"3.1.3-9":  willStopped,
	"3.1.3-10": willUserProperties,
	"3.1.3-11": refusesText(illFormed, inWillTopic),
	"3.1.3-12": refusesText(illFormed, inUserName),

	"3.1.4-1": malformedConnect,
	"3.1.4-2": failedCheck,
	"3.1.4-3": takesOver,
	"3.1.4-4": cleanTakeover,
	"3.1.4-5": accepts,
	"3.1.4-6": nothingAfterRefusal,
}

var connect3 = map[string]test{
	"3.1.0-1": firstIsConnect,
	"3.1.0-2": secondConnect,

	"3.1.2-1":  protocolName,
	"3.1.2-2":  olderVersion,
	"3.1.2-3":  reservedConnectFlag,
	"3.1.2-4":  all(resumes, beginsSession, sessionOutlives),
	"3.1.2-5":  keepsForAbsent,
	"3.1.2-6":  cleanDiscards,
	"3.1.2-7":  retainedOutlivesSession,
	"3.1.2-8":  all(willAfterCut, willWithdrawn),
	"3.1.2-9":  willFieldsMissing,
	"3.1.2-10": all(willOnce, willWithdrawn),
	"3.1.2-11": all(willQoSWithoutWill, willRetainWithoutWill, willFieldsWithoutWill),
	"3.1.2-12": willOnce,
	"3.1.2-13": willQoSWithoutWill,
	"3.1.2-14": willQoS,
	"3.1.2-15": willRetainWithoutWill,
	"3.1.2-16": willNotRetained,
	"3.1.2-17": willRetained,
	"3.1.2-18": userWithoutFlag,
	"3.1.2-19": flagWithoutUser,
	"3.1.2-20": passwordWithoutFlag,
	"3.1.2-21": flagWithoutPassword,
	"3.1.2-22": passwordWithoutUser,
	"3.1.2-24": keepAlive,

	"3.1.3-1":  payloadOrder,
	"3.1.3-2":  idNamesSession,
	"3.1.3-3":  idMissing,
	"3.1.3-4":  refusesText(illFormed, inClientID),
	"3.1.3-5":  plainIDs,
	"3.1.3-6":  emptyID,
	"3.1.3-7":  emptyIDNotClean,
	"3.1.3-8":  emptyIDNotClean,
	"3.1.3-9":  hugeID,
	"3.1.3-10": refusesText(illFormed, inWillTopic),
	"3.1.3-11": refusesText(illFormed, inUserName),

	"3.1.4-1": malformedConnect,
	"3.1.4-2": takesOver,
	"3.1.4-3": cleanTakeover,
	"3.1.4-4": accepts,
	"3.1.4-5": nothingAfterRefusal,
}

func firstIsConnect(t *testing.T, v version) {
	topic := name(t)
	try(t, map[string][]byte{
		"PUBLISH":     v.publish(0x30, topic, 0, nil, "x"),
		"PUBLISH 1":   v.publish(0x32, topic, 1, nil, "x"),
		"PUBREL":      ack(0x62, 1),
		"SUBSCRIBE":   v.subscribe(1, nil, topic, 0),
		"UNSUBSCRIBE": v.unsubscribe(1, topic),
		"PINGREQ":     pingreq,
		"DISCONNECT":  disconnect,
		"AUTH":        {0xF0, 0x00},
	}, func(t *testing.T, p []byte) {
		c := dial(t, v)
		c.send(p, connect{id: topic}.encode(v))
		c.dropped(0x81, 0x82)
	})
}

func secondConnect(t *testing.T, v version) {
	p := connect{id: name(t)}
	c := open(t, v, p)
	c.send(p.encode(v))
	c.dropped(0x82)
}

func protocolName(t *testing.T, v version) {
	try(t, map[string]string{"another": "MQTX", "lower case": "mqtt", "longer": "MQTTT", "empty": ""},
		func(t *testing.T, protocol string) {
			c := dial(t, v)
			c.send(packet(0x10, str(protocol), v, 0x02, u16(0), v.props(), str(name(t))))
			c.refused(0x84, 0x81, 0x82, 0x01) // 01: as a 3.1.1 server says it
		})
}

func newerVersion(t *testing.T, v version) {
	try(t, map[string]int{"6": 6, "127": 127}, func(t *testing.T, level int) {
		c := dial(t, v)
		c.send(packet(0x10, str("MQTT"), level, 0x02, u16(0), v.props(), str(name(t))))
		c.refused(0x84, 0x01)
	})
}

func olderVersion(t *testing.T, v version) {
	try(t, map[string]int{"1": 1, "2": 2}, func(t *testing.T, level int) {
		c := dial(t, v)
		c.send(packet(0x10, str("MQTT"), level, 0x02, u16(0), str(name(t))))
		c.exactly([]byte{0x20, 0x02, 0x00, 0x01})
		c.closed()
	})
}

func reservedConnectFlag(t *testing.T, v version) {
	c := dial(t, v)
	c.send(v.rawConnect(0x03, str(name(t))))
	c.dropped(0x81)
}

// away makes a session with a subscription to topic and leaves it.
func away(t *testing.T, v version, id, topic string, qos int) {
	t.Helper()
	c := open(t, v, connect{id: id, keep: true})
	c.subscribe(topic, qos)
	c.bye()
}

func cleanDiscards(t *testing.T, v version) {
	id, topic := name(t, "id"), name(t, "t")
	away(t, v, id, topic, 1)
	pub := open(t, v, connect{})
	pub.put(topic, 1, "for the old session")

	c := open(t, v, connect{id: id})
	if c.sessionPresent() {
		t.Error("the session is present in spite of the clean start")
	}
	pub.put(topic, 1, "for the old subscription")
	c.quiet()
	c.bye()
	if open(t, v, connect{id: id, resume: true}).sessionPresent() {
		t.Error("the clean session is there after its connection")
	}
}

func resumes(t *testing.T, v version) {
	id, topic := name(t, "id"), name(t, "t")
	away(t, v, id, topic, 1)
	pub := open(t, v, connect{})
	pub.put(topic, 1, "while away")
	c := open(t, v, connect{id: id, keep: true})
	if !c.sessionPresent() {
		t.Error("the session is not present")
	}
	c.wantMessage(topic, "while away")
	pub.put(topic, 1, "live")
	c.wantMessage(topic, "live")
}

func beginsSession(t *testing.T, v version) {
	c := open(t, v, connect{id: name(t, "id"), resume: true})
	if c.sessionPresent() {
		t.Error("a session is present that never was")
	}
	c.subscribe(name(t, "t"), 1)
	open(t, v, connect{}).put(name(t, "t"), 1, "x")
	c.wantMessage(name(t, "t"), "x")
}

func sessionOutlives(t *testing.T, v version) {
	id, topic := name(t, "id"), name(t, "t")
	c := open(t, v, connect{id: id, keep: true})
	c.subscribe(topic, 1)
	c.cut()
	open(t, v, connect{}).put(topic, 1, "x")
	c = open(t, v, connect{id: id, keep: true})
	if !c.sessionPresent() {
		t.Error("the session ended with the connection")
	}
	c.wantMessage(topic, "x")
}

func keepsForAbsent(t *testing.T, v version) {
	id, topic := name(t, "id"), name(t, "t")
	away(t, v, id, topic, 2)
	pub := open(t, v, connect{})
	pub.put(topic, 1, "one")
	pub.put(topic, 2, "two")
	c := open(t, v, connect{id: id, keep: true})
	got := map[string]int{}
	for range 2 {
		m := c.get()
		got[m.payload] = m.qos
	}
	if got["one"] != 1 || got["two"] != 2 {
		t.Errorf("got payloads with QoS %v, want one with 1 and two with 2", got)
	}
}

func retainedOutlivesSession(t *testing.T, v version) {
	topic := name(t)
	pub := open(t, v, connect{})
	pub.putRaw(0x33, topic, nil, "kept")
	pub.bye()
	sub := open(t, v, connect{})
	sub.subscribe(topic, 1)
	sub.wantMessage(topic, "kept")
	forget(t, v, topic)
}

// forget removes a retained message, so that a broker that lives on is left as it was.
func forget(t *testing.T, v version, topics ...string) {
	t.Helper()
	c := open(t, v, connect{})
	for _, topic := range topics {
		c.putRaw(0x33, topic, nil, "")
	}
}

func keepAlive(t *testing.T, v version) {
	topic := name(t)
	watch := open(t, v, connect{})
	watch.subscribe(topic, 1)
	c := open(t, v, connect{id: name(t, "id"), keepAlive: 1, will: &will{topic: topic, payload: "dropped"}})
	at := time.Now()
	c.dropped(0x8D)
	if d := time.Since(at); d < 900*time.Millisecond || d > 3*time.Second {
		t.Errorf("closed after %v, want 1.5 s", d)
	}
	watch.wantMessage(topic, "dropped")
}
