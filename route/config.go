package route

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"gridmq/event"
	"gridmq/event/filter"
	"gridmq/topic"
)

// A Config is what a namespace says about routing. The zero value routes nothing.
type Config struct {
	// Topic takes every message (section 1). Zero: none does.
	Topic Destination
	// Routes are further destinations, of which Azure knows none.
	Routes []Route

	// Static and Dynamic are the enrichments of all events, wherever they go.
	Static  []Enrichment
	Dynamic []Enrichment
}

// A Route sends some messages to one destination. A destination that several routes
// lead to gets a message once.
type Route struct {
	Destination Destination
	// TopicFilter is an MQTT filter. Empty: every topic, those with a dollar too.
	TopicFilter string
	// Filter looks at the event that the message becomes.
	Filter filter.Config
}

// An Enrichment is an extension attribute that each event gets (section 4).
type Enrichment struct {
	Key   string
	Value string // of a dynamic one: a variable
}

// Bounds of a Config (section 4; those of routes are ours).
const (
	MaxEnrichments = 20  // static and dynamic together
	MaxKey         = 20  // characters
	MaxValue       = 128 // characters, as configured
	MaxRoutes      = 50
)

// A FieldError says what is wrong with which member of the namespace.
type FieldError struct {
	Field  string // its path below properties, as "gridmq.routes[2].topicFilter"
	Reason string // reads on after the field
}

func (e *FieldError) Error() string { return e.Field + " " + e.Reason }

func fault(field, format string, args ...any) error {
	return &FieldError{field, fmt.Sprintf(format, args...)}
}

const (
	topicField       = "topicSpacesConfiguration.routeTopicResourceId"
	enrichmentsField = "topicSpacesConfiguration.routingEnrichments"
	routesField      = "gridmq.routes"
)

// Validate returns everything that is wrong with c as joined *FieldError.
func (c *Config) Validate() error {
	errs := []error{c.checkRoutes()}
	if n := len(c.Static) + len(c.Dynamic); n > MaxEnrichments {
		return errors.Join(append(errs, fault(enrichmentsField, "has %d enrichments, at most %d are allowed, static and dynamic together", n, MaxEnrichments))...)
	}
	seen := map[string]bool{}
	for i, e := range c.Static {
		field := fmt.Sprintf("%s.static[%d]", enrichmentsField, i)
		errs = append(errs, checkKey(field, e.Key, seen), checkStatic(field+".value", e.Value))
	}
	for i, e := range c.Dynamic {
		field := fmt.Sprintf("%s.dynamic[%d]", enrichmentsField, i)
		errs = append(errs, checkKey(field, e.Key, seen), checkDynamic(field+".value", e.Value))
	}
	return errors.Join(errs...)
}

func (c *Config) checkRoutes() error {
	if n := len(c.Routes); n > MaxRoutes {
		return fault(routesField, "has %d routes, at most %d are allowed", n, MaxRoutes)
	}
	var errs []error
	for i := range c.Routes {
		errs = append(errs, c.Routes[i].validate(fmt.Sprintf("%s[%d]", routesField, i)))
	}
	return errors.Join(errs...)
}

func (r *Route) validate(field string) error {
	var errs []error
	if r.Destination == (Destination{}) {
		errs = append(errs, fault(field+".destination", "is required: the name of a topic of this namespace, or the resource id of a topic"))
	}
	if f := r.TopicFilter; f != "" {
		if err := topic.ValidFilter(f); err != nil {
			errs = append(errs, fault(field+".topicFilter", "is not an MQTT topic filter: %v", err))
		}
		if strings.HasPrefix(f, "$share/") {
			errs = append(errs, fault(field+".topicFilter", "cannot be shared: leave $share and the name of the group out"))
		}
	}
	return errors.Join(append(errs, below(field+".filtersConfiguration", r.Filter.Validate(filter.Limits{})))...)
}

// below turns the errors of a filter into ones of a field that lies around it.
func below(field string, err error) error {
	switch e := err.(type) {
	case nil:
		return nil
	case *filter.FieldError:
		if e.Field != "" {
			field += "." + e.Field
		}
		return &FieldError{field, e.Reason}
	case interface{ Unwrap() []error }:
		var errs []error
		for _, one := range e.Unwrap() {
			errs = append(errs, below(field, one))
		}
		return errors.Join(errs...)
	}
	return fault(field, "cannot be read: %v", err)
}

// checkKey holds the key of an enrichment to the rules of section 4.
func checkKey(field, key string, seen map[string]bool) error {
	field += ".key"
	switch {
	case key == "":
		return fault(field, "is required")
	case event.Reserved(key):
		return fault(field, "is an attribute that every CloudEvent has: choose another")
	case len(key) > MaxKey:
		return fault(field, "has more than %d characters", MaxKey)
	case !event.ValidExtensionName(key):
		return fault(field, "must have lower-case letters a-z and digits only")
	case strings.HasPrefix(key, "azsp"):
		return fault(field, "must not begin with azsp, which is reserved")
	case seen[key]:
		return fault(field, "is there twice: a key may be used once, static and dynamic together")
	}
	seen[key] = true
	return nil
}

func checkValue(field, value string) error {
	switch {
	case value == "":
		return fault(field, "is required")
	case utf8.RuneCountInString(value) > MaxValue:
		return fault(field, "has more than %d characters", MaxValue)
	}
	return nil
}

func checkStatic(field, value string) error {
	if event.CleanText(value) != value {
		return fault(field, "has characters that CloudEvents does not allow: leave control characters out")
	}
	return checkValue(field, value)
}

func checkDynamic(field, value string) error {
	if err := checkValue(field, value); err != nil {
		return err
	}
	if _, wrong := parseVariable(value); wrong != "" {
		return fault(field, "%s", wrong)
	}
	return nil
}
