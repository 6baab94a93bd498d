package main

import (
	"bytes"
	"regexp"
	"strings"
)

// A guide is a page of docs/ that a reader could follow from its beginning, in an
// empty folder, and that TestGuides does follow:
//
//   - a block whose first line is "# name" (or "// name") is that file;
//   - a block of the language sh is a script, which must succeed;
//   - a block with lines that begin with "$ " is what a terminal shows: commands, and
//     what they print.
//
// A block after the line of HTML "<!-- not run: REASON -->" is only for the eye. One
// after "<!-- run:" and lines up to "-->" is the opposite: commands that a reader need
// not see.
type guide struct {
	lines []string
	steps []step
}

// A step is a file to write, or commands to run.
type step struct {
	line     int // of the page, from 1
	file     string
	text     string
	script   bool
	commands []command
}

// A command is one or several lines of a terminal, and what came. first and last are
// lines of the page, from 0, of the output, last not among them.
type command struct {
	line        int
	text        string
	want        []string
	first, last int
}

var (
	fence     = regexp.MustCompile("^(```+)([a-z]*)$")
	guideFile = regexp.MustCompile(`^(?:#|//) ([A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)*\.[a-z]+)$`)
	heredoc   = regexp.MustCompile(`<<-?'?([A-Z]+)'?`)
)

func readGuide(page []byte) guide {
	g := guide{lines: strings.Split(string(bytes.TrimRight(page, "\n")), "\n")}
	skip := false
	for i := 0; i < len(g.lines); i++ {
		line := g.lines[i]
		if strings.HasPrefix(line, "<!-- not run: ") {
			skip = true
			continue
		}
		if line == "<!-- run:" {
			end := until(g.lines, i+1, "-->")
			g.steps = append(g.steps, step{line: i + 1, script: true, text: strings.Join(g.lines[i+1:end], "\n")})
			i = end
			continue
		}
		m := fence.FindStringSubmatch(line)
		if m == nil {
			if line != "" {
				skip = false
			}
			continue
		}
		end := until(g.lines, i+1, m[1])
		if !skip {
			g.addBlock(m[2], i+1, end)
		}
		skip, i = false, end
	}
	return g
}

func (g *guide) addBlock(language string, first, end int) {
	body := g.lines[first:end]
	if len(body) == 0 {
		return
	}
	s := step{line: first, text: strings.Join(body, "\n")}
	switch m := guideFile.FindStringSubmatch(body[0]); {
	case m != nil:
		s.file = m[1]
	case language == "sh":
		s.script = true
	case strings.HasPrefix(body[0], "$ "):
		s.commands = readTerminal(body, first)
	default:
		return
	}
	g.steps = append(g.steps, s)
}

// until finds a line.
func until(lines []string, from int, want string) int {
	for from < len(lines) && lines[from] != want {
		from++
	}
	return from
}

func readTerminal(body []string, first int) (list []command) {
	for i := 0; i < len(body); {
		c := command{line: first + i + 1}
		text := []string{strings.TrimPrefix(body[i], "$ ")}
		for i++; i < len(body) && strings.HasSuffix(text[len(text)-1], `\`); i++ {
			text = append(text, body[i])
		}
		if m := heredoc.FindStringSubmatch(strings.Join(text, "\n")); m != nil {
			end := until(body, i, m[1])
			text = append(text, body[i:min(end+1, len(body))]...)
			i = end + 1
		}
		c.text = strings.Join(text, "\n")
		c.first = first + i
		for ; i < len(body) && !strings.HasPrefix(body[i], "$ "); i++ {
			c.want = append(c.want, body[i])
		}
		c.last = first + i
		list = append(list, c)
	}
	return list
}
