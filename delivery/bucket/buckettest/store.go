// Package buckettest is an object store in memory, for tests: as much of the APIs of S3
// and of Azure Blob storage as dead letters need. Whoever asks is let in.
//
// Errors: those of the APIs, as answers.
package buckettest

import (
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// PageSize is how many names one list has.
const PageSize = 3

// A Store has objects by container/name.
type Store struct {
	*httptest.Server

	mu      sync.Mutex
	objects map[string]object
	refuse  map[string]bool // methods
}

type object struct {
	body     string
	modified time.Time
}

// New runs a store until the test ends.
func New(t testing.TB) *Store {
	s := &Store{objects: map[string]object{}, refuse: map[string]bool{}}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	return s
}

// Put puts an object there that was written at a time.
func (s *Store) Put(path, body string, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.objects[path] = object{body, at}
}

// Names are those of all objects, in order.
func (s *Store) Names() (list []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name := range s.objects {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}

// Refuse has the store refuse requests of these methods from now on, and no others.
func (s *Store) Refuse(methods ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.refuse)
	for _, m := range methods {
		s.refuse[m] = true
	}
}

func (s *Store) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name, q := strings.TrimPrefix(r.URL.Path, "/"), r.URL.Query()
	if s.refuse[r.Method] {
		fail(w, http.StatusForbidden, "AccessDenied")
		return
	}
	switch r.Method {
	case http.MethodPut:
		s.put(w, r, name)
	case http.MethodDelete:
		delete(s.objects, name)
		w.WriteHeader(http.StatusNoContent)
	case http.MethodGet:
		switch o, there := s.objects[name]; {
		case q.Get("list-type") == "2":
			s.listS3(w, name, q)
		case q.Get("comp") == "list" && q.Get("restype") == "container":
			s.listAzure(w, name, q)
		case there:
			io.WriteString(w, o.body)
		default:
			fail(w, http.StatusNotFound, "NoSuchKey")
		}
	default:
		fail(w, http.StatusMethodNotAllowed, "MethodNotAllowed")
	}
}

func (s *Store) put(w http.ResponseWriter, r *http.Request, name string) {
	from := r.Header.Get("X-Amz-Copy-Source")
	if u, err := url.Parse(r.Header.Get("X-Ms-Copy-Source")); err == nil && u.Host != "" && u.RawQuery != "" {
		from = u.EscapedPath()
	}
	if from == "" {
		body, _ := io.ReadAll(r.Body)
		s.objects[name] = object{string(body), time.Now()}
		w.WriteHeader(http.StatusCreated)
		return
	}
	from, _ = url.PathUnescape(strings.TrimPrefix(from, "/"))
	o, there := s.objects[from]
	if !there {
		fail(w, http.StatusNotFound, "NoSuchKey")
		return
	}
	s.objects[name] = o
	io.WriteString(w, "<CopyObjectResult/>")
}

// page are the names of a container from after on.
func (s *Store) page(container, prefix, after string) (names []string, next string) {
	for path := range s.objects {
		if name, ours := strings.CutPrefix(path, container+"/"); ours && strings.HasPrefix(name, prefix) && name > after {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	if len(names) > PageSize {
		return names[:PageSize], names[PageSize-1]
	}
	return names, ""
}

func (s *Store) listS3(w io.Writer, container string, q url.Values) {
	names, next := s.page(container, q.Get("prefix"), q.Get("continuation-token"))
	fmt.Fprint(w, `<?xml version="1.0" encoding="UTF-8"?><ListBucketResult><EncodingType>url</EncodingType>`)
	for _, name := range names {
		o := s.objects[container+"/"+name]
		fmt.Fprintf(w, "<Contents><Key>%s</Key><LastModified>%s</LastModified><Size>%d</Size></Contents>",
			html.EscapeString(url.QueryEscape(name)), o.modified.UTC().Format(time.RFC3339), len(o.body))
	}
	fmt.Fprintf(w, "<NextContinuationToken>%s</NextContinuationToken></ListBucketResult>", html.EscapeString(next))
}

func (s *Store) listAzure(w io.Writer, container string, q url.Values) {
	names, next := s.page(container, q.Get("prefix"), q.Get("marker"))
	fmt.Fprint(w, "\ufeff", `<?xml version="1.0" encoding="utf-8"?><EnumerationResults><Blobs>`)
	for _, name := range names {
		o := s.objects[container+"/"+name]
		fmt.Fprintf(w, "<Blob><Name>%s</Name><Properties><Last-Modified>%s</Last-Modified><Content-Length>%d</Content-Length></Properties></Blob>",
			html.EscapeString(name), o.modified.UTC().Format(http.TimeFormat), len(o.body))
	}
	fmt.Fprintf(w, "</Blobs><NextMarker>%s</NextMarker></EnumerationResults>", html.EscapeString(next))
}

func fail(w http.ResponseWriter, status int, code string) {
	w.WriteHeader(status)
	fmt.Fprintf(w, "<Error><Code>%s</Code></Error>", code)
}
