package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"
)

// A DeadLetterPlace says which letters; empty members stand for all, an empty account
// for those on the server's disk.
type DeadLetterPlace struct {
	Account      string `json:"account,omitempty"`
	Container    string `json:"container,omitempty"`
	Topic        string `json:"topic,omitempty"`
	Subscription string `json:"eventSubscription,omitempty"`
}

func (p DeadLetterPlace) query() url.Values {
	q := url.Values{}
	for name, value := range map[string]string{"account": p.Account, "container": p.Container, "topic": p.Topic, "eventSubscription": p.Subscription} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return q
}

// A DeadLetter is an event that was not delivered, and why.
type DeadLetter struct {
	Topic        string          `json:"topic"`
	Subscription string          `json:"eventSubscription"`
	File         string          `json:"file"`
	Hour         time.Time       `json:"hour"`
	Reason       string          `json:"reason"`
	Attempts     int             `json:"deliveryAttempts"`
	Result       string          `json:"lastResult"`
	Published    string          `json:"publishTime"`
	LastAttempt  string          `json:"lastAttemptTime"`
	Event        json.RawMessage `json:"event"`
}

// DeadLetters tells letters, the newest first, so many at most.
func (c *Client) DeadLetters(ctx context.Context, namespace string, p DeadLetterPlace, most int, tell func(DeadLetter) error) error {
	return pages(ctx, c, tool(namespace, "deadLetters"), p.query(), most, func(raw json.RawMessage) error {
		var l DeadLetter
		if err := json.Unmarshal(raw, &l); err != nil {
			return err
		}
		return tell(l)
	})
}

// A Replayed is what one request of a replay has done.
type Replayed struct {
	Events  int `json:"events"`
	Files   int `json:"files"`
	Left    int `json:"left"` // files: another request goes on
	Refused []struct {
		File, Topic, Reason string
	} `json:"refused"`
}

// ReplayDeadLetters publishes letters of a topic to it again, for as long as one request
// takes.
func (c *Client) ReplayDeadLetters(ctx context.Context, namespace string, p DeadLetterPlace) (*Replayed, error) {
	body, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	a, err := c.do(ctx, http.MethodPost, tool(namespace, "deadLetters", "replay"), nil, body, nil)
	if err != nil {
		return nil, err
	}
	r := new(Replayed)
	return r, decode(a, r)
}
