package bridge

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"slices"

	"gridmq/client"
	"gridmq/mqtt"
)

// maxNotes bounds the file of notes.
const maxNotes = 1 << 20

// Notes are which filters a bridge has asked the other broker for, in a file: the
// session there lasts, and what the maps do not want any more has to be given back.
type notes struct{ file string }

// A remembered is what the file holds.
type remembered struct {
	Address  string   `json:"address"`
	ClientID string   `json:"clientId"`
	Filters  []string `json:"filters"`
}

// read returns the filters that may be subscribed to in this session. A file that is
// not there, damaged or of another session knows of none: then messages that no map
// wants are received and given up.
func (m notes) read(address, clientID string) []string {
	info, err := os.Stat(m.file)
	if err != nil || info.Size() > maxNotes {
		return nil
	}
	b, err := os.ReadFile(m.file)
	var r remembered
	if err != nil || json.Unmarshal(b, &r) != nil || r.Address != address || r.ClientID != clientID {
		return nil
	}
	return r.Filters
}

func (m notes) write(address, clientID string, filters []string) error {
	b, err := json.Marshal(remembered{address, clientID, filters})
	if err != nil {
		return err
	}
	return writeFile(m.file, append(b, '\n'))
}

// Forget removes the file: the bridge is no more.
func (m notes) forget() error {
	if err := os.Remove(m.file); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// filtersAtOnce is how many filters go into one SUBSCRIBE: Event Grid takes ten.
const filtersAtOnce = 10

// subscribe asks for all of subs. A filter that the broker refuses does not keep the
// others from working: it is returned with the broker's reason.
func subscribe(ctx context.Context, c *client.Client, subs []mqtt.Subscription) (refused []error, err error) {
	for part := range slices.Chunk(subs, filtersAtOnce) {
		if _, err := c.Subscribe(ctx, part...); err != nil {
			if _, no := errors.AsType[*client.RefusedError](err); !no {
				return refused, err
			}
			refused = append(refused, err)
		}
	}
	return refused, nil
}

// subscribeRemote brings the session at the other broker to what the maps want.
func (b *Bridge) subscribeRemote(ctx context.Context, c *client.Client) ([]error, error) {
	subs := b.o.Maps.RemoteSubscriptions()
	if b.o.Version == mqtt.V311 {
		for i := range subs { // it has no options
			subs[i].NoLocal, subs[i].RetainAsPublished, subs[i].RetainHandling = false, false, 0
		}
	}
	want := make([]string, len(subs))
	for i, s := range subs {
		want[i] = s.Filter
	}
	had := b.notes.read(b.o.Target.URL, b.o.ClientID)
	if !c.Connack().SessionPresent {
		had = nil
	}
	gone := slices.DeleteFunc(slices.Clone(had), func(f string) bool { return slices.Contains(want, f) })
	if err := b.notes.write(b.o.Target.URL, b.o.ClientID, slices.Concat(want, gone)); err != nil {
		return nil, err
	}
	refused, err := subscribe(ctx, c, subs)
	if err != nil || len(gone) == 0 {
		return refused, err
	}
	for part := range slices.Chunk(gone, filtersAtOnce) {
		if _, err := c.Unsubscribe(ctx, part...); err != nil {
			return refused, err
		}
	}
	return refused, b.notes.write(b.o.Target.URL, b.o.ClientID, want)
}
