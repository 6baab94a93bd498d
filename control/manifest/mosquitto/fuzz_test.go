package mosquitto

import (
	"testing"

	"gridmq/control/manifest"
	"gridmq/identity"
	"gridmq/topic"
)

// sound fails if resources are none that a server would take. Refusing a file is fine;
// panicking on it, or making nonsense of it, is not.
func sound(t *testing.T, all []*subject, said *remarks) {
	b := &builder{namespace: "n", said: said, names: namer{}, roles: map[*subject][]string{}}
	b.build(all)
	for _, r := range b.out {
		p := r.Body["properties"].(map[string]any)
		switch r.Kind {
		case manifest.Client:
			if err := identity.CheckClientName(r.Name); err != nil {
				t.Errorf("client %q: %v", r.Name, err)
			}
			continue
		case manifest.ClientGroup:
			if _, err := identity.ParseQuery(p["query"].(string)); err != nil {
				t.Errorf("group %q: %q: %v", r.Name, p["query"], err)
			}
		case manifest.TopicSpace:
			for _, one := range p["topicTemplates"].([]any) {
				if _, err := topic.ParseTemplate(one.(string)); err != nil {
					t.Errorf("space %q: %q: %v", r.Name, one, err)
				}
			}
		}
		if err := identity.CheckName(r.Name); err != nil {
			t.Errorf("%s %q: %v", r.Kind.Name, r.Name, err)
		}
	}
	for _, m := range *said {
		_ = m.Error()
	}
}

func FuzzPasswordFile(f *testing.F) {
	f.Add([]byte("bob:" + hash7 + "\n# comment\neve:" + hash6 + "\n"))
	f.Add([]byte("bob:sesame\nbob:\n:\n$:$7$1$$\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		list, said, faults := readPasswords("passwd", text)
		if len(faults) > 0 {
			return
		}
		sound(t, (&aclFile{}).subjects(unlike(list, &said), Options{}, &said), &said)
	})
}

func FuzzACLFile(f *testing.F) {
	f.Add([]byte("topic a\nuser bob\ntopic read a/#\ntopic deny a/b\npattern write s/%u/%c\nuser x'\ny\"\n"), true)
	f.Add([]byte("pattern read %u/#\nuser joe\ntopic deny $SYS/#\n# c\n topic  readwrite  x y\n"), false)
	f.Fuzz(func(t *testing.T, text []byte, withUsers bool) {
		a, faults := readACL("acl", text)
		if len(faults) > 0 {
			return
		}
		var accounts []*account
		if withUsers {
			accounts = []*account{{name: "bob", hash: hash7}, {name: "x/y"}, {name: "a+b"}, {name: `'"`}}
		}
		var said remarks
		sound(t, a.subjects(accounts, Options{UserIsClientID: len(text)%2 == 0}, &said), &said)
	})
}

func FuzzDynamicSecurity(f *testing.F) {
	f.Add([]byte(dynamicExample))
	f.Add([]byte(`{"clients":[{"username":"a","roles":[{"rolename":"x"}]}],"groups":[],"roles":[]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		d, faults := readDynamic("dynamic.json", text)
		if len(faults) > 0 || d == nil {
			return
		}
		var said remarks
		sound(t, d.subjects(Options{AnyClientID: len(text)%2 == 0}, &said), &said)
	})
}
