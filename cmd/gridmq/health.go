package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/spf13/cobra"

	"gridmq/server"
)

// A probe asks the operations endpoint of one broker.
type probe struct {
	url    string
	client *http.Client
}

func newHealthCmd() *cobra.Command {
	var config, url string
	var live bool
	var timeout, wait time.Duration
	cmd := &cobra.Command{
		Use:   "health",
		Short: "Say whether the broker on this machine is ready",
		Long: `Ask the operations endpoint of the broker whether it is ready to serve clients
(/readyz), or with --live whether its process can go on (/healthz). The exit code
is 0 if so, and 1 if not or if there is no answer.

Where the endpoint is comes from the configuration, as serve reads it: --config or
GRIDMQ_CONFIG, then GRIDMQ_OPERATIONS_ADDRESS. Flags of serve are not known here;
--url says it directly.`,
		Example: `  gridmq health
  gridmq health --config /etc/gridmq/gridmq.yaml --wait 1m
  gridmq health --live --url http://127.0.0.1:9464`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if url == "" {
				found, err := operationsURL(cmp.Or(config, os.Getenv(server.FileVariable)))
				if err != nil {
					return err
				}
				url = found
			}
			path := "/readyz"
			if live {
				path = "/healthz"
			}
			// No proxy: the question is about this machine.
			p := probe{url + path, &http.Client{Timeout: timeout, Transport: &http.Transport{DisableKeepAlives: true}}}
			state, err := p.wait(cmd.Context(), wait)
			if err == nil {
				fmt.Fprintln(cmd.OutOrStdout(), state)
			}
			return err
		},
	}
	f := cmd.Flags()
	f.StringVarP(&config, "config", "c", "", "configuration `file` of the broker (or GRIDMQ_CONFIG)")
	f.StringVar(&url, "url", "", "`URL` of the operations endpoint, without a path")
	f.BoolVar(&live, "live", false, "ask whether the process can go on, also while it starts or drains")
	f.DurationVar(&timeout, "timeout", 3*time.Second, "`time` for one answer")
	f.DurationVar(&wait, "wait", 0, "`time` to go on asking until the answer is yes")
	return cmd
}

// operationsURL is where a broker with this configuration is asked on its own machine.
func operationsURL(file string) (string, error) {
	c, _, err := server.Sources{File: file, Environ: os.Environ()}.Load()
	if err != nil {
		return "", err
	}
	if !c.Operations.Enabled {
		return "", errors.New("the operations endpoint is switched off (operations.enabled), and nothing else tells the health of the broker")
	}
	host, port, err := net.SplitHostPort(c.Operations.Address)
	if err != nil {
		return "", err
	}
	if port == "0" {
		return "", errors.New("operations.address has port 0: say --url with the address in ready.json of the data directory")
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1" // every address is this one, too
		if ip != nil && ip.To4() == nil {
			host = "::1"
		}
	}
	return "http://" + net.JoinHostPort(host, port), nil
}

// wait asks until the answer is yes or the time is over; at least once.
func (p probe) wait(ctx context.Context, most time.Duration) (state string, err error) {
	const pause = 250 * time.Millisecond
	for end := time.Now().Add(most); ; {
		state, err = p.ask(ctx)
		if err == nil || time.Until(end) < pause {
			return state, err
		}
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-time.After(pause):
		}
	}
}

// ask gives the state that the broker says it is in; an error if that is a no.
func (p probe) ask(ctx context.Context) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url, nil)
	if err != nil {
		return "", err
	}
	answer, err := p.client.Do(r)
	if err != nil {
		return "", fmt.Errorf("the broker does not answer: %w", err)
	}
	defer answer.Body.Close()
	var said struct {
		State string `json:"state"`
	}
	if err := json.NewDecoder(io.LimitReader(answer.Body, 4096)).Decode(&said); err != nil {
		return "", fmt.Errorf("%s does not answer as a gridmq broker does (%s)", p.url, answer.Status)
	}
	if answer.StatusCode != http.StatusOK {
		return "", fmt.Errorf("the broker is %q", said.State)
	}
	return said.State, nil
}
