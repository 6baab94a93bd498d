package x509auth

import (
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/ocsp"

	"gridmq/identity"
	"gridmq/internal/bubble"
)

// with is a CA with settings of properties.gridmq.
func (a *authority) with(t testing.TB, name, ours string) *CA {
	t.Helper()
	ca := a.ca(t, name)
	p := `{"encodedCertificate":` + string(identity.EncodeProperties(ca.Encoded)) + `,"gridmq":` + ours + `}`
	ca, err := DecodeCA(name, []byte(p))
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

// inFiles are settings with revocation lists, a file each; none: no settings.
func inFiles(t *testing.T, lists ...[]byte) string {
	t.Helper()
	var files []string
	for i, list := range lists {
		files = append(files, filepath.Join(t.TempDir(), strconv.Itoa(i)))
		write(t, files[i], list)
	}
	if files == nil {
		return `{}`
	}
	return `{"crl":{"files":` + string(identity.EncodeProperties(files)) + `}}`
}

func text(s string) string { return string(identity.EncodeProperties(s)) }

// watching is an authenticator of a client "press", and how often its watch has told
// of changes.
func watching(t *testing.T, cas ...*CA) (a *Authenticator, changes *atomic.Int64) {
	t.Helper()
	changes = new(atomic.Int64)
	w := NewWatch(func() { changes.Add(1) }, slog.New(slog.DiscardHandler))
	t.Cleanup(w.Close)
	w.Set(cas)
	a = New(registry(t, client{AuthenticationName: "press"}), Options{Watch: w})
	a.SetCAs(cas)
	return a, changes
}

// reviewed says whether a live client would stay.
func (a *Authenticator) reviewed(t *testing.T, certs ...*authority) bool {
	_, err := a.Review(t.Context(), hello("press", certs...))
	return err == nil
}

func write(t *testing.T, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestWatchFiles: a list is read again when its file changes. Whatever else becomes of
// the file, who was revoked stays out.
func TestWatchFiles(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		root := (*authority)(nil).issue(t, asCA("root"))
		good, bad := root.issue(t, named("press")), root.issue(t, named("press"))
		file := filepath.Join(t.TempDir(), "list.crl")
		a, changes := watching(t, root.with(t, "root", `{"crl":{"files":[`+text(file)+`],"refreshInSeconds":60}}`))
		const revoked = "!is on the revocation list"
		step := func(what string, wantGood, wantBad string, wantChanges int64) {
			t.Helper()
			time.Sleep(61 * time.Second)
			synctest.Wait()
			t.Log(what)
			expect(t, a, hello("press", good), wantGood)
			expect(t, a, hello("press", bad), wantBad)
			if n := changes.Swap(0); n != wantChanges {
				t.Errorf("%s: told %d times of changes, want %d", what, n, wantChanges)
			}
			if stays := a.reviewed(t, bad); stays == (wantBad == revoked) {
				t.Errorf("%s: a live client with the certificate stays: %v", what, stays)
			}
			if !a.reviewed(t, good) {
				t.Errorf("%s: a live client with a good certificate does not stay", what)
			}
		}
		step("no file", `!no revocation list of CA certificate "root"`, "!no revocation list", 0)
		write(t, file, root.crl(t, 1, nil))
		step("nobody is revoked", "c1", "c1", 1)
		step("nothing changes", "c1", "c1", 0)
		write(t, file, asPEM(root.crl(t, 2, nil, bad)))
		step("one is", "c1", revoked, 1)
		write(t, file, []byte("-----BEGIN X509"))
		step("half a file", "c1", revoked, 0)
		write(t, file, (*authority)(nil).issue(t, asCA("root")).crl(t, 9, nil))
		step("another's list", "c1", revoked, 0)
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		step("no file any more", "c1", revoked, 0)
		time.Sleep(time.Hour)
		step("out of date", "!was good until", revoked, 0)
		write(t, file, root.crl(t, 3, nil, bad))
		step("a new one", "c1", revoked, 1)
		a.options.Watch.Close()
		write(t, file, root.crl(t, 4, nil))
		step("closed", "c1", revoked, 0)
	})
}

// TestWatchLists: what a CA wants holds for all that is signed below it, and for
// nothing else.
func TestWatchLists(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		root, other := (*authority)(nil).issue(t, asCA("root")), (*authority)(nil).issue(t, asCA("other"))
		middle := root.issue(t, asCA("middle"))
		good, bad, below := root.issue(t, named("press")), root.issue(t, named("press")), middle.issue(t, named("press"))
		others := other.issue(t, named("press"))
		inline := func(list []byte, more string) string {
			return `{"crl":{"pem":` + text(string(asPEM(list))) + more + `}}`
		}
		const revoked = "!is on the revocation list"
		old := root.crl(t, 1, nil, bad)
		a, _ := watching(t, root.with(t, "root", inline(old, "")), other.ca(t, "other"))
		expect(t, a, hello("press", good), "c1")
		expect(t, a, hello("press", bad), revoked)
		expect(t, a, hello("press", others), "c1")
		expect(t, a, hello("press", below, middle), "!wants revocation lists, and there is none of the intermediate")
		cas := []*CA{root.with(t, "root", inline(old, "")), middle.with(t, "middle", inline(middle.crl(t, 1, nil), ""))}
		a.options.Watch.Set(cas)
		a.SetCAs(cas)
		expect(t, a, hello("press", below, middle), "c1")

		a, _ = watching(t, root.with(t, "root", inline(root.crl(t, 2, nil, middle), "")))
		expect(t, a, hello("press", below, middle), revoked)

		time.Sleep(2 * time.Hour)
		a, _ = watching(t, root.with(t, "root", inline(old, `,"stale":"accept"`)))
		expect(t, a, hello("press", good), "c1")
		expect(t, a, hello("press", bad), revoked)
		a, _ = watching(t, root.with(t, "root", inline(old, "")))
		expect(t, a, hello("press", good), "!was good until")
		if !a.reviewed(t, good) || a.reviewed(t, bad) {
			t.Error("a list that is out of date ends connections, or does not end those of the revoked")
		}

		// A client that is known by its thumbprint needs no CA, but its CA may have revoked it.
		clients := registry(t, client{AuthenticationName: "press", Scheme: identity.ThumbprintMatch, Thumbprints: []string{Thumbprint(bad.Certificate)}})
		a = New(clients, Options{Watch: a.options.Watch})
		a.SetCAs([]*CA{root.ca(t, "root")})
		expect(t, a, hello("press", bad), revoked)
	})
}

// TestWatchOCSP: the modes, when there is an answer and when there is none.
func TestWatchOCSP(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		root := (*authority)(nil).issue(t, asCA("root"))
		leaf := root.issue(t, named("press"))
		yes := answers(signed(t, root, root, leaf, nil))
		no := answers(signed(t, root, root, leaf, func(r *ocsp.Response) { r.Status, r.RevokedAt = ocsp.Revoked, r.ThisUpdate }))
		hangs := func(r *http.Request) (*http.Response, error) { <-r.Context().Done(); return nil, r.Context().Err() }
		fails := func(*http.Request) (*http.Response, error) { return nil, errors.New("no route") }
		for _, test := range []struct {
			what   string
			mode   string
			answer func(*http.Request) (*http.Response, error)
			want   string
			asked  int64
		}{
			{"off", "off", no, "c1", 0},
			{"soft, good", "soft", yes, "c1", 1},
			{"soft, revoked", "soft", no, "!was revoked, says OCSP", 1},
			{"soft, hangs", "soft", hangs, "c1", 1},
			{"soft, fails", "soft", fails, "c1", 1},
			{"hard, good", "hard", yes, "c1", 1},
			{"hard, revoked", "hard", no, "!was revoked, says OCSP", 1},
			{"hard, hangs", "hard", hangs, "!OCSP did not tell", 1},
			{"hard, fails", "hard", fails, "!OCSP did not tell", 1},
		} {
			t.Log(test.what)
			r := &responder{answer: test.answer}
			a, _ := asking(t, r, root.with(t, "root", `{"ocsp":{"mode":"`+test.mode+`","url":"http://ocsp.example/","timeoutInSeconds":3}}`))
			begin := time.Now()
			expect(t, a, hello("press", leaf), test.want)
			if took := time.Since(begin); took > 3*time.Second {
				t.Errorf("%s: took %v", test.what, took)
			}
			if n := r.asked.Load(); n != test.asked {
				t.Errorf("%s: asked %d times, want %d", test.what, n, test.asked)
			}
			if stays := a.reviewed(t, leaf); stays == strings.Contains(test.want, "revoked") || r.asked.Load() != test.asked {
				t.Errorf("%s: a live client stays: %v; asked %d times in all", test.what, stays, r.asked.Load())
			}
		}
	})
}

// TestWatchKeeps: what was learnt survives changes of other settings.
func TestWatchKeeps(t *testing.T) {
	root := (*authority)(nil).issue(t, asCA("root"))
	ours := `{"ocsp":{"mode":"hard","url":"http://ocsp.example/"}}`
	a, _ := watching(t, root.with(t, "root", ours))
	w := a.options.Watch
	of := func() *responders { return w.now.Load().rules[issuerOf(root.Certificate)][0].responders }
	before := of()
	w.Set([]*CA{root.with(t, "root", ours), (*authority)(nil).issue(t, asCA("other")).ca(t, "other")})
	if of() != before {
		t.Error("answers are forgotten when another CA comes")
	}
	w.Set([]*CA{root.with(t, "root", `{"ocsp":{"mode":"hard","url":"http://other.example/"}}`)})
	if of() == before {
		t.Error("another responder, and its answers are those of before")
	}
	w.Set([]*CA{root.ca(t, "root")})
	if !w.idle() {
		t.Error("a CA that wants nothing is watched")
	}
}

func TestRevocationSettings(t *testing.T) {
	root := (*authority)(nil).issue(t, asCA("root"))
	list := text(string(asPEM(root.crl(t, 1, nil))))
	others := text(string(asPEM((*authority)(nil).issue(t, asCA("root")).crl(t, 1, nil))))
	encoded := `{"encodedCertificate":` + text(root.pem())
	for ours, want := range map[string]string{ // part of the error; empty: fine
		`{}`: "",
		`{"CRL":{"PEM":` + list + `,"Stale":"Accept"}}`:                         "",
		`{"crl":{"files":["/a","/b"],"refreshInSeconds":1}}`:                    "",
		`{"ocsp":{"mode":"off"}}`:                                               "",
		`{"ocsp":{"mode":"hard","url":"http://o.example/x","caFile":"/f"}}`:     "",
		`{"ocsp":{"mode":"soft","timeoutInSeconds":30,"cacheInSeconds":86400}}`: "",
		`{"crl":{}}`:                                                   "gridmq.crl.files: want the files",
		`{"crl":{"files":[]}}`:                                         "gridmq.crl.files: want the files",
		`{"crl":{"files":"/a"}}`:                                       "gridmq.crl.files: want an array",
		`{"crl":{"files":["/a",""]}}`:                                  "gridmq.crl.files[1]: want the name",
		`{"crl":{"pem":"x"}}`:                                          "gridmq.crl.pem: want revocation lists",
		`{"crl":{"pem":` + others + `}}`:                               "gridmq.crl.pem: this CA certificate has not signed",
		`{"crl":{"files":["/a"],"stale":"maybe"}}`:                     "gridmq.crl.stale: want refuse or accept",
		`{"crl":{"files":["/a"],"refreshInSeconds":0}}`:                "gridmq.crl.refreshInSeconds: want an integer from 1 to 3600",
		`{"crl":{"file":"/a"}}`:                                        "gridmq.crl.file: is not known",
		`{"clr":{"files":["/a"]}}`:                                     "gridmq.clr: is not known",
		`{"ocsp":{}}`:                                                  "gridmq.ocsp.mode: want off, soft",
		`{"ocsp":{"mode":"on"}}`:                                       "gridmq.ocsp.mode: want off or soft or hard",
		`{"ocsp":{"mode":"hard","url":"ldap://o.example"}}`:            "gridmq.ocsp.url: want http or https",
		`{"ocsp":{"mode":"hard","url":"http://u:p@o.example"}}`:        "gridmq.ocsp.url: want a URL without user",
		`{"ocsp":{"mode":"hard","timeoutInSeconds":31}}`:               "gridmq.ocsp.timeoutInSeconds: want an integer from 1 to 30",
		`{"ocsp":{"mode":"hard","cacheInSeconds":-1}}`:                 "gridmq.ocsp.cacheInSeconds: want",
		`{"ocsp":{"mode":"hard","mode":"off"}}`:                        "twice",
		`{"ocsp":{"mode":"hard"},"crl":{"files":["/a"]},"more":false}`: "gridmq.more: is not known",
		`[]`: "gridmq",
	} {
		ca, err := DecodeCA("root", []byte(encoded+`,"gridmq":`+ours+`}`))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", ours, err, want)
		}
		if err != nil {
			continue
		}
		again, err := DecodeCA("root", ca.Encode())
		if err != nil || string(again.Encode()) != string(ca.Encode()) || strings.Contains(string(ca.Encode()), "gridmq") != (ours != "{}") {
			t.Errorf("%s: written as %s, %v", ours, ca.Encode(), err)
		}
		// Kept by a request that does not mention it, and not by one that says otherwise.
		silent, _ := DecodeCA("root", []byte(encoded+`}`))
		if err := silent.Replaces(ca); err != nil || string(silent.Encode()) != string(ca.Encode()) {
			t.Errorf("%s: becomes %s, %v", ours, silent.Encode(), err)
		}
		off, _ := DecodeCA("root", []byte(encoded+`,"gridmq":{}}`))
		if err := off.Replaces(ca); err != nil || off.Revocation.json() != nil {
			t.Errorf("%s: cannot be switched off: %v", ours, err)
		}
	}
	kept := root.with(t, "root", `{"crl":{"pem":`+list+`}}`)
	if err := (*authority)(nil).issue(t, asCA("new")).ca(t, "root").Replaces(kept); err == nil || !strings.Contains(err.Error(), "gridmq.crl.pem") {
		t.Errorf("a list that does not fit is kept: %v", err)
	}
}

func TestRevocationFiles(t *testing.T) {
	root := (*authority)(nil).issue(t, asCA("root"))
	dir := t.TempDir()
	good, bad := filepath.Join(dir, "good"), filepath.Join(dir, "bad")
	write(t, good, root.crl(t, 1, nil))
	write(t, bad, []byte("list"))
	ours := `{"crl":{"files":[` + text(good) + `,` + text(bad) + `,` + text(dir) + `]},"ocsp":{"mode":"hard","caFile":` + text(bad) + `}}`
	err := root.with(t, "root", ours).CheckFiles()
	for _, field := range []string{"gridmq.crl.files[1]: ", "gridmq.crl.files[2]: ", "gridmq.ocsp.caFile: "} {
		if err == nil || !strings.Contains(err.Error(), field) || strings.Contains(err.Error(), "files[0]") {
			t.Errorf("CheckFiles = %v, want a fault of %s", err, field)
		}
	}
	if err := root.with(t, "root", `{"crl":{"files":[`+text(good)+`]}}`).CheckFiles(); err != nil {
		t.Error(err)
	}
}
