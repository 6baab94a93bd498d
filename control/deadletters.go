package control

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"gridmq/control/audit"
)

var (
	// ErrTooManyLetters says that there are more files than one look can go through.
	ErrTooManyLetters = errors.New("control: too many files of dead letters")
	// ErrBadPlace says that a list was to go on where there is no place.
	ErrBadPlace = errors.New("control: no place in a list")
	// ErrNoLetters says that a file is not there, or not there any more.
	ErrNoLetters = errors.New("control: no such dead letters")
	// ErrNoAccount says that letters of an account are not kept elsewhere.
	ErrNoAccount = errors.New("control: no such account of dead letters")
)

// A LettersAwayError says that where letters are does not give them now, and why.
type LettersAwayError struct{ Err error }

func (e *LettersAwayError) Error() string { return e.Err.Error() }
func (e *LettersAwayError) Unwrap() error { return e.Err }

// A DeadLetterOffice keeps the events that were not delivered: on the broker's own disk,
// and for accounts that the configuration names in buckets and topics.
type DeadLetterOffice interface {
	// Accounts are those that are kept elsewhere than on the disk.
	Accounts(namespace string) []DeadLetterAccount
	// DeadLetters lists the newest first, from after (opaque, exclusive) on. next is the
	// after of what follows; empty: the end. ErrTooManyLetters, ErrBadPlace,
	// ErrNoAccount, *LettersAwayError.
	DeadLetters(ctx context.Context, namespace string, q DeadLetterQuery) (page []DeadLetter, next string, err error)
	// Replay publishes to their topics again, the oldest first, until all are done or
	// it has taken long enough. Their files are set aside. ErrTooManyLetters, ErrNoLetters,
	// ErrNoAccount, *LettersAwayError.
	Replay(ctx context.Context, namespace string, which DeadLetterPlace) (*Replayed, error)
}

// A DeadLetterPlace says which letters; empty members stand for all.
type DeadLetterPlace struct {
	Account      string `json:"account"`   // empty: those on the disk
	Container    string `json:"container"` // of the account
	Topic        string `json:"topic"`
	Subscription string `json:"eventSubscription"`
	File         string `json:"file"` // as it is listed: letters that were written at once
}

// A DeadLetterAccount is a storage account whose letters are not on the disk.
type DeadLetterAccount struct {
	Name       string   `json:"name"`
	Kind       string   `json:"kind"`                 // azure-blob, s3, topic
	Containers []string `json:"containers,omitempty"` // that event subscriptions name now
	Topic      string   `json:"topic,omitempty"`      // where letters are events
}

// A DeadLetterQuery chooses letters.
type DeadLetterQuery struct {
	DeadLetterPlace
	After string
	Limit int
}

// A DeadLetter is an event that was not delivered, and why.
type DeadLetter struct {
	Account      string          `json:"account,omitempty"` // empty: on the disk
	Topic        string          `json:"topic"`
	Subscription string          `json:"eventSubscription"`
	File         string          `json:"file"` // a replay is of whole files
	Together     int             `json:"lettersInFile"`
	Hour         time.Time       `json:"hour"` // in which it was written
	Reason       string          `json:"reason"`
	Attempts     int             `json:"deliveryAttempts"`
	Result       string          `json:"lastResult,omitempty"`
	Published    string          `json:"publishTime,omitempty"`
	LastAttempt  string          `json:"lastAttemptTime,omitempty"`
	Event        json.RawMessage `json:"event"` // a CloudEvent
}

// Replayed is what a replay has done.
type Replayed struct {
	Events  int       `json:"events"`  // published
	Files   int       `json:"files"`   // set aside
	Left    int       `json:"left"`    // files that the same request goes on with
	Refused []Refused `json:"refused"` // the first of them
}

// Refused are letters that a replay has left where they were.
type Refused struct {
	File   string `json:"file,omitempty"`
	Topic  string `json:"topic"`
	Reason string `json:"reason"`
}

func (c *call) routeDeadLetters(ns string, p path) func() error {
	switch {
	case len(p) == 0:
		return c.get(func() error { return c.listDeadLetters(ns) })
	case len(p) == 1 && p.is("replay"):
		return c.post(func() error { return c.replay(ns) })
	case len(p) == 1 && p.is("accounts"):
		return c.get(func() error { return c.listAccounts(ns) })
	}
	return nil
}

// listAccounts lists where letters are, besides the disk.
func (c *call) listAccounts(ns string) error {
	r, err := c.about(ns, "deadLetters/read")
	if err != nil {
		return err
	}
	list := c.plane.o.DeadLetters.Accounts(r.Namespace)
	if list == nil {
		list = []DeadLetterAccount{}
	}
	c.answer(http.StatusOK, map[string]any{"value": list})
	return nil
}

// listDeadLetters lists them. Parameters besides $top: account, container, topic,
// eventSubscription, file.
func (c *call) listDeadLetters(ns string) error {
	r, err := c.about(ns, "deadLetters/read")
	if err != nil {
		return err
	}
	g, err := c.pager()
	if err != nil {
		return err
	}
	q := DeadLetterQuery{DeadLetterPlace{Account: c.query["account"], Container: c.query["container"],
		Topic: c.query["topic"], Subscription: c.query["eventsubscription"], File: c.query["file"]}, g.after, g.top}
	page, next, err := c.plane.o.DeadLetters.DeadLetters(c.r.Context(), r.Namespace, q)
	if err != nil {
		return lettersError(err, q.DeadLetterPlace)
	}
	for _, one := range page {
		g.value = append(g.value, one)
	}
	g.next = next
	return c.respond(g)
}

func lettersError(err error, which DeadLetterPlace) error {
	if away, ok := errors.AsType[*LettersAwayError](err); ok {
		return refuse(http.StatusBadGateway, "DeadLettersUnreachable", "The dead letters of account %q cannot be read: %v.", which.Account, away)
	}
	switch {
	case errors.Is(err, ErrNoAccount):
		return refuse(http.StatusNotFound, codeNotFound, "There is no account %q in events.dead_letters of the server's configuration.", which.Account).at("account")
	case errors.Is(err, ErrTooManyLetters):
		return refuse(http.StatusBadRequest, codeInvalid, "There are too many dead letters to look through at once: name a topic and an eventSubscription, or use gridmq dead-letters.").at("topic")
	case errors.Is(err, ErrBadPlace):
		return refuse(http.StatusBadRequest, codeInvalid, "$skipToken is not one of ours.").at("$skipToken")
	case errors.Is(err, ErrNoLetters):
		return refuse(http.StatusNotFound, codeNotFound, "There is no file %q of dead letters; it may have been replayed.", which.File)
	}
	return err
}

// replay publishes letters again.
func (c *call) replay(ns string) error {
	r, err := c.about(ns, "deadLetters/replay/action")
	if err != nil {
		return err
	}
	c.target = "/gridmq/namespaces/" + r.Name + "/deadLetters"
	if err := c.read(); err != nil {
		return err
	}
	var which DeadLetterPlace
	if err := json.Unmarshal(c.body, &which); err != nil {
		return refuse(http.StatusBadRequest, codeContent, "The body cannot be read: %v.", err)
	}
	if which.Topic == "" {
		return refuse(http.StatusBadRequest, codeInvalid, "topic is needed: whose events are to be published again?").at("topic")
	}
	c.target += "/" + which.Topic
	if which.Subscription != "" {
		c.target += "/" + which.Subscription
	}
	done, err := c.plane.o.DeadLetters.Replay(c.r.Context(), r.Namespace, which)
	if err != nil {
		return lettersError(err, which)
	}
	c.plane.audit.Record(c.r.Context(), audit.Entry{Operator: c.caller.Name, From: c.fromText(), Operation: c.operation, Resource: c.target,
		Result: audit.Succeeded, Request: c.id})
	if done.Refused == nil {
		done.Refused = []Refused{}
	}
	c.answer(http.StatusOK, done)
	return nil
}
