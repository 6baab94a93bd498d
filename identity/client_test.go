package identity

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

const somePHC = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA"

func TestDecodeClient(t *testing.T) {
	print256, print1 := strings.Repeat("ab", 32), strings.Repeat("AB:", 19)+"AB"
	tests := map[string]struct {
		name, doc string
		want      string   // canonical JSON
		fields    []string // of the errors
	}{
		"defaults": {"c1", ``, `{"authenticationName":"c1","state":"Enabled","clientCertificateAuthentication":{"validationScheme":"SubjectMatchesAuthenticationName"}}`, nil},
		"all of it, in any case": {"c1", `{"AUTHENTICATIONNAME":"press/07","State":"disabled","clientcertificateauthentication":{"ValidationScheme":"dnsmatchesauthenticationname"},"attributes":{"b":1,"a":[]},"description":"<hall>","provisioningState":"Creating","new":[{}]}`,
			`{"authenticationName":"press/07","state":"Disabled","clientCertificateAuthentication":{"validationScheme":"DnsMatchesAuthenticationName"},"attributes":{"a":[],"b":1},"description":"<hall>"}`, nil},
		"null is not given": {"c1", `{"authenticationName":null,"state":null,"clientCertificateAuthentication":null,"attributes":null,"gridmq":null}`,
			`{"authenticationName":"c1","state":"Enabled","clientCertificateAuthentication":{"validationScheme":"SubjectMatchesAuthenticationName"}}`, nil},
		"thumbprints": {"c1", `{"clientCertificateAuthentication":{"validationScheme":"ThumbprintMatch","allowedThumbprints":["` + print256 + `","` + print1 + `"]}}`,
			`{"authenticationName":"c1","state":"Enabled","clientCertificateAuthentication":{"validationScheme":"ThumbprintMatch","allowedThumbprints":["` + print256 + `","` + print1 + `"]}}`, nil},
		"password hash": {"c1", `{"gridmq":{"passwordHash":"` + somePHC + `"}}`,
			`{"authenticationName":"c1","state":"Enabled","clientCertificateAuthentication":{"validationScheme":"SubjectMatchesAuthenticationName"},"gridmq":{"hasPassword":true}}`, nil},
		"every field wrong": {"no spaces", `{"authenticationName":"","state":"on","clientCertificateAuthentication":{"validationScheme":"x","allowedThumbprints":["12"]},"attributes":{"a":1.5,"b-":1},"description":7,"gridmq":{"password":"x","passwordHash":"y"}}`, "",
			[]string{"name", "authenticationName", "state", "clientCertificateAuthentication.validationScheme", "clientCertificateAuthentication.allowedThumbprints", "clientCertificateAuthentication.allowedThumbprints", "attributes.a", "attributes.b-", "description", "gridmq.password"}},
		"thumbprints missing":  {"c1", `{"clientCertificateAuthentication":{"validationScheme":"ThumbprintMatch","allowedThumbprints":[]}}`, "", []string{"clientCertificateAuthentication.allowedThumbprints"}},
		"thumbprints too many": {"c1", `{"clientCertificateAuthentication":{"validationScheme":"ThumbprintMatch","allowedThumbprints":["a","b","c"]}}`, "", []string{"clientCertificateAuthentication.allowedThumbprints", "clientCertificateAuthentication.allowedThumbprints"}},
		"long name":            {"c1", `{"authenticationName":"` + strings.Repeat("é", 129) + `"}`, "", []string{"authenticationName"}},
		"longest name":         {"c1", `{"authenticationName":"` + strings.Repeat("é", 128) + `"}`, `{"authenticationName":"` + strings.Repeat("é", 128) + `","state":"Enabled","clientCertificateAuthentication":{"validationScheme":"SubjectMatchesAuthenticationName"}}`, nil},
		"greedy hash":          {"c1", `{"gridmq":{"passwordHash":"$argon2id$v=19$m=4194304,t=1,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA"}}`, "", []string{"gridmq.passwordHash"}},
		"two states":           {"c1", `{"state":"Disabled","State":"Enabled"}`, "", []string{"State"}},
		"not an object":        {"c1", `[]`, "", []string{""}},
		"not UTF-8":            {"c1", "{\"description\":\"\xff\"}", "", []string{""}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c, err := DecodeClient(test.name, []byte(test.doc))
			if got := fields(err); fmt.Sprint(got) != fmt.Sprint(test.fields) {
				t.Fatalf("errors in %q (%v), want %q", got, err, test.fields)
			}
			if err != nil {
				return
			}
			if got := string(c.Encode()); got != test.want {
				t.Errorf("encodes as\n%s, want\n%s", got, test.want)
			}
			again, err := DecodeClient(test.name, c.EncodeStored())
			if err != nil || string(again.EncodeStored()) != string(c.EncodeStored()) {
				t.Errorf("stored as %s, read as %v, %v", c.EncodeStored(), again, err)
			}
		})
	}
}

// fields are those that the joined errors name.
func fields(err error) (all []string) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range joined.Unwrap() {
			all = append(all, fields(one)...)
		}
		return all
	}
	if f, ok := errors.AsType[*FieldError](err); ok {
		return []string{f.Field}
	}
	return nil
}

func TestClientReplaces(t *testing.T) {
	old := decodeClient(t, `{"authenticationName":"Press","gridmq":{"passwordHash":"`+somePHC+`"}}`)
	other := strings.Replace(somePHC, "m=8", "m=9", 1)
	tests := map[string]struct {
		doc, name, password string
		wrong               bool
	}{
		"left out":             {`{}`, "Press", somePHC, false},
		"the same":             {`{"authenticationName":"Press"}`, "Press", somePHC, false},
		"another":              {`{"authenticationName":"Oven"}`, "", "", true},
		"another case":         {`{"authenticationName":"press"}`, "", "", true},
		"what a reader saw":    {`{"authenticationName":"Press","gridmq":{"hasPassword":true}}`, "Press", somePHC, false},
		"password changed":     {`{"gridmq":{"passwordHash":"` + other + `"}}`, "Press", other, false},
		"password taken away":  {`{"gridmq":{"password":""}}`, "Press", "", false},
		"null is not given":    {`{"gridmq":{"password":null}}`, "Press", somePHC, false},
		"extension left empty": {`{"gridmq":{}}`, "Press", somePHC, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := decodeClient(t, test.doc)
			if err := c.Replaces(old); (err != nil) != test.wrong {
				t.Fatalf("Replaces = %v", err)
			}
			if !test.wrong && (c.AuthenticationName != test.name || string(c.Password) != test.password) {
				t.Errorf("is %q with %q, want %q with %q", c.AuthenticationName, string(c.Password), test.name, test.password)
			}
		})
	}
	if err := decodeClient(t, `{}`).Replaces(nil); err != nil {
		t.Errorf("Replaces(nil) = %v", err)
	}
}

// TestClientAgain: the same document twice is the same client, although a password has
// another hash each time.
func TestClientAgain(t *testing.T) {
	const doc = `{"authenticationName":"Press","attributes":{"hall":7},"gridmq":{"password":"open sesame"}}`
	old := decodeClient(t, doc)
	for name, test := range map[string]struct {
		doc  string
		kept bool
	}{
		"the same":             {doc, true},
		"another spelling":     {`{"Attributes":{"hall":7},"gridmq":{"PASSWORD":"open sesame"},"state":"Enabled"}`, true},
		"another password":     {strings.Replace(doc, "open sesame", "open Sesame", 1), false},
		"another attribute":    {strings.Replace(doc, "7", "8", 1), false},
		"no password any more": {strings.Replace(doc, "open sesame", "", 1), false},
	} {
		c := decodeClient(t, test.doc)
		if err := c.Replaces(old); err != nil {
			t.Fatal(err)
		}
		if same := string(c.EncodeStored()) == string(old.EncodeStored()); same != test.kept || (c.Password == old.Password) != test.kept {
			t.Errorf("%s: the same client: %v, want %v", name, same, test.kept)
		}
		if c.given.verify != nil {
			t.Errorf("%s: the password in plain text is kept", name)
		}
	}
	if err := old.Replaces(nil); err != nil || old.given.verify != nil {
		t.Errorf("a new client keeps the password in plain text; %v", err)
	}
}

func decodeClient(t *testing.T, doc string) *Client {
	t.Helper()
	c, err := DecodeClient("c1", []byte(doc))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A plain password is nowhere but in the document, and the hash only in the store.
func TestSecretsStayInside(t *testing.T) {
	c := decodeClient(t, `{"gridmq":{"password":"open sesame"}}`)
	if !strings.HasPrefix(string(c.Password), "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Fatalf("hash %q", string(c.Password))
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "client", c, "password", c.Password)
	shown := string(c.Encode()) + log.String() + fmt.Sprintf("%v %+v %#v %s", c, c, *c, c.Password)
	for _, secret := range []string{"sesame", "argon2id"} {
		if strings.Contains(shown, secret) {
			t.Errorf("%q is in %s", secret, shown)
		}
	}
	_, err := DecodeClient("c1", []byte(`{"state":"x","gridmq":{"password":"open sesame","passwordHash":"sesame"}}`))
	if err == nil || strings.Contains(err.Error(), "sesame") {
		t.Errorf("error %v", err)
	}
}

// Names that would mean something elsewhere are just names here; nobody else's.
func TestOddAuthenticationNames(t *testing.T) {
	r := NewRegistry()
	names := []string{"#", "+", "a/b", "a\x00b", "$all", "admin", "\u0430dmin", "adm\u0131n", "admin ", " admin", "${client.authenticationName}", "\u202Enimda", "é", "e\u0301", `"`, "'"}
	for i, name := range names {
		c := &Client{Name: fmt.Sprint("c", i), AuthenticationName: name}
		read, err := DecodeClient(c.Name, c.Encode())
		if err != nil || read.AuthenticationName != name {
			t.Fatalf("%q read as %v, %v", name, read, err)
		}
		if _, err := r.Put(read); err != nil {
			t.Fatalf("Put(%q) = %v", name, err)
		}
	}
	for i, name := range names {
		if c := r.ByAuthenticationName(name); c == nil || c.Name != fmt.Sprint("c", i) {
			t.Errorf("%q is %v", name, c)
		}
	}
	for _, name := range []string{"", "ADMIN", "É"} {
		_, err := r.Put(&Client{Name: "new", AuthenticationName: name})
		if name == "" && fields(err) == nil || name != "" && !errors.Is(err, ErrNameTaken) {
			t.Errorf("Put(%q) = %v", name, err)
		}
	}
}

func FuzzClient(f *testing.F) {
	f.Add([]byte(`{"authenticationName":"a","state":"Enabled","clientCertificateAuthentication":{"validationScheme":"ThumbprintMatch","allowedThumbprints":["00"]},"attributes":{"a":1},"gridmq":{"passwordHash":"` + somePHC + `"}}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		c, err := DecodeClient("c1", doc)
		if err != nil {
			return
		}
		again, err := DecodeClient("c1", c.EncodeStored())
		if c.Password == "" && err == nil {
			again.given.password = c.given.password
		}
		if err != nil || string(again.EncodeStored()) != string(c.EncodeStored()) {
			t.Errorf("%s stored as %s, read as %v", doc, c.EncodeStored(), err)
		}
		r := NewRegistry()
		if _, err := r.Put(c); err != nil || string(r.ByName("c1").EncodeStored()) != string(c.EncodeStored()) {
			t.Errorf("%s came out of the registry as %s, %v", c.EncodeStored(), r.ByName("c1").EncodeStored(), err)
		}
	})
}
