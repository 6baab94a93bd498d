package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	plane "gridmq/control/client"
)

func newExplainCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "explain publish|subscribe|connect --client X --topic T",
		Short: "Say why a client may do something, or what is missing",
		Long: `Say whether a client may connect, publish or subscribe, by the same rules that decide
it: which group, topic space and binding allow it, or what is missing.

The client is named as in the registry, or by its authentication name. With --attributes
it is asked about a client that comes with a token, which has its attributes in there.

Exit codes: 0 it is allowed; 4 it is not; 1, 2 and 3 as of the other commands.`,
		Example: `  gridmq explain publish --client press-07 --topic plant/press-07/telemetry/temp -n plant
  gridmq explain subscribe --client dash-1 --topic 'plant/+/telemetry/#'
  gridmq explain connect --client press-07
  gridmq explain publish --client robot-1 --topic a/b --attributes '{"kind": "robot"}'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	for action, short := range map[string]string{"publish": "May it publish to a topic?", "subscribe": "May it subscribe to a filter?", "connect": "May it connect?"} {
		cmd.AddCommand(newExplainActionCmd(action, short))
	}
	return cmd
}

func newExplainActionCmd(action, short string) *cobra.Command {
	var m manageFlags
	q := plane.Question{Action: action}
	var attributes, output string
	example := "  gridmq explain " + action + " --client press-07 -n plant"
	cmd := &cobra.Command{Use: action + " --client X", Short: short, Long: short + "\n\n" + manageHelp, Args: cobra.NoArgs}
	m.register(cmd, true)
	outputFlag(cmd, &output, "text", "json")
	f := cmd.Flags()
	f.StringVar(&q.Client, "client", "", "`name` of the client in the registry, or its authentication name")
	f.StringVar(&attributes, "attributes", "", "attributes of a client with a token, a `JSON` object")
	if action != "connect" {
		what := map[string]string{"publish": "topic `name`", "subscribe": "topic `filter`"}[action]
		f.StringVar(&q.Topic, "topic", "", what)
		cmd.Use += " --topic T"
		example += " --topic a/b"
	}
	cmd.Example = example
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		switch {
		case q.Client == "":
			return errors.New("which client? --client NAME")
		case q.Topic == "" && action != "connect":
			return errors.New("which topic? --topic TOPIC")
		case attributes != "":
			if err := json.Unmarshal([]byte(attributes), &q.Attributes); err != nil {
				return fmt.Errorf("--attributes: want a JSON object such as {\"floor\": 2}: %w", err)
			}
		}
		if err := checkOutput(output, "text", "json"); err != nil {
			return err
		}
		return m.run(func(ctx context.Context, cmd *cobra.Command, _ []string) error {
			h, err := m.home(ctx)
			if err != nil {
				return err
			}
			e, err := m.client.Explain(ctx, h.name, q)
			if err != nil {
				return err
			}
			if output == "json" {
				err = printJSON(cmd, e)
			} else {
				printExplanation(cmd.OutOrStdout(), e)
			}
			if err == nil && !e.Allowed {
				err = &exitError{exitDenied, errors.New("not allowed")}
			}
			return err
		})(cmd, nil)
	}
	return cmd
}

func printExplanation(w io.Writer, e *plane.Explanation) {
	verdict := "ALLOWED"
	if !e.Allowed {
		verdict = "REFUSED"
	}
	for i, line := range strings.Split(strings.TrimSpace(e.Reason), "\n") {
		if line = strings.TrimRight(printableText(line, 1000), " "); i == 0 {
			line = verdict + ": " + line
		}
		fmt.Fprintln(w, line)
	}
	for _, s := range e.Steps {
		mark := "no "
		if s.Passed {
			mark = "yes"
		}
		line := fmt.Sprintf("  %s  %s: %s", mark, s.What, s.Result)
		if s.Detail != "" {
			line += " (" + s.Detail + ")"
		}
		fmt.Fprintln(w, strings.TrimRight(printableText(line, 1000), " "))
		if s.Link != "" {
			fmt.Fprintln(w, "       "+printableText(s.Link, 1000))
		}
	}
}
