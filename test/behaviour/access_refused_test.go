package behaviour

import (
	"strings"
	"testing"
	"time"

	manage "gridmq/control/client"
	"gridmq/internal/authority"
)

// Whoever is refused is on the operator's list with the reason, and the explanation
// of the broker agrees with what happens.

// TestAccessRefused: one line for each way of not being let in.
func TestAccessRefused(t *testing.T) {
	securedHere(t, func(f *fleet) {
		openToAll(f)
		f.client("good", nil)
		f.client("victim", nil)
		f.client("disabled", nil)
		f.register("disabled", object{"state": "Disabled"})
		f.client("banned", nil)
		f.register("thumb", object{"clientCertificateAuthentication": object{"validationScheme": "ThumbprintMatch", "allowedThumbprints": []string{strings.Repeat("ab", 32)}}})
		f.issueSelfSigned("thumb")
		f.issue("unknown", authorityLeaf("unknown"))
		f.register("other-ca", object{})
		stranger, err := newAuthority(f.env, "stranger").NewClient(authorityLeaf("other-ca"))
		if err != nil {
			f.Fatal(err)
		}
		f.badges["other-ca"] = stranger
		f.register("by-dns", object{"authenticationName": "by-dns.example", "clientCertificateAuthentication": object{"validationScheme": "DnsMatchesAuthenticationName"}})
		f.issue("by-dns", authorityLeaf("by-dns.example"))
		f.issue("nameless", authority.LeafOptions{DNS: []string{"nameless.example"}})
		if err := f.plane.Ban(f.Context(), f.ns, "one", manage.Ban{AuthenticationName: "banned", Reason: "floods"}); err != nil {
			f.Fatal(err)
		}
		if err := f.plane.Ban(f.Context(), f.ns, "two", manage.Ban{ClientID: "banned id", Reason: "a stolen one"}); err != nil {
			f.Fatal(err)
		}
		f.enter("victim", login{id: "victim's"})
		tests := []struct {
			who    string // whose certificate
			login  login
			reason string
		}{
			{"nobody", login{}, "neither a certificate nor a password"},
			{"unknown", login{}, `no client has the authentication name "unknown"`},
			{"nameless", login{}, "has no name in ClientCertificateSubject"},
			{"disabled", login{}, `client "disabled" is disabled`},
			{"banned", login{}, "banned by one: floods"},
			{"good", login{id: "banned id"}, "banned by two: a stolen one"},
			{"thumb", login{}, "allows other thumbprints"},
			{"other-ca", login{}, "not signed by a CA certificate"},
			{"by-dns", login{}, "where DnsMatchesAuthenticationName wants it"},
			{"good", login{id: "as another", user: "victim"}, `does not have the name of client "victim"`},
			{"good", login{id: "as nobody", user: "xyz"}, `no client has the authentication name "xyz"`},
			{"good", login{id: "victim's"}, "belongs to another client's session"},
			{"good", login{id: "with a will", will: &will{topic: "other/1", payload: "w"}}, "other/1"},
		}
		for _, tt := range tests {
			f.locked(tt.who, tt.login, tt.reason)
		}
		f.locked("disabled", login{}, "is disabled") // again: it counts up
		list, err := f.plane.Refused(f.Context(), f.ns, 0)
		if err != nil || len(list) != len(tests) {
			f.Errorf("%d refusals on the list (%v), want %d", len(list), err, len(tests))
		}
		for i, one := range list {
			want := 1
			if one.ClientID == "disabled" {
				want = 2
			}
			if one.Count != want || one.Remote != "127.0.0.1" || time.Since(one.Time) > time.Minute || i > 0 && one.Time.After(list[i-1].Time) {
				f.Errorf("on the list: %+v", one)
			}
		}
		if _, err := f.plane.Unban(f.Context(), f.ns, "one"); err != nil {
			f.Fatal(err)
		}
		f.enter("banned", login{})
	})
}

// TestAccessExplainConnect: what is said of connecting, with a will topic or without.
func TestAccessExplainConnect(t *testing.T) {
	secured(t, func(f *fleet) {
		f.topicSpace("lost", "lost/${client.authenticationName}")
		f.bind("$all", "Publisher", "lost")
		for _, name := range []string{"good", "disabled", "banned"} {
			f.client(name, nil)
		}
		f.issue("unknown", authorityLeaf("unknown"))
		f.register("disabled", object{"state": "Disabled"})
		if err := f.plane.Ban(f.Context(), f.ns, "one", manage.Ban{AuthenticationName: "BANNED", Reason: "floods"}); err != nil {
			f.Fatal(err)
		}
		for _, name := range []string{"good", "disabled", "banned", "unknown"} {
			for _, topic := range []string{"", "lost/" + name, "lost/other"} {
				l := login{}
				if topic != "" {
					l.will = &will{topic: topic, payload: "w"}
				}
				c, r := f.tryEnter(name, l)
				if c != nil {
					c.leave()
				}
				if e := f.explain(name, "connect", topic); e.Allowed != (c != nil) {
					f.Errorf("%s with the will topic %q: let in %t (%+v), explained: %t, %s", name, topic, c != nil, r, e.Allowed, e.Reason)
				}
			}
		}
	})
}
