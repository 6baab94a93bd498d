package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	plane "gridmq/control/client"
)

func newTraceCmd() *cobra.Command {
	var m manageFlags
	var output string
	q := plane.TraceQuery{For: 10 * time.Minute}
	cmd := &cobra.Command{
		Use:   "trace",
		Short: "Watch what one client says and is told, and why",
		Long: `Watch what the broker sees of one client: its packets and those it is sent, what it may
and through which binding, what waits for it, and what it does not get. It ends by itself.

The client need not be connected: the trace begins with its next CONNECT. A client that
comes under several identifiers, or under none, is named by its session: see gridmq
sessions list --name.

Being watched does not slow the client down: at most 2,000 events a second are shown, and
what is left out is counted. Passwords and tokens are never shown, payloads only with
--payload, which needs a right of its own. Who traces whom is in the audit log.

` + manageHelp,
		Example: `  gridmq trace --client press-07 -n plant
  gridmq trace --client press-07 -n plant --topic 'plant/+/state' --for 1m --payload
  gridmq trace --client press-07 -n plant -o json | jq 'select(.event == "access")'`,
		Args: cobra.NoArgs,
	}
	m.register(cmd, true)
	outputFlag(cmd, &output, "text", "json")
	f := cmd.Flags()
	f.StringVar(&q.ClientID, "client", "", "client `identifier`, or the authentication name of the only session there is of it")
	f.StringVar(&q.Topic, "topic", "", "only what is about topics that match this `filter`")
	f.DurationVar(&q.For, "for", q.For, "how `long`, up to 24h")
	f.BoolVar(&q.Payload, "payload", false, "show payloads and correlation data")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if q.ClientID == "" {
			return errors.New("which client? --client press-07")
		}
		if err := checkOutput(output, "text", "json"); err != nil {
			return err
		}
		return m.run(func(ctx context.Context, cmd *cobra.Command, _ []string) error {
			h, err := m.home(ctx)
			if err != nil {
				return err
			}
			if q.ClientID, err = m.sessionNamed(ctx, h.name, q.ClientID); err != nil {
				return err
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "tracing client %q of namespace %s for %v; Ctrl-C ends it\n", q.ClientID, h.name, q.For)
			print := printTrace
			if output == "json" {
				print = func(w io.Writer, e *plane.TraceEvent) error { return json.NewEncoder(w).Encode(e) }
			}
			err = m.client.Trace(ctx, h.name, q, func(e *plane.TraceEvent) error {
				if e.Kind == plane.TraceAlive {
					return nil
				}
				return print(cmd.OutOrStdout(), e)
			})
			if ctx.Err() != nil { // the reader has seen enough
				return nil
			}
			return err
		})(cmd, args)
	}
	return cmd
}

// sessionNamed is the client identifier that is meant: a name that no session has is
// taken for an authentication name, if it has exactly one.
func (m *manageFlags) sessionNamed(ctx context.Context, namespace, name string) (string, error) {
	_, err := m.client.Session(ctx, namespace, name)
	if refusal, ok := errors.AsType[*plane.Error](err); err == nil || !ok || refusal.Status != 404 && refusal.Status != 403 {
		return name, err
	}
	list, err := m.client.Sessions(ctx, namespace, plane.SessionFilter{AuthenticationName: name, Most: 2})
	if _, refused := errors.AsType[*plane.Error](err); refused { // it may be that only tracing is allowed
		return name, nil
	}
	if err != nil {
		return "", err
	}
	switch len(list) {
	case 1:
		return list[0].ClientID, nil
	case 0:
		return name, nil
	}
	return "", fmt.Errorf("%q has several sessions: name one of those of gridmq sessions list --name %s", name, name)
}

// printTrace writes an event as a line: the time, an arrow for what is said, what it is,
// and what there is to know of it.
func printTrace(w io.Writer, e *plane.TraceEvent) error {
	arrow, what := "  ", string(e.Kind)
	if e.Kind == plane.TracePacket {
		if arrow, what = "->", e.Packet; e.Direction == plane.TraceIn {
			arrow = "<-"
		}
	}
	parts := traceFacts(e)
	line := fmt.Sprintf("%s %s %-12s %s", e.Time.Local().Format("15:04:05.000"), arrow, what, strings.Join(parts, "; "))
	_, err := fmt.Fprintln(w, strings.TrimRight(line, " "))
	return err
}

// jsonText is a value of JSON, numbers as people write them.
func jsonText(v any) string {
	if n, ok := v.(float64); ok {
		return strconv.FormatFloat(n, 'f', -1, 64)
	}
	return fmt.Sprint(v)
}

func traceFacts(e *plane.TraceEvent) (parts []string) {
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	text := func(s string) string { return printableText(s, 1024) }
	if e.Allowed != nil {
		verdict := "REFUSED"
		if *e.Allowed {
			verdict = "allowed"
		}
		add("%s", strings.TrimRight(fmt.Sprintf("%s: %s %s", verdict, e.Action, text(e.Topic)), " "))
	} else if e.Topic != "" {
		add("%s", text(e.Topic))
	}
	if h := e.Connect; h != nil {
		add("%s, MQTT %s from %s", text(h.ClientID), h.Version, e.Address)
		if h.Username != "" {
			add("user name %s", text(h.Username))
		}
		if h.HasPassword {
			add("password [hidden]")
		}
		add("keep alive %d s", h.KeepAlive)
		if h.CleanStart {
			add("clean start")
		}
		if h.Will != nil {
			add("will to %s, QoS %d, %d bytes", text(h.Will.Topic), h.Will.QoS, h.Will.PayloadBytes)
		}
	} else if e.Address != "" {
		add("from %s", e.Address)
	}
	if e.PacketID != 0 {
		add("id %d", e.PacketID)
	}
	if e.QoS != nil {
		add("QoS %d", *e.QoS)
	}
	for _, flag := range []struct {
		on   bool
		name string
	}{{e.Dup, "DUP"}, {e.Retain, "retain"}, {e.Event, "became an event"}, {e.SessionPresent != nil && *e.SessionPresent, "session present"}} {
		if flag.on {
			add("%s", flag.name)
		}
	}
	for _, s := range e.Subscriptions {
		add("%s (QoS %d)", text(s.Filter), s.QoS)
	}
	if e.Receivers != nil {
		add("%d receivers, %d of them stored", *e.Receivers, e.Stored)
	}
	if e.PayloadBytes != nil {
		add("%d bytes", *e.PayloadBytes)
	}
	switch {
	case e.Payload != "":
		add("payload %s", text(e.Payload))
	case len(e.PayloadBase64) > 0:
		add("payload %x", e.PayloadBase64[:min(len(e.PayloadBase64), 64)])
	}
	if e.Messages > 0 {
		add("%d messages wait, %d bytes", e.Messages, e.Waiting)
	}
	for _, name := range slices.Sorted(maps.Keys(e.Properties)) {
		add("%s %s", name, text(jsonText(e.Properties[name])))
	}
	for _, p := range e.UserProperties {
		add("%s=%s", text(p.Name), text(p.Value))
	}
	if e.Code != "" {
		add("code %s", e.Code)
	}
	if len(e.Codes) > 0 {
		add("%s", strings.Join(e.Codes, " "))
	}
	if e.Kind == plane.TraceLost {
		add("%d events were too many to be shown", e.Count)
	}
	if e.Reason != "" {
		add("%s", text(e.Reason))
	}
	return parts
}
