package resource

import (
	"cmp"
	"strings"
	"sync"

	"github.com/RaduBerinde/btreemap"
)

// An image is what has been applied, in memory: the answer to every look-up.
// Resources of a compact kind are kept as JSON and decoded when asked for.
type image struct {
	kinds map[string]*Kind

	mu     sync.RWMutex
	all    *btreemap.BTreeMap[string, *entry] // by document key
	counts map[[2]string]int                  // by namespace and kind
	coming map[string]string                  // keys that are being created, counted already, and their crowds
}

type entry struct {
	revision uint64
	resource *Resource // nil: decode value
	value    []byte
	broken   error // it cannot be decoded
}

func newImage(kinds []*Kind) *image {
	m := &image{kinds: map[string]*Kind{}, all: btreemap.New[string, *entry](32, cmp.Compare[string]),
		counts: map[[2]string]int{}, coming: map[string]string{}}
	for _, k := range kinds {
		m.kinds[k.Name] = k
	}
	return m
}

// open gives the resource of an entry; nil when it is broken.
func (m *image) open(key string, e *entry) *Resource {
	if e == nil || e.broken != nil {
		return nil
	}
	if e.resource != nil {
		return e.resource
	}
	k, _ := parseKey(key)
	r, err := decode(m.kinds[k.Kind], k, e.value, e.revision)
	if err != nil {
		return nil
	}
	return r
}

func (m *image) find(k Key) *entry {
	m.mu.RLock()
	defer m.mu.RUnlock()
	_, e, _ := m.all.Get(k.document())
	return e
}

// get returns nil for what does not exist.
func (m *image) get(k Key) *Resource { return m.open(k.document(), m.find(k)) }

// revision is that of a document, which may be broken; 0 when there is none.
func (m *image) revision(k Key) uint64 {
	if e := m.find(k); e != nil {
		return e.revision
	}
	return 0
}

// snapshot is the whole image at one moment; it does not change.
func (m *image) snapshot() *btreemap.BTreeMap[string, *entry] {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.all.Clone() // shares its nodes until they change
}

// walk visits the keys with a prefix from after (exclusive) on, until visit says no.
func walk(all *btreemap.BTreeMap[string, *entry], prefix, after string, visit func(key string, e *entry) bool) {
	from := btreemap.GE(prefix)
	if after >= prefix && after != "" {
		from = btreemap.GT(after)
	}
	for key, e := range all.Ascend(from, btreemap.Max[string]()) {
		if !strings.HasPrefix(key, prefix) || !visit(key, e) {
			return
		}
	}
}

// put and remove return what was there. coming is settled with them.
func (m *image) put(k Key, e *entry) (old *entry) {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := k.document()
	_, old, had := m.all.ReplaceOrInsert(key, e)
	if !had {
		m.counts[k.group()]++
	}
	delete(m.coming, key)
	return old
}

func (m *image) remove(k Key) (old *entry) {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, old, had := m.all.Delete(k.document())
	if had {
		if m.counts[k.group()]--; m.counts[k.group()] == 0 {
			delete(m.counts, k.group())
		}
	}
	return old
}

// group is what a quota counts together. Children of a topic count by topic.
func (k Key) group() [2]string {
	if k.Kind == Namespaces {
		return [2]string{Process, k.Kind}
	}
	parent, _, nested := strings.Cut(k.Name, "/")
	if nested && (k.Namespace != Process || k.Kind == CustomSubscriptions) {
		return [2]string{k.Namespace, k.Kind + "/" + parent}
	}
	return [2]string{k.Namespace, k.Kind}
}

// reserve counts a resource that is about to be created, or to change its crowd, if the
// quotas allow it. cancel takes that back; it does nothing once the resource is there.
func (m *image) reserve(k Key, q *quotaOf) (cancel func(), ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := k.document()
	if _, is := m.coming[key]; is { // somebody else writes it at the moment; one of the two will meet a fence
		return func() {}, true
	}
	n, crowd := m.counts[k.group()], 0
	if q.crowd != "" {
		crowd = m.crowdOf(q)
	}
	for other, of := range m.coming {
		if o, _ := parseKey(other); o.group() == k.group() {
			n++
		}
		if of == q.crowd {
			crowd++
		}
	}
	_, _, had := m.all.Get(key)
	if !had && q.quota > 0 && n >= q.quota || q.crowd != "" && crowd >= q.kind.CrowdLimit {
		return nil, false
	}
	m.coming[key] = q.crowd
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.coming, key)
	}, true
}

// crowdOf counts who is in a crowd, and not about to be written. Crowds are few and
// small, and joining one is rare, so nobody keeps a count. m.mu is held.
func (m *image) crowdOf(q *quotaOf) (n int) {
	for _, name := range namespacesIn(m.all) {
		key := Key{name, q.kind.Name, name}.document()
		_, e, _ := m.all.Get(key)
		if r := m.open(key, e); r != nil && q.kind.Crowd(r) == q.crowd {
			n++
		}
	}
	return n
}
