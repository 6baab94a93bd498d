package dashboard

import (
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
)

var small = fstest.MapFS{
	"index.html":           {Data: []byte("<!doctype html><script type=module src=./assets/main-1a2b.js></script>")},
	"assets/main-1a2b.js":  {Data: []byte("export {}")},
	"assets/main-1a2b.css": {Data: []byte("p{}")},
}

func get(t *testing.T, o Options, method, target string, headers ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(method, "https://manage.test:9443"+target, nil)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	if host := r.Header.Get("Host"); host != "" {
		r.Host = host
	}
	w := httptest.NewRecorder()
	New(o).ServeHTTP(w, r)
	return w.Result()
}

func TestFiles(t *testing.T) {
	o := Options{Files: small}
	for name, tt := range map[string]struct {
		method, target string
		status         int
		header, value  string
	}{
		"the page":              {"GET", "/console/", 200, "Content-Type", "text/html; charset=utf-8"},
		"asks again each time":  {"GET", "/console/", 200, "Cache-Control", "no-cache"},
		"by its name":           {"GET", "/console/index.html", 200, "Cache-Control", "no-cache"},
		"a script is a script":  {"GET", "/console/assets/main-1a2b.js", 200, "Content-Type", "text/javascript; charset=utf-8"},
		"and kept":              {"GET", "/console/assets/main-1a2b.js", 200, "Cache-Control", "public, max-age=31536000, immutable"},
		"a style":               {"HEAD", "/console/assets/main-1a2b.css", 200, "Content-Type", "text/css; charset=utf-8"},
		"the slash is added":    {"GET", "/console", 308, "Location", "/console/"},
		"nothing there":         {"GET", "/console/assets/other.js", 404, "X-Content-Type-Options", "nosniff"},
		"no way out":            {"GET", "/console/../handler.go", 404, "", ""},
		"a folder is no file":   {"GET", "/console/assets", 404, "", ""},
		"only to read":          {"POST", "/console/", 405, "Allow", "GET, HEAD"},
		"no referrer goes out":  {"GET", "/console/", 200, "Referrer-Policy", "no-referrer"},
		"no other page frames":  {"GET", "/console/", 200, "Cross-Origin-Opener-Policy", "same-origin"},
		"nor takes it as image": {"GET", "/console/", 200, "Cross-Origin-Resource-Policy", "same-origin"},
	} {
		t.Run(name, func(t *testing.T) {
			w := get(t, o, tt.method, tt.target)
			if got := w.Header.Get(tt.header); w.StatusCode != tt.status || got != tt.value {
				t.Errorf("%s %s: %d with %s %q, want %d and %q", tt.method, tt.target, w.StatusCode, tt.header, got, tt.status, tt.value)
			}
		})
	}
	tag := get(t, o, "GET", "/console/").Header.Get("ETag")
	if w := get(t, o, "GET", "/console/", "If-None-Match", tag); tag == "" || w.StatusCode != http.StatusNotModified {
		t.Errorf("with the tag %q: %d, want 304", tag, w.StatusCode)
	}
}

// The policy is that of every answer: nothing inline, nothing from elsewhere, and
// connections to ourselves and the listeners only.
func TestPolicy(t *testing.T) {
	o := Options{Files: small, Connect: func(host string) []string { return []string{"wss://" + host + ":8443", "wss://*.mq.test:8443"} }}
	for target, status := range map[string]int{"/console/": 200, "/console": 308, "/console/none": 404, "/console/assets/main-1a2b.js": 200} {
		w := get(t, o, "GET", target)
		directives := map[string]string{}
		for one := range strings.SplitSeq(w.Header.Get("Content-Security-Policy"), ";") {
			name, value, _ := strings.Cut(strings.TrimSpace(one), " ")
			directives[name] = value
		}
		for name, want := range map[string]string{
			"default-src": "'none'", "script-src": "'self'", "style-src": "'self'", "img-src": "'self'", "frame-ancestors": "'none'",
			"base-uri": "'none'", "form-action": "'none'", "require-trusted-types-for": "'script'",
			"connect-src": "'self' wss://manage.test:8443 wss://*.mq.test:8443",
		} {
			if directives[name] != want {
				t.Errorf("%s: %s is %q, want %q", target, name, directives[name], want)
			}
		}
		if w.StatusCode != status {
			t.Errorf("%s: status %d, want %d", target, w.StatusCode, status)
		}
	}
}

// A Host is the browser's word, and anything else's: it does not get into the policy
// unless it is a host.
func TestPolicyIsNotTheHosts(t *testing.T) {
	o := Options{Files: small, Connect: func(host string) []string { return []string{"wss://" + host + ":8443"} }}
	for host, want := range map[string]string{
		"[::1]:9443":               "'self'",
		"[::1]":                    "'self'",
		"a; script-src *:9443":     "'self'",
		"a https://evil.test":      "'self'",
		"a,default-src https:":     "'self'",
		"plant.example:9443":       "'self' wss://plant.example:8443",
		"x'unsafe-inline':9443":    "'self'",
		"plant.example\u00a0a:943": "'self'",
	} {
		r := httptest.NewRequest("GET", "/console/", nil)
		r.Host = host
		w := httptest.NewRecorder()
		New(o).ServeHTTP(w, r)
		if csp := w.Header().Get("Content-Security-Policy"); !strings.HasSuffix(csp, "; connect-src "+want) {
			t.Errorf("Host %q: %s, want it to end in connect-src %s", host, csp, want)
		}
	}
}

// Without the console the page says how to get it.
func TestMissing(t *testing.T) {
	c := &console{}
	w := httptest.NewRecorder()
	c.ServeHTTP(w, httptest.NewRequest("GET", "/console/", nil))
	if w.Code != 404 || !strings.Contains(w.Body.String(), "make console") || strings.Contains(w.Body.String(), "<style") {
		t.Errorf("%d %s, want 404 and how to get it", w.Code, w.Body)
	}
	if csp := w.Header().Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'") {
		t.Errorf("policy %q", csp)
	}
}

var (
	inline   = regexp.MustCompile(`(?i)<script[^>]*>[^<]|<style|\sstyle=|\son[a-z]+=|javascript:`)
	external = regexp.MustCompile(`(?i)(src|href)\s*=\s*["']?(https?:)?//`)
	evil     = regexp.MustCompile(`\beval\(|new Function\(|document\.write\(`)
	careless = regexp.MustCompile(`dangerouslySetInnerHTML|[iI]nnerHTML|insertAdjacentHTML|document\.cookie|localStorage\.setItem\((?:[^)]*[Tt]oken|"gridmq\.token)`)
	imported = regexp.MustCompile(`@import|url\((["']?)(https?:)?//`)
)

// Our sources do not write markup, nor keep a token where it outlives the tab.
func TestSources(t *testing.T) {
	seen := 0
	err := filepath.WalkDir(filepath.Join("web", "src"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		seen++
		b, err := os.ReadFile(path)
		if at := careless.FindIndex(b); at != nil {
			t.Errorf("%s has %q", path, b[at[0]:at[1]])
		}
		return err
	})
	if err != nil || seen < 10 {
		t.Errorf("%d files, %v", seen, err)
	}
}

// What was built keeps to the policy, as far as reading it can tell; the browser test
// sees the rest.
func TestBuilt(t *testing.T) {
	files := built()
	if files == nil && os.Getenv("CI") == "true" {
		t.Fatal("the console was not built: make console")
	}
	if files == nil {
		t.Skip("the console was not built: make console")
	}
	seen := 0
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		f, err := files.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		b, err := io.ReadAll(f)
		seen++
		for ext, bad := range map[string][]*regexp.Regexp{".html": {inline, external}, ".js": {evil}, ".css": {imported}} {
			for _, re := range bad {
				if at := re.FindIndex(b); strings.HasSuffix(name, ext) && at != nil {
					t.Errorf("%s has %.80q, which the policy refuses or we do not want", name, b[at[0]:])
				}
			}
		}
		if strings.HasSuffix(name, ".map") {
			t.Errorf("%s: maps of sources are not embedded", name)
		}
		return err
	})
	if err != nil || seen < 3 {
		t.Errorf("%d files, %v", seen, err)
	}
}
