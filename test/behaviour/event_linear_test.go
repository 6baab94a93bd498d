package behaviour

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	events "gridmq/gateway/client"
)

// What consumers of one event subscription see at the same time is held to a sequential
// model: there must be an order of their calls, each between its request and its answer,
// in which every answer is right. Events are independent of each other, so each one's
// history is checked alone (Herlihy and Wing, Linearizability, 1990: locality).

// Calls on one event.
const (
	callPublish = "publish"
	callDeliver = "deliver"
)

// A call is what was asked of an event. Count is the delivery that the lock token is of.
type call struct {
	event, verb string
	count       int
}

// copyState is an event subscription's copy of one event: the model.
type copyState struct {
	published, locked, over bool
	count                   int // deliveries
}

// step says whether an answer is right in a state, and what the state is then. most is
// maxDeliveryCount. No lock ends by its time here.
func (s copyState) step(c call, answer string, most int) (bool, copyState) {
	const ok, lost = "OK", "TokenLost"
	switch c.verb {
	case callPublish:
		was := s.published
		s.published = true
		return answer == ok && !was, s
	case callDeliver:
		free := s.published && !s.locked && !s.over && s.count+1 == c.count && c.count <= most
		s.locked, s.count = true, c.count
		return free, s
	}
	if !s.locked || s.count != c.count {
		return answer == lost, s
	}
	switch events.Verb(c.verb) {
	case events.Acknowledge, events.Reject:
		s.locked, s.over = false, true
	case events.Release:
		s.locked, s.over = false, s.count == most
	}
	return answer == ok, s
}

func copyModel(most int) porcupine.Model {
	return porcupine.Model{
		Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
			of := map[string][]porcupine.Operation{}
			for _, o := range history {
				name := o.Input.(call).event
				of[name] = append(of[name], o)
			}
			var parts [][]porcupine.Operation
			for _, part := range of {
				parts = append(parts, part)
			}
			return parts
		},
		Init: func() any { return copyState{} },
		Step: func(state, input, output any) (bool, any) {
			return state.(copyState).step(input.(call), output.(string), most)
		},
		DescribeOperation: func(input, output any) string {
			c := input.(call)
			return fmt.Sprintf("%s %d: %s", c.verb, c.count, output)
		},
	}
}

// A chronicle has calls as they were seen.
type chronicle struct {
	began time.Time
	mu    sync.Mutex
	calls []porcupine.Operation
}

func (r *chronicle) now() int64 { return time.Since(r.began).Nanoseconds() }

func (r *chronicle) add(worker int, c call, answer string, asked, answered int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, porcupine.Operation{ClientId: worker, Input: c, Output: answer, Call: asked, Return: answered})
}

// A ticket is a lock token that some worker has been given, for all of them to use.
type ticket struct {
	token, event string
	count        int
}

// A bag has the tickets, spent ones too.
type bag struct {
	mu   sync.Mutex
	list []ticket
}

func (b *bag) put(list ...ticket) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.list = append(b.list, list...)
}

// some draws up to n tickets, mostly of the latest, so that workers meet.
func (b *bag) some(n int) (drawn []ticket) {
	b.mu.Lock()
	defer b.mu.Unlock()
	recent := b.list
	if len(recent) > 30 && rand.IntN(5) > 0 {
		recent = recent[len(recent)-30:]
	}
	for range min(n, len(recent)) {
		if t := recent[rand.IntN(len(recent))]; !slices.Contains(drawn, t) {
			drawn = append(drawn, t)
		}
	}
	return drawn
}

// TestEventsLinearize: eight consumers and two publishers at one event subscription, who
// settle each other's events, with tokens that were already used too.
func TestEventsLinearize(t *testing.T) {
	secured(t, func(f *fleet) {
		const most, all = 3, 250
		d := f.desk()
		d.topic("orders")
		d.subscription("orders", "billing", object{"maxDeliveryCount": most, "receiveLockDurationInSeconds": 300})
		at := events.Subscription{Topic: "orders", Name: "billing"}
		r, b := &chronicle{began: time.Now()}, &bag{}

		var publishers, workers sync.WaitGroup
		for p := range 2 {
			publishers.Go(func() {
				for i := 0; i < all; {
					var list []string
					var names []string
					for range 1 + rand.IntN(5) {
						name := fmt.Sprint(p, "-", i)
						names, list = append(names, name), append(list, anEvent(name))
						i++
					}
					asked := r.now()
					err := d.tryPublish("orders", list...)
					if err != nil {
						f.Errorf("publish: %v", err)
						return
					}
					for _, name := range names {
						r.add(p, call{event: name, verb: callPublish}, "OK", asked, r.now())
					}
				}
			})
		}
		published := make(chan struct{})
		for w := range 8 {
			workers.Go(func() {
				for draw := rand.IntN(3); !f.Failed(); draw++ { // receive every third time, and settle
					if draw%3 > 0 {
						f.settleSome(d, at, r, b, 2+w)
						continue
					}
					asked := r.now()
					list, err := d.http.Receive(f.Context(), at, 1+rand.IntN(10), 10*time.Second)
					if err != nil {
						f.Errorf("receive: %v", err)
						return
					}
					answered := r.now()
					for _, got := range list {
						var e struct{ ID string }
						if err := json.Unmarshal(got.Event, &e); err != nil {
							f.Error(err)
						}
						r.add(2+w, call{e.ID, callDeliver, got.Count}, "", asked, answered)
						b.put(ticket{got.LockToken, e.ID, got.Count})
					}
					if len(list) == 0 {
						select {
						case <-published: // all that was not settled is locked by somebody
							return
						default:
						}
					}
				}
			})
		}
		publishers.Wait()
		close(published)
		workers.Wait()
		f.linear(r.calls, most)
	})
}

// settleSome settles tickets of anybody.
func (f *fleet) settleSome(d *desk, at events.Subscription, r *chronicle, b *bag, worker int) {
	drawn := b.some(1 + rand.IntN(4))
	if len(drawn) == 0 {
		return
	}
	verb := []events.Verb{events.Acknowledge, events.Release, events.Release, events.RenewLock, events.Reject}[rand.IntN(5)]
	var tokens []string
	for _, t := range drawn {
		tokens = append(tokens, t.token)
	}
	asked := r.now()
	done, failed, err := d.http.Settle(f.Context(), at, verb, tokens, 0)
	answered := r.now()
	if err != nil || len(done)+len(failed) != len(tokens) {
		f.Errorf("%s of %d tokens: %d and %d answers, %v", verb, len(tokens), len(done), len(failed), err)
		return
	}
	for _, t := range drawn {
		answer := ""
		if slices.Contains(done, t.token) {
			answer = "OK"
		}
		for _, one := range failed {
			if one.LockToken == t.token {
				answer = one.Error.Code
			}
		}
		r.add(worker, call{t.event, string(verb), t.count}, answer, asked, answered)
	}
}

// linear checks a history, and leaves a picture of one that is wrong.
func (f *fleet) linear(calls []porcupine.Operation, most int) {
	f.Helper()
	kinds := map[string]int{}
	for _, o := range calls {
		kinds[fmt.Sprint(o.Input.(call).verb, " ", o.Output)]++
	}
	f.Logf("%d calls: %v", len(calls), kinds)
	for _, kind := range []string{"deliver ", "acknowledge OK", "acknowledge TokenLost", "release OK", "release TokenLost", "renewLock OK", "renewLock TokenLost", "reject OK"} {
		if kinds[kind] < 5 {
			f.Errorf("the history has only %d of %q: the test has tested little", kinds[kind], kind)
		}
	}
	m := copyModel(most)
	result, info := porcupine.CheckOperationsVerbose(m, calls, time.Minute)
	if result == porcupine.Ok {
		return
	}
	f.Errorf("the history of %d calls is not linearizable: %v", len(calls), result)
	if path := filepath.Join(os.TempDir(), "gridmq-"+f.prefix+".html"); porcupine.VisualizePath(m, info, path) == nil {
		f.Logf("see %s", path)
	}
}

// TestEventModel: the check finds what would be wrong.
func TestEventModel(t *testing.T) {
	// do is a call of one worker, from one moment to another.
	do := func(verb string, count int, answer string, from, to int64) porcupine.Operation {
		return porcupine.Operation{Input: call{"e", verb, count}, Output: answer, Call: from, Return: to}
	}
	here := []porcupine.Operation{do(callPublish, 0, "OK", 0, 10), do(callDeliver, 1, "", 20, 30)}
	tests := map[string]struct {
		more []porcupine.Operation
		want bool
	}{
		"acknowledged":                 {[]porcupine.Operation{do("acknowledge", 1, "OK", 40, 50)}, true},
		"given to two":                 {[]porcupine.Operation{do(callDeliver, 1, "", 25, 35)}, false},
		"given again under its lock":   {[]porcupine.Operation{do(callDeliver, 2, "", 40, 50)}, false},
		"released":                     {[]porcupine.Operation{do("release", 1, "OK", 40, 50), do(callDeliver, 2, "", 45, 60)}, true},
		"given before it is released":  {[]porcupine.Operation{do(callDeliver, 2, "", 40, 45), do("release", 1, "OK", 50, 60)}, false},
		"comes back":                   {[]porcupine.Operation{do("acknowledge", 1, "OK", 40, 50), do(callDeliver, 2, "", 60, 70)}, false},
		"acknowledged by two":          {[]porcupine.Operation{do("acknowledge", 1, "OK", 40, 50), do("acknowledge", 1, "OK", 45, 55)}, false},
		"one of two":                   {[]porcupine.Operation{do("acknowledge", 1, "TokenLost", 40, 50), do("release", 1, "OK", 45, 55)}, true},
		"lost too early":               {[]porcupine.Operation{do("acknowledge", 1, "TokenLost", 40, 50), do("release", 1, "OK", 55, 65)}, false},
		"renewed, and still its own":   {[]porcupine.Operation{do("renewLock", 1, "OK", 40, 50), do("acknowledge", 1, "OK", 60, 70)}, true},
		"an old token":                 {[]porcupine.Operation{do("release", 1, "OK", 40, 50), do(callDeliver, 2, "", 60, 70), do("acknowledge", 1, "OK", 80, 90)}, false},
		"more often than it may":       {[]porcupine.Operation{do("release", 1, "OK", 40, 50), do(callDeliver, 2, "", 60, 70), do("release", 2, "OK", 80, 90), do(callDeliver, 3, "", 100, 110)}, false},
		"an answer that there is none": {[]porcupine.Operation{do("reject", 1, "BadToken", 40, 50)}, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := porcupine.CheckOperations(copyModel(2), slices.Concat(here, test.more)); got != test.want {
				t.Errorf("linearizable: %t, want %t", got, test.want)
			}
		})
	}
	if porcupine.CheckOperations(copyModel(2), here[1:]) {
		t.Error("an event that nobody has published was delivered")
	}
}
