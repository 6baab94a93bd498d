package identity

import (
	"hash/maphash"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"
)

// A Registry holds the clients and the groups of one namespace in memory. All
// methods may be called at the same time; readers never wait for each other, and
// for a writer only while it changes the one table of 64 that they look at.
//
// A client comes out as a new value, made from a packed record when it is looked
// up: a CONNECT can afford that, a million idle clients could not afford maps.
type Registry struct {
	seed   maphash.Seed
	tables [2][shards]table // by keyKind

	write  sync.Mutex // one writer at a time; taken before a table's lock
	keys   dictionary
	len    atomic.Int64
	groups atomic.Pointer[[]*Group]
}

const shards = 64

// NewRegistry makes an empty registry.
func NewRegistry() *Registry {
	r := &Registry{seed: maphash.MakeSeed()}
	for i := range shards {
		r.tables[byAuthenticationName][i].by = byAuthenticationName
	}
	return r
}

// Put adds c, or replaces the client with its name, and returns that. The registry
// keeps a copy. Errors: [ErrNameTaken]; a *FieldError for a name that cannot be.
func (r *Registry) Put(c *Client) (old *Client, err error) {
	if err := CheckClientName(c.Name); err != nil {
		return nil, err
	}
	if reason := CheckAuthenticationName(c.AuthenticationName); reason != "" {
		return nil, &FieldError{"authenticationName", reason}
	}
	if len(c.Thumbprints) > maxThumbprints {
		return nil, &FieldError{"clientCertificateAuthentication.allowedThumbprints", "too many"}
	}
	r.write.Lock()
	defer r.write.Unlock()
	was := r.find(byName, c.Name)
	if other := r.find(byAuthenticationName, c.AuthenticationName); other != nil && other != was {
		return nil, ErrNameTaken
	}
	rec := &record{r.pack(c), [2]uint32{r.hash(byName, c.Name), r.hash(byAuthenticationName, c.AuthenticationName)}}
	r.table(byAuthenticationName, rec).set(rec, rec.authenticationName())
	r.table(byName, rec).set(rec, rec.name())
	if was == nil {
		r.len.Add(1)
		return nil, nil
	}
	if !strings.EqualFold(was.authenticationName(), c.AuthenticationName) {
		r.table(byAuthenticationName, was).remove(was, was.authenticationName())
	}
	return r.unpack(was), nil
}

// Delete removes the client with this name and returns it, or nil.
func (r *Registry) Delete(name string) *Client {
	r.write.Lock()
	defer r.write.Unlock()
	was := r.find(byName, name)
	if was == nil {
		return nil
	}
	r.table(byName, was).remove(was, was.name())
	r.table(byAuthenticationName, was).remove(was, was.authenticationName())
	r.len.Add(-1)
	return r.unpack(was)
}

// ByName returns the client with this resource name, or nil.
func (r *Registry) ByName(name string) *Client { return r.look(byName, name) }

// ByAuthenticationName returns the client that connects by this name in any case
// ([Fold]), or nil.
func (r *Registry) ByAuthenticationName(name string) *Client {
	if !utf8.ValidString(name) || len(name) > MaxName*utf8.UTFMax {
		return nil
	}
	return r.look(byAuthenticationName, name)
}

func (r *Registry) look(by keyKind, name string) *Client {
	if rec := r.find(by, name); rec != nil {
		return r.unpack(rec)
	}
	return nil
}

// Len is the number of clients.
func (r *Registry) Len() int { return int(r.len.Load()) }

// All shows every client, in no order, until yield returns false. Clients that are
// put or deleted meanwhile are shown or not; yield may call the registry.
func (r *Registry) All(yield func(*Client) bool) {
	var some []*record
	for i := range r.tables[byName] {
		some = r.tables[byName][i].all(some[:0])
		for _, rec := range some {
			if !yield(r.unpack(rec)) {
				return
			}
		}
	}
}

func (r *Registry) find(by keyKind, name string) *record {
	hash := r.hash(by, name)
	t := &r.tables[by][hash%shards]
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.get(hash, name)
}

func (r *Registry) table(by keyKind, rec *record) *table {
	return &r.tables[by][rec.hashes[by]%shards]
}

// hash is seeded, so that nobody can choose names that fall on one slot.
func (r *Registry) hash(by keyKind, name string) uint32 {
	if by == byAuthenticationName && needsFold(name) {
		var folded [MaxName * utf8.UTFMax]byte
		return uint32(maphash.Bytes(r.seed, appendFold(folded[:0], name)))
	}
	return uint32(maphash.String(r.seed, name))
}
