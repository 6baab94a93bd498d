package delivery

import (
	"context"
	"time"

	"gridmq/delivery/internal/copies"
)

// A SettlementCode is what became of one token (section 9.2).
type SettlementCode uint8

const (
	OK                  SettlementCode = iota
	BadToken                           // no token of this subscription
	TokenLost                          // it was one; the lock is over
	InternalServerError                // nothing happened, or nobody knows: the caller may repeat
)

var codeNames = [...]string{"OK", "BadToken", "TokenLost", "InternalServerError"}

// String is the code as clients know it.
func (c SettlementCode) String() string { return codeNames[c] }

// A Settlement is the answer for one token. Message is empty for OK.
type Settlement struct {
	LockToken string
	Code      SettlementCode
	Message   string
}

const (
	badToken  = "The lock token is not one of this event subscription."
	tokenLost = "Token has expired."
	notStored = "The request could not be stored, repeat it."
)

// renewFor is how long after its first lock a delivery can be renewed (section 9.4).
const renewFor = time.Hour

// Acknowledge ends copies: they are done. Each token is answered once, in the order of
// their first places; they are handled one by one, and all that succeed are durable
// when it returns. Errors: ErrGone, ErrClosed, ErrPush, and then no answers.
func (q *Queue) Acknowledge(ctx context.Context, tokens []string) ([]Settlement, error) {
	return q.settle(ctx, tokens, func(s *settling) {
		s.plan.add(&copies.Change{Op: copies.Done, Items: s.valid})
		s.counter = &q.counters.acknowledged
	})
}

// Release gives copies back: available again after the delay, which ends with the
// event's time to live. The delivery stays counted; with it used up the copy leaves.
// Answers and errors as Acknowledge.
func (q *Queue) Release(ctx context.Context, tokens []string, after time.Duration) ([]Settlement, error) {
	return q.settle(ctx, tokens, func(s *settling) {
		var over []copies.Item
		again := s.valid[:0]
		for _, i := range s.valid {
			if i.Count >= q.book.MaxCount() {
				i.Reason = copies.UsedUp
				over = append(over, i)
			} else {
				again = append(again, i)
			}
		}
		s.plan.add(&copies.Change{Op: copies.Release, Until: s.plan.now + max(0, inMillis(after)), Items: again})
		q.depart(&s.plan, over, 0)
		s.counter = &q.counters.released
	})
}

// Reject ends copies that can never succeed: they become dead letters, or are dropped.
// Answers and errors as Acknowledge.
func (q *Queue) Reject(ctx context.Context, tokens []string) ([]Settlement, error) {
	return q.settle(ctx, tokens, func(s *settling) {
		for i := range s.valid {
			s.valid[i].Reason = copies.Rejected
		}
		q.depart(&s.plan, s.valid, 0)
		s.counter = &q.counters.rejected
	})
}

// RenewLock lets locks end one lock time from now. It is lost an hour after the
// delivery began. Answers and errors as Acknowledge.
func (q *Queue) RenewLock(ctx context.Context, tokens []string) ([]Settlement, error) {
	return q.settle(ctx, tokens, func(s *settling) {
		s.plan.add(&copies.Change{Op: copies.Renew, Until: s.plan.now + inMillis(q.sub.Lock), Items: s.valid})
		s.counter = &q.counters.renewed
	}, renewable)
}

func renewable(c copies.Copy, now int64) bool { return now-c.First <= inMillis(renewFor) }

// settling is one call while it is decided.
type settling struct {
	answers []Settlement
	valid   []copies.Item
	of      []int // for each of valid, the place in answers
	plan    plan
	counter interface{ Add(uint64) uint64 }
}

// settle answers tokens; decide plans what becomes of those that are valid, with q.mu
// held. Whatever their number it is one append.
func (q *Queue) settle(ctx context.Context, tokens []string, decide func(*settling), also ...func(copies.Copy, int64) bool) ([]Settlement, error) {
	s := settling{answers: make([]Settlement, 0, len(tokens))}
	locks := q.readTokens(&s, tokens)
	q.mu.Lock()
	if q.gone || q.expired(time.Now()) {
		q.mu.Unlock()
		return nil, ErrGone
	}
	if q.sub.Mode == Push {
		q.mu.Unlock()
		return nil, ErrPush
	}
	s.plan.now = millis(time.Now())
	for i := range s.answers {
		if s.answers[i].Code == OK {
			q.judge(&s, i, locks[i], also)
		}
	}
	if len(s.valid) == 0 {
		q.mu.Unlock()
		return s.answers, nil
	}
	decide(&s)
	t, err := q.carry(&s.plan, nil)
	if err == nil {
		q.schedule()
		q.depositSoon()
	}
	q.mu.Unlock()
	if err == nil {
		err = q.stream.plane.durable(ctx, t)
	}
	if err != nil {
		q.counters.failed.Add(uint64(len(s.of)))
		for _, i := range s.of {
			s.answers[i].Code, s.answers[i].Message = InternalServerError, notStored
		}
		return s.answers, nil
	}
	s.counter.Add(uint64(len(s.of)))
	if q.wanted() {
		q.poke() // released, or room where as many were out as may be
	}
	return s.answers, nil
}

// readTokens begins the answers: each token once, those that are none refused.
func (q *Queue) readTokens(s *settling, tokens []string) (locks []lock) {
	seen := make(map[string]struct{}, len(tokens))
	for _, token := range tokens {
		if _, twice := seen[token]; twice {
			continue
		}
		seen[token] = struct{}{}
		a := Settlement{LockToken: token}
		l, ok := q.tokens.read(token)
		if !ok {
			a.Code, a.Message = BadToken, badToken
			q.counters.badTokens.Add(1)
		}
		s.answers, locks = append(s.answers, a), append(locks, l)
	}
	return locks
}

// judge says whether a token still holds its copy. q.mu is held.
func (q *Queue) judge(s *settling, i int, l lock, also []func(copies.Copy, int64) bool) {
	c, ok := q.book.Valid(l.pos, l.count, s.plan.now)
	ok = ok && l.generation == q.created
	for _, f := range also {
		ok = ok && f(c, s.plan.now)
	}
	if !ok {
		s.answers[i].Code, s.answers[i].Message = TokenLost, tokenLost
		q.counters.lostTokens.Add(1)
		return
	}
	s.valid = append(s.valid, copies.Item{Pos: c.Pos, Published: c.Published, Count: c.Count})
	s.of = append(s.of, i)
}
