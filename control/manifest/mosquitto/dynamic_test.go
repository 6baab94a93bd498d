package mosquitto

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// dynamicExample is as the plugin writes it.
const dynamicExample = `{
	"clients":	[{
			"username":	"admin", "textName":	"Dynsec admin user",
			"password":	"sivmXvxZoo7RorRdQwx3ucY5rR2oLWw6/mpA9ErciCqaRaRMTuh7BcA7iDPKa+KsFZFdPuXcTlgwicpodN+yiw==",
			"salt":	"lCGImunsQWf6iZf/", "iterations":	101,
			"roles":	[{ "rolename":	"admin" }]
		}, { "username": "lamp", "clientid": "lamp-1", "roles": [{"rolename": "device"}]
		}, { "username": "fan", "disabled": true }],
	"groups":	[{ "groupname": "devices", "roles": [{"rolename": "device", "priority": 1}], "clients": [{"username": "fan"}] }],
	"roles":	[{
			"rolename":	"admin",
			"acls":	[{ "acltype":	"publishClientSend", "topic":	"$CONTROL/dynamic-security/#", "allow":	true },
				{ "acltype":	"subscribePattern", "topic":	"$SYS/#", "allow":	true },
				{ "acltype":	"unsubscribePattern", "topic":	"#", "allow":	true }]
		}, {
			"rolename": "device",
			"acls": [{ "acltype": "publishClientSend", "topic": "telemetry/#", "allow": true, "priority": 1 },
				{ "acltype": "subscribeLiteral", "topic": "commands/all", "allow": true }]
		}],
	"defaultACLAccess":	{ "publishClientSend":	false, "publishClientReceive":	true, "subscribe":	false, "unsubscribe":	true }
}`

func TestDynamicSecurity(t *testing.T) {
	// rules are of role r, which bob has; more is put into the file.
	tests := map[string]struct {
		rules string // kind, topic, allow, priority
		more  string
		want  string
	}{
		"send": {"publishClientSend a/# true 0", "", `
Publisher: authenticationName = 'bob': [a/#]
client bob
`},
		"subscribe": {"subscribePattern a/# true 0\nsubscribeLiteral b true 0", "", `
Subscriber: authenticationName = 'bob': [a/# b]
client bob
`},
		"receive alone opens nothing": {"publishClientReceive a/# true 0", "", `
client bob
`},
		"a part is received": {"subscribePattern a/# true 0\nsubscribePattern x true 0\npublishClientReceive a/b true 0\npublishClientReceive +/c true 0",
			`"defaultACLAccess": {}`, `
Subscriber: authenticationName = 'bob': [a/b a/c]
client bob
note 2: subscribePattern a/# allow: for bob: only a part of it may be received, which is what the client has to subscribe to here
note 3: subscribePattern x allow: for bob: opens nothing, as nothing of it may be received
`},
		"a denial of higher priority": {"publishClientSend a/# true 0\npublishClientSend a/b false 5\npublishClientSend c true 0", "", `
Publisher: authenticationName = 'bob': [c]
client bob
lost 2: publishClientSend a/# allow: for bob: line 3 (publishClientSend a/b deny, role r) denies a part of it, or has the same priority, and nothing is denied here: name what is open instead
`},
		"a denial of lower priority": {"publishClientSend a/# true 5\npublishClientSend # false 0", "", `
Publisher: authenticationName = 'bob': [a/#]
client bob
`},
		"a denial of the same priority": {"publishClientSend a true 0\npublishClientSend # false 0", "", `
client bob
lost 2: publishClientSend a allow: for bob: line 3 (publishClientSend # deny, role r) denies a part of it, or has the same priority, and nothing is denied here: name what is open instead
`},
		"a denial of receiving": {"subscribePattern a/# true 0\nsubscribePattern x true 0\npublishClientReceive a/b false 0", "", `
Subscriber: authenticationName = 'bob': [x]
client bob
lost 2: subscribePattern a/# allow: for bob: line 4 (publishClientReceive a/b deny, role r) denies a part of it, or has the same priority, and nothing is denied here: name what is open instead
`},
		"a literal with wildcards": {"subscribeLiteral a/# true 0", "", `
Subscriber: authenticationName = 'bob': [a/#]
client bob
note 2: subscribeLiteral a/# allow: for bob: narrower filters are taken too; they show nothing more
`},
		"variables": {"publishClientSend a/%u true 0", "", `
client bob
lost 2: publishClientSend a/%u allow: for bob: %u and %c are text in mosquitto 2.0 and variables in later versions; write the template by hand, with ${client.authenticationName}
`},
		"never unsubscribe": {"unsubscribePattern # false 0", "", `
client bob
note 2: unsubscribePattern # deny: for bob: here a client may always end its subscriptions
`},
		"default": {"publishClientSend a true 0", `"defaultACLAccess": {"publishClientSend": true}`, `
Publisher: authenticationName = 'bob': [a]
Publisher: authenticationName = 'bob': [#]
client bob
note 6: defaultACLAccess: publishClientSend is allowed where no rule decides: taken over, but for topics that begin with $ other than those of $SYS/
`},
		"anonymous": {"", `"anonymousGroup": "g", "groups": [{"groupname": "g", "roles": [{"rolename": "r"}]}]`, `
client bob
lost 6: group g: is for clients without a user name; here every client is somebody
`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var rules []string
			for line := range strings.Lines(test.rules) {
				w := strings.Fields(line)
				rules = append(rules, fmt.Sprintf(`{"acltype": %q, "topic": %q, "allow": %s, "priority": %s}`, w[0], w[1], w[2], w[3]))
			}
			more := test.more
			if more == "" {
				more = `"defaultACLAccess": {"publishClientReceive": true}`
			}
			text := `{"roles": [{"rolename": "r", "acls": [` + "\n" + strings.Join(rules, ",\n") + `]}],` + strings.Repeat("\n", 5-max(1, len(rules))) +
				more + `, "clients": [{"username": "bob", "encoded_password": "` + hash7 + `", "roles": [{"rolename": "r"}]}]}`
			r, err := Import(Options{DynamicSecurity: saved(t, "dynamic.json", text)})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.TrimPrefix(test.want, "\n"), told(r)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestDynamicExample(t *testing.T) {
	r, err := Import(Options{DynamicSecurity: saved(t, "dynamic.json", dynamicExample)})
	if err != nil {
		t.Fatal(err)
	}
	want := `Subscriber: authenticationName = 'admin': [$SYS/#]
Subscriber: authenticationName = 'fan': [commands/all]
Publisher: authenticationName = 'fan': [telemetry/#]
client admin
client fan state=Disabled no password
lost 7: client lamp: may log in with the client id lamp-1 only, which cannot be said here; --any-client-id imports it for every id
note 12: publishClientSend $CONTROL/dynamic-security/# allow: for admin: is for managing mosquitto; here that needs the token of an operator
`
	if diff := cmp.Diff(want, told(r)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	r, err = Import(Options{DynamicSecurity: saved(t, "dynamic.json", dynamicExample), AnyClientID: true})
	if err != nil || !strings.Contains(told(r), "client lamp [role-device] no password\n") {
		t.Errorf("with any client id: %v\n%s", err, told(r))
	}
}

func TestDynamicFaults(t *testing.T) {
	for text, want := range map[string]string{
		`[]`:                             "want an object",
		`{} {}`:                          "want one JSON value, not 2",
		`{`:                              "ends in the middle of a value",
		`{"clients": {}}`:                "clients: want a list",
		`{"clients": [{"username": 7}]}`: "username: want a string",
		`{"clients": [{"username": "a"}, {"username": "a"}]}`:                                       "client a is there twice",
		`{"roles": [{"rolename": "r", "acls": [{"x": 1}]}]}`:                                        `acltype "" is not known`,
		`{"roles": [{"rolename": "r"}, {"rolename": "r"}]}`:                                         "role r is there twice",
		`{"roles": [{"rolename": "r", "acls": [{"acltype": "publishClientSend", "topic": "a#"}]}]}`: `topic "a#" is no topic filter`,
		`{"clients": [{"username": "a", "roles": [{"rolename": "r", "priority": "x"}]}]}`:           "priority: want an integer",
	} {
		r, err := Import(Options{DynamicSecurity: saved(t, "dynamic.json", text)})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v; want %q", text, r, err, want)
		}
	}
	if _, err := Import(Options{DynamicSecurity: "x", ACLFile: "y"}); err == nil || !strings.Contains(err.Error(), "one or the other") {
		t.Errorf("both: %v", err)
	}
}
