package memory

import (
	"bytes"
	"slices"
	"strings"

	"github.com/RaduBerinde/btreemap"

	"gridmq/store/internal/commit"
)

// engine is what the committer sees of a Store.
type engine Store

// Write implements commit.Engine.
func (e *engine) Write(g *commit.Group) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, p := range g.Parts {
		rs := e.logs[p.Log]
		if rs == nil {
			rs = &records{}
			e.logs[p.Log] = rs
		}
		rs.all = append(rs.all, record{p.First, slices.Clone(p.Ends), bytes.Clone(p.Data)})
		e.held += int64(len(p.Data) + 4*len(p.Ends))
	}
	for i, op := range g.Ops {
		switch {
		case op.Prefix:
			for _, k := range e.keys(op.Key) {
				e.remove(k)
			}
		case op.Delete:
			e.remove(string(op.Key))
		default:
			e.put(string(op.Key), document{bytes.Clone(op.Value), g.Base + uint64(i) + 1})
		}
	}
	for _, c := range g.Cuts {
		if rs := e.logs[c.Log]; rs != nil {
			e.held -= rs.cut(c.Span)
		}
	}
	g.Publish()
	return nil
}

func (e *engine) put(key string, d document) {
	_, old, had := e.docs.ReplaceOrInsert(key, d)
	if had {
		e.table -= int64(len(key) + len(old.value))
	}
	e.table += int64(len(key) + len(d.value))
}

func (e *engine) remove(key string) {
	if _, old, had := e.docs.Delete(key); had {
		e.table -= int64(len(key) + len(old.value))
	}
}

// keys are the keys under prefix. e.mu is held.
func (e *engine) keys(prefix []byte) (list []string) {
	for k := range e.docs.Ascend(btreemap.GE(string(prefix)), btreemap.Max[string]()) {
		if !strings.HasPrefix(k, string(prefix)) {
			break
		}
		list = append(list, k)
	}
	return list
}

// Keys implements commit.Engine.
func (e *engine) Keys(prefix []byte, visit func([]byte)) error {
	e.mu.RLock()
	list := e.keys(prefix)
	e.mu.RUnlock()
	for _, k := range list {
		visit([]byte(k))
	}
	return nil
}

// Revision implements commit.Engine.
func (e *engine) Revision(key []byte) (uint64, error) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	_, d, _ := e.docs.Get(string(key))
	return d.revision, nil
}

// Space implements commit.Engine.
func (e *engine) Space() (n, slack int64) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.max - e.held - e.table, e.max / 16
}
