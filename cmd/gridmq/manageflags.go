package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	plane "gridmq/control/client"
	"gridmq/server"
)

const (
	defaultManagement = "https://127.0.0.1:9443"
	tokenVariable     = "GRIDMQ_TOKEN"
	maxTokenFile      = 64 << 10 // bytes
)

const manageHelp = `The management plane is found through the data directory of a broker on this machine
(--data), or is named with --server. The operator token comes from --token-file,
GRIDMQ_TOKEN, or the data directory, where the server put one at its first start.

Exit codes: 0 done; 1 wrong flags or files; 2 no connection; 3 the token is not
accepted, or does not allow this; 4 the server refused something, or it does not exist.`

// manageFlags say where the management plane is, and who asks.
type manageFlags struct {
	server, token, tokenFile, ca, data string
	namespace                          string

	flags  *pflag.FlagSet
	client *plane.Client
	places *places
}

// register adds the flags; with a namespace, -n too.
func (m *manageFlags) register(cmd *cobra.Command, withNamespace bool) {
	f := cmd.Flags()
	m.flags = f
	f.StringVar(&m.server, "server", "", "`url` of the management plane (default "+defaultManagement+", or what the broker on --data says)")
	f.StringVar(&m.token, "token", "", "operator `token` (better in a file, or in the environment as "+tokenVariable+")")
	f.StringVar(&m.tokenFile, "token-file", "", "`file` with the operator token")
	f.StringVar(&m.ca, "ca", "", "`file` of a CA to trust, PEM (default: the local CA in --data)")
	f.StringVar(&m.data, "data", ourData(), "data `directory` of a broker on this machine")
	if withNamespace {
		f.StringVarP(&m.namespace, "namespace", "n", "", "`namespace` (default: the only one there is)")
	}
}

// ourData is the data directory when --data does not name one: that of serve.
func ourData() string { return cmp.Or(os.Getenv("GRIDMQ_DATA"), "./data") }

// run wraps what a command does once it is connected: interrupts, hints, exit codes.
func (m *manageFlags) run(do func(ctx context.Context, cmd *cobra.Command, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		if err := m.connect(); err != nil {
			return err
		}
		defer m.client.Close()
		ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		return m.explain(do(ctx, cmd, args))
	}
}

// connect makes the client; nothing is sent yet.
func (m *manageFlags) connect() error {
	local, err := m.address()
	if err != nil {
		return err
	}
	o := plane.Options{URL: m.server}
	if o.Token, err = m.findToken(local); err != nil {
		return err
	}
	file := m.ca
	if file == "" && local {
		if path := filepath.Join(m.data, "tls", "ca.pem"); exists(path) {
			file = path
		}
	}
	if file != "" {
		if o.CA, err = os.ReadFile(file); err != nil {
			return fmt.Errorf("--ca: %w", err)
		}
	}
	m.client, err = plane.New(o)
	m.places = &places{c: m.client}
	return err
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// address decides where to go. local is whether what lies in the data directory may
// be used there: a token goes to no server that it was not made for.
func (m *manageFlags) address() (local bool, err error) {
	if m.server == "" {
		ready, _ := server.ReadReadyFile(m.data) // none is running on it: then the default
		m.server = cmp.Or(reachable(ready.Management), defaultManagement)
		return true, nil
	}
	u, err := url.Parse(m.server)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return false, fmt.Errorf("--server %q: want https://host:port", m.server)
	}
	near := u.Hostname() == "localhost" || net.ParseIP(u.Hostname()).IsLoopback()
	if u.Scheme == "http" && !near {
		return false, fmt.Errorf("--server %s: the token would travel readable for everybody on the way; want https://", m.server)
	}
	return near || m.flags.Changed("data"), nil
}

// reachable is the URL of a broker on this machine. One that listens on all addresses
// has none of them as its name.
func reachable(address string) string {
	u, err := url.Parse(address)
	if err != nil || !net.ParseIP(u.Hostname()).IsUnspecified() {
		return address
	}
	u.Host = net.JoinHostPort("localhost", u.Port())
	return u.String()
}

func (m *manageFlags) findToken(local bool) (string, error) {
	switch {
	case m.flags.Changed("token") && m.flags.Changed("token-file"):
		return "", errors.New("--token and --token-file exclude each other")
	case m.token != "":
		return m.token, nil
	case m.tokenFile != "":
		return readToken(m.tokenFile)
	}
	if t := os.Getenv(tokenVariable); t != "" {
		return strings.TrimSpace(t), nil
	}
	if !local {
		return "", fmt.Errorf("an operator token is needed for %s: --token-file, or %s in the environment", m.server, tokenVariable)
	}
	path := filepath.Join(m.data, server.TokenFile)
	token, err := readToken(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("an operator token is needed, and there is none in %s\n  name the data directory of the broker with --data, or give a token with --token-file or %s", path, tokenVariable)
	case errors.Is(err, fs.ErrPermission):
		return "", fmt.Errorf("%w\n  only the user that runs the broker may read it: be that one, or ask for a token of your own", err)
	}
	return token, err
}

func readToken(path string) (string, error) {
	b, err := readBounded(path, maxTokenFile)
	if err != nil {
		return "", fmt.Errorf("operator token: %w", err)
	}
	token := strings.TrimSpace(string(b))
	if token == "" || strings.ContainsAny(token, " \t\r\n") {
		return "", fmt.Errorf("operator token: %s does not hold one token", path)
	}
	return token, nil
}

// explain adds what can be done about an error, and the exit code.
func (m *manageFlags) explain(err error) error {
	if err == nil {
		return nil
	}
	if _, has := errors.AsType[*exitError](err); has {
		return err
	}
	if errors.Is(err, context.Canceled) {
		return errors.New("interrupted; what was told as done is done")
	}
	code := exitUsage
	if refusal, ok := errors.AsType[*plane.Error](err); ok {
		code = exitDenied
		switch refusal.Status {
		case 401:
			code = exitRefused
			err = fmt.Errorf("%w\n  the token is none of this server: check --token-file, %s and --data", err, tokenVariable)
		case 403:
			code = exitRefused
			err = fmt.Errorf("%w\n  ask for an operator token with another role", err)
		}
	} else if isConnection(err) {
		code = exitNoConnect
		err = fmt.Errorf("management plane at %s: %w", m.server, unwrapURL(err))
		if hint := manageHint(err); hint != "" {
			err = fmt.Errorf("%w\n  %s", err, hint)
		}
	}
	return &exitError{code, err}
}

func isConnection(err error) bool {
	_, sent := errors.AsType[*url.Error](err)
	return sent || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// unwrapURL leaves out the request, which says nothing to people.
func unwrapURL(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

func manageHint(err error) string {
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens there: is the broker running with its management plane? see --server and --data"
	case strings.Contains(err.Error(), "certificate signed by unknown authority"):
		return "the certificate is not from a CA this machine trusts: name the CA file with --ca (GridMQ's own is tls/ca.pem in its data directory)"
	case strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return "it does not speak TLS: http://, if it is on this machine"
	}
	return ""
}
