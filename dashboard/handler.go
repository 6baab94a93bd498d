package dashboard

import (
	"crypto/sha256"
	"encoding/base64"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
)

// Path is where the console is on its listener.
const Path = "/console/"

// Options of the console. The zero value works.
type Options struct {
	// Connect are the origins that the live client may talk to besides our own, as
	// "wss://broker.example:8443", for a page that was asked for at host (without
	// port). Default: none.
	Connect func(host string) []string
	// SignIn is where people may sign in. Default: nowhere, they need a token.
	SignIn *SignIn
	// Files are the console. Default: those that were embedded.
	Files fs.FS
}

// A file is one of the console, ready to be sent.
type file struct {
	body      []byte
	mediaType string
	tag       string // ETag, quoted
	forever   bool   // the name has a hash of the content
}

type console struct {
	o     Options
	files map[string]*file // by path below Path; nil: the console was not built
}

// New returns the handler of everything below Path. It needs nobody's token: what it
// serves is the same for all and holds no secret.
func New(o Options) http.Handler {
	if o.Files == nil {
		o.Files = built()
	}
	c := &console{o: o}
	if o.Files != nil {
		c.files = load(o.Files)
		c.files[signInFile] = o.SignIn.file()
	}
	return c
}

// load reads all files once; they are few and small.
func load(from fs.FS) map[string]*file {
	all := map[string]*file{}
	_ = fs.WalkDir(from, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := fs.ReadFile(from, name)
		if err != nil {
			return err
		}
		all[name] = newFile(name, body)
		return nil
	})
	return all
}

func newFile(name string, body []byte) *file {
	sum := sha256.Sum256(body)
	return &file{body: body, mediaType: mediaType(name), tag: `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`,
		forever: strings.HasPrefix(name, "assets/")}
}

// mediaType does not ask the system's table, which may call a script something else.
func mediaType(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".json":
		return "application/json"
	}
	if t := mime.TypeByExtension(path.Ext(name)); t != "" {
		return t
	}
	return "application/octet-stream"
}

// ServeHTTP serves one file. Pages of the console are told apart behind the #, which
// browsers keep to themselves, so there is one document.
func (c *console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var connect []string
	if c.o.Connect != nil {
		connect = c.o.Connect(hostOf(r.Host))
	}
	h := w.Header()
	secure(h, connect)
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "The console is read with GET.", http.StatusMethodNotAllowed)
		return
	}
	name, below := strings.CutPrefix(r.URL.Path, Path)
	switch {
	case !below: // /console: relative paths of the page need the slash
		http.Redirect(w, r, Path, http.StatusPermanentRedirect)
		return
	case c.files == nil:
		c.missing(w, r, name)
		return
	case name == "":
		name = "index.html"
	}
	f := c.files[name]
	if f == nil {
		http.Error(w, "The console has nothing at this path.", http.StatusNotFound)
		return
	}
	h.Set("Cache-Control", "no-cache") // asks again, and is told that it has it
	if f.forever {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	h.Set("ETag", f.tag)
	h.Set("Content-Type", f.mediaType)
	if r.Header.Get("If-None-Match") == f.tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	_, _ = w.Write(f.body)
}

// missing is the page of a binary without the console.
func (c *console) missing(w http.ResponseWriter, r *http.Request, name string) {
	if name != "" {
		http.Error(w, "This binary was built without the console.", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNotFound)
	_, _ = w.Write([]byte(`<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="color-scheme" content="light dark">
<meta name="viewport" content="width=device-width"><title>GridMQ: no console</title>
<h1>This binary was built without the console</h1>
<p>It is built with Node.js 20 or later. In a checkout of GridMQ:</p>
<pre>sudo apt-get install nodejs npm
make console build</pre>
<p>Then start the broker again. Everything else works without it: <code>gridmq --help</code>.</p>
</html>
`))
}

// hostOf is a Host header without its port.
func hostOf(host string) string {
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		host = host[:i]
	}
	return host
}
