package queue

import (
	"context"
	"errors"
	"time"

	"gridmq/store"
)

const (
	retryAfter    = time.Second      // a round that failed is tried again
	relieveEvery  = time.Second      // at most, while the quota or the disk stays used up
	lookEvery     = 5 * time.Second  // whether the disk is full, while a round would make room on it
	shutdownLimit = 20 * time.Second // for the last round
)

// Run keeps the queues until ctx ends: it writes Done calls, takes snapshots
// and gives space back. It is the only goroutine of the room. When ctx ends it
// writes what is left and a last round of snapshots, so that the next start
// has nearly nothing to replay: an error says that it has not. It is called once.
func (q *Queues) Run(ctx context.Context, owner Owner) (err error) {
	q.order.Lock()
	q.owner = owner
	q.order.Unlock()
	defer func() { err = q.shutdown(ctx) }()
	q.tellLost()
	dones := stopped()
	defer dones.Stop()
	retry := stopped()
	defer retry.Stop()
	look := stopped()
	defer look.Stop()
	armed := false
	if q.restart {
		q.restart = false
		q.note(q.round(ctx), retry)
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-q.kick:
			if !armed {
				armed = true
				dones.Reset(q.o.DoneEvery)
			}
		case <-dones.C:
			armed = false
			q.flushDones()
			q.note(q.reclaim(ctx), retry)
		case <-retry.C:
		case <-look.C: // others may have filled the disk
		}
		q.note(q.tidy(ctx, retry), retry)
		if q.roundPays() {
			look.Reset(lookEvery)
		}
	}
}

func stopped() *time.Timer {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return t
}

// tidy takes a round when one is due and makes room when it is short.
func (q *Queues) tidy(ctx context.Context, retry *time.Timer) error {
	q.tail.mu.Lock()
	due := q.due()
	q.tail.mu.Unlock()
	if due {
		q.flushDones()
		if err := q.round(ctx); err != nil {
			return err
		}
		if err := q.copyForward(ctx, false); err != nil {
			return err
		}
	}
	if !q.pressure.Load() && !q.st.Full() && !q.owes() {
		return nil
	}
	if wait := q.mayRelieve(); wait > 0 {
		retry.Reset(wait)
		return nil
	}
	return q.relieve(ctx)
}

// note logs what went wrong and has it tried again.
func (q *Queues) note(err error, retry *time.Timer) {
	switch {
	case err == nil || errors.Is(err, context.Canceled):
	case errors.Is(err, store.ErrClosed):
		q.o.Logger.Warn("queues were not kept", "namespace", q.log.Namespace, "error", err)
	default:
		q.o.Logger.Warn("queues were not kept, trying again", "namespace", q.log.Namespace, "error", err)
		retry.Reset(retryAfter)
	}
}

// shutdown writes what is left. ctx has ended, so it has a limit of its own.
func (q *Queues) shutdown(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownLimit)
	defer cancel()
	q.flushDones()
	err := q.round(ctx)
	if err == nil {
		err = q.reclaim(ctx)
	}
	if err != nil {
		q.o.Logger.Warn("queues were not kept at the end", "namespace", q.log.Namespace, "error", err)
	}
	return err
}
