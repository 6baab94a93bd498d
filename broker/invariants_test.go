package broker

import (
	"context"
	"fmt"
	"time"

	"gridmq/session"
	"gridmq/store"
)

// settled checks that what the broker holds, what its queues count and what
// lies in the store agree. It gives what is written lazily some time.
func (h *house) settled() {
	h.t.Helper()
	var err error
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		if err = h.disagreement(); err == nil {
			return
		}
		if time.Now().After(deadline) {
			h.t.Fatalf("%v", err)
		}
	}
}

func (h *house) disagreement() error {
	if err := h.st.Sync(context.Background()); err != nil {
		return err
	}
	ns := h.ns()
	ns.mu.Lock()
	var all []*mailbox
	for _, x := range ns.sessions {
		all = append(all, x)
	}
	var groups []*group
	for _, g := range ns.shared {
		groups = append(groups, g)
	}
	byID, names := len(ns.byID), 0
	for _, n := range ns.perName {
		names += n
	}
	ns.mu.Unlock()
	var online, stored, storedSubs, ordinary, pointers int
	for _, x := range all {
		x.mu.Lock()
		if x.conn != nil {
			online++
		}
		if x.stored {
			stored++
		}
		if x.durable {
			storedSubs += len(x.subs)
			x.s.Positions(func(uint64) { pointers++ })
		}
		for _, sub := range x.subs {
			if sub.g == nil {
				ordinary++
			}
		}
		n := len(x.slots)
		m := len(x.subs)
		ended := x.ended
		x.mu.Unlock()
		if n != m || ended {
			return fmt.Errorf("session %q: %d slots, %d subscriptions, ended %v", x.clientID, n, m, ended)
		}
	}
	durable := 0
	for _, g := range groups {
		g.mu.Lock()
		if g.durable.Load() {
			durable++
		}
		g.q.Each(func(_ uint64, it *session.Item) {
			if it.Pos != 0 {
				pointers++
			}
		})
		members, joining, giving := len(g.members), len(g.joining), len(g.giving)
		g.mu.Unlock()
		if members == 0 || joining != 0 || giving != 0 {
			return fmt.Errorf("group %q: %d members, %d joining, %d messages on their way", g.key, members, joining, giving)
		}
	}
	stats := ns.queues.Stats()
	for _, c := range []struct {
		what      string
		got, want int
	}{
		{"connections", int(ns.online.Load()), online},
		{"sessions by number", byID, len(all)},
		{"sessions by name", names, len(all)},
		{"filters in the index", ns.index.Len(), ordinary + len(groups)},
		{"documents of sessions", h.count(ns.keys.sessions()), stored},
		{"documents of subscriptions", h.count(ns.keys.subscriptions()), storedSubs},
		{"documents of groups", h.count(ns.keys.groups()), durable},
		{"documents of retained messages", h.count(ns.keys.retained()), ns.retained.names.Len()},
		{"pointers into the log", int(stats.Live), pointers},
		{"pointers ended twice", int(stats.Unbalanced), 0},
	} {
		if c.got != c.want {
			return fmt.Errorf("%d %s, want %d", c.got, c.what, c.want)
		}
	}
	return nil
}

func (h *house) count(prefix []byte) (n int) {
	if err := h.st.List(prefix, nil, func(store.Document) bool { n++; return true }); err != nil {
		h.t.Fatalf("List: %v", err)
	}
	return n
}
