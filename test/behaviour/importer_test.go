package behaviour

import (
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gridmq/control/manifest"
	importer "gridmq/control/manifest/mosquitto"
	"gridmq/internal/freeport"
	"gridmq/mqtt"
	"gridmq/topic"
)

// What is imported from mosquitto is compared with mosquitto: both brokers are asked by
// the same users for the same things.

const (
	importedPassword = "sesame"
	importedHash     = "$7$101$4TP7hOCms9YFxRKk$7CAu6QkSPw+ttz7n12LLGCSYMSjLjlLYoJt0kWCEVHdHY/Qii5mWZAEgWlUD4tM57rh11+8EyNiCWhizu4rVzA=="
	importedAdmin    = "admin" // may everything in mosquitto
)

var (
	importedUsers  = []string{"bob", "eve", "a", "x/y", "c+d", "$s"}
	importedTopics = []string{"a", "b", "bob", "a/b", "a/bob", "a/eve", "bob/a", "a/b/bob", "a/a/b", "x/y", "x/y/a", "$s/a", "a//b", "/a", "a/c+d"}
	importedLevels = []string{"a", "b", "bob", "eve", "x", "+", "+", "#", ""}
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

// TestImportedACLFile makes password_file and acl_file.
func TestImportedACLFile(t *testing.T) {
	comparing(t, 25, func(f *fleet, rt *rapid.T) {
		var b strings.Builder
		rules := rapid.SliceOfN(rapid.Custom(aclLine), 1, 8).Draw(rt, "rules")
		fmt.Fprintf(&b, "%s\nuser %s\ntopic readwrite #\n", strings.Join(rules, "\n"), importedAdmin)
		o := newOriginal(f, rt, map[string]string{"acl.txt": b.String(), "passwd": importedPasswords()}, "password_file passwd", "acl_file acl.txt")
		defer o.stop()
		o.imports(importer.Options{PasswordFile: filepath.Join(o.dir, "passwd"), ACLFile: filepath.Join(o.dir, "acl.txt")})
		o.compare()
	})
}

// TestImportedDynamicSecurity makes files of the dynamic security plugin.
func TestImportedDynamicSecurity(t *testing.T) {
	plugins, _ := filepath.Glob("/usr/lib/*/mosquitto_dynamic_security.so")
	if len(plugins) == 0 {
		t.Skip("mosquitto_dynamic_security.so is missing (make tools)")
	}
	comparing(t, 25, func(f *fleet, rt *rapid.T) {
		var filters []string
		file := string(jsonOf(dynamicFile(rt, &filters)))
		o := newOriginal(f, rt, map[string]string{"dynamic.json": file}, "plugin "+plugins[0], "plugin_opt_config_file dynamic.json")
		defer o.stop()
		o.literal = filters
		o.imports(importer.Options{DynamicSecurity: filepath.Join(o.dir, "dynamic.json")})
		o.compare()
	})
}

// dynamicFile draws roles, and who has them, by groups or without.
func dynamicFile(rt *rapid.T, filters *[]string) object {
	priority := func(name string) int { return rapid.IntRange(-1, 2).Draw(rt, name) }
	rule := rapid.Custom(func(rt *rapid.T) object {
		kinds := []string{"publishClientSend", "publishClientReceive", "subscribeLiteral", "subscribePattern", "subscribePattern"}
		filter := importedFilter(rt)
		if filter == "/#" { // mosquitto 2.0 takes # too where /# is allowed, which nobody means
			filter = "#"
		}
		*filters = append(*filters, filter)
		return object{"acltype": rapid.SampledFrom(kinds).Draw(rt, "kind"), "topic": filter,
			"allow": rapid.IntRange(0, 3).Draw(rt, "allow") > 0, "priority": priority("priority")}
	})
	names := []string{"r1", "r2", "r3"}
	var roles []object
	for _, name := range names {
		roles = append(roles, object{"rolename": name, "acls": rapid.SliceOfN(rule, 0, 4).Draw(rt, name)})
	}
	some := func(what, key string, from []string) []object {
		list := []object{}
		for _, name := range from {
			if rapid.IntRange(0, 2).Draw(rt, what+" "+name) == 0 {
				list = append(list, object{key: name, "priority": priority("priority")})
			}
		}
		return list
	}
	all := []object{{"acltype": "publishClientSend", "topic": "#", "allow": true}}
	roles = append(roles, object{"rolename": "all", "acls": all})
	parts := strings.Split(importedHash, "$")
	client := func(name string, roles []object) object {
		return object{"username": name, "password": parts[4], "salt": parts[3], "iterations": 101, "roles": roles}
	}
	clients := []object{client(importedAdmin, []object{{"rolename": "all"}})}
	for _, name := range importedUsers {
		clients = append(clients, client(name, some(name, "rolename", names)))
	}
	groups := []object{}
	for _, name := range []string{"g1", "g2"} {
		groups = append(groups, object{"groupname": name, "roles": some(name, "rolename", names), "clients": some(name, "username", importedUsers)})
	}
	often := func(name string) bool { return rapid.IntRange(0, 4).Draw(rt, name) == 0 }
	return object{"clients": clients, "groups": groups, "roles": roles, "defaultACLAccess": object{"publishClientSend": often("send"),
		"publishClientReceive": !often("receive"), "subscribe": often("subscribe"), "unsubscribe": true}}
}

func importedPasswords() string {
	var b strings.Builder
	for _, name := range append([]string{importedAdmin}, importedUsers...) {
		fmt.Fprintf(&b, "%s:%s\n", name, importedHash)
	}
	return b.String()
}

func aclLine(rt *rapid.T) string {
	may := rapid.SampledFrom([]string{"", "read ", "write ", "readwrite ", "deny "}).Draw(rt, "access")
	switch rapid.IntRange(0, 3).Draw(rt, "kind") {
	case 0:
		f := importedFilter(rt)
		return "pattern " + may + strings.ReplaceAll(strings.ReplaceAll(f, "bob", "%u"), "eve", rapid.SampledFrom([]string{"%u", "%c", "eve"}).Draw(rt, "variable"))
	case 1:
		return "user " + rapid.SampledFrom(importedUsers).Draw(rt, "user")
	}
	return "user " + rapid.SampledFrom(importedUsers).Draw(rt, "user") + "\ntopic " + may + importedFilter(rt)
}

func importedFilter(rt *rapid.T) string {
	if rapid.IntRange(0, 3).Draw(rt, "a topic") == 0 {
		return strings.ReplaceAll(rapid.SampledFrom(importedTopics[1:]).Draw(rt, "topic"), "c+d", "b")
	}
	levels := rapid.SliceOfN(rapid.SampledFrom(importedLevels), 1, 3).Draw(rt, "levels")
	if i := slices.Index(levels, "#"); i >= 0 {
		levels = levels[:i+1]
	}
	if f := strings.Join(levels, "/"); f != "" {
		return f
	}
	return "+"
}

// comparing runs a property with brokers that are there already.
func comparing(t *testing.T, checks int, property func(f *fleet, rt *rapid.T)) {
	place := "/usr/sbin/mosquitto"
	if _, err := exec.LookPath(place); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("mosquitto is missing (make tools)")
		}
		t.Skip("mosquitto is missing (make tools)")
	}
	const name = "rapid.checks" // two brokers are asked each time; -rapid.checks=1000 for more
	if set := flag.Lookup(name); set.Value.String() == set.DefValue {
		if err := flag.Set(name, fmt.Sprint(checks)); err != nil {
			t.Fatal(err)
		}
		defer flag.Set(name, set.DefValue)
	}
	e := &env{T: t, row: row{v5, "tls", "memory"}}
	h, err := fleetHouse(e.engine)
	if err != nil {
		t.Fatal(err)
	}
	e.house = h
	rapid.Check(t, func(rt *rapid.T) {
		f := newFleet(e)
		defer f.remove()
		f.configure(object{"gridmq": object{"passwords": object{"enabled": true}}})
		property(f, rt)
	})
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

// publishes says which topics may be published to.
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
