package delivery

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"gridmq/delivery/internal/copies"
	"gridmq/store"
)

// adminWait bounds how long a change of topics and subscriptions waits for the disk.
const adminWait = 30 * time.Second

func (p *Plane) isClosed() bool {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.closed
}

// begin takes the turn of an administrator.
func (p *Plane) begin() (ctx context.Context, end func(), err error) {
	p.admin.Lock()
	if p.isClosed() {
		p.admin.Unlock()
		return nil, nil, ErrClosed
	}
	ctx, cancel := context.WithTimeout(p.ctx, adminWait)
	return ctx, func() { cancel(); p.admin.Unlock() }, nil
}

// SetTopic creates or changes a topic, durably. Errors: *[FieldError], the store's.
func (p *Plane) SetTopic(namespace string, t Topic) error {
	if err := t.Validate(); err != nil {
		return err
	}
	if namespace == "" || t.Name == "" || strings.ContainsRune(namespace+t.Name, 0) {
		return &FieldError{"name", "must not be empty, nor contain NUL"}
	}
	ctx, end, err := p.begin()
	if err != nil {
		return err
	}
	defer end()
	s := p.find(namespace, t.Name)
	if s == nil {
		if s, err = p.createTopic(ctx, fold(namespace), t.Name); err != nil {
			return fmt.Errorf("create topic %q: %w", t.Name, err)
		}
	}
	s.retention.Store(int64(t.Retention))
	s.told.Store(true)
	for _, q := range *s.parts.Load() {
		if q.told.Load() {
			q.mu.Lock()
			q.configure(q.sub)
			q.mu.Unlock()
		}
	}
	return nil
}

// createTopic makes a topic with a number that is free. Logs keep their positions when
// a number is used again, so the topic begins behind what was there.
func (p *Plane) createTopic(ctx context.Context, namespace, name string) (*Stream, error) {
	used := map[uint16]bool{}
	for _, s := range p.streams(namespace) {
		used[s.number] = true
	}
	number := 0
	for used[uint16(number)] {
		number++
	}
	if number >= maxTopics {
		return nil, fmt.Errorf("delivery: namespace %q has %d topics, more are not possible", namespace, number)
	}
	s := &Stream{name: name}
	rand.Read(s.generation[:])
	logs := [...]store.LogID{eventLog(namespace, uint16(number)), journalLog(namespace, uint16(number))}
	for _, log := range logs {
		if first, last := p.store.Bounds(log); first <= last {
			if err := p.store.Truncate(log, 1, last+1); err != nil {
				return nil, err
			}
		}
	}
	_, last := p.store.Bounds(logs[0])
	s.last.Store(uint64(last))
	_, last = p.store.Bounds(logs[1])
	s.began = last + 1
	var b store.Batch
	b.Put(topicKey(namespace, uint16(number)), s.document())
	if _, err := p.store.Commit(ctx, &b); err != nil {
		return nil, err
	}
	p.place(s, namespace, uint16(number))
	s.truncated = store.Position(s.last.Load()) + 1
	return s, nil
}

// DeleteTopic removes a topic with its subscriptions and discards their events,
// durably. One that does not exist is no error.
func (p *Plane) DeleteTopic(namespace, topic string) error {
	ctx, end, err := p.begin()
	if err != nil {
		return err
	}
	defer end()
	s := p.find(namespace, topic)
	if s == nil {
		return nil
	}
	return p.deleteTopic(ctx, s)
}

func (p *Plane) deleteTopic(ctx context.Context, s *Stream) error {
	p.shut(s)
	var b store.Batch
	b.Delete(topicKey(s.namespace, s.number))
	b.DeletePrefix(subscriptionPrefix(s.namespace, s.number))
	if _, err := p.store.Commit(ctx, &b); err != nil {
		return fmt.Errorf("delete topic %q: %w", s.name, err)
	}
	_, events := p.store.Bounds(s.log)
	_, entries := p.store.Bounds(s.journal.log)
	return errors.Join(p.store.Truncate(s.log, 1, events+1), p.store.Truncate(s.journal.log, 1, entries+1))
}

// shut ends a stream and its queues, in memory.
func (p *Plane) shut(s *Stream) {
	p.mu.Lock()
	delete(p.spaces[s.namespace], fold(s.name))
	p.mu.Unlock()
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	for _, q := range *s.parts.Load() {
		q.close()
	}
	p.deadlines.set(&s.deadline, 0)
}

// DropNamespace removes all topics of a namespace.
func (p *Plane) DropNamespace(namespace string) error {
	ctx, end, err := p.begin()
	if err != nil {
		return err
	}
	defer end()
	namespace = fold(namespace)
	for _, s := range p.streams(namespace) {
		p.shut(s)
	}
	var b store.Batch
	b.DeletePrefix(namespacePrefix(namespace))
	if _, err := p.store.Commit(ctx, &b); err != nil {
		return fmt.Errorf("drop the topics of namespace %q: %w", namespace, err)
	}
	return p.store.DropNamespace(logNamespace(namespace))
}

// Settled says that control has told all topics and subscriptions there are, after a
// start: others are removed.
func (p *Plane) Settled() error {
	ctx, end, err := p.begin()
	if err != nil {
		return err
	}
	defer end()
	var errs []error
	for _, s := range p.streams("") {
		if !s.told.Load() {
			errs = append(errs, p.deleteTopic(ctx, s))
			continue
		}
		for _, q := range *s.parts.Load() {
			if !q.told.Load() {
				errs = append(errs, p.deleteQueue(ctx, q))
			}
		}
	}
	return errors.Join(errs...)
}

// SetSubscription creates or changes a subscription, durably. A new one, or one with
// another Created, starts at the end of the topic's log; a changed one stays where it
// is, and its filter decides about later events only. Errors: ErrNoTopic,
// *[FieldError], the store's.
func (p *Plane) SetSubscription(namespace, topic string, sub Subscription) error {
	if err := sub.Validate(); err != nil {
		return err
	}
	if sub.Name == "" || strings.ContainsRune(sub.Name, 0) {
		return &FieldError{"name", "must not be empty, nor contain NUL"}
	}
	ctx, end, err := p.begin()
	if err != nil {
		return err
	}
	defer end()
	s := p.find(namespace, topic)
	if s == nil || !s.told.Load() {
		return ErrNoTopic
	}
	s.lists.RLock()
	q := s.queues[fold(sub.Name)]
	s.lists.RUnlock()
	over := !sub.Expires.IsZero() && !time.Now().Before(sub.Expires)
	if q != nil && (q.created != sub.Created || over) {
		if err := p.deleteQueue(ctx, q); err != nil {
			return err
		}
		q = nil
	}
	switch {
	case over:
		return nil
	case q == nil:
		err = s.createQueue(ctx, sub)
	default:
		err = q.change(ctx, sub)
	}
	if err != nil {
		return fmt.Errorf("set subscription %q: %w", sub.Name, err)
	}
	return nil
}

func (s *Stream) createQueue(ctx context.Context, sub Subscription) error {
	s.mu.Lock()
	cursor := store.Position(s.last.Load()) + 1
	number := s.numbers.Add(1)
	topic := s.document()
	s.mu.Unlock()
	v, err := compile(sub.Filter, cursor)
	if err != nil {
		return err
	}
	q := newQueue(s, sub.Name, number, sub.Created)
	q.history = history{v}
	q.book = copies.New(cursor, copies.Policy{})
	var b store.Batch
	b.Put(topicKey(s.namespace, s.number), topic)
	b.Put(subscriptionKey(s.namespace, s.number, number), q.document())
	if _, err := s.plane.store.Commit(ctx, &b); err != nil {
		return err
	}
	s.enlist(func(all map[string]*Queue) { all[fold(sub.Name)] = q })
	q.mu.Lock()
	defer q.mu.Unlock()
	q.configure(sub)
	q.park()
	return nil
}

// change changes a queue that goes on. A new filter is durable before it decides.
func (q *Queue) change(ctx context.Context, sub Subscription) error {
	if err := q.enter(ctx); err != nil {
		return err
	}
	defer q.leave()
	v, err := compile(sub.Filter, store.Position(q.stream.last.Load())+1)
	if err != nil {
		return err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if h := q.history.with(v); len(h) != len(q.history) {
		before := q.history
		q.history = h
		_, t, err := q.save(&store.Batch{})
		if err == nil {
			q.mu.Unlock()
			err = q.stream.plane.durable(ctx, t)
			q.mu.Lock()
		}
		if err != nil {
			q.history = before
			return err
		}
	}
	q.configure(sub)
	return nil
}

// configure takes sub over, but for its filter. q.mu is held.
func (q *Queue) configure(sub Subscription) {
	q.sub = sub
	lifetime := sub.Lifetime(&Topic{Retention: time.Duration(q.stream.retention.Load())})
	q.lifetime.Store(inMillis(lifetime))
	q.expires.Store(0)
	if !sub.Expires.IsZero() {
		q.expires.Store(max(1, millis(sub.Expires)))
	}
	q.book.SetPolicy(copies.Policy{MaxCount: sub.MaxDeliveryCount, Lifetime: inMillis(lifetime), Patient: sub.Mode == Push})
	q.told.Store(true)
	if q.cursorDue.Load() != 0 {
		q.cursorDue.Store(1) // by the new time to live
	}
	q.retryAt, q.failures = 0, 0 // there may be another destination
	q.schedule()
	q.push()
}

// DeleteSubscription removes a subscription and discards its events, durably. One that
// does not exist is no error.
func (p *Plane) DeleteSubscription(namespace, topic, name string) error {
	ctx, end, err := p.begin()
	if err != nil {
		return err
	}
	defer end()
	s := p.find(namespace, topic)
	if s == nil {
		return nil
	}
	s.lists.RLock()
	q := s.queues[fold(name)]
	s.lists.RUnlock()
	if q == nil {
		return nil
	}
	return p.deleteQueue(ctx, q)
}

func (p *Plane) deleteQueue(ctx context.Context, q *Queue) error {
	s := q.stream
	q.close()
	s.enlist(func(all map[string]*Queue) { delete(all, fold(q.Name())) })
	s.soon()
	var b store.Batch
	b.Delete(subscriptionKey(s.namespace, s.number, q.number))
	if _, err := p.store.Commit(ctx, &b); err != nil {
		return fmt.Errorf("delete subscription %q: %w", q.Name(), err)
	}
	return nil
}

// expire removes a subscription whose end has come (section 7).
func (p *Plane) expire(q *Queue) {
	ctx, end, err := p.begin()
	if err != nil {
		return
	}
	defer end()
	if !q.expired(time.Now()) { // changed meanwhile
		return
	}
	if err := p.deleteQueue(ctx, q); err != nil {
		p.log.Error("expired subscription not removed, the next start does it", "subscription", q.Name(), "err", err)
	}
}
