package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"gridmq/control"
	"gridmq/control/audit"
)

// What the tools of a namespace speak of.
type (
	Session      = control.Session
	Refusal      = control.Refusal
	Question     = control.Question
	Explanation  = control.Explanation
	AuditEntry   = audit.Entry
	HistoryEvent = control.HistoryEvent
)

// A Ban is who may not connect. Set at least one of the first three.
type Ban struct {
	AuthenticationName string     `json:"authenticationName,omitempty"`
	ClientID           string     `json:"clientId,omitempty"`
	Address            string     `json:"address,omitempty"` // or a network
	Reason             string     `json:"reason,omitempty"`
	Expires            *time.Time `json:"expires,omitempty"` // nil: never
}

func tool(namespace string, parts ...string) string {
	path := "/gridmq/namespaces/" + url.PathEscape(namespace)
	for _, p := range parts {
		path += "/" + url.PathEscape(p)
	}
	return path
}

// A SessionFilter chooses sessions; the zero value chooses all.
type SessionFilter struct {
	AuthenticationName string
	ClientID           string // a part of it
	Connected          *bool
	Most               int // 0: all
}

// Sessions lists those of a namespace.
func (c *Client) Sessions(ctx context.Context, namespace string, f SessionFilter) ([]Session, error) {
	q := url.Values{}
	if f.AuthenticationName != "" {
		q.Set("authenticationName", f.AuthenticationName)
	}
	if f.ClientID != "" {
		q.Set("clientId", f.ClientID)
	}
	if f.Connected != nil {
		q.Set("connected", strconv.FormatBool(*f.Connected))
	}
	return list[Session](ctx, c, tool(namespace, "sessions"), q, f.Most)
}

// Slow lists the sessions with the longest queues, the worst first: by "messages",
// "bytes" or "age".
func (c *Client) Slow(ctx context.Context, namespace, by string, most int) ([]Session, error) {
	return list[Session](ctx, c, tool(namespace, "slow"), url.Values{"by": {by}}, most)
}

// Session shows one with its subscriptions.
func (c *Client) Session(ctx context.Context, namespace, clientID string) (*Session, error) {
	s := new(Session)
	return s, c.get(ctx, tool(namespace, "sessions", clientID), nil, s)
}

func reasonBody(reason string) []byte {
	if reason == "" {
		return nil
	}
	b, _ := json.Marshal(map[string]string{"reason": reason})
	return b
}

// Disconnect ends a connection; the session stays.
func (c *Client) Disconnect(ctx context.Context, namespace, clientID, reason string) error {
	_, err := c.do(ctx, http.MethodPost, tool(namespace, "sessions", clientID, "disconnect"), nil, reasonBody(reason), nil)
	return err
}

// DeleteSession ends a connection and its session.
func (c *Client) DeleteSession(ctx context.Context, namespace, clientID, reason string) (existed bool, err error) {
	a, err := c.do(ctx, http.MethodDelete, tool(namespace, "sessions", clientID), nil, reasonBody(reason), nil)
	return err == nil && a.status != http.StatusNoContent, err
}

// Refused lists who was not let in lately and why, newest first. Without a namespace:
// those who reached none.
func (c *Client) Refused(ctx context.Context, namespace string, most int) ([]Refusal, error) {
	path := "/gridmq/refused"
	if namespace != "" {
		path = tool(namespace, "refused")
	}
	return list[Refusal](ctx, c, path, url.Values{}, most)
}

// History lists what happened with a client lately, by its identifier or authentication
// name; empty: with all. Newest first.
func (c *Client) History(ctx context.Context, namespace, client string, most int) ([]HistoryEvent, error) {
	q := url.Values{}
	if client != "" {
		q.Set("client", client)
	}
	return list[HistoryEvent](ctx, c, tool(namespace, "history"), q, most)
}

// Ban makes or replaces a ban.
func (c *Client) Ban(ctx context.Context, namespace, name string, b Ban) error {
	body, err := json.Marshal(map[string]any{"properties": b})
	if err != nil {
		return err
	}
	_, err = c.do(ctx, http.MethodPut, tool(namespace, "bans", name), nil, body, nil)
	return err
}

// Unban removes a ban.
func (c *Client) Unban(ctx context.Context, namespace, name string) (existed bool, err error) {
	return c.Delete(ctx, tool(namespace, "bans", name), Condition{})
}

// Bans lists those that are in force, by name.
func (c *Client) Bans(ctx context.Context, namespace string) (map[string]Ban, error) {
	all, err := c.List(ctx, tool(namespace, "bans"), "")
	if err != nil {
		return nil, err
	}
	bans := map[string]Ban{}
	for _, r := range all {
		var b Ban
		if err := json.Unmarshal(r.Properties, &b); err != nil {
			return nil, err
		}
		bans[r.Name] = b
	}
	return bans, nil
}

// Explain asks why something would be allowed or refused.
func (c *Client) Explain(ctx context.Context, namespace string, q Question) (*Explanation, error) {
	body, err := json.Marshal(q)
	if err != nil {
		return nil, err
	}
	a, err := c.do(ctx, http.MethodPost, tool(namespace, "explain"), nil, body, nil)
	if err != nil {
		return nil, err
	}
	e := new(Explanation)
	return e, decode(a, e)
}

// Audit lists who changed what, newest first, at most most (0: all). resource is an
// id, and stands for everything below it too; empty: everything.
func (c *Client) Audit(ctx context.Context, resource string, most int) ([]AuditEntry, error) {
	q := url.Values{}
	if resource != "" {
		q.Set("resource", resource)
	}
	return list[AuditEntry](ctx, c, "/gridmq/audit", q, most)
}

// NewToken gives an operator another token and returns it.
func (c *Client) NewToken(ctx context.Context, operator string) (string, error) {
	a, err := c.do(ctx, http.MethodPost, "/gridmq/operators/"+url.PathEscape(operator)+"/newToken", nil, nil, nil)
	if err != nil {
		return "", err
	}
	var body struct{ Token string }
	err = decode(a, &body)
	return body.Token, err
}
