package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"gridmq/server"
)

// settingFlags are flags that set one path of the configuration each.
var settingFlags = []struct{ name, path, usage string }{
	{"data", "data", "`directory` of everything that must survive"},
	{"dev-listen", "dev.listen", "with --dev: `address` for plain MQTT, loopback only; port 0 picks one"},
	{"dev-ws-listen", "dev.ws_listen", "with --dev: `address` for plain WebSocket, loopback only; port 0 picks one"},
	{"management-listen", "management.address", "`address` of the management plane"},
	{"operations-listen", "operations.address", "`address` for metrics, health and profiles"},
	{"log-level", "log.level", "debug, info, warn or error"},
	{"log-format", "log.format", "text or json"},
}

func newServeCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the broker",
		Long: `Run the broker until SIGTERM or SIGINT, which drain it: clients are told (0x8B),
what was accepted is made durable, and the exit code is 0. SIGHUP reads the
configuration again: certificates, limits and log level change at once.

Settings come from the file (--config), then from environment variables
(GRIDMQ_LISTENERS_MQTTS_ADDRESS sets listeners.mqtts.address), then from flags;
the last one wins. gridmq config example explains every setting.

When it is ready, the broker prints one line that begins with "ready" on standard
output and writes ready.json into the data directory. Logs go to standard error.`,
		Example: `  # to try: plain MQTT on 127.0.0.1:1883, everything allowed, this machine only
  gridmq serve --dev

  # as a service
  gridmq serve --config /etc/gridmq/gridmq.yaml

  # any setting can be given on the command line
  gridmq serve --dev --dev-listen 127.0.0.1:0 --set namespaces.dev.profile=azure`,
		Args: cobra.NoArgs,
	}
	f := cmd.Flags()
	config := f.StringP("config", "c", "", "configuration `file` (or GRIDMQ_CONFIG)")
	f.Bool("dev", false, "open plain MQTT and WebSocket on this machine into a namespace that allows everything")
	f.Bool("quickstart", false, "make a namespace with clients, certificates and permissions to play with")
	for _, s := range settingFlags {
		f.String(s.name, "", s.usage)
	}
	f.Bool("free-ports", false, "let the system pick every port, on 127.0.0.1; ready.json says which (for tests)")
	f.StringArray("set", nil, "set `path=value`, as listeners.mqtts.address=:8884; may be repeated")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		file := *config
		if file == "" {
			file = os.Getenv(server.FileVariable)
		}
		flags, err := assignments(f)
		if err != nil {
			return err
		}
		return serve(cmd, server.Sources{File: file, Environ: os.Environ(), Flags: flags})
	}
	return cmd
}

// assignments are the settings that flags were given for.
func assignments(f *pflag.FlagSet) (list []server.Assignment, err error) {
	add := func(flag, path, value string) {
		list = append(list, server.Assignment{Flag: flag, Path: path, Value: value})
	}
	if free, _ := f.GetBool("free-ports"); free { // first: flags that name a port win
		for _, path := range []string{"dev.listen", "dev.ws_listen", "operations.address", "management.address",
			"listeners.mqtts.address", "listeners.wss.address"} {
			add("--free-ports", path, "127.0.0.1:0")
		}
	}
	if f.Changed("dev") {
		add("--dev", "dev.enabled", f.Lookup("dev").Value.String())
	}
	if f.Changed("quickstart") {
		add("--quickstart", "quickstart.enabled", f.Lookup("quickstart").Value.String())
	}
	for _, s := range settingFlags {
		if f.Changed(s.name) {
			add("--"+s.name, s.path, f.Lookup(s.name).Value.String())
		}
	}
	sets, err := f.GetStringArray("set")
	for _, one := range sets {
		path, value, ok := strings.Cut(one, "=")
		if !ok {
			return nil, fmt.Errorf("--set %s: want path=value", one)
		}
		add("--set", path, value)
	}
	return list, err
}

func serve(cmd *cobra.Command, sources server.Sources) error {
	cfg, warnings, err := sources.Load()
	if err != nil {
		return err
	}
	log, level := server.NewLogger(cmd.ErrOrStderr(), cfg.Log)
	for _, w := range warnings {
		log.Warn(w)
	}
	srv, err := server.New(cfg, server.Options{
		Logger: log, Level: level, Out: cmd.OutOrStdout(), Program: os.Args[0], Version: buildVersion(),
		Load: func() (server.Config, error) {
			next, _, err := sources.Load()
			return next, err
		},
	})
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	// Once the drain has begun, a second signal ends the process as usual.
	defer context.AfterFunc(ctx, stop)()
	defer reloadOnSignal(srv, log)()
	return srv.Run(ctx)
}

// reloadOnSignal reloads on SIGHUP until stop is called.
func reloadOnSignal(srv *server.Server, log *slog.Logger) (stop func()) {
	hup, done := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(hup, syscall.SIGHUP)
	go func() { // ends when hup is closed
		defer close(done)
		for range hup {
			log.Info("reloading the configuration (SIGHUP)")
			_ = srv.Reload() // it has logged what was wrong
		}
	}()
	return func() {
		signal.Stop(hup)
		close(hup)
		<-done
	}
}
