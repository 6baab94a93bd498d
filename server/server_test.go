package server

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gridmq/internal/settings"
	"gridmq/listener"
	"gridmq/mqtt"
	"gridmq/store"
	"gridmq/store/memory"
	"gridmq/store/pebble"
)

func TestServeAndDrain(t *testing.T) {
	data := filepath.Join(t.TempDir(), "made", "by", "serve")
	n := run(t, Sources{Flags: flags(data)})

	if code, body := n.get(t, "/readyz"); code != http.StatusOK || !strings.Contains(body, `"ready"`) {
		t.Errorf("/readyz says %d %s, want 200 ready", code, body)
	}
	if code, body := n.get(t, "/healthz"); code != http.StatusOK {
		t.Errorf("/healthz says %d %s, want 200", code, body)
	}
	if code, _ := n.get(t, "/debug/pprof/cmdline"); code != http.StatusOK {
		t.Errorf("profiles say %d to this machine, want 200", code)
	}
	r, err := ReadReadyFile(data)
	if err != nil {
		t.Fatal(err)
	}
	if r.PID != os.Getpid() || r.MQTT != n.Addresses()["dev"].Address || r.WS == "" || r.MQTTS == "" || r.WSS == "" ||
		r.Operations == "" || len(r.Listeners) != 4 {
		t.Errorf("%s says %+v", ReadyFile, r)
	}
	if line := n.out.String(); !strings.HasPrefix(line, "ready dev=mqtt://"+r.MQTT+" ") || strings.Count(line, "\n") != 1 {
		t.Errorf("printed %q, want one line that begins with ready", line)
	}
	if !strings.Contains(n.log.String(), "DEV MODE") || !strings.Contains(n.log.String(), "ca.pem") {
		t.Errorf("the log names neither dev nor the new CA:\n%s", n.log)
	}

	p := n.dial(t, "dev", "")
	if ack := p.login(t, "lamp"); ack.Code != mqtt.Success {
		t.Fatalf("CONNECT to dev was answered with %v", ack.Code)
	}
	if _, body := n.get(t, "/metrics"); !strings.Contains(body, `gridmq_listener_connections{listener="dev"} 1`) ||
		!strings.Contains(body, "gridmq_store_free_bytes") || !strings.Contains(body, "go_goroutines") {
		t.Errorf("/metrics lacks something:\n%s", body)
	}

	n.end(t) // the client is told
	kind, body := p.next(t)
	if kind != mqtt.DISCONNECT || mqtt.Code(body[0]) != mqtt.ServerShuttingDown {
		t.Errorf("the drain sent %v %x, want DISCONNECT 8b", kind, body)
	}
	if _, err := ReadReadyFile(data); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is left behind: %v", ReadyFile, err)
	}
}

func TestSecureListenersServeDevToo(t *testing.T) {
	n := run(t, Sources{Flags: flags(t.TempDir())})
	if ack := n.dial(t, "mqtts", "localhost").login(t, "lamp"); ack.Code != mqtt.Success {
		t.Errorf("CONNECT over TLS was answered with %v, want success in namespace dev", ack.Code)
	}
}

func TestWithoutIdentitiesEverybodyIsRefused(t *testing.T) {
	n := run(t, Sources{Flags: flags(t.TempDir(), Assignment{"", "listeners.mqtts.namespace", "default"},
		Assignment{"", "namespaces.plant.hosts", "localhost"})})
	for _, host := range []string{"localhost", "127.0.0.1"} { // namespace plant by SNI, and the listener's own
		if ack := n.dial(t, "mqtts", host).login(t, "lamp"); ack.Code != mqtt.NotAuthorized {
			t.Errorf("CONNECT as %s was answered with %v, want %v", host, ack.Code, mqtt.NotAuthorized)
		}
	}
	if !strings.Contains(n.log.String(), "every CONNECT is refused") {
		t.Errorf("the log does not say that everybody is refused:\n%s", n.log)
	}
}

func TestHosts(t *testing.T) {
	c := DefaultDev()
	c.Domain = "mq.example"
	c.Namespaces["plant"] = Namespace{Profile: "standard", Hosts: []string{"Plant.example.com"}}
	h := newHosts(&c)
	tests := map[string]string{
		"plant.example.com":      "plant",
		"PLANT.example.com.":     "plant",
		"plant.example.com:8443": "plant",
		"plant.mq.example":       "plant",
		"default.mq.example":     "default",
		"dev.mq.example":         "listener's", // never by name
		"nobody.mq.example":      "listener's",
		"plantmq.example":        "listener's",
		"":                       "listener's",
		"127.0.0.1:8083":         "listener's",
	}
	for host, want := range tests {
		if got := h.namespace(listener.Info{Host: host, Namespace: "listener's"}, func(string) (string, bool) { return "", false }); got != want {
			t.Errorf("host %q leads to namespace %q, want %q", host, got, want)
		}
	}
}

func TestReload(t *testing.T) {
	data, file := t.TempDir(), filepath.Join(t.TempDir(), "gridmq.yaml")
	write(t, file, "log: {level: info}\n")
	n := run(t, Sources{File: file, Flags: flags(data)})
	maximum := func() uint32 {
		ack := n.dial(t, "dev", "").login(t, "lamp")
		return ack.Properties.MaximumPacketSize
	}
	if got := maximum(); got != 1<<20 {
		t.Fatalf("Maximum Packet Size is %d, want 1 MiB", got)
	}
	before := n.certs
	write(t, file, "log: {level: debug}\nstore: {cache: 1MiB}\nnamespaces: {dev: {limits: {maximum_packet_size: 64KiB}}, late: {}}\n")
	if err := n.Reload(); err != nil {
		t.Fatal(err)
	}
	if got := maximum(); got != 64<<10 {
		t.Errorf("Maximum Packet Size after the reload is %d, want 64 KiB", got)
	}
	if n.opts.Level.Level().String() != "DEBUG" || n.certs != before {
		t.Error("the reload lost the log level or the certificates")
	}
	for _, want := range []string{`a new namespace needs a restart" namespace=late`, `needs a restart" setting=store.cache`,
		`setting changed" setting=log.level`} {
		if !strings.Contains(n.log.String(), want) {
			t.Errorf("the log lacks %q:\n%s", want, n.log)
		}
	}

	write(t, file, "log: {level: debug}\nnamespaces:\n  dev:\n    limits: {maximum_packet_size: lots}\n")
	if err := n.Reload(); !errors.As(err, new(settings.Problems)) || !strings.Contains(err.Error(), "gridmq.yaml:4:35") {
		t.Errorf("a wrong file was answered with %v, want the line", err)
	}
	write(t, file, "tls: {certificates: {gone: {certificate: /nowhere, key: /nowhere}}}\nnamespaces: {dev: {limits: {maximum_packet_size: 32KiB}}}\n")
	if err := n.Reload(); err == nil {
		t.Error("a missing certificate was not refused")
	}
	if got := maximum(); got != 64<<10 {
		t.Errorf("Maximum Packet Size after refused reloads is %d, want the old 64 KiB", got)
	}
	if _, body := n.get(t, "/metrics"); !strings.Contains(body, `gridmq_config_reloads_total{result="refused"} 2`) {
		t.Error("refused reloads are not counted")
	}
}

func TestOneServerPerDirectory(t *testing.T) {
	data := t.TempDir()
	run(t, Sources{Flags: flags(data)})
	second := begin(t, Sources{Flags: flags(data)})
	err := <-second.ended
	if err == nil || !strings.Contains(err.Error(), "in use by process") || !strings.Contains(err.Error(), data) {
		t.Errorf("a second server on one directory: %v, want that it is in use, and by whom", err)
	}
	if _, err := CheckStore(data, false); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("a check of a store in use: %v, want that it is in use", err)
	}
}

func TestAStartThatFailsCleansUp(t *testing.T) {
	data := t.TempDir()
	n := run(t, Sources{Flags: flags(t.TempDir())})
	taken := Assignment{"", "listeners.extra.address", n.Addresses()["dev"].Address}
	second := begin(t, Sources{Flags: flags(data, taken, Assignment{"", "listeners.extra.transport", "tcp"})})
	if err := <-second.ended; err == nil || !strings.Contains(err.Error(), `listener "extra"`) {
		t.Errorf("a taken address: %v, want the listener's name", err)
	}
	run(t, Sources{Flags: flags(data)}) // nothing is left that would be in the way
}

// failing is a store that fails when told to.
type failing struct {
	store.Store
	broken chan struct{}
}

func (f *failing) Failed() <-chan struct{} { return f.broken }

func TestAFailedStoreEndsTheServer(t *testing.T) {
	cfg, _, err := Sources{Flags: flags(t.TempDir())}.Load()
	if err != nil {
		t.Fatal(err)
	}
	st := &failing{memory.New(memory.Options{}), make(chan struct{})}
	defer st.Close()
	s, err := New(cfg, Options{Store: st})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Run(context.Background()) }()
	<-s.Ready()
	close(st.broken)
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "store has failed") {
		t.Errorf("the server ended with %v, want that the store has failed", err)
	}
}

func TestCheckStore(t *testing.T) {
	data := t.TempDir()
	if _, err := CheckStore(data, false); err == nil || !strings.Contains(err.Error(), "no store") {
		t.Errorf("a check of an empty directory: %v, want that there is none", err)
	}
	run(t, Sources{Flags: flags(data)}).end(t)
	r, err := CheckStore(data, false)
	if err != nil || len(r.Damaged) > 0 {
		t.Errorf("a check of a fresh store: %+v, %v, want no damage", r, err)
	}

	st, err := pebble.Open(pebble.Options{Dir: filepath.Join(data, storeDirectory)})
	if err != nil {
		t.Fatal(err)
	}
	var b store.Batch
	b.Put([]byte("n/default/r/a"), []byte("not a document of this broker, but one of the store"))
	if _, err := st.Commit(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	flip(t, filepath.Join(data, storeDirectory), []byte("but one of the store"))
	for i, clear := range []bool{false, true, false} {
		want := 1
		if i == 2 {
			want = 0
		}
		if r, err := CheckStore(data, clear); err != nil || len(r.Damaged) != want {
			t.Errorf("check %d of a store with a flipped bit: %+v, %v, want %d damaged", i+1, r, err, want)
		}
	}
}

// flip flips a bit of text, wherever a file in dir has it.
func flip(t *testing.T, dir string, text []byte) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		if i := bytes.Index(b, text); i >= 0 {
			b[i] ^= 1
			found++
			if err := os.WriteFile(name, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	if found == 0 {
		t.Fatalf("%q is in no file of %s", text, dir)
	}
}
