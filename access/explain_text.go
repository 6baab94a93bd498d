package access

import (
	"fmt"
	"strings"
)

// String is the explanation for somebody who does not know the broker.
func (e *Explanation) String() string {
	var b strings.Builder
	e.writeVerdict(&b)
	if !e.Allowed {
		e.writeMisses(&b)
	}
	e.writeSources(&b)
	if e.Operation == Connect {
		e.writeRights(&b)
	}
	return b.String()
}

func (e *Explanation) writeVerdict(b *strings.Builder) {
	may := "may"
	if !e.Allowed {
		may = "may NOT"
	}
	switch {
	case e.Operation == Connect && e.Topic == "":
		fmt.Fprintf(b, "%q may connect, as far as permissions go.\n", e.Name)
	case e.Operation == Connect:
		fmt.Fprintf(b, "%q %s connect with the will topic %.200q, which it %s publish to.\n", e.Name, may, e.Topic, may)
	case e.Operation == Publish:
		fmt.Fprintf(b, "%q %s publish to %.200q.\n", e.Name, may, e.Topic)
	default:
		fmt.Fprintf(b, "%q %s subscribe to %.200q.\n", e.Name, may, e.Topic)
	}
	if e.Rule != nil {
		fmt.Fprintf(b, "Why: topic space %s has the template %q", e.Rule.Space, e.Rule.Template)
		if e.Filter != e.Rule.Template {
			fmt.Fprintf(b, ", for this client %q", e.Filter)
		}
		fmt.Fprintf(b, "; %s gives the permission %s.\n", e.Rule.source(), e.Rule.Permission)
	}
}

func (e *Explanation) writeSources(b *strings.Builder) {
	kind := "permission binding"
	if e.Method == "directory token" {
		kind = "role assignment"
		fmt.Fprintf(b, "It came with a directory token: role assignments decide, client groups and bindings do not.\n")
	} else {
		fmt.Fprintf(b, "It is in the client groups %s.\n", strings.Join(e.Groups, ", "))
	}
	if len(e.Looked) == 0 {
		fmt.Fprintf(b, "No %s concerns it, so everything is closed to it.\n", kind)
		return
	}
	fmt.Fprintf(b, "What concerns it:\n")
	for i, l := range e.Looked {
		if i == maxShownRights {
			fmt.Fprintf(b, "  - and %d more\n", len(e.Looked)-i)
			break
		}
		if l.Problem != "" {
			fmt.Fprintf(b, "  - %s: gives nothing, %s\n", l.source(), l.Problem)
		} else {
			fmt.Fprintf(b, "  - %s: %s on topic space %s\n", l.source(), l.Permission, l.Space)
		}
	}
}

func (e *Explanation) writeRights(b *strings.Builder) {
	for i, r := range e.Rights {
		if i == 0 {
			b.WriteString("What it may do:\n")
		}
		if r.Problem != "" {
			fmt.Fprintf(b, "  - %s nothing by template %q: %s\n", r.Permission.verb(), r.Template, r.Problem)
			continue
		}
		fmt.Fprintf(b, "  - %s %s", r.Permission.verb(), quoteSome(r.Filters))
		if r.More > 0 {
			fmt.Fprintf(b, " and %d more", r.More)
		}
		fmt.Fprintf(b, " (topic space %s)\n", r.Space)
	}
}

// writeMisses says what comes near. What is closed to all is worth saying first.
func (e *Explanation) writeMisses(b *strings.Builder) {
	if len(e.Misses) == 0 || e.Misses[0].Kind == Elsewhere {
		fmt.Fprintf(b, "No topic space has this topic %s, so it is closed to everybody. Add a topic template that matches it, and a permission binding.\n", e.Operation.noun())
	}
	for i, m := range e.Misses {
		if i == 0 {
			b.WriteString("What comes nearest to allowing it:\n")
		}
		if m.Template == "" {
			fmt.Fprintf(b, "  - %s.\n", m.Text)
			continue
		}
		fmt.Fprintf(b, "  - topic space %s, template %q: %s.\n", m.Space, m.Template, m.Text)
	}
}
