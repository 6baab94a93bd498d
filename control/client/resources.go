package client

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
)

// defaults are where a server keeps what is in no particular place.
const (
	defaultSubscription = "00000000-0000-0000-0000-000000000000"
	defaultGroup        = "gridmq"
)

// A Place is where namespaces are. Empty members are the server's defaults.
type Place struct{ Subscription, Group string }

// ID is the resource id of a namespace, or of something below it: pairs of a
// collection and a name, as "clients", "press-7".
func (p Place) ID(namespace string, below ...string) string {
	parts := append([]string{"subscriptions", cmp.Or(p.Subscription, defaultSubscription),
		"resourceGroups", cmp.Or(p.Group, defaultGroup), "providers", "Microsoft.EventGrid", "namespaces", namespace}, below...)
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	if namespace == "" {
		parts = parts[:len(parts)-1-len(below)]
	}
	return "/" + strings.Join(parts, "/")
}

// TopicID is the resource id of a custom topic, or of something below it, as ID of a
// namespace.
func (p Place) TopicID(topic string, below ...string) string {
	parts := append([]string{"subscriptions", cmp.Or(p.Subscription, defaultSubscription),
		"resourceGroups", cmp.Or(p.Group, defaultGroup), "providers", "Microsoft.EventGrid", "topics", topic}, below...)
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	return "/" + strings.Join(parts, "/")
}

// A Resource is one as the server shows it.
type Resource struct {
	ID         string            `json:"id"`
	Name       string            `json:"name"`
	Type       string            `json:"type"`
	Location   string            `json:"location,omitempty"`
	Tags       map[string]string `json:"tags,omitempty"`
	Properties json.RawMessage   `json:"properties"`
	// ETag is for If-Match: Put and Delete with it fail when somebody else has
	// changed the resource meanwhile.
	ETag string `json:"-"`
	// Raw is all of it.
	Raw json.RawMessage `json:"-"`
}

func resourceOf(a *answer) (*Resource, error) {
	r := &Resource{Raw: a.body, ETag: a.header.Get("ETag")}
	return r, decode(a, r)
}

// Get reads a resource by its id.
func (c *Client) Get(ctx context.Context, id string) (*Resource, error) {
	a, err := c.do(ctx, http.MethodGet, id, nil, nil, nil)
	if err != nil {
		return nil, err
	}
	return resourceOf(a)
}

// A Condition is on what is there; the zero value has none.
type Condition struct {
	ETag string // it is exactly this
	New  bool   // there is nothing yet
}

func (c Condition) header() http.Header {
	h := http.Header{}
	if c.ETag != "" {
		h.Set("If-Match", c.ETag)
	}
	if c.New {
		h.Set("If-None-Match", "*")
	}
	return h
}

// Put creates or replaces a resource; body is its JSON, usually {"properties": ...}.
// Warnings tell what the server left aside.
func (c *Client) Put(ctx context.Context, id string, body []byte, if_ Condition) (r *Resource, created bool, warnings []string, err error) {
	a, err := c.do(ctx, http.MethodPut, id, nil, body, if_.header())
	if err != nil {
		return nil, false, nil, err
	}
	r, err = resourceOf(a)
	return r, a.status == http.StatusCreated, a.header.Values("gridmq-warning"), err
}

// Patch changes members of a namespace, a topic or an event subscription.
func (c *Client) Patch(ctx context.Context, id string, body []byte, if_ Condition) (*Resource, error) {
	a, err := c.do(ctx, http.MethodPatch, id, nil, body, if_.header())
	if err != nil {
		return nil, err
	}
	return resourceOf(a)
}

// Delete removes a resource and what lies below it; existed says whether there was one.
func (c *Client) Delete(ctx context.Context, id string, if_ Condition) (existed bool, err error) {
	a, err := c.do(ctx, http.MethodDelete, id, nil, nil, if_.header())
	return err == nil && a.status != http.StatusNoContent, err
}

// List reads a collection (the id of its parent and its name), all pages. filter is
// an expression over names, as "contains(name,'press')"; empty: all.
func (c *Client) List(ctx context.Context, collection, filter string) (all []*Resource, err error) {
	q := url.Values{}
	if filter != "" {
		q.Set("$filter", filter)
	}
	err = pages(ctx, c, collection, q, 0, func(raw json.RawMessage) error {
		r := &Resource{Raw: raw}
		all = append(all, r)
		return json.Unmarshal(raw, r)
	})
	return all, err
}

// First reads the first of a collection, most at most.
func (c *Client) First(ctx context.Context, collection string, most int) (all []*Resource, err error) {
	err = pages(ctx, c, collection, url.Values{}, most, func(raw json.RawMessage) error {
		r := &Resource{Raw: raw}
		all = append(all, r)
		return json.Unmarshal(raw, r)
	})
	return all, err
}

// pages visits the entries of a list, most at most (0: all).
func pages(ctx context.Context, c *Client, path string, q url.Values, most int, visit func(json.RawMessage) error) error {
	q.Set("$top", "100")
	for seen := 0; path != ""; {
		var page struct {
			Value    []json.RawMessage
			NextLink string
		}
		if err := c.get(ctx, path, q, &page); err != nil {
			return err
		}
		for _, raw := range page.Value {
			if seen++; most > 0 && seen > most {
				return nil
			}
			if err := visit(raw); err != nil {
				return err
			}
		}
		path, q = page.NextLink, nil
	}
	return nil
}

func list[T any](ctx context.Context, c *Client, path string, q url.Values, most int) (all []T, err error) {
	err = pages(ctx, c, path, q, most, func(raw json.RawMessage) error {
		var v T
		err := json.Unmarshal(raw, &v)
		all = append(all, v)
		return err
	})
	return all, err
}

// A DryRun says what would happen.
type DryRun struct {
	Operation string   `json:"operation"` // create, update, delete, none
	ID        string   `json:"id"`
	Members   []string `json:"members"`
	Changes   []struct {
		ID        string `json:"id"`
		Operation string `json:"operation"`
	} `json:"changes"`
	Effects []struct {
		Namespace string `json:"namespace"`
		Client    string `json:"client"`
		Session   string `json:"session"`
		Loses     string `json:"loses"`
		Reason    string `json:"reason"`
	} `json:"effects"`
	MoreEffects int             `json:"moreEffects"` // that are left out of Effects
	Warnings    []string        `json:"warnings"`
	Resource    json.RawMessage `json:"resource"`
}

// DryRun asks what a PUT, PATCH or DELETE would do; nothing is changed.
func (c *Client) DryRun(ctx context.Context, method, id string, body []byte) (*DryRun, error) {
	a, err := c.do(ctx, method, id, url.Values{"gridmq-dry-run": {"true"}}, body, nil)
	if err != nil {
		return nil, err
	}
	d := new(DryRun)
	return d, decode(a, d)
}

// FullURL shows the whole URL of an event subscription's webhook, which may hold a key.
func (c *Client) FullURL(ctx context.Context, id string) (string, error) {
	a, err := c.do(ctx, http.MethodPost, id+"/getFullUrl", nil, nil, nil)
	if err != nil {
		return "", err
	}
	var full struct{ EndpointURL string }
	err = decode(a, &full)
	return full.EndpointURL, err
}

// Keys shows the access keys of a namespace or a topic.
func (c *Client) Keys(ctx context.Context, id string) (key1, key2 string, err error) {
	return c.keys(ctx, id+"/listKeys", nil)
}

// RegenerateKey makes key1 or key2 anew and returns both.
func (c *Client) RegenerateKey(ctx context.Context, id, name string) (key1, key2 string, err error) {
	body, _ := json.Marshal(map[string]string{"keyName": name})
	return c.keys(ctx, id+"/regenerateKey", body)
}

func (c *Client) keys(ctx context.Context, path string, body []byte) (key1, key2 string, err error) {
	a, err := c.do(ctx, http.MethodPost, path, nil, body, nil)
	if err != nil {
		return "", "", err
	}
	var keys struct{ Key1, Key2 string }
	err = decode(a, &keys)
	return keys.Key1, keys.Key2, err
}
