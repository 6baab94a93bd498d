package server

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"gridmq/control"
	"gridmq/delivery"
	"gridmq/server/deadletters"
)

// awayFiles bounds one look through a bucket or a topic: 20 requests to a store.
const awayFiles = 20_000

// shelf finds where letters are, and what of it is asked for. The caller closes it.
func (o *letterOffice) shelf(namespace string, which control.DeadLetterPlace) (deadletters.Shelf, deadletters.Place, error) {
	only := deadletters.Place{Namespace: namespace, Topic: which.Topic, Subscription: which.Subscription}
	if which.Account == "" {
		f, err := deadletters.OpenBounded(filepath.Join(o.s.cfg.Data, deadLetterDirectory), letterFiles)
		return f, only, err
	}
	only = o.spelled(only)
	switch sink := o.s.letters.account(which.Account).(type) {
	case lettersInBucket:
		containers := o.containers(only.Namespace, which.Account)
		if which.Container != "" { // also one that no event subscription names any more
			containers = []string{which.Container}
		}
		return &deadletters.Bucket{Store: sink.Sink, Account: which.Account, Containers: containers, Most: awayFiles}, only, nil
	case topicOfLetters:
		q, err := o.queueOf(only.Namespace, sink)
		return &deadletters.Topic{Queue: q, Account: which.Account, Name: sink.topic, Most: awayFiles}, only, err
	}
	return nil, only, control.ErrNoAccount
}

// queueOf is the event subscription through which letters of a topic are seen.
func (o *letterOffice) queueOf(namespace string, t topicOfLetters) (*delivery.Queue, error) {
	var q *delivery.Queue
	s := o.s.events.Stream(namespace, t.topic)
	if s != nil {
		q = s.Queue(t.subscription)
	}
	var reason error
	switch {
	case s == nil:
		reason = fmt.Errorf("the namespace has no topic %q", t.topic)
	case t.subscription == "":
		reason = fmt.Errorf("they are events of topic %q: its consumers have them, or name one of its event subscriptions as `subscription` in events.dead_letters", t.topic)
	case q == nil:
		reason = fmt.Errorf("topic %q has no event subscription %q", t.topic, t.subscription)
	case q.Mode() == delivery.Push:
		reason = fmt.Errorf("the event subscription %q pushes its events; one of delivery mode Queue is needed", t.subscription)
	default:
		return q, nil
	}
	return nil, &control.LettersAwayError{Err: reason}
}

// account is the sink of one; nil: its letters are on the disk.
func (d *deadLetters) account(name string) any {
	if d == nil {
		return nil
	}
	return d.accounts[strings.ToLower(name)]
}

// spelled is a place as the event plane spells it, which a store's names are: a topic
// that is gone stays as it was asked for.
func (o *letterOffice) spelled(p deadletters.Place) deadletters.Place {
	s := o.s.events.Stream(p.Namespace, p.Topic)
	if s == nil {
		return p
	}
	p.Namespace, p.Topic = s.Namespace(), s.Name()
	if q := s.Queue(p.Subscription); q != nil {
		p.Subscription = q.Name()
	}
	return p
}

// containers are those that event subscriptions of a namespace name now.
func (o *letterOffice) containers(namespace, account string) (list []string) {
	for _, s := range o.s.events.Streams() {
		if !strings.EqualFold(s.Namespace(), namespace) {
			continue
		}
		for _, q := range s.Queues() {
			if to := q.DeadLetters(); to != nil && strings.EqualFold(to.Account(), account) {
				list = append(list, to.Container)
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// Accounts implements control.DeadLetterOffice.
func (o *letterOffice) Accounts(namespace string) (list []control.DeadLetterAccount) {
	for _, name := range slices.Sorted(maps.Keys(o.s.cfg.Events.DeadLetters)) {
		one := o.s.cfg.Events.DeadLetters[name]
		a := control.DeadLetterAccount{Name: name, Kind: one.Kind, Topic: one.Topic}
		if one.Kind != "topic" {
			a.Containers = o.containers(namespace, name)
		}
		list = append(list, a)
	}
	return list
}
