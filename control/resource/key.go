package resource

import "strings"

// Process is the namespace of resources that belong to none.
const Process = "."

// A Key finds a resource. Make it with NewKey.
type Key struct {
	Namespace string // in lower case
	Kind      string // Kind.Name
	Name      string // in lower case, except where the kind's names are case-sensitive
}

// NewKey brings names to the spelling under which they are kept.
func NewKey(namespace string, kind *Kind, name string) Key {
	if !kind.CaseSensitive {
		name = strings.ToLower(name)
	}
	return Key{strings.ToLower(namespace), kind.Name, name}
}

// ParentKey is the key of the resource that k lies below; the zero Key for a
// namespace and for what belongs to the process.
func (k Key) ParentKey(kind *Kind) Key {
	switch {
	case kind.Parent != "":
		parent, _, _ := strings.Cut(k.Name, "/")
		return Key{k.Namespace, kind.Parent, parent}
	case k.Namespace == Process || k.Kind == Namespaces:
		return Key{}
	}
	return namespaceKey(k.Namespace)
}

func namespaceKey(lower string) Key { return Key{lower, Namespaces, lower} }

const documents = "c/"

func (k Key) document() string { return documents + k.Namespace + "/" + k.Kind + "/" + k.Name }

// parseKey reads the key of a document.
func parseKey(b string) (k Key, ok bool) {
	rest, ok := strings.CutPrefix(b, documents)
	if !ok {
		return k, false
	}
	if k.Namespace, rest, ok = strings.Cut(rest, "/"); !ok {
		return k, false
	}
	k.Kind, k.Name, ok = strings.Cut(rest, "/")
	return k, ok && k.Name != ""
}

func claimKey(c Claim) []byte { return []byte("ck/" + c.Scope + "/" + c.Value) }

func referencesKey(namespace string) []byte { return []byte("cv/" + namespace) }
