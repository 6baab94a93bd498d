package control

import (
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"gridmq/control/filter"
	"gridmq/control/resource"
)

const (
	defaultTop = 20
	maxTop     = 100
	maxToken   = 4096 // bytes; the topic of a retained message may be long
)

// A pager makes one page of a list: section 6.
type pager struct {
	top    int
	filter *filter.Filter
	after  string // key name that the page begins behind
	token  []byte // the same as bytes, for lists with another order

	value []any
	next  string // token of the next page; empty: there is none
}

func (c *call) pager() (*pager, error) {
	g := &pager{top: defaultTop, value: []any{}}
	bad := func(name, format string, args ...any) error {
		return refuse(http.StatusBadRequest, codeInvalid, format, args...).at(name)
	}
	if text, given := c.query["$top"]; given {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxTop {
			return nil, bad("$top", "$top must be a number from 1 to %d.", maxTop)
		}
		g.top = n
	}
	var err error
	if g.filter, err = filter.Parse(c.query["$filter"]); err != nil {
		return nil, bad("$filter", "$filter cannot be read: %v.", err)
	}
	if text := c.query["$skiptoken"]; text != "" {
		if g.token, err = base64.RawURLEncoding.DecodeString(strings.TrimRight(text, "=")); err != nil || len(g.token) > maxToken {
			return nil, bad("$skipToken", "$skipToken is not one of ours.")
		}
		g.after = string(g.token)
	}
	return g, nil
}

// full says whether the page has all it may; then last is where the next begins.
func (g *pager) full(last string) bool {
	if len(g.value) < g.top {
		return false
	}
	g.next = last
	return true
}

// respond writes the page.
func (c *call) respond(g *pager) error {
	body := map[string]any{"value": g.value}
	if g.next != "" {
		body["nextLink"] = c.nextLink([]byte(g.next))
	}
	c.answer(http.StatusOK, body)
	return nil
}

// nextLink is this request with a $skipToken, absolute.
func (c *call) nextLink(token []byte) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(c.query)) {
		if name != "$skiptoken" {
			parts = append(parts, url.QueryEscape(name)+"="+url.QueryEscape(c.query[name]))
		}
	}
	parts = append(parts, url.QueryEscape("$skipToken")+"="+base64.RawURLEncoding.EncodeToString(token))
	return c.base() + c.r.URL.EscapedPath() + "?" + strings.Join(parts, "&")
}

// listChildren lists a kind below a namespace, or with parent ("topic/") below that.
func (c *call) listChildren(l place, kind *resource.Kind, parent string) error {
	action := eventGrid + "/namespaces/" + kind.Name + "/read"
	id := l.id() + "/" + kind.Name
	if parent != "" {
		action = eventGrid + "/namespaces/" + kind.Parent + "/" + kind.Name + "/read"
		id = l.id() + "/" + kind.Parent + "/" + parent + kind.Name
	}
	if err := c.mayList(action, id); err != nil {
		return err
	}
	if _, err := c.parent(l, kind, parent); err != nil {
		return err
	}
	return c.listKind(l.ns, kind, strings.ToLower(parent), action)
}

// listKind answers with a page of a kind.
func (c *call) listKind(ns string, kind *resource.Kind, parent, action string) error {
	return c.listKindIf(ns, kind, parent, action, nil, nil)
}

// listKindIf is listKind of those that belongs says, and as respell changes them; both
// may be nil.
func (c *call) listKindIf(ns string, kind *resource.Kind, parent, action string, belongs func(*resource.Resource) bool, respell func(map[string]any)) error {
	g, err := c.pager()
	if err != nil {
		return err
	}
	last, after := "", ""
	if g.after != "" {
		after = parent + g.after
	}
	choose := func(name string) bool { return g.filter.Match(strings.TrimPrefix(name, parent)) }
	c.plane.set.List(ns, kind, parent, after, choose, func(r *resource.Resource) bool {
		if belongs != nil && !belongs(r) {
			return true
		}
		if g.full(last) {
			return false
		}
		last = strings.TrimPrefix(r.Key().Name, parent)
		if c.caller.May(action, c.plane.id(r)) {
			shown := c.plane.shown(r)
			if respell != nil {
				respell(shown)
			}
			g.value = append(g.value, shown)
		}
		return true
	})
	return c.respond(g)
}

// listNamespaces lists those of a group, or of the subscription.
func (c *call) listNamespaces(sub, group string) error {
	const action = eventGrid + "/namespaces/read"
	id := "/subscriptions/" + sub
	if group != "" {
		id = groupID(sub, group)
	}
	if err := c.mayList(action, id); err != nil {
		return err
	}
	if err := c.known(sub); err != nil {
		return err
	}
	if group != "" && c.plane.findGroup(sub, group) == nil {
		return noGroup(group)
	}
	g, err := c.pager()
	if err != nil {
		return err
	}
	last := ""
	c.plane.set.EachNamespace(g.after, func(r *resource.Resource) bool {
		if !strings.EqualFold(r.Subscription, sub) || group != "" && !strings.EqualFold(r.Group, group) ||
			!g.filter.Match(r.Name) || !c.caller.May(action, c.plane.id(r)) {
			return true
		}
		if g.full(last) {
			return false
		}
		last = r.Namespace
		g.value = append(g.value, c.plane.shown(r))
		return true
	})
	return c.respond(g)
}
