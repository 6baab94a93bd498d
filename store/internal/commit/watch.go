package commit

import (
	"bytes"
	"context"
	"slices"
	"sync"

	"gridmq/store"
)

// watchers are told of changes of the table.
type watchers struct {
	mu  sync.Mutex
	all []*watcher // replaced, never changed in place
}

type watcher struct {
	ctx    context.Context // ends the watch; asked before each visit
	prefix []byte
	visit  func(store.Document)
}

func (ws *watchers) add(ctx context.Context, prefix []byte, visit func(store.Document)) {
	w := &watcher{ctx, bytes.Clone(prefix), visit}
	ws.mu.Lock()
	ws.all = append(slices.Clip(ws.all), w)
	ws.mu.Unlock()
	context.AfterFunc(ctx, func() {
		ws.mu.Lock()
		defer ws.mu.Unlock()
		ws.all = slices.DeleteFunc(slices.Clone(ws.all), func(x *watcher) bool { return x == w })
	})
}

func (ws *watchers) list() []*watcher {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	return ws.all
}

// tell visits what concerns w.
func (w *watcher) tell(d store.Document) {
	if bytes.HasPrefix(d.Key, w.prefix) && w.ctx.Err() == nil {
		w.visit(d)
	}
}

// changes lists what g does to the documents that somebody watches, removals by
// prefix one by one. It must run before g is written.
func (c *Committer) changes(g *Group, ws []*watcher) ([]store.Document, error) {
	if len(ws) == 0 || len(g.Ops) == 0 {
		return nil, nil
	}
	var list []store.Document
	for i, op := range g.Ops {
		switch {
		case op.Prefix:
			if !slices.ContainsFunc(ws, func(w *watcher) bool {
				return bytes.HasPrefix(w.prefix, op.Key) || bytes.HasPrefix(op.Key, w.prefix)
			}) {
				continue
			}
			gone, err := c.victims(g.Ops[:i], op.Key)
			if err != nil {
				return nil, err
			}
			for _, k := range gone {
				list = append(list, store.Document{Key: []byte(k)})
			}
		case !slices.ContainsFunc(ws, func(w *watcher) bool { return bytes.HasPrefix(op.Key, w.prefix) }):
		case op.Delete:
			list = append(list, store.Document{Key: bytes.Clone(op.Key)})
		default:
			list = append(list, store.Document{
				Key: bytes.Clone(op.Key), Value: bytes.Clone(op.Value), Revision: g.Base + uint64(i) + 1,
			})
		}
	}
	return list, nil
}

// victims are the documents under prefix after the ops before.
func (c *Committer) victims(before []Op, prefix []byte) ([]string, error) {
	there := map[string]bool{}
	err := c.engine.Keys(prefix, func(k []byte) { there[string(k)] = true })
	if err != nil {
		return nil, err
	}
	for _, op := range before {
		switch {
		case op.Prefix:
			for k := range there {
				if bytes.HasPrefix([]byte(k), op.Key) {
					delete(there, k)
				}
			}
		case !bytes.HasPrefix(op.Key, prefix):
		case op.Delete:
			delete(there, string(op.Key))
		default:
			there[string(op.Key)] = true
		}
	}
	var list []string
	for k := range there {
		list = append(list, k)
	}
	slices.Sort(list)
	return list, nil
}
