package manifest

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// A Set is what files describe.
type Set struct {
	Resources []*Resource
	// Skipped are resources of other types, with Options.SkipUnsupported.
	Skipped []*Fault
	// Withheld is what an export says that it has left out: secrets.
	Withheld []string
}

// ReadFiles reads files, "-" being Options.Stdin. The error is Faults, or about a
// file that cannot be opened.
func ReadFiles(files []string, o Options) (*Set, error) {
	s := new(Set)
	var faults Faults
	for _, name := range files {
		in, shown, dir := o.Stdin, "standard input", "."
		if name != "-" {
			f, err := os.Open(name)
			if err != nil {
				return nil, err
			}
			defer f.Close()
			in, shown, dir = f, name, filepath.Dir(name)
		}
		faults = append(faults, s.read(shown, dir, in, &o)...)
	}
	faults = append(faults, s.checkTwice()...)
	return s, faults.err()
}

// Read reads one file. name is what faults call it, and tells JSON from YAML.
func Read(name string, in io.Reader, o Options) (*Set, error) {
	s := new(Set)
	faults := s.read(name, ".", in, &o)
	return s, append(faults, s.checkTwice()...).err()
}

func (s *Set) read(name, dir string, in io.Reader, o *Options) Faults {
	if in == nil {
		in = strings.NewReader("")
	}
	docs, faults := documents(name, in)
	for _, d := range docs {
		r := &documentReader{reader: reader{source: d.source}, options: o, dir: dir, set: s}
		if v, err := r.value(d.node, 0); err == nil && len(r.faults) == 0 {
			r.document(d.node, v)
		}
		faults = append(faults, r.faults...)
	}
	return faults
}

// checkTwice finds resources that are described more than once.
func (s *Set) checkTwice() (faults Faults) {
	seen := map[string]*Resource{}
	for _, r := range s.Resources {
		if first := seen[r.Key()]; first != nil {
			faults = append(faults, r.Fault("", fmt.Sprintf("is here twice, first at %s", first.Source)))
			continue
		}
		seen[r.Key()] = r
	}
	return faults
}

// A documentReader finds the resources in one document.
type documentReader struct {
	reader
	options *Options
	dir     string // that file names are relative to
	set     *Set
}

func (d *documentReader) document(n *yaml.Node, v any) {
	if list, ok := v.([]any); ok {
		d.each(n, list)
		return
	}
	o, ok := v.(map[string]any)
	switch {
	case !ok:
		d.fail(n, "want a resource, with kind, name and properties, or a template")
	case member(o, "kind") != nil:
		d.native(n, o)
	case member(o, "resources") != nil:
		d.template(n, o)
	case strings.Contains(text(o, "$schema"), "deploymentParameters"):
		d.fail(n, "these are the parameters of a template: give them with --parameter-file")
	case member(o, "type") != nil:
		d.shown(n, o)
	case member(o, "value") != nil:
		if list, isList := member(o, "value").([]any); isList {
			d.each(below(n, "value"), list)
			return
		}
		fallthrough
	default:
		d.fail(n, "want a member kind (%s), or a template with resources", strings.Join(KindNames(), ", "))
	}
}

func (d *documentReader) each(n *yaml.Node, list []any) {
	for i, one := range list {
		if _, nested := one.([]any); nested { // a list in a list is nothing of ours
			d.fail(below(n, fmt.Sprint(i)), "want a resource, have a list")
			continue
		}
		d.document(below(n, fmt.Sprint(i)), one)
	}
}

// nativeMembers are those of a document with kind; the last four only a Namespace has.
var nativeMembers = []string{"kind", "name", "namespace", "properties", "apiVersion", "subscription", "resourceGroup", "scope",
	"location", "tags", "sku", "identity"}

// native reads a document in our own form.
func (d *documentReader) native(n *yaml.Node, o map[string]any) {
	word := text(o, "kind")
	kind := KindNamed(word)
	if kind == nil {
		d.fail(below(n, "kind"), "kind: there is no kind %q%s; there are %s", word, suggest(word, KindNames()), strings.Join(KindNames(), ", "))
		return
	}
	r := &Resource{Kind: kind, Name: text(o, "name"), Namespace: text(o, "namespace"),
		Subscription: text(o, "subscription"), Group: text(o, "resourceGroup"), Body: map[string]any{}}
	d.place(r, n)
	for name := range o {
		if !slices.ContainsFunc(nativeMembers, func(m string) bool { return strings.EqualFold(m, name) }) {
			d.faults = append(d.faults, r.Fault(name, fmt.Sprintf("there is no such member%s; what a resource is made of goes below properties", suggest(name, nativeMembers))))
		}
	}
	d.body(r, o)
	d.finish(r, text(o, "scope"))
}

func (d *documentReader) place(r *Resource, n *yaml.Node) {
	r.node, r.Source = n, d.source
	if n != nil {
		r.Source.Line, r.Source.Column = n.Line, n.Column
	}
}

// bodyMembers are what is sent; only a Namespace and a CustomTopic have more than properties.
var bodyMembers = []string{"properties", "location", "tags", "sku", "identity"}

func (d *documentReader) body(r *Resource, o map[string]any) {
	for _, name := range bodyMembers {
		v := member(o, name)
		if v == nil || r.Kind != Namespace && r.Kind != CustomTopic && name != "properties" {
			continue
		}
		if _, isObject := v.(map[string]any); !isObject && name != "location" {
			d.faults = append(d.faults, r.Fault(name, "want names with values"))
			continue
		}
		r.Body[name] = v
	}
	d.inlineCertificate(r)
}

// finish checks what names a resource, and adds it.
func (d *documentReader) finish(r *Resource, scope string) {
	fault := func(field, format string, args ...any) {
		d.faults = append(d.faults, r.Fault(field, fmt.Sprintf(format, args...)))
	}
	if r.Kind == Namespace {
		if r.Namespace != "" && r.Name != "" && !strings.EqualFold(r.Namespace, r.Name) {
			fault("namespace", "a Namespace has only a name")
			return
		}
		r.Name = firstText(r.Name, r.Namespace)
		r.Namespace = r.Name
	}
	if r.Kind == RoleAssignment && scope != "" {
		if err := r.about(scope); err != nil {
			fault("scope", "%v", err)
			return
		}
	} else if scope != "" {
		fault("scope", "only a RoleAssignment has a scope")
	}
	if r.Namespace == "" && r.Scope == "" && !r.Kind.Apart {
		r.Namespace = d.options.Namespace
	}
	r.Subscription = firstText(r.Subscription, d.options.Subscription)
	r.Group = firstText(r.Group, d.options.Group)
	if r.Kind == Namespace && r.Body["location"] == nil && d.options.Location != "" {
		r.Body["location"] = d.options.Location
	}
	switch {
	case r.Name == "":
		fault("name", "is needed")
	case r.Namespace != "" && r.Kind.Apart:
		fault("namespace", "a %s belongs to none", r.Kind.Name)
	case r.Namespace == "" && r.Scope == "" && !r.Kind.Apart:
		fault("namespace", "is needed: the namespace it belongs to, here or with -n")
	case strings.ContainsAny(r.Namespace, "/\x00"):
		fault("namespace", "may not have a slash")
	default:
		if err := checkName(r.Kind, r.Name); err != nil {
			fault("name", "%v", err)
			return
		}
		d.set.Resources = append(d.set.Resources, r)
	}
}

func firstText(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// inlineCertificate puts the file in that encodedCertificateFile names: people keep
// certificates beside their documents. What is no certificate does not leave here.
func (d *documentReader) inlineCertificate(r *Resource) {
	const field = "encodedCertificateFile"
	p, _ := r.Body["properties"].(map[string]any)
	name := text(p, field)
	if r.Kind != CACertificate || name == "" {
		return
	}
	if d.options.noFiles {
		d.faults = append(d.faults, r.Fault("properties."+field, errNoFiles.Error()))
		return
	}
	if !filepath.IsAbs(name) {
		name = filepath.Join(d.dir, name)
	}
	pem, err := readCertificate(name)
	if err != nil {
		d.faults = append(d.faults, r.Fault("properties."+field, err.Error()))
		return
	}
	for k := range p {
		if strings.EqualFold(k, field) {
			delete(p, k)
		}
	}
	p["encodedCertificate"] = pem
}
