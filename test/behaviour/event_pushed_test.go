package behaviour

import (
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"time"
)

// pushed is the event subscription of a webhook.
const pushed = "pushed"

// webhook is where events of the yard are pushed to. It answers as the dice fall; later on
// it takes everything.
func (y *yard) webhook() *httptest.Server {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodOptions {
			w.Header().Set("WebHook-Allowed-Origin", r.Header.Get("WebHook-Request-Origin"))
			return
		}
		var raw json.RawMessage
		if err := json.NewDecoder(r.Body).Decode(&raw); err != nil {
			return // the broker was killed while it wrote
		}
		name := nameOfEvent(y, raw)
		time.Sleep(rand.N(30 * time.Millisecond))
		y.mu.Lock()
		defer y.mu.Unlock()
		c := y.ledgers[len(y.ledgers)-1].of(name)
		c.seen = true
		c.count++
		switch n := rand.IntN(20); {
		case n < 15 || y.calm.Load():
			c.done = true // as far as we know: a kill may undo it, and then it comes again
		case n < 19:
			w.WriteHeader(http.StatusInternalServerError) // again, after ten seconds
		default:
			c.dead = true
			w.WriteHeader(http.StatusBadRequest)
		}
	}))
	y.Cleanup(s.Close)
	return s
}

// push is deliveryConfiguration for a webhook.
func push(url string, letters object) object {
	return object{"deliveryMode": "Push", "push": object{
		"maxDeliveryCount": attempts, "deadLetterDestinationWithResourceIdentity": letters,
		"destination": object{"endpointType": "WebHook", "properties": object{"endpointUrl": url}}}}
}
