package push

import (
	"context"
	"math/rand/v2"
	"time"

	"gridmq/delivery"
)

// A pusher is one subscription's. Its fields are guarded by Pool.mu.
type pusher struct {
	pool   *Pool
	box    *delivery.Outbox
	ctx    context.Context // of what is under way: it ends with Stop, not with a call
	cancel context.CancelFunc

	wakes   uint64
	workers int
	inLine  bool
	stopped bool
	deaf    bool      // it cannot be pushed to; until it changes
	shaky   bool      // the newest attempts failed: one at a time
	aside   time.Time // nothing is taken until
	timer   *time.Timer
	looped  time.Time // when it was logged that events go round
}

// Wake implements delivery.Pusher.
func (x *pusher) Wake() {
	x.pool.mu.Lock()
	defer x.pool.mu.Unlock()
	x.wakes++
	x.pool.first(x)
}

// Changed implements delivery.Pusher.
func (x *pusher) Changed() {
	x.pool.mu.Lock()
	defer x.pool.mu.Unlock()
	x.deaf, x.shaky, x.aside = false, false, time.Time{}
}

// Stop implements delivery.Pusher.
func (x *pusher) Stop(grace time.Duration) {
	x.pool.mu.Lock()
	defer x.pool.mu.Unlock()
	x.stopped = true
	x.stopTimer()
	if grace <= 0 || x.workers == 0 {
		x.cancel()
		return
	}
	x.timer = time.AfterFunc(grace, x.cancel)
}

func (x *pusher) stopTimer() {
	if x.timer != nil {
		x.timer.Stop()
	}
}

// may says whether x may take. Pool.mu is held.
func (x *pusher) may() bool {
	return !x.stopped && !x.deaf && !time.Now().Before(x.aside)
}

// putAside has nothing taken until a pause is over. Pool.mu is held.
func (x *pusher) putAside(pause time.Duration) {
	at := time.Now().Add(pause)
	if x.stopped || !at.After(x.aside) {
		return
	}
	x.aside = at
	x.stopTimer()
	x.timer = time.AfterFunc(pause, x.Wake)
}

// learn notes what an answer tells about the destination.
func (x *pusher) learn(a answer) {
	pause := a.pause
	if pause > 0 { // many that were put aside at once do not come back at once
		pause += rand.N(pause / 10)
	}
	x.pool.mu.Lock()
	was := x.shaky
	switch {
	case a.outcome == delivery.Succeeded:
		x.shaky = false
	case pause > 0:
		x.shaky = true
		x.putAside(pause)
	}
	is := x.shaky
	x.pool.mu.Unlock()
	if is != was {
		x.tell(a, is, pause)
	}
}

// tell logs that a destination fails, and that it does not any more.
func (x *pusher) tell(a answer, fails bool, pause time.Duration) {
	log := x.pool.o.Log.With("namespace", x.box.Namespace(), "topic", x.box.Topic(), "subscription", x.box.Subscription())
	if !fails {
		log.Info("destination takes events again")
		return
	}
	if a.err != nil {
		log = log.With("err", a.err)
	}
	if a.status != 0 {
		log = log.With("status", a.status)
	}
	log.Warn("destination put aside, its events wait", "outcome", a.outcome.String(), "for", pause)
}
