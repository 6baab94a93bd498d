package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	plane "gridmq/control/client"
	"gridmq/control/manifest"
)

// A column is a heading and the path of what stands below it; several paths are
// tried in turn.
type column struct {
	heading string
	paths   []string
}

// columns of the kinds. A path ends in a member of the resource.
var columns = map[*manifest.Kind][]column{
	manifest.Namespace: {{"NAME", []string{"name"}}, {"MQTT", []string{"properties.topicSpacesConfiguration.state"}},
		{"PROFILE", []string{"properties.gridmq.profile"}}, {"LOCATION", []string{"location"}},
		{"HOST", []string{"properties.topicSpacesConfiguration.hostname", "properties.gridmq.hosts"}}},
	manifest.CACertificate: {{"NAME", []string{"name"}}, {"EXPIRES", []string{"properties.expiryTimeInUtc"}}, {"DESCRIPTION", []string{"properties.description"}}},
	manifest.ClientGroup:   {{"NAME", []string{"name"}}, {"QUERY", []string{"properties.query"}}, {"DESCRIPTION", []string{"properties.description"}}},
	manifest.TopicSpace:    {{"NAME", []string{"name"}}, {"TEMPLATES", []string{"properties.topicTemplates"}}, {"DESCRIPTION", []string{"properties.description"}}},
	manifest.Client: {{"NAME", []string{"name"}}, {"AUTHENTICATION NAME", []string{"properties.authenticationName"}}, {"STATE", []string{"properties.state"}},
		{"SCHEME", []string{"properties.clientCertificateAuthentication.validationScheme"}}, {"ATTRIBUTES", []string{"properties.attributes"}}},
	manifest.PermissionBinding: {{"NAME", []string{"name"}}, {"GROUP", []string{"properties.clientGroupName"}}, {"PERMISSION", []string{"properties.permission"}},
		{"TOPIC SPACE", []string{"properties.topicSpaceName"}}},
	manifest.Topic: {{"NAME", []string{"name"}}, {"RETENTION (DAYS)", []string{"properties.eventRetentionInDays"}}},
	manifest.EventSubscription: {{"TOPIC", []string{"id"}}, {"NAME", []string{"name"}}, {"MODE", []string{"properties.deliveryConfiguration.deliveryMode"}},
		{"EXPIRES", []string{"properties.expirationTimeUtc"}}, {"TYPES", []string{"properties.filtersConfiguration.includedEventTypes"}}},
	manifest.CustomTopic: {{"NAME", []string{"name"}}, {"SCHEMA", []string{"properties.inputSchema"}}, {"ENDPOINT", []string{"properties.endpoint"}}},
	manifest.CustomTopicSubscription: {{"TOPIC", []string{"id"}}, {"NAME", []string{"name"}}, {"ENDPOINT", []string{"properties.destination.properties.endpointBaseUrl"}},
		{"FORWARD", []string{"properties.gridmq.forward"}}, {"TYPES", []string{"properties.filter.includedEventTypes"}}},
	manifest.RoleAssignment: {{"NAME", []string{"name"}}, {"PRINCIPAL", []string{"properties.principalId"}}, {"TYPE", []string{"properties.principalType"}},
		{"ROLE", []string{"properties.roleDefinitionId"}}, {"SCOPE", []string{"properties.scope"}}},
}

func printTable(w io.Writer, kind *manifest.Kind, list []*plane.Resource) error {
	t := newTable(w)
	var headings []string
	for _, c := range columns[kind] {
		headings = append(headings, c.heading)
	}
	t.row(headings...)
	for _, r := range list {
		o := object(r.Raw)
		var cells []string
		for _, c := range columns[kind] {
			cells = append(cells, c.of(o))
		}
		t.row(cells...)
	}
	return t.flush()
}

func (c column) of(o map[string]any) string {
	for _, path := range c.paths {
		var v any = o
		for step := range strings.SplitSeq(path, ".") {
			inside, _ := v.(map[string]any)
			v = inside[step]
		}
		if s := cell(v); s != "" {
			switch parts := strings.Split(s, "/"); {
			case c.heading == "ROLE":
				s = parts[len(parts)-1]
			case c.heading == "TOPIC" && len(parts) > 3: // .../topics/orders/eventSubscriptions/billing
				s = parts[len(parts)-3]
			}
			return s
		}
	}
	return ""
}

// cell is a value in few words.
func cell(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case json.Number:
		return v.String()
	case []any:
		var parts []string
		for _, one := range v {
			parts = append(parts, cell(one))
		}
		return strings.Join(parts, " ")
	case map[string]any:
		var parts []string
		for _, name := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, name+"="+cell(v[name]))
		}
		return strings.Join(parts, " ")
	}
	return fmt.Sprint(v)
}

const (
	widest     = 80   // characters of a cell
	widestLast = 1000 // of the last in a row, behind which nothing has to line up
)

// A table lines up its columns.
type table struct{ w *tabwriter.Writer }

func newTable(w io.Writer) table { return table{tabwriter.NewWriter(w, 0, 8, 3, ' ', 0)} }

// row writes cells. Names come from clients: what would move the cursor does not
// reach a terminal.
func (t table) row(cells ...string) {
	for i, c := range cells {
		most := widest
		if i == len(cells)-1 {
			most = widestLast
		}
		cells[i] = printableText(c, most)
		if cells[i] == "" {
			cells[i] = "-"
		}
	}
	fmt.Fprintln(t.w, strings.Join(cells, "\t"))
}

func (t table) flush() error { return t.w.Flush() }

// printableText is text on one line, without control characters, cut to so many
// characters.
func printableText(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == 0x2028 || r == 0x2029 {
			return '\ufffd'
		}
		return r
	}, s)
	if r := []rune(s); len(r) > most {
		return string(r[:most-3]) + "..."
	}
	return s
}
