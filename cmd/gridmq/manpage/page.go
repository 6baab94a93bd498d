// Package manpage writes manual pages from commands: what --help says, as roff for
// man(1).
//
// The texts of the commands are plain, with examples indented by two blanks; they are
// kept as they are, line by line, and nothing in them is read as markup.
//
// Source: man(7), groff_man_style(7).
package manpage

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Name is the name of a command's page without its section: "gridmq-events-ack".
func Name(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

// Write writes the page of one command, section 1. version says what it is a page of.
func Write(w io.Writer, cmd *cobra.Command, version string) error {
	p := &page{}
	// No date: a page says the same whenever it is made.
	p.line(".TH %s 1 \"\" %s %s", quoted(strings.ToUpper(Name(cmd))), quoted("gridmq "+version), quoted("GridMQ Manual"))
	p.line(".nh") // no hyphenation: words are often names
	p.line(".SH NAME")
	p.line("%s \\- %s", escape(Name(cmd)), escape(lowerFirst(cmd.Short)))
	p.line(".SH SYNOPSIS")
	p.line(".B %s", escape(cmd.UseLine()))
	if cmd.HasAvailableSubCommands() {
		p.line(".PP")
		p.line(".B %s", escape(cmd.CommandPath()+" COMMAND"))
	}
	if text := strings.TrimSpace(cmd.Long); text != "" {
		p.line(".SH DESCRIPTION")
		p.prose(text)
	}
	p.commands(cmd)
	p.options("OPTIONS", cmd.NonInheritedFlags())
	p.options("OPTIONS OF THE COMMANDS ABOVE", cmd.InheritedFlags())
	if text := strings.Trim(cmd.Example, "\n"); text != "" {
		p.line(".SH EXAMPLES")
		p.verbatim(text)
	}
	p.related(cmd)
	_, err := io.WriteString(w, p.text.String())
	return err
}

type page struct{ text strings.Builder }

func (p *page) line(format string, args ...any) { fmt.Fprintf(&p.text, format+"\n", args...) }

// prose writes paragraphs; an indented one is an example, and a list keeps its lines.
func (p *page) prose(text string) {
	for i, paragraph := range strings.Split(text, "\n\n") {
		if i > 0 {
			p.line(".PP")
		}
		if strings.HasPrefix(paragraph, "  ") || strings.Contains(paragraph, "\n  ") {
			p.verbatim(paragraph)
			continue
		}
		p.line("%s", escape(paragraph))
	}
}

// verbatim writes lines as they stand.
func (p *page) verbatim(text string) {
	p.line(".nf")
	p.line("%s", escape(text))
	p.line(".fi")
}

func (p *page) commands(cmd *cobra.Command) {
	first := true
	for _, below := range cmd.Commands() {
		if !below.IsAvailableCommand() {
			continue
		}
		if first {
			p.line(".SH COMMANDS")
			first = false
		}
		p.line(".TP")
		p.line(".B %s", escape(below.Name()))
		p.line("%s; see", escape(below.Short))
		p.line(".BR %s (1)", escape(Name(below)))
	}
}

func (p *page) options(title string, flags *pflag.FlagSet) {
	if !flags.HasAvailableFlags() {
		return
	}
	p.line(".SH %s", title)
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Deprecated != "" {
			return
		}
		value, usage := pflag.UnquoteUsage(f)
		names := "--" + f.Name
		if f.Shorthand != "" {
			names = "-" + f.Shorthand + ", " + names
		}
		p.line(".TP")
		if value == "" {
			p.line(".B %s", escape(names))
		} else {
			p.line("\\fB%s\\fR \\fI%s\\fR", escape(names), escape(value))
		}
		if usage = strings.TrimSpace(usage); usage == "" {
			usage = "No description."
		}
		if d := f.DefValue; d != "" && d != "false" && d != "[]" && d != "0" && d != "0s" {
			usage += " (default " + d + ")"
		}
		p.line("%s", escape(usage))
	})
}

// related names the page above and those beside.
func (p *page) related(cmd *cobra.Command) {
	if !cmd.HasParent() {
		return
	}
	p.line(".SH SEE ALSO")
	p.line(".BR %s (1)", escape(Name(cmd.Parent())))
}

// escape keeps roff from reading text: a backslash, a dash that must stay one when it
// is copied from the page, and what begins a request at the start of a line.
func escape(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`).Replace(text)
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, ".") {
			lines[i] = `\&` + l
		}
	}
	return strings.Join(lines, "\n")
}

func quoted(text string) string { return `"` + strings.ReplaceAll(escape(text), `"`, `\(dq`) + `"` }

// lowerFirst makes the first word small, unless it is a name in capitals: MQTT.
func lowerFirst(text string) string {
	if len(text) > 1 && text[1] >= 'a' && text[1] <= 'z' || strings.HasPrefix(text, "A ") {
		return strings.ToLower(text[:1]) + text[1:]
	}
	return text
}
