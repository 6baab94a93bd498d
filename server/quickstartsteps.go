package server

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"gridmq/control"
	"gridmq/control/namespace"
	"gridmq/control/resource"
	"gridmq/internal/authority"
)

// Marks in the directory of the quickstart. The first is there from before anything is
// made until all is; then it becomes the second, and nothing is made any more.
const (
	quickstartBegun = "unfinished"
	quickstartDone  = "complete"
)

// A quickstart makes the namespace with its clients' certificates, once: what somebody
// has changed or deleted since stays as it is. One that was interrupted is completed at
// the next start, with what is missing.
type quickstart struct {
	plane   *control.Plane
	dir     string
	resumed bool // files may be half written
	ca      *authority.Authority
	before  func(step string) error // of tests; nil otherwise
}

func (s *Server) quickstartDir() string { return filepath.Join(s.cfg.Data, QuickstartNamespace) }

func (s *Server) quickstart(ctx context.Context, plane *control.Plane) error {
	if !s.cfg.Quickstart.Enabled {
		return nil
	}
	q := &quickstart{plane: plane, dir: s.quickstartDir()}
	if err := q.run(ctx); err != nil {
		return fmt.Errorf("quickstart: %w", err)
	}
	if plane.Resources().Namespace(QuickstartNamespace) == nil {
		s.log.Info("the namespace of the quickstart was deleted and is not made again: remove the directory to have another one", "dir", q.dir)
	}
	return nil
}

// run does what is still to be done.
func (q *quickstart) run(ctx context.Context) error {
	begun, done := filepath.Join(q.dir, quickstartBegun), filepath.Join(q.dir, quickstartDone)
	if there(done) {
		return nil
	}
	if q.resumed = there(begun); !q.resumed && q.plane.Resources().Namespace(QuickstartNamespace) != nil {
		return nil // by a version that left no marks
	}
	steps := []making{
		{"begin", func() error { return mark(begun) }},
		{"authority", q.authority},
	}
	for _, c := range quickstartClients {
		steps = append(steps, making{"certificate of " + c.name, func() error { return q.certificate(c.name) }})
	}
	steps = append(steps, making{"namespace", func() error {
		return q.plane.EnsureNamespace(ctx, QuickstartNamespace, []byte(quickstartBody))
	}}, making{"caCertificates", func() error {
		text, _ := json.Marshal(string(q.ca.CertificatePEM())) // a string is JSON
		return q.put(ctx, "caCertificates", "quickstart-ca", `{"encodedCertificate":`+string(text)+`}`)
	}})
	for _, r := range quickstartResources {
		steps = append(steps, making{r.kind + " " + r.name, func() error { return q.put(ctx, r.kind, r.name, r.properties) }})
	}
	steps = append(steps, making{"routing", func() error { return q.route(ctx) }})
	for _, c := range quickstartClients {
		steps = append(steps, making{"clients " + c.name, func() error { return q.put(ctx, "clients", c.name, `{"attributes":`+c.attributes+`}`) }})
	}
	steps = append(steps, making{"end", func() error { return os.Rename(begun, done) }})
	for _, one := range steps {
		if q.before != nil {
			if err := q.before(one.name); err != nil {
				return err
			}
		}
		if err := one.do(); err != nil {
			return fmt.Errorf("%s: %w", one.name, err)
		}
	}
	return nil
}

// A making is one thing that is made.
type making struct {
	name string
	do   func() error
}

func there(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// mark makes a file that is there after a power cut, too, before anything that follows.
func mark(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	for _, dir := range []string{filepath.Dir(path), filepath.Dir(filepath.Dir(path))} {
		d, err := os.Open(dir)
		if err != nil {
			return err
		}
		_ = d.Sync() // not every file system can
		d.Close()
	}
	return nil
}

// authority makes the authority of the clients. One that is there is taken; one that is
// half written, by a start that was interrupted, has signed nothing yet.
func (q *quickstart) authority() (err error) {
	q.ca, err = authority.Load(q.dir)
	if err == nil || !q.resumed && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if q.ca, err = authority.NewCA(authority.CAOptions{Name: "GridMQ quickstart clients"}); err != nil {
		return err
	}
	return q.ca.Save(q.dir, q.resumed)
}

// certificate makes that of a client, as authority does.
func (q *quickstart) certificate(client string) error {
	cert, key := filepath.Join(q.dir, client+".pem"), filepath.Join(q.dir, client+".key")
	if there(cert) {
		if !q.resumed {
			return nil
		}
		if _, err := tls.LoadX509KeyPair(cert, key); err == nil {
			return nil
		}
	}
	pair, err := q.ca.NewClient(authority.LeafOptions{Name: client})
	if err != nil {
		return err
	}
	return pair.Save(cert, key, q.resumed)
}

// route has the messages go to the topic, unless somebody has changed that.
func (q *quickstart) route(ctx context.Context) error {
	n := q.plane.Resources().Namespace(QuickstartNamespace)
	if n == nil || n.Noun.(*namespace.Namespace).RouteTopic != "" {
		return nil
	}
	return q.plane.PatchNamespace(ctx, "quickstart", QuickstartNamespace, fmt.Appendf(nil, quickstartRouting, control.NamespaceID(n)+"/topics/telemetry"))
}

// put makes a resource unless there is one.
func (q *quickstart) put(ctx context.Context, kind, name, properties string) error {
	set := q.plane.Resources()
	if set.Get(resource.NewKey(QuickstartNamespace, set.Kind(kind), name)) != nil {
		return nil
	}
	return q.plane.Create(ctx, "quickstart", QuickstartNamespace, kind, name, []byte(properties))
}
