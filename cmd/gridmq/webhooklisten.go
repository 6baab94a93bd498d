package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"maps"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"gridmq/cmd/gridmq/webhook"
	"gridmq/internal/authority"
)

// hookFlags are those of gridmq webhook-listen.
type hookFlags struct {
	webhook.Options
	listen    string
	cert, key string
	local     bool // --tls
	data      string
	hosts     []string
	json      bool
	width     int
}

func newWebhookListenCmd() *cobra.Command {
	var h hookFlags
	cmd := &cobra.Command{
		Use:   "webhook-listen",
		Short: "Be the webhook of an event subscription, and show what comes",
		Long: `Be the webhook of an event subscription to try push delivery with: agree to the
handshake, print each event on a line (time, attempts before this one, type, subject,
data), and end with a summary on Ctrl-C. With --fail the deliveries are answered with an
error, so that retries and dead letters can be seen.

Event subscriptions want https. With --tls the certificate comes from the local CA of
the broker on --data, else from --cert and --key. Without either it is plain http, which
the broker takes only where its configuration allows it for webhooks.

Nobody has to prove who they are: --origin keeps out the deliveries of other brokers,
not somebody who lies. Listen on this machine only, unless the network is yours.`,
		Example: `  gridmq webhook-listen
  gridmq webhook-listen --tls --listen :8088 --host hooks.plant.example
  gridmq webhook-listen --fail-first 3            # 503 three times, then 200
  gridmq webhook-listen --fail 404                # every event becomes a dead letter
  gridmq webhook-listen --json | jq -r .event.subject`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := h.check(cmd); err != nil {
				return err
			}
			return h.run(cmd)
		},
	}
	f := cmd.Flags()
	f.StringVar(&h.listen, "listen", "127.0.0.1:8088", "`address` to listen on; port 0 picks one")
	f.StringVar(&h.Path, "path", "/", "`path` of the URL")
	f.StringVar(&h.Origin, "origin", "", "take events of this `host` only, as WebHook-Request-Origin has it (default: of any)")
	f.IntVar(&h.Fail, "fail", 0, "answer deliveries with this `status`, 300 to 599")
	f.IntVar(&h.FailFirst, "fail-first", 0, "let only so `many` deliveries fail, the first ones (with 503, or --fail)")
	f.DurationVar(&h.Slow, "slow", 0, "`time` that an answer takes")
	f.StringVar(&h.cert, "cert", "", "certificate `file` in PEM form, for https")
	f.StringVar(&h.key, "key", "", "`file` with its key")
	f.BoolVar(&h.local, "tls", false, "https with a certificate of the local CA in --data")
	f.StringSliceVar(&h.hosts, "host", nil, "with --tls: further host `names` and IP addresses of this machine")
	f.StringVar(&h.data, "data", ourData(), "with --tls: data `directory` of a broker on this machine")
	f.BoolVar(&h.json, "json", false, "print events whole, as JSON, one a line")
	f.IntVar(&h.width, "width", 120, "cut lines to so `many` characters")
	return cmd
}

const longestSlow = 5 * time.Minute

func (h *hookFlags) check(cmd *cobra.Command) error {
	given := cmd.Flags().Changed
	switch {
	case !strings.HasPrefix(h.Path, "/") || strings.ContainsAny(h.Path, "?#"):
		return fmt.Errorf("--path %q: want a path without a query, as /events", h.Path)
	case given("fail") && (h.Fail < 300 || h.Fail > 599):
		return fmt.Errorf("--fail %d: want 300 to 599", h.Fail)
	case h.FailFirst < 0 || given("fail-first") && h.FailFirst == 0:
		return errors.New("--fail-first: want 1 or more")
	case h.Slow < 0 || h.Slow > longestSlow:
		return fmt.Errorf("--slow %v: want 0 to %v", h.Slow, longestSlow)
	case h.width < 40:
		return fmt.Errorf("--width %d: want 40 or more", h.width)
	case (h.cert == "") != (h.key == ""):
		return errors.New("--cert and --key belong together")
	case h.local && h.cert != "":
		return errors.New("--tls and --cert exclude each other: --tls has a certificate of the local CA")
	case given("host") && !h.local:
		return errors.New("--host is for --tls")
	}
	if h.FailFirst > 0 && h.Fail == 0 {
		h.Fail = http.StatusServiceUnavailable
	}
	return nil
}

// run serves until Ctrl-C, or until nobody reads what is printed.
func (h *hookFlags) run(cmd *cobra.Command) error {
	interrupted, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, end := context.WithCancelCause(interrupted)
	defer end(nil)
	secure, err := h.certificate()
	if err != nil {
		return err
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", h.listen)
	if err != nil {
		return fmt.Errorf("--listen %s: %w", h.listen, err)
	}
	stderr := &lockedWriter{w: cmd.ErrOrStderr()}
	o := h.Options
	o.Show = func(d webhook.Delivery) error {
		err := h.print(cmd.OutOrStdout(), d)
		if err != nil {
			end(fmt.Errorf("standard output: %w", err))
		}
		return err
	}
	o.Refused = func(reason string) { fmt.Fprintln(stderr, "refused", printableText(reason, widestLast)) }
	hook := webhook.New(o)
	s := &http.Server{
		Handler: hook, TLSConfig: secure, MaxHeaderBytes: 64 << 10,
		ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: time.Minute + h.Slow, IdleTimeout: 2 * time.Minute,
		BaseContext: func(net.Listener) context.Context { return ctx }, // who is slow ends with us
		ErrorLog:    log.New(stderr, "", 0),
	}
	fmt.Fprintf(stderr, "webhook at %s, until Ctrl-C\n", h.url(l.Addr()))
	if secure == nil {
		fmt.Fprintln(stderr, "plain http: a broker takes that as a webhook only where its configuration allows it; --tls has https")
	}
	defer func() { tellSummary(stderr, hook.Summary()) }()
	return serveUntil(ctx, s, l)
}

// serveUntil serves until ctx ends, and returns nil if that is without a cause of ours.
func serveUntil(ctx context.Context, s *http.Server, l net.Listener) error {
	served := make(chan error, 1)
	go func() { // ends with Shutdown or Close
		if s.TLSConfig != nil {
			served <- s.ServeTLS(l, "", "")
			return
		}
		served <- s.Serve(l)
	}()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if s.Shutdown(last) != nil {
		s.Close()
	}
	<-served
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

// certificate is what https needs; nil: it is plain http.
func (h *hookFlags) certificate() (*tls.Config, error) {
	switch {
	case h.cert != "":
		pair, err := tls.LoadX509KeyPair(h.cert, h.key)
		if err != nil {
			return nil, fmt.Errorf("--cert, --key: %w", err)
		}
		return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}, nil
	case !h.local:
		return nil, nil
	}
	ca, err := authority.Load(filepath.Join(h.data, "tls"))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("--tls: %w\n  name the data directory of a broker that has run with --data, or give --cert and --key", err)
	case err != nil:
		return nil, fmt.Errorf("--tls: %w", err)
	}
	hosts := append([]string{"localhost", "127.0.0.1", "::1"}, h.hosts...)
	if host, _, err := net.SplitHostPort(h.listen); err == nil && host != "" && !net.ParseIP(host).IsUnspecified() {
		hosts = append(hosts, host)
	}
	slices.Sort(hosts)
	pair, err := ca.NewServer(slices.Compact(hosts), authority.LeafOptions{Name: "gridmq webhook-listen", Life: 30 * day})
	if err != nil {
		return nil, fmt.Errorf("--tls: %w", err)
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair.TLS()}}, nil
}

// url is the endpointUrl for an event subscription.
func (h *hookFlags) url(a net.Addr) string {
	scheme, host := "http", a.String()
	if h.local || h.cert != "" {
		scheme = "https"
	}
	if t, ok := a.(*net.TCPAddr); ok && (t.IP.IsUnspecified() || len(h.hosts) > 0) {
		host = net.JoinHostPort(append(h.hosts, "localhost")[0], strconv.Itoa(t.Port))
	}
	return scheme + "://" + host + h.Path
}

// print writes each event on a line.
func (h *hookFlags) print(out io.Writer, d webhook.Delivery) error {
	for _, e := range d.Events {
		if h.json {
			enc := json.NewEncoder(out)
			enc.SetEscapeHTML(false)
			whole := map[string]any{"time": d.Time.UTC(), "subscription": d.Subscription, "status": d.Status, "event": e.Raw}
			if d.Count >= 0 {
				whole["deliveryCount"] = d.Count
			}
			if err := enc.Encode(whole); err != nil {
				return err
			}
			continue
		}
		count, failed := "-", ""
		if d.Count >= 0 {
			count = strconv.Itoa(d.Count)
		}
		if d.Status != http.StatusOK {
			failed = fmt.Sprintf("[%d] ", d.Status)
		}
		line := fmt.Sprintf("%s  %s  %s%s  %s  %s", d.Time.Format("15:04:05.000"), count, failed, e.Type, cmp.Or(e.Subject, "-"), oneLine(e.Data))
		if _, err := fmt.Fprintln(out, printableText(strings.TrimRight(line, " "), h.width)); err != nil {
			return err
		}
	}
	return nil
}

// oneLine is JSON without the line breaks between its values.
func oneLine(raw json.RawMessage) string {
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return string(raw)
	}
	return b.String()
}

func tellSummary(w io.Writer, s webhook.Summary) {
	var answers []string
	for _, status := range slices.Sorted(maps.Keys(s.Answered)) {
		answers = append(answers, fmt.Sprintf("%d answered %d", s.Answered[status], status))
	}
	detail := ""
	if len(answers) > 0 {
		detail = ": " + strings.Join(answers, ", ")
	}
	fmt.Fprintf(w, "events %d in deliveries %d%s; handshakes %d, refused %d\n", s.Events, s.Deliveries, detail, s.Handshakes, s.Refused)
}
