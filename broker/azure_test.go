package broker

import (
	"io"
	"testing"
	"time"

	"gridmq/mqtt"
)

// The rows of the tables of limits and refusals of an Event Grid namespace, one case
// each, against a real broker in virtual time. test/azure has the whole list.

// azure is the profile of that name.
func azure(l *Limits) { *l = AzureLimits() }

// An azureRow is one row. Its broker has the profile and a porter.
type azureRow struct {
	section string
	test    func(t *testing.T, h *house, p *porter)
}

func azureRows(t *testing.T, rows map[string]azureRow, change ...func(*Limits)) {
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			if row.section == "" {
				t.Error("the row has no section")
			}
			guarded(t, func(t *testing.T, h *house, p *porter) {
				row.test(t, h, p)
				h.settled()
			}, append([]func(*Limits){azure}, change...)...)
		})
	}
}

// refused tries a CONNECT that must be refused: with code, and with the return code of
// 3.1.1 that means old.
func (h *house) refused(id string, code, old mqtt.Code, wishes ...wish) {
	h.t.Helper()
	h.refusedAt(mqtt.V5, id, code, wishes)
	h.refusedAt(mqtt.V311, id, old, wishes)
}

// refusedSlowly is refused within the rate of one session.
func (h *house) refusedSlowly(id string, code, old mqtt.Code, wishes ...wish) {
	h.t.Helper()
	time.Sleep(time.Second)
	h.refusedAt(mqtt.V5, id, code, wishes)
	time.Sleep(time.Second)
	h.refusedAt(mqtt.V311, id, old, wishes)
}

func (h *house) refusedAt(v mqtt.Version, id string, code mqtt.Code, wishes []wish) {
	h.t.Helper()
	d := h.dial(v)
	if ack := d.tryLogin(id, wishes...); ack.Code != code {
		h.t.Errorf("CONNECT of version %v: %v, want %v", v, ack.Code, code)
	}
	d.lose()
}

// over checks that a connection is closed without another word: 3.1.1.
func (d *device) over() {
	d.t.Helper()
	if p, err := d.read(patience); err != io.EOF {
		d.t.Fatalf("got %v (%v), want the end", show(p), err)
	}
	<-d.gone
}

// say gives the answer to a PUBLISH of QoS 1 that must have a code.
func (d *device) say(m text, code mqtt.Code) {
	d.t.Helper()
	m.qos = 1
	if got := d.publish(m); got != code {
		d.t.Errorf("PUBLISH to %.40q: %v, want %v", m.topic, got, code)
	}
}

// props is a PUBLISH of QoS 1 with properties.
func (d *device) props(name string, p mqtt.Properties) mqtt.Code {
	d.t.Helper()
	o := mqtt.Out{Version: d.v, QoS: 1, PacketID: d.nextID()}
	d.send(mqtt.AppendPublish(nil, &mqtt.Message{Topic: name, Payload: []byte("m"), Props: p.Forward(nil)}, &o))
	return want[*mqtt.Ack](d).Code
}

// Every number of the tables is that of the profile: spec/limits-and-metrics.md, section
// 1. Those per throughput unit grow in the server.
func TestAzureNumbers(t *testing.T) {
	l := AzureLimits()
	for row, n := range map[string]struct{ got, want int }{
		"MQTT sessions per namespace":               {l.Sessions, 10_000},
		"sessions per authentication name":          {l.SessionsPerName, 1},
		"session expiry":                            {int(l.SessionExpiryMaximum), 3600},
		"CONNECT requests":                          {l.ConnectRate, 200},
		"CONNECT rate per session":                  {l.SessionConnectRate, 1},
		"keep alive":                                {int(l.KeepAliveMaximum), 1160},
		"session queue, messages":                   {l.Queue.Messages, 100},
		"session queue, bytes":                      {l.Queue.Bytes, 1 << 20},
		"session name":                              {l.ClientIDBytes, 128},
		"inbound per namespace, messages":           {l.PublishRate, 1000},
		"inbound per namespace, bytes":              {l.PublishBytes, 1 << 20},
		"inbound per session, messages":             {l.SessionPublishRate, 1000},
		"inbound per session, bytes":                {l.SessionPublishBytes, 1 << 20},
		"inbound in flight, messages":               {int(l.ReceiveMaximum), 1000},
		"inbound in flight, bytes":                  {l.ReceiveBytes, 64 << 10},
		"message size":                              {int(l.MaximumPacketSize), 512 << 10},
		"topic, bytes":                              {l.MaximumTopicBytes, 256},
		"topic, segments":                           {l.MaximumTopicLevels, 15},
		"response topic, content type, correlation": {l.MaximumPropertyBytes, 256},
		"user properties":                           {l.MaximumUserPropertyBytes, 32 << 10},
		"topic aliases in":                          {int(l.TopicAliasIn), 10},
		"topic aliases out":                         {int(l.TopicAliasOut), 0},
		"will delay":                                {int(l.WillDelayMaximum), 300},
		"outbound per namespace, messages":          {l.DeliveryRate, 1000},
		"outbound per namespace, bytes":             {l.DeliveryBytes, 1 << 20},
		"outbound per session, messages":            {l.SessionDeliveryRate, 100},
		"outbound per session, bytes":               {l.SessionDeliveryBytes, 1 << 20},
		"outbound in flight, messages":              {int(l.SendMaximum), 100},
		"outbound in flight, bytes":                 {l.SendBytes, 64 << 10},
		"topic filters per SUBSCRIBE":               {l.FiltersPerSubscribe, 10},
		"SUBSCRIBE and UNSUBSCRIBE per namespace":   {l.SubscribeRate, 200},
		"SUBSCRIBE and UNSUBSCRIBE per session":     {l.SessionSubscribeRate, 5},
		"subscriptions per session":                 {l.Subscriptions, 50},
		"subscriptions per namespace":               {l.NamespaceSubscriptions, 1_000_000},
		"shared subscriptions per broker and group": {l.SharedGroups, 100},
		"shared subscriptions per session":          {l.SharedPerSession, 10},
		"sessions per shared subscription":          {l.SharedMembers, 100},
		"retained message size":                     {l.RetainedBytes, 64 << 10},
		"retained messages":                         {l.RetainedMessages, 10_000},
		"retained bytes":                            {int(l.RetainedTotalBytes), 640 << 20},
		"retained expiry":                           {int(l.RetainedExpiryMaximum), 31_536_000},
		"QoS":                                       {int(l.MaximumQoS), 1},
	} {
		if n.got != n.want {
			t.Errorf("%s: %d, want %d", row, n.got, n.want)
		}
	}
}
