// Package connectinfo writes the lines that point a client at a namespace: variables of
// the environment, and code or commands, ready to paste.
//
// It is pure: what is known of the namespace goes in, text comes out. Values stand in
// lines of the shell only, quoted; the code reads the environment. An access key is in
// it only when Info has one; else the line asks for it when it runs.
// Source: spec/sdk-compatibility.md, sections 2 to 12.
package connectinfo

import (
	"bytes"
	"embed"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/template"
)

// Info is what is known of a namespace. Empty members are not known.
type Info struct {
	Namespace  string
	ID         string // resource id of the namespace
	Management string // URL

	// The HTTP data plane.
	Endpoint            string // URL, with /ns/NAME
	Topic, Subscription string // of a namespace topic, and of a subscription with a queue
	MissingTopic        bool   // neither exists yet
	Key                 string // access key; empty: KeyCommand prints it
	KeyCommand          string // of the shell

	// MQTT over TLS.
	Host, Port    string
	Client        string // authentication name
	Cert, CertKey string // files
	Password      bool   // the client has one in place of a certificate, in MQTT_PASSWORD
	Publish       string // a topic that it may publish to; empty: there is none
	Subscribe     string // a filter that it may subscribe to; likewise

	// CA is the file of the authority to trust; empty: one that every machine knows.
	CA string
	// App is the client id of an application of the token endpoint.
	App string
	// Notes are told before everything else.
	Notes []string
}

//go:embed snippets
var snippets embed.FS

// A Part is what is wanted of a snippet.
type Part string

// The parts. Env and Code can be used by scripts as they are.
const (
	All  Part = "all"
	Env  Part = "env"
	Code Part = "code"
)

// Parts are all.
func Parts() []string { return []string{string(All), string(Env), string(Code)} }

// languages are the kinds of clients, and the file that their code belongs in; those
// without are commands of the shell.
var languages = map[string]string{
	"go": "main.go", "js": "main.mjs", "python": "main.py", "dotnet": "Program.cs", "java": "Main.java", "terraform": "main.tf",
	"az": "", "mqtt": "",
}

// Languages are the kinds of clients.
func Languages() []string { return slices.Sorted(maps.Keys(languages)) }

// Write writes the snippet of a kind of client.
func Write(w io.Writer, language string, part Part, info Info) error {
	file, known := languages[language]
	if !known {
		return fmt.Errorf("--for %q: want %s", language, strings.Join(Languages(), ", "))
	}
	if !slices.Contains(Parts(), string(part)) {
		return fmt.Errorf("--part %q: want %s", part, strings.Join(Parts(), ", "))
	}
	t, err := template.New("").Funcs(template.FuncMap{"sh": shell, "hcl": hcl, "plain": plain}).
		ParseFS(snippets, "snippets/shared.tmpl", "snippets/"+language+".tmpl")
	if err != nil {
		return err
	}
	var b bytes.Buffer // whole or not at all
	run := func(name string) {
		if err == nil {
			err = t.ExecuteTemplate(&b, name, info)
		}
	}
	if part != Code {
		for _, note := range info.Notes {
			b.WriteString(comment(note))
		}
		run("env")
	}
	if part == All {
		b.WriteString("\n")
		if file != "" {
			fmt.Fprintf(&b, "# %s: the lines below, or  gridmq connect-info --for %s --part code > %s\n\n", file, language, file)
		}
	}
	if part != Env {
		run("code")
	}
	if err != nil {
		return err
	}
	_, err = w.Write(b.Bytes())
	return err
}

// shell quotes a word for sh. What is plain stays so.
func shell(s string) string {
	const plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_./:=@+,"
	if s != "" && strings.Trim(s, plain) == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// hcl is a string of Terraform's language.
func hcl(s string) string {
	return strings.NewReplacer("${", "$${", "%{", "%%{").Replace(fmt.Sprintf("%q", s))
}

// comment is text of several lines as comments of the shell.
func comment(s string) string {
	var b strings.Builder
	for line := range strings.SplitSeq(strings.TrimRight(s, "\n"), "\n") {
		b.WriteString(strings.TrimRight("# "+plain(line), " ") + "\n")
	}
	return b.String()
}

// plain is text for a comment.
func plain(s string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return '?'
		}
		return c
	}, s)
}

// Quote quotes the words of a command for sh.
func Quote(words ...string) string {
	var quoted []string
	for _, w := range words {
		quoted = append(quoted, shell(w))
	}
	return strings.Join(quoted, " ")
}
