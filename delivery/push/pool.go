package push

import (
	"context"
	"net/http"
	"sync"

	"gridmq/delivery"
)

// A Pool is the pushers of a plane, and what they share.
type Pool struct {
	o      Options
	client *http.Client
	tokens *tokens
	group  sync.WaitGroup // workers

	mu      sync.Mutex // guards what follows, and all pushers
	workers int
	line    []*pusher // woken, and waiting for a first worker; in turn
}

var _ delivery.Pushers = (*Pool)(nil)

// New makes a pool. Errors: a file of Options.Web cannot be used.
func New(o Options) (*Pool, error) {
	p := &Pool{o: o.withDefaults()}
	p.tokens = newTokens(p.o.Tokens)
	var err error
	p.client, err = newClient(&p.o)
	return p, err
}

// Start implements delivery.Pushers.
func (p *Pool) Start(o *delivery.Outbox) delivery.Pusher {
	x := &pusher{pool: p, box: o}
	x.ctx, x.cancel = context.WithCancel(context.Background())
	return x
}

// Wait implements delivery.Pushers, and closes connections that nobody uses, and Options.Hubs.
func (p *Pool) Wait() {
	p.group.Wait()
	p.client.CloseIdleConnections()
	if p.o.Hubs != nil {
		p.o.Hubs.Close()
	}
}

// Busy is how many workers there are now: requests under way, and what is around them.
func (p *Pool) Busy() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.workers
}

// first gives x a worker if it has none, or a place in the line. One that is there
// looks at wakes before it ends. p.mu is held.
func (p *Pool) first(x *pusher) {
	switch {
	case x.workers > 0 || x.inLine || !x.may():
	case p.workers >= p.o.Workers:
		p.enqueue(x)
	default:
		p.employ(x)
	}
}

func (p *Pool) enqueue(x *pusher) {
	if !x.inLine {
		x.inLine = true
		p.line = append(p.line, x)
	}
}

// another gives x one more worker, if nobody who has none could miss it.
func (p *Pool) another(x *pusher) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if x.may() && !x.shaky && x.workers < p.o.PerSubscription && p.workers < p.o.Workers/2 && len(p.line) == 0 {
		p.employ(x)
	}
}

func (p *Pool) employ(x *pusher) {
	p.workers++
	x.workers++
	p.group.Go(x.work)
}

// leave ends a worker of x, and gives its place to the next in line. p.mu is held.
func (p *Pool) leave(x *pusher) {
	p.workers--
	x.workers--
	if x.stopped && x.workers == 0 {
		x.cancel()
		x.stopTimer() // of the grace
	}
	for len(p.line) > 0 && p.workers < p.o.Workers {
		next := p.line[0]
		p.line[0] = nil
		p.line = p.line[1:]
		next.inLine = false
		p.first(next)
	}
}

// goesOn says whether a worker that has done some rounds has something to do: more may
// be there, or it was woken since seen. If not, it has left.
func (p *Pool) goesOn(x *pusher, rounds int, seen uint64, more bool) (wakes uint64, yes bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case !x.may(), x.shaky && x.workers > 1, !more && seen == x.wakes:
		p.leave(x)
		return 0, false
	case rounds > 0 && len(p.line) > 0: // others have their turn
		p.enqueue(x)
		p.leave(x)
		return 0, false
	}
	return x.wakes, true
}
