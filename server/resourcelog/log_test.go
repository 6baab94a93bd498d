package resourcelog

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"go.uber.org/goleak"

	"gridmq/internal/bubble"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var update = flag.Bool("update", false, "write testdata/records.jsonl")

func value(c prometheus.Counter) int {
	var m dto.Metric
	if err := c.Write(&m); err != nil {
		panic(err)
	}
	return int(m.GetCounter().GetValue())
}

func (l *Log) lostTo(reason string) int { return value(l.dropped.WithLabelValues(reason)) }

// samples are a record of each category, as package server makes them.
func samples() []Record {
	one := byte(1)
	filters := []string{"halls/+/#", "halls/4"}
	base := func(c Category, operation string) Record {
		return Record{ResourceID: "/SUBSCRIPTIONS/S/RESOURCEGROUPS/PLANT/PROVIDERS/MICROSOFT.EVENTGRID/NAMESPACES/PLANTNS", Location: "local",
			OperationName: "Microsoft.EventGrid/" + operation, Category: c, ResultType: Failed, ResultSignature: "ClientError", Identity: Identity{ClientIdentity: "press-07"},
			Properties: Properties{SessionName: "press-07-main", Protocol: "MQTT5"}}
	}
	var all []Record
	add := func(c Category, operation string, f func(*Record)) {
		r := base(c, operation)
		f(&r)
		all = append(all, r)
	}
	ok := func(r *Record) { r.ResultType, r.ResultSignature = Succeeded, "" }
	http := func(r *Record) {
		r.Identity = Identity{AuthenticationType: "SharedAccessKey"}
		r.Properties = Properties{CallerIPAddress: "192.0.2.7", NetworkAccess: "PublicAccess", TLSVersion: "1.3"}
	}
	add(SuccessfulConnections, "topicspaces/connect", func(r *Record) {
		ok(r)
		r.Identity = Identity{AuthenticationType: "CertificateThumbprintMatch", IdentitySource: "ClientCertificate", Authority: "Local", ClientIdentity: "press-07"}
	})
	add(FailedConnections, "topicspaces/connect", func(r *Record) {
		r.ResultSignature, r.ResultDescription = "AuthenticationError", "Client could not be found"
	})
	add(Disconnections, "topicspaces/disconnect", func(r *Record) { r.ResultDescription = "Timed out per negotiated Keep Alive" })
	add(FailedPublishes, "topicspaces/publish", func(r *Record) {
		r.ResultSignature, r.ResultDescription = "AuthorizationError", "Topic name 'halls/5' does not match any topicspaces"
		r.Properties.QoS, r.Properties.TopicName = &one, "halls/5"
	})
	add(FailedSubscriptions, "topicspaces/subscribe", func(r *Record) {
		r.ResultSignature, r.ResultDescription = "AuthorizationError", "Topic filter 'halls/+/#', 'halls/4' does not match any topicspaces"
		r.Properties.TopicFilters = &filters
	})
	add(SuccessfulHTTP, "topics/publish", func(r *Record) { http(r); ok(r) })
	add(FailedHTTP, "topics/receive", func(r *Record) {
		http(r)
		r.ResultSignature, r.ResultDescription = "AuthnError", "Unauthorized"
	})
	return all
}

// TestGolden: the line of each category, as docs/observe.md shows it.
func TestGolden(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		old := newTrace
		newTrace = func() string { return "q4n2vhtz6mwa3kscyj5drue7bx" }
		defer func() { newTrace = old }()
		var out bytes.Buffer
		l, err := Open(Options{Out: &out, Categories: Categories()})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range samples() {
			l.Add(r)
			time.Sleep(time.Second) // so that they are in order
		}
		l.Add(samples()[3]) // with the same, so there are two of it
		l.Close(time.Second)
		const file = "testdata/records.jsonl"
		if *update {
			if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if out.String() != string(want) {
			t.Errorf("written\n%swant\n%s", out.String(), want)
		}
	})
}

// TestTrace: as the samples of the documentation spell it.
func TestTrace(t *testing.T) {
	if s := newTrace(); len(s) != 26 || strings.Trim(s, "abcdefghijklmnopqrstuvwxyz234567") != "" || s == newTrace() {
		t.Errorf("traceId %q", s)
	}
}

// TestTogether: equal records are one with a count, each minute; different ones are not.
func TestTogether(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		var out safeBuffer
		l, err := Open(Options{Out: &out, Categories: []Category{FailedPublishes}})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close(time.Second)
		zero, one := byte(0), byte(1)
		for i := range 1000 {
			r := samples()[3]
			if r.Properties.QoS = &one; i%4 == 0 {
				r.Properties.QoS = &zero
			}
			l.Add(r)
		}
		l.Add(samples()[1]) // not a category that is wanted
		time.Sleep(59 * time.Second)
		if s := out.String(); s != "" {
			t.Errorf("written before the minute is over: %s", s)
		}
		time.Sleep(2 * time.Second)
		s := out.String()
		if strings.Count(s, "\n") != 2 || !strings.Contains(s, `"qos":1,"topicName":"halls/5","operationCount":750`) || !strings.Contains(s, `"qos":0,"topicName":"halls/5","operationCount":250`) {
			t.Errorf("written %s", s)
		}
	})
}

// TestTooManyDifferent: what is counted is bounded, and what finds no room is counted too.
func TestTooManyDifferent(t *testing.T) {
	var out bytes.Buffer
	l, err := Open(Options{Out: &out, Categories: []Category{FailedPublishes}})
	if err != nil {
		t.Fatal(err)
	}
	for i := range maxTogether + 5 {
		r := samples()[3]
		r.Properties.TopicName = fmt.Sprint(i)
		l.Add(r)
	}
	if n := l.lostTo(lostMany); n != 5 {
		t.Errorf("%d are counted as lost, want 5", n)
	}
	l.Close(10 * time.Second)
	if n := bytes.Count(out.Bytes(), []byte("\n")); n != maxTogether {
		t.Errorf("%d lines, want %d", n, maxTogether)
	}
}

// A pipe takes nothing until it is opened.
type pipe struct{ open chan struct{} }

func (p pipe) Write(b []byte) (int, error) { <-p.open; return len(b), nil }

// TestNobodyReads: a destination that takes nothing holds nobody up, and is not waited for.
func TestNobodyReads(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		p := pipe{make(chan struct{})}
		l, err := Open(Options{Out: p, Categories: Categories(), Queue: 10})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		for range 5000 {
			l.Add(samples()[0])
			time.Sleep(time.Millisecond)
		}
		if took := time.Since(began); took != 5*time.Second {
			t.Errorf("Add waited: %v", took-5*time.Second)
		}
		if n := l.lostTo(lostFull); n < 4900 || n > 4990 {
			t.Errorf("%d of 5000 are counted as lost", n)
		}
		l.Close(time.Second)
		if took := time.Since(began); took != 6*time.Second {
			t.Errorf("Close took %v", took-5*time.Second)
		}
		close(p.open)
		<-l.done
	})
}

// A moody writer fails until it is well.
type moody struct {
	safeBuffer
	well bool
}

func (m *moody) Write(b []byte) (int, error) {
	m.mu.Lock()
	well := m.well
	m.mu.Unlock()
	if !well {
		return 0, errors.New("no space left")
	}
	return m.safeBuffer.Write(b)
}

// TestWriteFails: what cannot be written is lost and counted, and writing goes on when it can.
func TestWriteFails(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		m := &moody{}
		l, err := Open(Options{Out: m, Categories: Categories()})
		if err != nil {
			t.Fatal(err)
		}
		l.Add(samples()[0])
		time.Sleep(time.Second)
		m.mu.Lock()
		m.well = true
		m.mu.Unlock()
		l.Add(samples()[1])
		l.Close(time.Second)
		if s := m.String(); strings.Count(s, "\n") != 1 || !strings.Contains(s, string(FailedConnections)) || l.lostTo(lostUnwrite) != 1 {
			t.Errorf("written %q, %d lost", s, l.lostTo(lostUnwrite))
		}
	})
}

// TestReopen: after a file was moved away a new one is written; none is lost.
func TestReopen(t *testing.T) {
	file := filepath.Join(t.TempDir(), "resource.log")
	l, err := Open(Options{File: file, Categories: Categories()})
	if err != nil {
		t.Fatal(err)
	}
	l.Add(samples()[0])
	wait(t, file, 1)
	if err := os.Rename(file, file+".1"); err != nil {
		t.Fatal(err)
	}
	l.Reopen()
	wait(t, file, 0)
	l.Add(samples()[1])
	wait(t, file, 1)
	wait(t, file+".1", 1)
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	l.Close(10 * time.Second)
	l.Add(samples()[0]) // nobody writes it
	if _, err := Open(Options{File: filepath.Join(file, "nowhere")}); err == nil {
		t.Error("a file that cannot be made is not told of")
	}
}

// wait waits until a file is there with so many lines.
func wait(t *testing.T, file string, lines int) {
	t.Helper()
	for begun := time.Now(); ; time.Sleep(time.Millisecond) {
		b, err := os.ReadFile(file)
		if err == nil && bytes.Count(b, []byte("\n")) == lines {
			return
		}
		if time.Since(begun) > 10*time.Second {
			t.Fatalf("%s has %q, %v; want %d lines", file, b, err, lines)
		}
	}
}

// TestBounded: texts of clients are cut off.
func TestBounded(t *testing.T) {
	r := Record{Properties: Properties{TopicName: strings.Repeat("ä", 60_000), SessionName: "\xff"}}
	if r.bound(); len(r.Properties.TopicName) > maxText+10 || r.Properties.SessionName != "\uFFFD" {
		t.Errorf("%d bytes, %q", len(r.Properties.TopicName), r.Properties.SessionName)
	}
}

// TestNothing: without a log nothing is wanted.
func TestNothing(t *testing.T) {
	var l *Log
	l.Add(Record{Category: FailedHTTP})
	l.Reopen()
	l.Close(time.Second)
	if l.Wants(FailedHTTP) {
		t.Error("nobody wants records")
	}
}

// A safeBuffer is a bytes.Buffer for two goroutines.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(b)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
