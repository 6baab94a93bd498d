package server

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"gridmq/delivery"
	"gridmq/delivery/bucket"
	"gridmq/delivery/folder"
	"gridmq/event"
	"gridmq/internal/outbound"
	"gridmq/internal/settings"
	"gridmq/server/deadletters"
)

// deadLetterDirectory has the dead letters, inside the data directory.
const deadLetterDirectory = "deadletter"

func checkDeadLetters(all map[string]DeadLetters, l *settings.Loader) {
	folded := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		one, path := all[name], "events.dead_letters."+name
		if other, twice := folded[strings.ToLower(name)]; twice {
			l.Problem(path, "the account %q is there already: case does not count", other)
		}
		folded[strings.ToLower(name)] = name
		oneOf(l, path+".kind", one.Kind, "azure-blob", "s3", "topic")
		var want map[string]string
		switch one.Kind {
		case "azure-blob":
			want = map[string]string{"url": one.URL, "sas_file": one.SASFile}
		case "s3":
			want = map[string]string{"url": one.URL, "region": one.Region, "access_key_id": one.AccessKeyID, "secret_file": one.SecretFile}
		case "topic":
			want = map[string]string{"topic": one.Topic}
		}
		if one.Subscription != "" && one.Kind != "topic" {
			l.Problem(path+".subscription", "kind %s has none: it is of a topic", one.Kind)
		}
		for _, key := range slices.Sorted(maps.Keys(want)) {
			if want[key] == "" {
				l.Problem(path+"."+key, "missing: kind %s needs it", one.Kind)
			}
		}
	}
}

// deadLetters go where the configuration says, by storage account
// (spec/namespace-topics.md, section 13.2).
type deadLetters struct {
	accounts map[string]delivery.DeadLetterSink // by their names in lower case
	others   folder.Sink
}

// lettersInBucket is an account in an object store.
type lettersInBucket struct {
	*bucket.Sink
	kind string
}

func (s *Server) newDeadLetters() (*deadLetters, error) {
	d := &deadLetters{map[string]delivery.DeadLetterSink{}, folder.Sink{Root: filepath.Join(s.cfg.Data, deadLetterDirectory)}}
	for name, one := range s.cfg.Events.DeadLetters {
		sink, err := s.openDeadLetters(one, d.others)
		if err != nil {
			return nil, fmt.Errorf("events.dead_letters.%s: %w", name, err)
		}
		d.accounts[strings.ToLower(name)] = sink
	}
	return d, nil
}

func (s *Server) openDeadLetters(c DeadLetters, beside folder.Sink) (delivery.DeadLetterSink, error) {
	o := bucket.Options{URL: c.URL, SASFile: c.SASFile, Region: c.Region, KeyID: c.AccessKeyID, SecretFile: c.SecretFile,
		Web: outbound.Options{CAFile: c.CAFile, LoopbackHTTP: true}}
	var open func(bucket.Options) (*bucket.Sink, error)
	switch c.Kind {
	case "azure-blob":
		open = bucket.NewAzure
	case "s3":
		open = bucket.NewS3
	}
	if open != nil {
		sink, err := open(o)
		return lettersInBucket{sink, c.Kind}, err
	}
	return topicOfLetters{s, c.Topic, c.Subscription, beside}, nil
}

// Write implements delivery.DeadLetterSink.
func (d *deadLetters) Write(ctx context.Context, letters delivery.DeadLetter) error {
	if sink := d.accounts[strings.ToLower(letters.To.Account())]; sink != nil {
		return sink.Write(ctx, letters)
	}
	return d.others.Write(ctx, letters)
}

// topicOfLetters makes events of dead letters. Those that were such events themselves go
// to a folder: else they would go round for ever, and grow.
type topicOfLetters struct {
	s            *Server
	topic        string
	subscription string // through which they are listed; empty: they are not
	beside       folder.Sink
}

// Write implements delivery.DeadLetterSink.
func (t topicOfLetters) Write(ctx context.Context, d delivery.DeadLetter) error {
	first, again := d, d
	first.Letters, again.Letters = nil, nil
	for _, l := range d.Letters {
		if l.Event.Type == deadletters.EventType {
			again.Letters = append(again.Letters, l)
		} else {
			first.Letters = append(first.Letters, l)
		}
	}
	if len(again.Letters) > 0 {
		if err := t.beside.Write(ctx, again); err != nil {
			return err
		}
	}
	if len(first.Letters) == 0 {
		return nil
	}
	stream := t.s.events.Stream(d.Namespace, t.topic)
	if stream == nil {
		return fmt.Errorf("write dead letters: namespace %q has no topic %q: make it, or change events.dead_letters", d.Namespace, t.topic)
	}
	source := deadletters.EventSource(d.Namespace, d.Topic, d.Subscription)
	events := make([]event.Event, len(first.Letters))
	for i := range first.Letters {
		l := &first.Letters[i]
		events[i] = event.Event{ID: delivery.NewGUID(), Source: source, Type: deadletters.EventType, Subject: l.Event.ID,
			DataContentType: "application/json", DataKind: event.JSON, Data: l.AppendJSON(nil)}
		if err := events[i].Validate(); err != nil { // the id of an event may be what no subject can be
			events[i].Subject = ""
		}
	}
	return stream.Publish(ctx, events)
}
