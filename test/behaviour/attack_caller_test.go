package behaviour

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	manage "gridmq/control/client"
	"gridmq/mqtt"
)

// A caller is who comes to a door, and with what.
type caller struct {
	ns       string
	id       string // client identifier
	cert     *tls.Certificate
	v3       bool
	user     *string
	password []byte
	method   string // of authentication
	data     string
	durable  bool
	keep     uint16 // keep alive, in seconds
	from     string // address; default 127.0.0.1
	cache    tls.ClientSessionCache
}

func (k caller) config(trust *tls.Config) *tls.Config {
	cfg := trust.Clone()
	cfg.ServerName = hostOf(k.ns)
	cfg.InsecureSkipVerify = true // the name chooses the namespace; it is in no certificate
	cfg.ClientSessionCache = k.cache
	if k.cert != nil {
		// Not Certificates: those are shown only when the server would like them.
		cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return k.cert, nil }
	}
	return cfg
}

func (k caller) connect() []byte {
	p := mqtt.Connect{Version: mqtt.V5, CleanStart: true, ClientID: k.id, KeepAlive: k.keep}
	if k.durable {
		durableRaw(&p)
	}
	if k.v3 {
		p.Version, p.Properties = mqtt.V311, mqtt.Properties{}
	}
	if k.user != nil {
		p.HasUsername, p.Username = true, *k.user
	}
	if k.password != nil {
		p.HasPassword, p.Password = true, k.password
	}
	if k.method != "" {
		p.Properties.AuthenticationMethod = k.method
		p.Properties.Mark(mqtt.PropAuthenticationMethod)
	}
	if k.data != "" {
		p.Properties.AuthenticationData = []byte(k.data)
		p.Properties.Mark(mqtt.PropAuthenticationData)
	}
	return p.Append(nil)
}

// dial opens a connection for MQTT to the door of a namespace.
func (s *siege) dial(k caller) (net.Conn, error) {
	trust, err := clientTLS()
	if err != nil {
		return nil, err
	}
	d := &net.Dialer{Timeout: patience}
	if k.from != "" {
		d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(k.from)}
	}
	return tls.DialWithDialer(d, "tcp", s.house.addresses["mqtts"].Address, k.config(trust))
}

// knock sends CONNECT and reads the answer. An error means that there was none.
func (s *siege) knock(k caller) (*raw, error) {
	s.Helper()
	nc, err := s.dial(k)
	if err != nil {
		return nil, err
	}
	r := &raw{e: s.env, id: k.id, v: mqtt.V5, wire: newWire(nc), packets: make(chan packet, 1<<8)}
	if k.v3 {
		r.v = mqtt.V311
	}
	s.Cleanup(r.drop)
	go r.read() // until the connection ends
	if _, err := nc.Write(k.connect()); err != nil {
		return nil, err
	}
	p, err := r.wait(patience)
	if err != nil {
		return nil, err
	}
	ack, err := mqtt.ReadConnack(r.v, p.body)
	if p.Type != mqtt.CONNACK || err != nil {
		s.Fatalf("%s: %v %x (%v), want CONNACK", k.id, p.Type, p.body, err)
	}
	r.connack = *ack
	return r, nil
}

// enter is knock by somebody who has to be let in.
func (s *siege) enter(k caller) *raw {
	s.Helper()
	r, err := s.knock(k)
	if err != nil {
		s.Fatalf("%s: not let in: %v", k.id, err)
	}
	if r.connack.Code != mqtt.Success {
		s.Fatalf("%s: not let in: %v; %+v", k.id, r.connack.Code, s.refused(k))
	}
	return r
}

// notSecret are reasons that the caller may know.
var notSecret = []string{"", noSuchMethod, othersSession}

const (
	noSuchMethod  = "no such authentication method"
	othersSession = "belongs to another client's session"
)

// refuse is knock by somebody who must be refused with a code, and shown to the
// operator with a reason. The caller itself must not be told that. At the end the
// metric must have counted all of them.
func (s *siege) refuse(k caller, code mqtt.Code, reason string) {
	s.Helper()
	begin := time.Now()
	r, err := s.knock(k)
	if err != nil {
		s.Errorf("%s: no answer: %v, want %v", k.id, err, code)
		return
	}
	defer r.drop()
	if r.connack.Code != code {
		s.Errorf("%s: %v, want %v; the operator sees %+v", k.id, r.connack.Code, code, s.refused(k))
		return
	}
	if told := r.connack.Properties.ReasonString; strings.Contains(told, reason) && !slices.Contains(notSecret, reason) {
		s.Errorf("%s: it was told %q", k.id, told)
	}
	if took := time.Since(begin); took > patience/2 {
		s.Errorf("%s: refused after %v", k.id, took)
	}
	s.denied[code]++
	s.awaits(fmt.Sprintf("%s is on the list of refusals with %q", k.id, reason), func() bool {
		one := s.refused(k)
		return one != nil && strings.Contains(one.Reason, reason) && one.Code == fmt.Sprintf("0x%02X", byte(code))
	})
}

// awaits waits until something is so.
func (s *siege) awaits(what string, so func() bool) {
	s.Helper()
	for end := time.Now().Add(patience); !so(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			s.Errorf("want: %s", what)
			return
		}
	}
}

// refused is the latest refusal of a client identifier; nil: it is not on the list.
func (s *siege) refused(k caller) *manage.Refusal {
	list, err := s.plane.Refused(context.WithoutCancel(s.Context()), k.ns, 100)
	if err != nil {
		s.Errorf("list of refusals: %v", err)
	}
	for _, one := range list {
		if one.ClientID == k.id {
			return &one
		}
	}
	return nil
}

// counted is gridmq_connects_refused_total of a code.
func (s *siege) counted(code mqtt.Code) float64 {
	s.Helper()
	return s.metric(`gridmq_connects_refused_total{reason="` + code.String() + `"}`)
}

// metric reads one sample; 0 when there is none yet.
func (s *siege) metric(sample string) float64 {
	s.Helper()
	resp, err := http.Get("http://" + s.house.addresses["operations"].Address + "/metrics")
	if err != nil {
		s.Fatal(err)
	}
	defer resp.Body.Close()
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		if text, ok := strings.CutPrefix(lines.Text(), sample+" "); ok {
			v, err := strconv.ParseFloat(text, 64)
			if err != nil {
				s.Fatal(err)
			}
			return v
		}
	}
	return 0
}

// publishes says whether a client may publish on a topic.
func (r *raw) publishes(topic string) bool {
	r.e.Helper()
	r.publish(1, 7, false, topic, "m")
	code := r.acked(mqtt.PUBACK, 7)
	if code.IsError() && code != mqtt.NotAuthorized {
		r.e.Errorf("%s: publish on %q: %v", r.id, topic, code)
	}
	return !code.IsError()
}

// subscribes says whether a client may subscribe to a filter.
func (r *raw) subscribes(filter string) bool {
	r.e.Helper()
	return !r.subscribe(0, mqtt.Subscription{Filter: filter})[0].IsError()
}
