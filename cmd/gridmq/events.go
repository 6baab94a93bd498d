package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	events "gridmq/gateway/client"
	"gridmq/server"
)

const keyVariable = "GRIDMQ_EVENTS_KEY"

const eventsHelp = `A broker on this machine is found through its data directory (--data): the address, and
an access key of the namespace by way of its management plane. Another place is named
with --endpoint, and then a key comes from --key-file or ` + keyVariable + `, or a bearer token
from --bearer-file. An Azure Event Grid namespace is such a place, too.

Exit codes: 0 done; 1 wrong flags or files; 2 no connection; 3 the credential is not
accepted, or does not allow this; 4 the server refused something, or it does not exist.`

func newEventsCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "events",
		Short: "Publish events to a topic, receive and settle them",
		Example: `  gridmq events publish orders --type shop.order.placed --source /shop/7 -m '{"total":19.9}'
  gridmq events receive orders/billing --ack
  gridmq events tail orders/billing`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newEventsPublishCmd(), newEventsReceiveCmd(), newEventsTailCmd())
	for _, s := range settlements {
		cmd.AddCommand(newEventsSettleCmd(s))
	}
	return cmd
}

// eventFlags say where the data plane is, and who asks.
type eventFlags struct {
	manage              manageFlags
	endpoint            string
	keyFile, bearerFile string
	client              *events.Client
	endpointUsed        string // where requests go
}

func (e *eventFlags) register(cmd *cobra.Command) {
	e.manage.register(cmd, true)
	f := cmd.Flags()
	f.StringVar(&e.endpoint, "endpoint", "", "`url` of the data plane, as https://localhost:8443/ns/plant")
	f.StringVar(&e.keyFile, "key-file", "", "`file` with an access key, for --endpoint")
	f.StringVar(&e.bearerFile, "bearer-file", "", "`file` with a bearer token, for --endpoint")
}

// run wraps what a command does once it has a client: interrupts, hints, exit codes.
func (e *eventFlags) run(do func(ctx context.Context, cmd *cobra.Command, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		if err := e.connect(ctx); err != nil {
			return err
		}
		defer e.client.Close()
		return e.explain(do(ctx, cmd, args))
	}
}

// connect makes the client.
func (e *eventFlags) connect(ctx context.Context) (err error) {
	o := events.Options{Endpoint: e.endpoint}
	if e.endpoint != "" {
		err = e.credential(&o)
	} else {
		if e.keyFile != "" || e.bearerFile != "" {
			return errors.New("--key-file and --bearer-file are for --endpoint")
		}
		err = e.look(ctx, &o)
	}
	if err != nil {
		return err
	}
	if o.CA, err = e.authority(); err != nil {
		return err
	}
	e.endpointUsed = o.Endpoint
	e.client, err = events.New(o)
	return err
}

// credential finds that of another place.
func (e *eventFlags) credential(o *events.Options) (err error) {
	u, err := url.Parse(e.endpoint)
	if err != nil || u.Host == "" {
		return fmt.Errorf("--endpoint %q: want https://host:port", e.endpoint)
	}
	switch {
	case e.keyFile != "" && e.bearerFile != "":
		return errors.New("--key-file and --bearer-file exclude each other")
	case e.bearerFile != "":
		o.Token, err = readToken(e.bearerFile)
	case e.keyFile != "":
		o.Key, err = readToken(e.keyFile)
	default:
		if o.Key = strings.TrimSpace(os.Getenv(keyVariable)); o.Key == "" {
			err = fmt.Errorf("a credential is needed for %s: --key-file, --bearer-file, or %s in the environment", e.endpoint, keyVariable)
		}
	}
	return err
}

// look finds a broker on this machine, and a key of the namespace: without -n, the one
// that its HTTPS listener leads to.
func (e *eventFlags) look(ctx context.Context, o *events.Options) error {
	m := &e.manage
	if err := m.connect(); err != nil {
		return err
	}
	defer m.client.Close()
	ready, err := server.ReadReadyFile(m.data)
	if err != nil || ready.HTTPS == "" {
		return &exitError{exitNoConnect, fmt.Errorf("no broker with an HTTPS listener runs on %s\n  name its data directory with --data, or another place with --endpoint", m.data)}
	}
	for _, l := range ready.Listeners { // where the listener leads; all of them to one
		if m.namespace != "" || !strings.HasPrefix(l.URL, "wss:") {
			continue
		}
		_, managed, err := m.places.find(ctx, l.Namespace)
		if err != nil {
			return m.explain(err)
		}
		if managed { // that of --dev is none
			m.namespace = l.Namespace
		}
	}
	h, err := m.home(ctx)
	if err != nil {
		return m.explain(err)
	}
	if o.Key, _, err = m.client.Keys(ctx, h.shown.ID); err != nil {
		return m.explain(err)
	}
	o.Endpoint = reachable(ready.HTTPS) + "/ns/" + url.PathEscape(h.name)
	return nil
}

// authority is the CA to trust besides the system's.
func (e *eventFlags) authority() ([]byte, error) {
	file := e.manage.ca
	if file == "" {
		file = filepath.Join(e.manage.data, "tls", "ca.pem")
		if !exists(file) {
			return nil, nil
		}
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("--ca: %w", err)
	}
	return b, nil
}

// explain adds what can be done about an error, and the exit code.
func (e *eventFlags) explain(err error) error {
	if err == nil {
		return nil
	}
	if _, has := errors.AsType[*exitError](err); has {
		return err
	}
	if errors.Is(err, context.Canceled) {
		return &exitError{exitUsage, errors.New("interrupted")}
	}
	code := exitUsage
	if refusal, ok := errors.AsType[*events.Error](err); ok {
		code = exitDenied
		switch refusal.Status {
		case 401, 403:
			code = exitRefused
		case 404, 410:
			err = fmt.Errorf("%w\n  gridmq get topics and gridmq get eventsubscriptions list what there is", err)
		}
	} else if isConnection(err) {
		code = exitNoConnect
		err = fmt.Errorf("data plane at %s: %w", e.endpointUsed, unwrapURL(err))
		if hint := manageHint(err); hint != "" {
			err = fmt.Errorf("%w\n  %s", err, hint)
		}
	}
	return &exitError{code, err}
}

// readSubscription reads TOPIC/SUBSCRIPTION.
func readSubscription(arg string) (events.Subscription, error) {
	topic, name, found := strings.Cut(arg, "/")
	if !found || topic == "" || name == "" || strings.Contains(name, "/") {
		return events.Subscription{}, fmt.Errorf("%q: want TOPIC/SUBSCRIPTION, as orders/billing", arg)
	}
	return events.Subscription{Topic: topic, Name: name}, nil
}
