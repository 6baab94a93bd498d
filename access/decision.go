package access

// A Decision says whether a client may publish to a topic or subscribe to a filter.
type Decision struct {
	Allowed bool
	// Rule is what allowed it; nil if nothing did. Where several do, it is the first
	// that was found.
	Rule *Rule

	permission Permission
	asked      string
}

// Reason says it in words: for an operator's log if allowed, for the client too if
// not. Source: spec/access-control.md, section 3.3.
func (d Decision) Reason() string {
	if d.Allowed {
		return d.Rule.source() + " allows to " + d.Rule.Permission.verb() + " topic space " + d.Rule.Space + ", template " + d.Rule.Template
	}
	if d.permission == Subscriber {
		return "Topic filter '" + d.asked + "' does not match any topicspaces"
	}
	return "Topic name '" + d.asked + "' does not match any topicspaces"
}
