package behaviour

import (
	"flag"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	importer "gridmq/control/manifest/mosquitto"
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
		missing(t, "mosquitto_dynamic_security.so")
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
		missing(t, "mosquitto")
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
