package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
)

// maxEventsFile bounds what is read of a file of events, in bytes.
const maxEventsFile = 16 << 20

// eventText is what the flags say of one event.
type eventText struct {
	kind, source, subject, id string
	data, dataFile, dataType  string
	extensions                []string
}

func newEventsPublishCmd() *cobra.Command {
	var e eventFlags
	var t eventText
	var file string
	cmd := &cobra.Command{
		Use:   "publish TOPIC",
		Short: "Publish one event, or a file of them",
		Long: `Publish an event, or those of a file: a CloudEvent in JSON, or an array of up to 1,000.
When the command returns without an error all of them are on disk.

` + eventsHelp,
		Example: `  gridmq events publish orders --type shop.order.placed --source /shop/7 --subject orders/17 -m '{"total":19.9}'
  gridmq events publish orders --type shop.receipt -f receipt.pdf --content-type application/pdf
  gridmq events publish orders --events events.json
  jq -c . event.json | gridmq events publish orders --events -`,
		Args: cobra.ExactArgs(1),
	}
	e.register(cmd)
	f := cmd.Flags()
	f.StringVar(&t.kind, "type", "", "`type` of the event")
	f.StringVar(&t.source, "source", "gridmq", "`source` of the event, a URI reference")
	f.StringVar(&t.subject, "subject", "", "`subject` of the event")
	f.StringVar(&t.id, "id", "", "`id` of the event (default: random)")
	f.StringVarP(&t.data, "message", "m", "", "`data`: a JSON value, or a text")
	f.StringVarP(&t.dataFile, "file", "f", "", "`file` with the data, - for standard input; what is not text is sent as base64")
	f.StringVar(&t.dataType, "content-type", "", "media `type` of the data (default: application/json for a JSON value)")
	f.StringArrayVar(&t.extensions, "extension", nil, "extension attribute, as `name=value`; may be repeated")
	f.StringVar(&file, "events", "", "`file` with a CloudEvent in JSON or an array of them, - for standard input")
	cmd.MarkFlagsMutuallyExclusive("message", "file", "events")
	cmd.MarkFlagsMutuallyExclusive("type", "events")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		list, err := t.events(cmd, file)
		if err != nil {
			return err
		}
		return e.run(func(ctx context.Context, cmd *cobra.Command, args []string) error {
			if err := e.client.Publish(ctx, args[0], list); err != nil {
				return err
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "published %d to %s\n", len(list), args[0])
			return nil
		})(cmd, args)
	}
	return cmd
}

// events are those to be published.
func (t *eventText) events(cmd *cobra.Command, file string) ([]json.RawMessage, error) {
	if file != "" {
		b, err := readInput(cmd, file)
		if err != nil {
			return nil, err
		}
		return readEvents(file, b)
	}
	one, err := t.event(cmd)
	return []json.RawMessage{one}, err
}

func readInput(cmd *cobra.Command, file string) ([]byte, error) {
	if file != "-" {
		return readBounded(file, maxEventsFile)
	}
	b, err := io.ReadAll(io.LimitReader(cmd.InOrStdin(), maxEventsFile+1))
	if err == nil && len(b) > maxEventsFile {
		err = fmt.Errorf("standard input has more than %d bytes", maxEventsFile)
	}
	return b, err
}

func readEvents(file string, b []byte) (list []json.RawMessage, err error) {
	b = bytes.TrimSpace(b)
	if !bytes.HasPrefix(b, []byte("[")) {
		if !json.Valid(b) || !bytes.HasPrefix(b, []byte("{")) {
			return nil, fmt.Errorf("%s: want a CloudEvent in JSON, or an array of them", file)
		}
		return []json.RawMessage{b}, nil
	}
	if err := json.Unmarshal(b, &list); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%s: there is no event in it", file)
	}
	return list, nil
}

// event is the one that the flags describe.
func (t *eventText) event(cmd *cobra.Command) (json.RawMessage, error) {
	if t.kind == "" {
		return nil, errors.New("what is it? --type, or --events with whole ones")
	}
	e := map[string]any{"specversion": "1.0", "type": t.kind, "source": t.source, "id": t.id}
	if t.id == "" {
		var id [12]byte
		rand.Read(id[:])
		e["id"] = hex.EncodeToString(id[:])
	}
	if t.subject != "" {
		e["subject"] = t.subject
	}
	for _, x := range t.extensions {
		name, value, found := strings.Cut(x, "=")
		if _, twice := e[name]; !found || name == "" || twice {
			return nil, fmt.Errorf("--extension %q: want name=value, with a name that is not taken", x)
		}
		e[name] = value
	}
	data, given := []byte(t.data), cmd.Flags().Changed("message")
	if t.dataFile != "" {
		var err error
		if data, err = readInput(cmd, t.dataFile); err != nil {
			return nil, err
		}
		given = true
	}
	if given {
		t.add(e, data)
	}
	if t.dataType != "" {
		e["datacontenttype"] = t.dataType
	}
	return json.Marshal(e)
}

// add puts in data in the form that fits: a JSON value, a text, base64.
func (t *eventText) add(e map[string]any, data []byte) {
	isJSON := t.dataType == "" || strings.HasPrefix(t.dataType, "application/json") || strings.HasSuffix(t.dataType, "+json")
	switch {
	case isJSON && json.Valid(data):
		e["data"] = json.RawMessage(data)
		if t.dataType == "" {
			e["datacontenttype"] = "application/json"
		}
	case utf8.Valid(data):
		e["data"] = string(data)
	default:
		e["data_base64"] = base64.StdEncoding.EncodeToString(data)
	}
}
