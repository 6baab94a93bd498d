package behaviour

import (
	"fmt"
	"hash/fnv"
	"strings"
	"sync/atomic"
	"testing"
)

// Protocol versions, as they are called.
const (
	v3 = 3 // MQTT 3.1.1
	v5 = 5
)

var transports = []string{"tcp", "tls", "ws", "wss"}

// A row is one combination.
type row struct {
	version   int
	transport string
	engine    string
}

func (r row) String() string { return fmt.Sprintf("%d-%s-%s", r.version, r.transport, r.engine) }

// rows are the four combinations of a behaviour: each transport once, both
// stores with each version. Which version and store meet which transport
// depends on the behaviour's name, so that over all of them every pair comes.
func rows(name string, versions ...int) []row {
	h := fnv.New32a()
	h.Write([]byte(name))
	turn := int(h.Sum32() >> 8)
	list := make([]row, len(transports))
	for i := range list {
		list[i] = row{versions[(i+turn)%len(versions)], transports[i], []string{"memory", "pebble"}[(i/2+turn/2)%2]}
	}
	return list
}

// both runs a behaviour that 3.1.1 and 5 share.
func both(t *testing.T, body func(e *env)) { run(t, body, rows(t.Name(), v3, v5)) }

// five runs a behaviour that only 5 has.
func five(t *testing.T, body func(e *env)) { run(t, body, rows(t.Name(), v5)) }

// Halves of those, for bodies that take a broker of their own: every version
// and store, and each transport over all behaviours.
func bothOwn(t *testing.T, body func(e *env)) { run(t, body, half(rows(t.Name(), v3, v5))) }
func fiveOwn(t *testing.T, body func(e *env)) { run(t, body, half(rows(t.Name(), v5))) }

// half is two rows that differ in everything.
func half(all []row) []row {
	for _, r := range all[1:] {
		if r.engine != all[0].engine && (r.version != all[0].version || all[0].version == all[1].version) {
			return []row{all[0], r}
		}
	}
	return all
}

func run(t *testing.T, body func(e *env), rows []row) {
	t.Parallel()
	for _, r := range rows {
		t.Run(r.String(), func(t *testing.T) {
			t.Parallel()
			body(&env{T: t, row: r, prefix: fmt.Sprintf("%s-%d", strings.TrimPrefix(strings.ReplaceAll(t.Name(), "/", "-"), "Test"), runs.Add(1))})
		})
	}
}

// runs makes names unique when a behaviour is run again (-count).
var runs atomic.Int64

// An env is one run of one behaviour: a combination, names of its own, and a
// broker.
type env struct {
	*testing.T
	row
	prefix string
	house  *house
	flares *client
}

// as is the same with another version, for clients of both.
func (e *env) as(version int) *env {
	other := *e
	e.broker() // the same for both
	other.house, other.version = e.house, version
	return &other
}

// elsewhere is the same at the shared broker, whose clock goes on while ours is
// stopped.
func (e *env) elsewhere() *env {
	other := *e
	other.house, other.flares = nil, nil
	return &other
}

// topic is a topic name or filter of this run.
func (e *env) topic(levels string) string { return e.prefix + "/" + levels }

// id is a client identifier of this run.
func (e *env) id(name string) string { return e.prefix + "-" + name }

// broker is the one of this run: shared, unless own made one before.
func (e *env) broker() *house {
	e.Helper()
	if e.house == nil {
		h, err := sharedHouse(e.engine)
		if err != nil {
			e.Fatalf("start the broker: %v", err)
		}
		e.house = h
	}
	return e.house
}

// own starts a broker for this run alone, with settings (path=value).
func (e *env) own(settings ...string) *house {
	e.Helper()
	h, err := newHouse(e.engine, settings...)
	if err != nil {
		e.Fatalf("start the broker: %v", err)
	}
	e.house = h
	e.Cleanup(func() {
		if err := h.close(); err != nil {
			e.Errorf("close the broker: %v", err)
		}
	})
	return h
}

// limit is a setting of the namespace that allows everything.
func limit(name string, value any) string {
	return fmt.Sprintf("namespaces.dev.limits.%s=%v", name, value)
}

// azure is its other profile, but for its rates: tests connect and publish faster
// than devices (TestRates of the broker is about those).
func azure(more ...string) []string {
	settings := []string{"namespaces.dev.profile=azure"}
	for _, rate := range []string{"connect", "subscribe", "publish"} {
		settings = append(settings, limit(rate+"_rate", 0), limit("session_"+rate+"_rate", 0))
	}
	settings = append(settings, limit("publish_bytes", 0), limit("session_publish_bytes", 0))
	return append(settings, more...)
}

// TestMatrix proves that the combinations are pairwise complete.
func TestMatrix(t *testing.T) {
	seen := map[string]bool{}
	for i := range 8 {
		for _, r := range rows(fmt.Sprint("TestBehaviour", i), v3, v5) {
			for _, pair := range [][2]any{{r.version, r.transport}, {r.version, r.engine}, {r.transport, r.engine}} {
				seen[fmt.Sprint(pair)] = true
			}
		}
	}
	if got, want := len(seen), 2*4+2*2+4*2; got != want {
		t.Errorf("%d pairs of version, transport and store are covered, want %d: %v", got, want, seen)
	}
	for _, versions := range [][]int{{v3, v5}, {v5}} {
		for i := range 8 {
			if h := half(rows(fmt.Sprint("TestBehaviour", i), versions...)); len(h) != 2 {
				t.Errorf("half of the rows for %v are %v", versions, h)
			}
		}
	}
}
