package route

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// faults are the paths of everything that is wrong.
func faults(err error) (list []string) {
	if f, ok := errors.AsType[*FieldError](err); ok && err == error(f) {
		return []string{f.Field}
	}
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range many.Unwrap() {
			list = append(list, faults(one)...)
		}
		return list
	}
	if err != nil {
		list = append(list, "no FieldError: "+err.Error())
	}
	return list
}

const (
	own    = "/subscriptions/s/resourceGroups/g/providers/Microsoft.EventGrid/namespaces/plantns/topics/states"
	custom = "/subscriptions/s/resourceGroups/g/providers/Microsoft.EventGrid/topics/outside"
)

// What is refused, with its path: sections 1 and 4; routes are ours.
func TestRefused(t *testing.T) {
	static := func(entries string) Documents { return Documents{Enrichments: []byte(`{"static":[` + entries + `]}`)} }
	value := func(v string) Documents {
		return Documents{Enrichments: fmt.Appendf(nil, `{"dynamic":[{"key":"a","value":%q}]}`, v)}
	}
	routes := func(r string) Documents { return Documents{Namespace: "plantns", Routes: []byte(r)} }
	const (
		statics  = "topicSpacesConfiguration.routingEnrichments.static"
		dynamic0 = "topicSpacesConfiguration.routingEnrichments.dynamic[0].value"
	)
	tests := map[string]struct {
		d    Documents
		want string // paths
	}{
		"nothing":                     {Documents{}, ""},
		"null":                        {Documents{Enrichments: []byte(" null "), Routes: []byte("null")}, ""},
		"topic":                       {Documents{Namespace: "PlantNS", Topic: own}, ""},
		"custom topic":                {Documents{Topic: custom}, ""},
		"topic, no id":                {Documents{Topic: "states"}, topicField},
		"topic, other type":           {Documents{Topic: strings.Replace(own, "topics", "caCertificates", 1)}, topicField},
		"topic, other provider":       {Documents{Topic: strings.Replace(own, "EventGrid", "EventHub", 1)}, topicField},
		"topic, empty part":           {Documents{Topic: strings.Replace(own, "states", "", 1)}, topicField},
		"topic of another namespace":  {Documents{Namespace: "other", Topic: own}, topicField},
		"static":                      {static(`{"key":"site","value":"lyon-2","valueType":"string"},{"Key":"b2","VALUE":"x"}`), ""},
		"unknown members are ignored": {Documents{Enrichments: []byte(`{"static":null,"later":1}`)}, ""},
		"no key, no value":            {static(`{}`), statics + "[0].key " + statics + "[0].value"},
		"key no string":               {static(`{"key":1,"value":"x"}`), statics + "[0].key"},
		"key too long":                {static(`{"key":"` + strings.Repeat("a", 21) + `","value":"x"}`), statics + "[0].key"},
		"key of 20":                   {static(`{"key":"` + strings.Repeat("a", 20) + `","value":"x"}`), ""},
		"key with a capital":          {static(`{"key":"Site","value":"x"}`), statics + "[0].key"},
		"key with a hyphen":           {static(`{"key":"si-te","value":"x"}`), statics + "[0].key"},
		"key data_base64":             {static(`{"key":"data_base64","value":"x"}`), statics + "[0].key"},
		"key datacontenttype":         {static(`{"key":"datacontenttype","value":"x"}`), statics + "[0].key"},
		"key azsp":                    {static(`{"key":"azspx","value":"x"}`), statics + "[0].key"},
		"key twice":                   {static(`{"key":"a","value":"x"},{"key":"a","value":"y"}`), statics + "[1].key"},
		"key twice over both":         {Documents{Enrichments: []byte(`{"static":[{"key":"a","value":"x"}],"dynamic":[{"key":"a","value":"${mqtt.message.pfi}"}]}`)}, "topicSpacesConfiguration.routingEnrichments.dynamic[0].key"},
		"value too long":              {static(`{"key":"a","value":"` + strings.Repeat("ä", 129) + `"}`), statics + "[0].value"},
		"value of 128":                {static(`{"key":"a","value":"` + strings.Repeat("ä", 128) + `"}`), ""},
		"value, control character":    {static(`{"key":"a","value":"\u0007"}`), statics + "[0].value"},
		"value type":                  {static(`{"key":"a","value":"x","valueType":"Integer"}`), statics + "[0].valueType"},
		"all at once":                 {static(`{"key":"A","value":"x"},{"key":"b","value":""},7`), statics + "[0].key " + statics + "[1].value " + statics + "[2] " + statics + "[2].key " + statics + "[2].value"},
		"not JSON":                    {Documents{Enrichments: []byte(`{`), Routes: []byte("[")}, enrichmentsField + " " + routesField},
		"not an object":               {Documents{Enrichments: []byte(`[]`)}, enrichmentsField},
		"a member twice":              {Documents{Enrichments: []byte(`{"static":[],"Static":[]}`)}, enrichmentsField},
		"dynamic is an object":        {Documents{Enrichments: []byte(`{"dynamic":{}}`)}, "topicSpacesConfiguration.routingEnrichments.dynamic"},

		"variable: name":             {value("${client.authenticationName}"), ""},
		"variable: attribute":        {value("${client.attributes.hall_4}"), ""},
		"variable: property":         {value("${mqtt.message.userProperties.shift-2}"), ""},
		"variable: quoted":           {value(`${mqtt.message.userProperties['it\'s \\ ] } ä']}`), ""},
		"variable: empty name":       {value("${mqtt.message.userProperties['']}"), ""},
		"variable: topic":            {value("${mqtt.message.topicName}"), ""},
		"variable: response":         {value("${mqtt.message.responseTopic}"), ""},
		"variable: correlation":      {value("${mqtt.message.correlationData}"), ""},
		"variable: indicator":        {value("${mqtt.message.pfi}"), ""},
		"variable: none":             {value("hall"), dynamic0},
		"variable: text around it":   {value("hall-${client.attributes.hall}"), dynamic0},
		"variable: text behind it":   {value("${client.attributes.hall}x"), dynamic0},
		"variable: two":              {value("${client.attributes.a}${client.attributes.b}"), dynamic0},
		"variable: not closed":       {value("${mqtt.message.pfi"), dynamic0},
		"variable: unknown":          {value("${client.shoeSize}"), dynamic0},
		"variable: QoS":              {value("${mqtt.message.qos}"), dynamic0},
		"variable: spelling":         {value("${Client.AuthenticationName}"), dynamic0},
		"variable: no attribute":     {value("${client.attributes.}"), dynamic0},
		"variable: dotted attribute": {value("${client.attributes.a.b}"), dynamic0},
		"variable: dotted property":  {value("${mqtt.message.userProperties.work.shift}"), dynamic0},
		"variable: all properties":   {value("${mqtt.message.userProperties}"), dynamic0},
		"variable: open quote":       {value("${mqtt.message.userProperties['a]}"), dynamic0},
		"variable: apostrophe":       {value("${mqtt.message.userProperties['it's']}"), dynamic0},
		"variable: other escape":     {value(`${mqtt.message.userProperties['a\n']}`), dynamic0},
		"variable: escape at end":    {value(`${mqtt.message.userProperties['a\}`), dynamic0},
		"variable: double quotes":    {value(`${mqtt.message.userProperties["a"]}`), dynamic0},
		"variable: too long":         {value("${client.attributes." + strings.Repeat("a", 110) + "}"), dynamic0},

		"routes":                 {routes(`[{"destination":"alarms"},{"destination":"` + own + `","topicFilter":"a/+/#","filtersConfiguration":{"includedEventTypes":["x"]}},{"Destination":"` + custom + `"}]`), ""},
		"no destination":         {routes(`[{"topicFilter":"#"}]`), "gridmq.routes[0].destination"},
		"bad destination":        {routes(`[{"destination":"a/b"},{"destination":"a b"},{"destination":7}]`), "gridmq.routes[0].destination gridmq.routes[1].destination gridmq.routes[2].destination"},
		"another namespace":      {routes(`[{"destination":"` + strings.Replace(own, "plantns", "x", 1) + `"}]`), "gridmq.routes[0].destination"},
		"bad filter":             {routes(`[{"destination":"a","topicFilter":"a/#/b"},{"destination":"a","topicFilter":""}]`), "gridmq.routes[0].topicFilter gridmq.routes[1].topicFilter"},
		"shared filter":          {routes(`[{"destination":"a","topicFilter":"$share/g/a"}]`), "gridmq.routes[0].topicFilter"},
		"bad event filter":       {routes(`[{"destination":"a","filtersConfiguration":{"filters":[{"operatorType":"StringIn","key":"","values":["x"]}]}}]`), "gridmq.routes[0].filtersConfiguration.filters[0].key"},
		"unknown member":         {routes(`[{"destination":"a","topicfliter":"a"}]`), "gridmq.routes[0]"},
		"routes, not an array":   {routes(`{}`), routesField},
		"a route, not an object": {routes(`[1]`), "gridmq.routes[0] gridmq.routes[0].destination"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := Read(tt.d)
			list, want := faults(err), strings.Fields(tt.want)
			slices.Sort(list)
			slices.Sort(want)
			if got := strings.Join(list, " "); got != strings.Join(want, " ") {
				t.Errorf("refused %q, want %q: %v", got, tt.want, err)
			}
		})
	}
}

// How many there may be: section 4 for enrichments.
func TestHowMany(t *testing.T) {
	list := func(n int, one string) string {
		all := make([]string, n)
		for i := range all {
			all[i] = strings.ReplaceAll(one, "N", fmt.Sprint(i))
		}
		return "[" + strings.Join(all, ",") + "]"
	}
	enrichments := func(static, dynamic int) error {
		_, err := Read(Documents{Enrichments: []byte(`{"static":` + list(static, `{"key":"sN","value":"x"}`) + `,"dynamic":` + list(dynamic, `{"key":"dN","value":"${mqtt.message.pfi}"}`) + `}`)})
		return err
	}
	routes := func(n int) error {
		_, err := Read(Documents{Routes: []byte(list(n, `{"destination":"topic-N"}`))})
		return err
	}
	if err := errors.Join(enrichments(20, 0), enrichments(7, 13), routes(50)); err != nil {
		t.Error(err)
	}
	for name, err := range map[string]error{"21 static": enrichments(21, 0), "21 over both": enrichments(11, 10), "51 routes": routes(51)} {
		if err == nil || len(faults(err)) != 1 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Destinations are told in the spelling in which they were configured.
func TestDestination(t *testing.T) {
	c, err := Read(Documents{Topic: own, Routes: []byte(`[{"destination":"Alarms"},{"destination":"` + custom + `"}]`)})
	if err != nil {
		t.Fatal(err)
	}
	ids := []string{c.Topic.ResourceID("/ns"), c.Routes[0].Destination.ResourceID("/ns"), c.Routes[1].Destination.ResourceID("/ns")}
	if want := []string{"/ns/topics/states", "/ns/topics/Alarms", custom}; !slices.Equal(ids, want) {
		t.Errorf("%q, want %q", ids, want)
	}
}

func TestCompileRefuses(t *testing.T) {
	for name, c := range map[string]Config{"": {}, "a b": {}, "plantns": {Static: []Enrichment{{"A", "x"}}}} {
		if _, err := Compile(name, c); err == nil {
			t.Errorf("Compile(%q, %v) went well", name, c)
		}
	}
}

// Whatever is taken can be compiled; whatever is refused is told with a path.
func FuzzRead(f *testing.F) {
	f.Add(own, []byte(`{"static":[{"key":"site","value":"lyon-2","valueType":"String"}],"dynamic":[{"key":"hall","value":"${client.attributes.hall}"}]}`),
		[]byte(`[{"destination":"alarms","topicFilter":"halls/+/#","filtersConfiguration":{"filters":[{"operatorType":"NumberIn","key":"data.a","values":[1]}]}}]`))
	f.Add(custom, []byte(`{"dynamic":[{"key":"a","value":"${mqtt.message.userProperties['\\'']}"}]}`), []byte(`null`))
	f.Fuzz(func(t *testing.T, topic string, enrichments, routes []byte) {
		c, err := Read(Documents{Namespace: "plantns", Topic: topic, Enrichments: enrichments, Routes: routes})
		if err == nil {
			if _, err := Compile("plantns", c); err != nil {
				t.Errorf("read, and not compiled: %v", err)
			}
			return
		}
		for _, field := range faults(err) {
			if !strings.HasPrefix(field, "topicSpacesConfiguration.") && !strings.HasPrefix(field, "gridmq.routes") {
				t.Errorf("an error without a path: %s", field)
			}
		}
	})
}
