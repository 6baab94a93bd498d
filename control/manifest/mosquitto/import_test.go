package mosquitto

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gridmq/control/manifest"
)

// Hashes that mosquitto_passwd made of "sesame".
const (
	hash7 = "$7$101$4TP7hOCms9YFxRKk$7CAu6QkSPw+ttz7n12LLGCSYMSjLjlLYoJt0kWCEVHdHY/Qii5mWZAEgWlUD4tM57rh11+8EyNiCWhizu4rVzA=="
	hash6 = "$6$auuUdq35fT+LMG97$XTdW0w2UBYiIPGbO3bcKw1oApXJhSCKQtayRlUA2WquR+cGvjcUisW/RMiPl3Q1mgOXXCF+G5O0LoVmHsPF4Eg=="
)

// told is a result for comparison: what is opened to whom, then what was said.
func told(r *Result) string {
	var b strings.Builder
	query, templates := map[string]string{everybody: everybody}, map[string]string{}
	for _, one := range r.Resources {
		p := one.Body["properties"].(map[string]any)
		switch one.Kind {
		case manifest.ClientGroup:
			query[one.Name] = p["query"].(string)
		case manifest.TopicSpace:
			templates[one.Name] = fmt.Sprint(p["topicTemplates"])
		}
	}
	for _, one := range r.Resources {
		p := one.Body["properties"].(map[string]any)
		switch one.Kind {
		case manifest.PermissionBinding:
			fmt.Fprintf(&b, "%s: %s: %s\n", p["permission"], query[p["clientGroupName"].(string)], templates[p["topicSpaceName"].(string)])
		case manifest.Client:
			var more []string
			if a, ok := p["attributes"].(map[string]any); ok {
				more = append(more, fmt.Sprint(a[rolesAttribute]))
			}
			for _, name := range []string{"authenticationName", "state"} {
				if v, ok := p[name]; ok {
					more = append(more, name+"="+v.(string))
				}
			}
			if p["gridmq"] == nil {
				more = append(more, "no password")
			}
			fmt.Fprintln(&b, strings.Join(append([]string{"client " + one.Name}, more...), " "))
		}
	}
	for _, m := range r.Remarks {
		word := "note"
		if m.Lost {
			word = "lost"
		}
		fmt.Fprintf(&b, "%s %d: %s: %s\n", word, m.Source.Line, m.Resource, m.Message)
	}
	return b.String()
}

func saved(t testing.TB, name, text string) string {
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func users(names ...string) string {
	var b strings.Builder
	for _, n := range names {
		fmt.Fprintf(&b, "%s:%s\n", n, hash7)
	}
	return b.String()
}

func TestACLFile(t *testing.T) {
	tests := map[string]struct {
		passwords, acl string
		options        Options
		want           string
	}{
		"a user's rights": {users("bob"), "# comment\nuser bob\ntopic read a/#\ntopic write b\ntopic c\ntopic readwrite d e\n", Options{}, `
Publisher: authenticationName = 'bob': [c d e]
Subscriber: authenticationName = 'bob': [c d e]
Subscriber: authenticationName = 'bob': [a/#]
Publisher: authenticationName = 'bob': [b]
client bob
`},
		"patterns are for everybody": {users("bob", "eve"), "pattern write shops/%u/sales\npattern read shops/%u/%u-x\n", Options{}, `
Subscriber: attributes.mosquittoRoles = 'acl-every-user': [shops/${client.authenticationName}/${client.authenticationName}-x]
Publisher: attributes.mosquittoRoles = 'acl-every-user': [shops/${client.authenticationName}/sales]
client bob [acl-every-user]
client eve [acl-every-user]
`},
		"the same for each by name": {users("t1", "t2"), "user t1\ntopic write s/t1\nuser t2\ntopic write s/t2\n", Options{}, `
Publisher: attributes.mosquittoRoles = 'acl-t1-etc': [s/${client.authenticationName}]
client t1 [acl-t1-etc]
client t2 [acl-t1-etc]
`},
		"a denial that touches nothing": {users("bob"), "user bob\ntopic deny a/secret\ntopic read b/#\n", Options{}, `
Subscriber: authenticationName = 'bob': [b/#]
client bob
`},
		"a denial of a part": {users("bob"), "user bob\ntopic read a/#\ntopic read b\ntopic deny a/secret\n", Options{}, `
Subscriber: authenticationName = 'bob': [b]
client bob
lost 2: topic read a/#: for bob: line 4 (topic deny a/secret) denies a part of it, and nothing is denied here: name what is open instead
`},
		"a denial of all": {users("bob"), "user bob\ntopic read a/b\ntopic deny a/#\n", Options{}, `
client bob
note 2: topic read a/b: for bob: opens nothing, as line 3 denies all of it
`},
		"a denial of one user in a pattern": {users("bob", "eve", "joe"), "pattern read s/%u/#\nuser bob\ntopic deny s/bob/x\n", Options{}, `
Subscriber: attributes.mosquittoRoles = 'acl-every-user': [s/${client.authenticationName}/#]
client bob
client eve [acl-every-user]
client joe [acl-every-user]
lost 1: pattern read s/%u/#: for bob: line 3 (topic deny s/bob/x) denies a part of it, and nothing is denied here: name what is open instead
`},
		"a pattern denies patterns, not rules of users": {users("bob"), "user bob\ntopic read s/bob/x\npattern read s/#\npattern deny s/%u/x\n", Options{}, `
Subscriber: authenticationName = 'bob': [s/bob/x]
client bob
lost 3: pattern read s/#: for bob: line 4 (pattern deny s/%u/x) denies a part of it, and nothing is denied here: name what is open instead
`},
		"client ids": {users("bob"), "pattern read s/%c\npattern read t/%u\n", Options{}, `
Subscriber: authenticationName = 'bob': [t/${client.authenticationName}]
client bob
lost 1: pattern read s/%c: a client chooses its id (%c) as it likes, so nothing is opened by it here: use %u, or an attribute of the client
`},
		"client ids that are names": {users("bob"), "pattern read s/%c\n", Options{UserIsClientID: true}, `
Subscriber: authenticationName = 'bob': [s/${client.authenticationName}]
client bob
`},
		"a denial by client id": {users("bob"), "pattern read s/+\npattern read t\npattern deny s/%c\n", Options{}, `
Subscriber: authenticationName = 'bob': [t]
client bob
lost 1: pattern read s/+: for bob: line 3 (pattern deny s/%c) denies a part of it, and nothing is denied here: name what is open instead
`},
		"names that stand for no level": {users("x/y", "a+b", "$s"), "pattern read %u/s\n", Options{}, `
client x-y-bd3c9047 authenticationName=x/y
client a-b-300273da authenticationName=a+b
client -s-7d0b83cd authenticationName=$s
note 2: user a+b: no pattern opens anything to a name with + or #, in mosquitto neither
lost 1: pattern read %u/s: for x/y: the name cannot stand for %u here: value contains '/', '+', '#' or U+0000
lost 1: pattern read %u/s: for $s: no topic template opens topics that begin with $
`},
		"anonymous": {users("bob"), "topic read a\nuser bob\ntopic read b\n", Options{}, `
Subscriber: authenticationName = 'bob': [b]
client bob
lost 1: topic read a: is for clients without a user name, as no user is named before it; here every client is somebody
`},
		"anonymous, and nobody is": {users("bob"), "topic read a\n", Options{NoAnonymous: true}, `
client bob
note 1: topic read a: is for clients without a user name, which mosquitto does not let in: left out
`},
		"topics of the broker": {users("bob"), "user bob\ntopic read $SYS/#\ntopic write $SYS/x\ntopic read $other/x\n", Options{}, `
Subscriber: authenticationName = 'bob': [$SYS/#]
client bob
note 2: topic read $SYS/#: what is below $SYS/ differs from mosquitto's; see docs/observe.md
lost 3: topic write $SYS/x: nobody but the broker publishes to $SYS/
lost 4: topic read $other/x: no topic template opens topics that begin with $, other than those of $SYS/
`},
		"text like a variable": {users("bob"), "user bob\ntopic read a/${client.authenticationName}\ntopic read %u\n", Options{}, `
Subscriber: authenticationName = 'bob': [%u]
client bob
lost 2: topic read a/${client.authenticationName}: a topic with ${ in it cannot be a topic template, where that is a variable
`},
		"a user without a password": {users("bob"), "user joe\ntopic read a\npattern read p\n", Options{}, `
Subscriber: attributes.mosquittoRoles = 'acl-every-user' or authenticationName = 'joe': [p]
Subscriber: authenticationName = 'joe': [a]
client bob [acl-every-user]
note 2: user joe: has no line in the password file: the rights wait for a client with this authentication name
`},
		"no password file": {"", "pattern read p/%u\nuser joe\ntopic read a\n", Options{}, `
Subscriber: authenticationName = 'joe': [a]
Subscriber: $all: [p/${client.authenticationName}]
`},
		"no password file, and an exception": {"", "pattern read p/%u\nuser joe\ntopic deny p/#\n", Options{}, `
Subscriber: authenticationName <> 'joe': [p/${client.authenticationName}]
note 1: pattern read p/%u: for joe: opens nothing, as line 3 denies all of it
`},
		"cases of letters": {users("Bob", "bob"), "user bob\ntopic read a\n", Options{}, `
Subscriber: authenticationName = 'bob': [a]
client Bob
lost 2: user bob: is user Bob of line 1 here, as the case of letters does not count when clients log in
note 2: user bob: has no line in the password file: the rights wait for a client with this authentication name
`},
		"quotes": {users(`it's "me"`), "user it's \"me\"\ntopic read a\n", Options{}, `
Subscriber: attributes.mosquittoRoles = 'acl-it-s--me--164c157d': [a]
client it-s--me--164c157d [acl-it-s--me--164c157d] authenticationName=it's "me"
`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			o := test.options
			if test.passwords != "" {
				o.PasswordFile = saved(t, "passwd", test.passwords)
			}
			o.ACLFile = saved(t, "acl", test.acl)
			r, err := Import(o)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.TrimPrefix(test.want, "\n"), told(r)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestPasswordFile(t *testing.T) {
	file := saved(t, "passwd", "# comment\n\nbob:"+hash7+"\neve:"+hash6+"\nplain:sesame\nempty:\n:"+hash7+"\nno colon\nbob:"+hash6+"\ngreedy:$7$99999999$4TP7hOCms9YFxRKk$7CAu\n")
	r, err := Import(Options{PasswordFile: file})
	if err != nil {
		t.Fatal(err)
	}
	got := told(r)
	for _, want := range []string{"client bob no password\n", "client eve\n", "client plain no password\n", "client greedy no password\n",
		"lost 5: user plain: its password: ", "is it in plain text?", "lost 6: user empty: there is no password", "lost 7: user \"\": there is no user name",
		"lost 9: user bob: the user is there for the second time (first in line 3)", "lost 10: user greedy: its password: "} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	for _, secret := range []string{"sesame", "4TP7hOCms9YFxRKk"} {
		if strings.Contains(got, secret) {
			t.Errorf("%q is told in\n%s", secret, got)
		}
	}
}

// What mosquitto does not read is not read here.
func TestFaults(t *testing.T) {
	for text, want := range map[string]string{
		"user\n":                    ":1:1: want a name after user",
		"topic readwrites a\n":      ":1:1: want read, write, readwrite or deny before the topic",
		"\ntopic\n":                 ":2:1: want a topic filter",
		"topic read a/#/b\n":        ":1:1: want a topic filter",
		"pattern read x%u+\n":       ":1:1: want a topic filter",
		"topic\tread a\n":           ":1:1: want user, topic, pattern",
		" # no comment\n":           ":1:1: want user, topic, pattern",
		"user \xff\n":               ":1:1: the line is not text in UTF-8",
		"user a\x00b\n":             ":1:1: the line is not text in UTF-8",
		strings.Repeat("x", 70_000): ":1:1: the line is longer than 65536 bytes",
	} {
		r, err := Import(Options{ACLFile: saved(t, "acl", text)})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, %v; want %q", text, r, err, want)
		}
	}
}

// A large installation is read in seconds, and its users share what is the same.
func TestManyUsers(t *testing.T) {
	const n = 20_000
	var acl strings.Builder
	var names []string
	acl.WriteString("pattern read all/%u\npattern deny all/secret\n")
	for i := range n {
		name := fmt.Sprintf("device-%05d", i)
		names = append(names, name)
		fmt.Fprintf(&acl, "user %s\ntopic write from/%s/#\ntopic read to/%d\n", name, name, i%50)
	}
	r, err := Import(Options{ACLFile: saved(t, "acl", acl.String()), PasswordFile: saved(t, "passwd", users(names...))})
	if err != nil {
		t.Fatal(err)
	}
	count := map[*manifest.Kind]int{}
	for _, one := range r.Resources {
		count[one.Kind]++
	}
	if count[manifest.Client] != n || count[manifest.ClientGroup] != 51 || len(r.Remarks) != 0 {
		t.Errorf("%d clients, %d groups, %d remarks", count[manifest.Client], count[manifest.ClientGroup], len(r.Remarks))
	}
}

// Many rights are spread over topic spaces, and no name is too long.
func TestManyRights(t *testing.T) {
	var b strings.Builder
	name := strings.Repeat("long", 20)
	fmt.Fprintf(&b, "user %s\n", name)
	for i := range 25 {
		fmt.Fprintf(&b, "topic a/%d\n", i)
	}
	r, err := Import(Options{ACLFile: saved(t, "acl", b.String()), PasswordFile: saved(t, "passwd", users(name))})
	if err != nil {
		t.Fatal(err)
	}
	var spaces []int
	for _, one := range r.Resources {
		if one.Kind == manifest.TopicSpace {
			spaces = append(spaces, len(one.Body["properties"].(map[string]any)["topicTemplates"].([]any)))
		}
		if one.Kind != manifest.Client && len(one.Name) > 50 {
			t.Errorf("%s is too long", one)
		}
	}
	if !slices.Equal(spaces, []int{10, 10, 5}) {
		t.Errorf("templates %v", spaces)
	}
}
