package behaviour

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"gridmq/control/manifest"
	importer "gridmq/control/manifest/mosquitto"
	"gridmq/internal/freeport"
	"gridmq/mqtt"
	"gridmq/topic"
)

// An original is a mosquitto with files, and their import.
type original struct {
	f    *fleet
	rt   *rapid.T
	dir  string
	at   string
	stop func()
	lost bool
	text string // of the files, for messages
	// literal are filters that mosquitto may take although it takes no narrower one.
	literal []string
}

// newOriginal starts mosquitto.
func newOriginal(f *fleet, rt *rapid.T, files map[string]string, settings ...string) *original {
	dir, err := os.MkdirTemp(f.TempDir(), "mosquitto")
	if err != nil {
		f.Fatal(err)
	}
	port, err := freeport.TCP()
	if err != nil {
		f.Fatal(err)
	}
	o := &original{f: f, rt: rt, dir: dir, at: fmt.Sprintf("127.0.0.1:%d", port)}
	settings = append(settings, fmt.Sprintf("listener %d 127.0.0.1", port), "allow_anonymous false", "user root")
	for name, text := range files {
		o.text += name + ":\n" + text
		o.file(name, text)
	}
	o.file("mosquitto.conf", strings.Join(settings, "\n")+"\n")
	cmd := exec.Command("/usr/sbin/mosquitto", "-c", "mosquitto.conf")
	cmd.Dir = dir
	var log strings.Builder
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		f.Fatal(err)
	}
	o.stop = func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }
	for begin := time.Now(); ; time.Sleep(2 * time.Millisecond) {
		if nc, err := net.Dial("tcp", o.at); err == nil {
			nc.Close()
			return o
		}
		if time.Since(begin) > patience {
			o.stop()
			f.Fatalf("mosquitto does not listen: %s\n%s", log.String(), o.text)
		}
	}
}

func (o *original) file(name, text string) {
	if err := os.WriteFile(filepath.Join(o.dir, name), []byte(text), 0o600); err != nil {
		o.f.Fatal(err)
	}
}

// imports brings the files into the fleet's namespace.
func (o *original) imports(options importer.Options) {
	result, err := importer.Import(options)
	if err != nil {
		o.rt.Fatalf("import: %v\n%s", err, o.text)
	}
	for _, r := range result.Remarks {
		o.lost = o.lost || r.Lost
		o.text += r.Error() + "\n"
	}
	slices.SortStableFunc(result.Resources, func(a, b *manifest.Resource) int { return a.Kind.Order - b.Kind.Order })
	for _, r := range result.Resources {
		o.text += fmt.Sprintln(r, r.Body)
		o.f.put(object(r.Body), r.Path()...)
	}
}

// greet says CONNECT on a connection to either broker.
func (o *original) greet(nc net.Conn, err error, user string) *raw {
	if err != nil {
		o.f.Fatal(err)
	}
	r := &raw{e: o.f.env, id: fmt.Sprintf("id-%x", user), v: mqtt.V5, wire: newWire(nc), packets: make(chan packet, 1<<14)}
	go r.read() // until the connection ends
	p := mqtt.Connect{Version: r.v, CleanStart: true, ClientID: r.id, HasUsername: true, Username: user, HasPassword: true, Password: []byte(importedPassword)}
	r.write(p.Append(nil))
	ack, err := mqtt.ReadConnack(r.v, r.of(mqtt.CONNACK).body)
	if err != nil || ack.Code != mqtt.Success {
		o.rt.Fatalf("user %q is not let in: %+v, %v\n%s", user, ack, err, o.text)
	}
	return r
}

func (o *original) there(user string) *raw {
	nc, err := net.Dial("tcp", o.at)
	return o.greet(nc, err, user)
}

func (o *original) here(user string) *raw {
	nc, err := o.f.open(door{sni: o.f.ns + "." + fleetDomain})
	return o.greet(nc, err, user)
}

// published says which topics may be published to.
func published(r *raw) (list []bool) {
	for i, name := range importedNames() {
		r.publish(1, uint16(i+1), false, name, name)
		list = append(list, r.acked(mqtt.PUBACK, uint16(i+1)) < 0x80)
	}
	return list
}

// importedNames are topics that may be published to.
func importedNames() []string {
	return slices.DeleteFunc(slices.Clone(importedTopics), func(s string) bool { return topic.ValidName(s) != nil })
}

// subscribed says which filters are taken.
func subscribed(r *raw, filters []string) (list []bool) {
	var subs []mqtt.Subscription
	for _, f := range filters {
		subs = append(subs, mqtt.Subscription{Filter: f})
	}
	for _, c := range r.subscribe(0, subs...) {
		list = append(list, c < 0x80)
	}
	return list
}

// compare asks both.
func (o *original) compare() {
	filters := append(importedNames(), "#", "+", "+/+", "+/#", "a/#", "a/+", "bob/#", "+/bob", "a/+/bob", "+/+/#", "$s/#", "/+", "/#", "+/b")
	admin := o.there(importedAdmin)
	defer admin.drop()
	for _, user := range importedUsers {
		there, here := o.there(user), o.here(user)
		a, b := published(there), published(here)
		for i, name := range importedNames() {
			o.judge(user, "publish to", name, a[i], b[i])
		}
		subscribed(there, append(slices.Clone(filters), o.literal...))
		seen := o.seen(admin, there)
		takes := subscribed(here, filters)
		for i, f := range filters {
			for _, name := range importedNames() {
				if !topic.Match(f, name) {
					continue
				}
				if takes[i] && !seen[name] || f == name {
					o.judge(user, "subscribe to "+f+" and receive", name, seen[name], takes[i])
				}
			}
		}
		there.drop()
		here.drop()
	}
}

// seen are the topics whose messages come to a client of mosquitto that has subscribed to
// all that it may.
func (o *original) seen(admin, to *raw) map[string]bool {
	for i, name := range importedNames() {
		admin.publish(1, uint16(i+1), false, name, name)
		if code := admin.acked(mqtt.PUBACK, uint16(i+1)); code >= 0x80 && name[0] != '$' {
			o.f.Fatalf("mosquitto: the admin may not publish to %s: %v\n%s", name, code, o.text)
		}
	}
	to.write([]byte{0xc0, 0}) // everything before its answer was sent before
	got := map[string]bool{}
	for {
		p := to.next()
		if p.Type == mqtt.PINGRESP {
			return got
		}
		var m mqtt.Publish
		if err := m.Read(to.v, p.Flags, p.body); p.Type != mqtt.PUBLISH || err != nil {
			o.f.Fatalf("mosquitto sent %v, %v", p.Type, err)
		}
		got[string(m.Topic)] = true
	}
}

// judge never forgives what is opened, and what is closed only if something was told.
func (o *original) judge(user, what, name string, there, here bool) {
	switch {
	case here && !there:
		o.rt.Fatalf("user %q may %s %q here, and not in mosquitto\n%s", user, what, name, o.text)
	case there && !here && !o.lost && name[0] != '$': // the defaults of the plugin open such, which is told in a note
		o.rt.Fatalf("user %q may %s %q in mosquitto, and not here, and nothing was told\n%s", user, what, name, o.text)
	}
}
