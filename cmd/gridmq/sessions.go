package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	plane "gridmq/control/client"
)

func newSessionsCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "sessions",
		Short: "List, show, disconnect and delete sessions of clients; their history; who is slow",
		Example: `  gridmq sessions list -n plant --connected
  gridmq sessions show press-07 -n plant
  gridmq sessions disconnect press-07 -n plant --reason "firmware update"
  gridmq sessions delete press-07 -n plant`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newSessionsListCmd(), newSessionsShowCmd(), newSessionsHistoryCmd(), newSessionsSlowCmd(), newSessionEndCmd("disconnect"), newSessionEndCmd("delete"))
	return cmd
}

func newSessionsListCmd() *cobra.Command {
	var m manageFlags
	var filter plane.SessionFilter
	var connected, away bool
	var output string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the sessions of a namespace",
		Long:  "List the sessions of a namespace, in the order of their client identifiers.\n\n" + manageHelp,
		Example: `  gridmq sessions list -n plant
  gridmq sessions list -n plant --away --name press-07 -o json`,
		Args: cobra.NoArgs,
	}
	m.register(cmd, true)
	outputFlag(cmd, &output, "table", "json")
	f := cmd.Flags()
	f.StringVar(&filter.AuthenticationName, "name", "", "only those of an authentication `name`")
	f.StringVar(&filter.ClientID, "client-id", "", "only those whose client identifier has this `part`")
	f.BoolVar(&connected, "connected", false, "only those that are connected")
	f.BoolVar(&away, "away", false, "only those whose client is away")
	f.IntVar(&filter.Most, "most", 1000, "how `many` at most; 0: all")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if connected && away {
			return errors.New("--connected and --away exclude each other")
		}
		if connected || away {
			filter.Connected = &connected
		}
		if err := checkOutput(output, "table", "json"); err != nil {
			return err
		}
		return m.run(func(ctx context.Context, cmd *cobra.Command, _ []string) error {
			h, err := m.home(ctx)
			if err != nil {
				return err
			}
			stop := showProgress(cmd.ErrOrStderr(), func() string { return "reading ..." })
			list, err := m.client.Sessions(ctx, h.name, filter)
			stop()
			if err != nil {
				return err
			}
			if output == "json" {
				return printJSON(cmd, orEmpty(list))
			}
			if err := printSessions(cmd.OutOrStdout(), list); err != nil {
				return err
			}
			if filter.Most > 0 && len(list) == filter.Most {
				fmt.Fprintf(cmd.ErrOrStderr(), "the first %d; --most 0 shows all\n", filter.Most)
			}
			return nil
		})(cmd, nil)
	}
	return cmd
}

// orEmpty keeps nothing from being null for machines.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func printSessions(w io.Writer, list []plane.Session) error {
	t := newTable(w)
	t.row("CLIENT ID", "AUTHENTICATION NAME", "STATE", "SINCE", "PROTOCOL", "REMOTE", "QUEUED", "IN FLIGHT")
	for _, s := range list {
		state := "away"
		if s.Connected {
			state = "connected"
		}
		t.row(s.ClientID, s.AuthenticationName, state, instant(s.Since), s.Protocol, s.Remote,
			strconv.Itoa(s.QueuedMessages), strconv.Itoa(s.InFlight))
	}
	return t.flush()
}

func instant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func newSessionsShowCmd() *cobra.Command {
	var m manageFlags
	var output string
	cmd := &cobra.Command{
		Use:     "show CLIENT-ID",
		Short:   "Show one session with its subscriptions",
		Long:    "Show one session with its subscriptions.\n\n" + manageHelp,
		Example: "  gridmq sessions show press-07 -n plant",
		Args:    cobra.ExactArgs(1),
	}
	m.register(cmd, true)
	outputFlag(cmd, &output, "text", "json")
	cmd.RunE = m.run(func(ctx context.Context, cmd *cobra.Command, args []string) error {
		if err := checkOutput(output, "text", "json"); err != nil {
			return err
		}
		h, err := m.home(ctx)
		if err != nil {
			return err
		}
		s, err := m.client.Session(ctx, h.name, args[0])
		if err != nil {
			return err
		}
		if output == "json" {
			return printJSON(cmd, s)
		}
		printSession(cmd.OutOrStdout(), s)
		return nil
	})
	return cmd
}

func printSession(w io.Writer, s *plane.Session) {
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(w, "%-22s %s\n", name, printableText(value, 1000))
		}
	}
	state := "away since "
	if s.Connected {
		state = "connected since "
	}
	line("client id", s.ClientID)
	line("authentication name", s.AuthenticationName)
	line("client", s.Client)
	line("authenticated by", s.Method)
	line("state", state+instant(s.Since))
	line("remote", s.Remote)
	line("protocol", s.Protocol)
	if s.Connected {
		line("keep alive", seconds(uint32(s.KeepAlive), 0, "none"))
	}
	line("session expiry", seconds(s.SessionExpiry, neverExpires, "never"))
	line("expires", instant(s.ExpiresAt))
	line("credential expires", instant(s.CredentialExpires))
	line("queued", fmt.Sprintf("%d messages, %d bytes", s.QueuedMessages, s.QueuedBytes))
	line("in flight", strconv.Itoa(s.InFlight))
	for _, g := range s.Groups {
		line("client group", g)
	}
	for _, sub := range s.Subscriptions {
		filter := sub.Filter
		if sub.Share != "" {
			filter += ", share " + sub.Share
		}
		line("subscription", fmt.Sprintf("%s, QoS %d", filter, sub.QoS))
	}
}

// neverExpires is the Session Expiry Interval of a session that stays for good
// (section 3.1.2.11.2).
const neverExpires = 1<<32 - 1

// seconds shows a time in seconds; one number is special and has a word for it.
func seconds(n, special uint32, word string) string {
	if n == special {
		return word
	}
	return (time.Duration(n) * time.Second).String()
}

// newSessionEndCmd is disconnect or delete.
func newSessionEndCmd(verb string) *cobra.Command {
	var m manageFlags
	var reason string
	cmd := &cobra.Command{
		Use:     verb + " CLIENT-ID...",
		Short:   map[string]string{"disconnect": "End the connection of clients; their sessions stay", "delete": "End sessions, with the messages that wait in them"}[verb],
		Example: "  gridmq sessions " + verb + ` press-07 -n plant --reason "moved to another hall"`,
		Args:    cobra.MinimumNArgs(1),
	}
	cmd.Long = cmd.Short + ". A client that is allowed to may connect again at once;\ngridmq ban keeps it out.\n\n" + manageHelp
	m.register(cmd, true)
	cmd.Flags().StringVar(&reason, "reason", "", "`text` that the client is told (MQTT 5)")
	cmd.RunE = m.run(func(ctx context.Context, cmd *cobra.Command, args []string) error {
		h, err := m.home(ctx)
		if err != nil {
			return err
		}
		for _, id := range args {
			done := "disconnected"
			if verb == "disconnect" {
				err = m.client.Disconnect(ctx, h.name, id, reason)
			} else {
				var existed bool
				existed, err = m.client.DeleteSession(ctx, h.name, id, reason)
				if done = "deleted"; !existed {
					done = "not there"
				}
			}
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s %s\n", done, printableText(id, 1000))
		}
		return nil
	})
	return cmd
}
