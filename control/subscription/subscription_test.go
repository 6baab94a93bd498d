package subscription

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"gridmq/control/eventtopic"
	"gridmq/control/namespace"
	"gridmq/control/tree"
	"gridmq/delivery"
	"gridmq/identity"
)

const (
	storage = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/letters"
	hub     = "/subscriptions/s/resourceGroups/g/providers/Microsoft.EventHub/namespaces/n/eventhubs/h"
)

func pull(queue string) string {
	return `{"properties":{"deliveryConfiguration":{"deliveryMode":"Queue","queue":{` + queue + `}}}}`
}

func push(inside string) string {
	return `{"properties":{"deliveryConfiguration":{"deliveryMode":"Push","push":{` + inside + `}}}}`
}

func hook(properties string) string {
	return push(`"destination":{"endpointType":"WebHook","properties":{` + properties + `}}`)
}

func mapping(text string) string {
	return hook(`"endpointUrl":"https://a.example/x","deliveryAttributeMappings":[` + text + `]`)
}

func deadLetters(account, container string) string {
	return fmt.Sprintf(`"deadLetterDestinationWithResourceIdentity":{"identity":{"type":"SystemAssigned"},"deadLetterDestination":{"endpointType":"StorageBlob","properties":{"resourceId":%q,"blobContainerName":%q}}}`, account, container)
}

// fields are those of the faults in err, with what they have in common cut off.
func fields(err error) string {
	var list []string
	for _, f := range identity.FieldErrors(err) {
		list = append(list, strings.TrimPrefix(f.Field, "deliveryConfiguration."))
	}
	return strings.Join(list, " ")
}

func TestReadRefuses(t *testing.T) {
	const url = "push.destination.properties.endpointUrl"
	const headers = "push.destination.properties.deliveryAttributeMappings[0]."
	tests := map[string]struct{ body, want string }{
		"an unknown mode":           {`{"properties":{"deliveryConfiguration":{"deliveryMode":"Pull"}}}`, "deliveryMode"},
		"push in queue mode":        {`{"properties":{"deliveryConfiguration":{"deliveryMode":"Queue","push":{}}}}`, "push"},
		"push without its mode":     {`{"properties":{"deliveryConfiguration":{"push":{"destination":{}}}}}`, "push"},
		"queue in push mode":        {`{"properties":{"deliveryConfiguration":{"deliveryMode":"Push","queue":{},"push":{"destination":{"endpointType":"EventHub","properties":{"resourceId":"` + hub + `"}}}}}}`, "queue"},
		"no destination":            {push(``), "push.destination"},
		"two destinations":          {push(`"destination":{},"deliveryWithResourceIdentity":{}`), "push.deliveryWithResourceIdentity"},
		"no identity":               {push(`"deliveryWithResourceIdentity":{"destination":{"endpointType":"EventHub","properties":{"resourceId":"` + hub + `"}}}`), "push.deliveryWithResourceIdentity.identity"},
		"an identity without user":  {push(`"deliveryWithResourceIdentity":{"identity":{"type":"UserAssigned"},"destination":{"endpointType":"EventHub","properties":{"resourceId":"` + hub + `"}}}`), "push.deliveryWithResourceIdentity.identity.userAssignedIdentity"},
		"no endpoint type":          {push(`"destination":{}`), "push.destination.endpointType"},
		"another endpoint type":     {push(`"destination":{"endpointType":"ServiceBusQueue"}`), "push.destination.endpointType"},
		"dead letters as endpoint":  {push(`"destination":{"endpointType":"StorageBlob"}`), "push.destination.endpointType"},
		"no URL":                    {hook(``), url},
		"plain HTTP":                {hook(`"endpointUrl":"http://a.example/x"`), url},
		"no host":                   {hook(`"endpointUrl":"https:///x"`), url},
		"no URL at all":             {hook(`"endpointUrl":"a.example"`), url},
		"a password in the URL":     {hook(`"endpointUrl":"https://u:p@a.example/"`), url},
		"a fragment":                {hook(`"endpointUrl":"https://a.example/#f"`), url},
		"a batch too large":         {hook(`"endpointUrl":"https://a.example","maxEventsPerBatch":5001,"preferredBatchSizeInKilobytes":1025`), "push.destination.properties.maxEventsPerBatch push.destination.properties.preferredBatchSizeInKilobytes"},
		"old TLS":                   {hook(`"endpointUrl":"https://a.example","minimumTlsVersionAllowed":"1.0"`), "push.destination.properties.minimumTlsVersionAllowed"},
		"a hub without id":          {push(`"destination":{"endpointType":"EventHub","properties":{}}`), "push.destination.properties.resourceId"},
		"a hub that is no id":       {push(`"destination":{"endpointType":"EventHub","properties":{"resourceId":"hub"}}`), "push.destination.properties.resourceId"},
		"deliveries":                {pull(`"maxDeliveryCount":11`), "queue.maxDeliveryCount"},
		"a lock":                    {pull(`"receiveLockDurationInSeconds":50`), "queue.receiveLockDurationInSeconds"},
		"a short life":              {pull(`"eventTimeToLive":"PT59S"`), "queue.eventTimeToLive"},
		"a long life":               {pull(`"eventTimeToLive":"P7DT1S"`), "queue.eventTimeToLive"},
		"years":                     {pull(`"eventTimeToLive":"P1Y"`), "queue.eventTimeToLive"},
		"a container for folders":   {pull(deadLetters(storage, "../../etc")), "queue.deadLetterDestinationWithResourceIdentity.deadLetterDestination.properties.blobContainerName"},
		"an account for folders":    {pull(deadLetters(strings.TrimSuffix(storage, "letters")+"..", "dead")), "queue.deadLetterDestinationWithResourceIdentity.deadLetterDestination.properties.resourceId queue.deadLetterDestinationWithResourceIdentity.deadLetterDestination.properties.resourceId"},
		"dead letters elsewhere":    {pull(`"deadLetterDestinationWithResourceIdentity":{"deadLetterDestination":{"endpointType":"WebHook"}}`), "queue.deadLetterDestinationWithResourceIdentity.deadLetterDestination.endpointType"},
		"dead letters nowhere":      {pull(`"deadLetterDestinationWithResourceIdentity":{}`), "queue.deadLetterDestinationWithResourceIdentity.deadLetterDestination"},
		"another schema":            {`{"properties":{"eventDeliverySchema":"EventGridSchema"}}`, "eventDeliverySchema"},
		"no time":                   {`{"properties":{"expirationTimeUtc":"tomorrow"}}`, "expirationTimeUtc"},
		"tags":                      {`{"properties":{"tags":[]}}`, "tags"},
		"filters":                   {`{"properties":{"filtersConfiguration":{"filters":[{"operatorType":"StringIs","key":"subject","values":["a"]},{"operatorType":"NumberIn","key":"","values":["a"]}]}}}`, "filtersConfiguration.filters[0].operatorType filtersConfiguration.filters[1].values[0]"},
		"a header of HTTP":          {mapping(`{"name":"Host","type":"Static","properties":{"value":"a"}}`), headers + "name"},
		"a header of ours":          {mapping(`{"name":"Aeg-Event-Type","type":"Static","properties":{"value":"a"}}`), headers + "name"},
		"no header":                 {mapping(`{"name":"a b","type":"Static","properties":{"value":"a"}}`), headers + "name"},
		"a header twice":            {mapping(`{"name":"x","type":"Static","properties":{"value":"a"}},{"name":"X","type":"Static","properties":{"value":"b"}}`), "push.destination.properties.deliveryAttributeMappings[1].name"},
		"another line":              {mapping(`{"name":"x","type":"Static","properties":{"value":"a\r\nHost: b"}}`), headers + "properties.value"},
		"a long value":              {mapping(`{"name":"x","type":"Static","properties":{"value":"` + strings.Repeat("ä", 2049) + `"}}`), headers + "properties.value"},
		"no value":                  {mapping(`{"name":"x","type":"Static","properties":{"isSecret":true}}`), headers + "properties.value"},
		"no source":                 {mapping(`{"name":"x","type":"Dynamic","properties":{}}`), headers + "properties.sourceField"},
		"a source without a member": {mapping(`{"name":"x","type":"Dynamic","properties":{"sourceField":"data..a"}}`), headers + "properties.sourceField"},
		"no type":                   {mapping(`{"name":"x"}`), headers + "type"},
		"all faults at once":        {`{"properties":{"expirationTimeUtc":7,"deliveryConfiguration":{"queue":{"maxDeliveryCount":0,"eventTimeToLive":"x","receiveLockDurationInSeconds":"60"}}}}`, "queue.maxDeliveryCount queue.eventTimeToLive queue.receiveLockDurationInSeconds expirationTimeUtc"},
	}
	for name, one := range tests {
		t.Run(name, func(t *testing.T) {
			s, err := Read("billing", []byte(one.body), Rules{})
			if got := fields(err); err == nil || got != one.want {
				t.Errorf("%s\nfaults of %q, want %q: %v %+v", one.body, got, one.want, err, s)
			}
		})
	}
	if _, err := Read("a_", []byte(`{}`), Rules{}); fields(err) != "name" {
		t.Errorf("the name a_: %v", err)
	}
	if _, err := Read("billing", []byte(hook(`"endpointUrl":"http://a.example/x"`)), Rules{PlainHTTP: true}); err != nil {
		t.Errorf("with the switch for it, plain HTTP: %v", err)
	}
	eleven := strings.TrimSuffix(strings.Repeat(`{"name":"x","type":"Dynamic","properties":{"sourceField":"id"}},`, 11), ",")
	if _, err := Read("billing", []byte(mapping(eleven)), Rules{}); err == nil {
		t.Error("eleven delivery attributes were taken")
	}
}

func TestDefaults(t *testing.T) {
	s, err := Read("billing", []byte(`{}`), Rules{})
	if err != nil || s.Mode != delivery.Pull || s.Lock != time.Minute || s.MaxDeliveryCount != 10 || s.TimeToLive != 0 || s.Destination != nil || s.DeadLetters != nil {
		t.Errorf("%+v, %v", s, err)
	}
	s, err = Read("billing", []byte(hook(`"endpointUrl":"https://a.example/x?key=1"`)), Rules{})
	if err != nil || s.Mode != delivery.Push || s.Destination.WebHook.MaxEvents != 1 || s.Destination.WebHook.PreferredBytes != 64<<10 {
		t.Errorf("%+v, %v", s, err)
	}
}

// full has everything that a push subscription can have.
var full = `{"properties":{
 "deliveryConfiguration":{"deliveryMode":"push","push":{
  "maxDeliveryCount":3,"eventTimeToLive":"PT23H12M","deadLetterDestinationWithResourceIdentity":
   {"deliveryRetryPeriodInDays":2,"identity":{"type":"userassigned","userAssignedIdentity":"/u"},"deadLetterDestination":{"endpointType":"storageblob","properties":{"resourceId":"` + storage + `","blobContainerName":"dead"}}},
  "deliveryWithResourceIdentity":{"identity":{"type":"SystemAssigned","federatedIdentityCredentialInfo":{"federatedClientId":"f"}},"destination":{"endpointType":"webhook","properties":{
   "endpointUrl":"https://a.example/x?key=hidden1","endpointBaseUrl":"https://other","maxEventsPerBatch":10,"preferredBatchSizeInKilobytes":128,
   "azureActiveDirectoryTenantId":"t","azureActiveDirectoryApplicationIdOrUri":"api://a","minimumTlsVersionAllowed":"1.2",
   "deliveryAttributeMappings":[{"name":"Authorization","type":"Static","properties":{"value":"hidden2","isSecret":true}},
    {"name":"x","type":"static","properties":{"value":"open"}},{"name":"y","type":"Dynamic","properties":{"sourceField":"data.customer.id"}}]}}}}},
 "eventDeliverySchema":"cloudeventschemav1_0","expirationTimeUtc":"2030-06-15T18:00:00+02:00","tags":{"a":"b"},
 "filtersConfiguration":{"includedEventTypes":["a.b"],"filters":[{"operatorType":"numberinrange","key":"data.n","values":[[1,2]]}]}}}`

func TestEverythingSurvives(t *testing.T) {
	s, err := Read("billing", []byte(full), Rules{})
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := Load("billing", s.EncodeStored(), Rules{})
	if err != nil || !bytes.Equal(loaded.EncodeStored(), s.EncodeStored()) || loaded.TimeToLive != s.TimeToLive || !loaded.Expires.Equal(s.Expires) {
		t.Errorf("stored %s\nloaded %s, %v", s.EncodeStored(), loaded.EncodeStored(), err)
	}
	shown := s.Encode()
	if bytes.Contains(shown, []byte("hidden")) || bytes.Contains(shown, []byte("key=")) {
		t.Errorf("a secret is shown: %s", shown)
	}
	v, _ := tree.Parse(shown)
	const to = "properties.deliveryConfiguration.push.deliveryWithResourceIdentity.destination.properties."
	for path, want := range map[string]string{
		"properties.deliveryConfiguration.deliveryMode": `"Push"`, "properties.deliveryConfiguration.push.eventTimeToLive": `"PT23H12M"`,
		to + "endpointBaseUrl": `"https://a.example/x"`, "properties.tags": `{"a":"b"}`, "properties.expirationTimeUtc": `"2030-06-15T16:00:00Z"`,
		"properties.deliveryConfiguration.push.deadLetterDestinationWithResourceIdentity.identity": `{"type":"UserAssigned","userAssignedIdentity":"/u"}`,
		"properties.deliveryConfiguration.push.deliveryWithResourceIdentity.identity":              `{"federatedIdentityCredentialInfo":{"federatedClientId":"f"},"type":"SystemAssigned"}`,
		"properties.filtersConfiguration": `{"filters":[{"key":"data.n","operatorType":"NumberInRange","values":[[1,2]]}],"includedEventTypes":["a.b"]}`,
		to + "deliveryAttributeMappings":  `[{"name":"Authorization","properties":{"isSecret":true,"value":null},"type":"Static"},{"name":"x","properties":{"isSecret":false,"value":"open"},"type":"Static"},{"name":"y","properties":{"sourceField":"data.customer.id"},"type":"Dynamic"}]`,
	} {
		got, _ := tree.Get(v, path)
		if b, _ := json.Marshal(got); string(b) != want {
			t.Errorf("%s is %s, want %s", path, b, want)
		}
	}
	if b, _ := json.Marshal(s.Headers()); !strings.Contains(string(b), "hidden2") {
		t.Errorf("who may ask for the attributes is shown %s", b)
	}
}

// filled is what a request leads to.
func filled(t *testing.T, stored, request string, patch bool) (*Subscription, error) {
	t.Helper()
	was, err := tree.Parse([]byte(stored))
	if err != nil {
		t.Fatal(err)
	}
	asked, err := tree.Parse([]byte(request))
	if err != nil {
		t.Fatal(err)
	}
	said := asked
	if patch {
		asked = tree.MergeFold(was, asked)
	}
	return Read("billing", tree.Encode(Fill(asked, said, was, patch)), Rules{})
}

func TestFill(t *testing.T) {
	old, err := Read("billing", []byte(full), Rules{})
	if err != nil {
		t.Fatal(err)
	}
	stored, shown := string(old.EncodeStored()), string(old.Encode())
	with := func(pairs ...string) string { return strings.NewReplacer(pairs...).Replace(shown) }
	const to = "push.deliveryWithResourceIdentity.destination.properties."
	const url = `"endpointBaseUrl":"https://a.example/x"`
	tests := map[string]struct {
		request string
		patch   bool
		faults  string
		url     string // what it leads to
		secret  string
	}{
		"what was shown":          {shown, false, "", "https://a.example/x?key=hidden1", "hidden2"},
		"another path":            {with(url, `"endpointUrl":"https://a.example/y"`), false, "", "https://a.example/y", "hidden2"},
		"another host":            {with(url, `"endpointUrl":"https://evil.example/x"`), false, to + "deliveryAttributeMappings[0].properties.value", "", ""},
		"another host and secret": {with(url, `"endpointUrl":"https://evil.example/x"`, `"value":null`, `"value":"new"`), false, "", "https://evil.example/x", "new"},
		"a secret made open":      {with(`"isSecret":true`, `"isSecret":false`), false, to + "deliveryAttributeMappings[0].properties.value", "", ""},
		"a secret renamed":        {with(`Authorization`, `Other`), false, to + "deliveryAttributeMappings[0].properties.value", "", ""},
		"the mode left out":       {with(`"deliveryMode":"Push",`, ``), false, "", "https://a.example/x?key=hidden1", "hidden2"},
		"patch of nothing":        {`{}`, true, "", "https://a.example/x?key=hidden1", "hidden2"},
		"patch to another host": {`{"properties":{"deliveryConfiguration":{"push":{"deliveryWithResourceIdentity":{"destination":{"properties":{"ENDPOINTURL":"https://evil.example"}}}}}}}`, true,
			to + "deliveryAttributeMappings[0].properties.value", "", ""},
		"patch without an identity": {`{"properties":{"deliveryConfiguration":{"push":{"destination":{"endpointType":"WebHook","properties":{"deliveryAttributeMappings":[{"name":"authorization","type":"Static","properties":{"isSecret":true}}]}}}}}}`, true, "", "https://a.example/x?key=hidden1", "hidden2"},
	}
	for name, one := range tests {
		t.Run(name, func(t *testing.T) {
			s, err := filled(t, stored, one.request, one.patch)
			if one.faults != "" || err != nil {
				if fields(err) != one.faults {
					t.Errorf("faults of %q, want %q: %v", fields(err), one.faults, err)
				}
				return
			}
			if got := s.Destination; got.WebHook.URL != one.url || got.Headers[0].Value != one.secret {
				t.Errorf("leads to %+v %+v, want %q and %q", got.WebHook, got.Headers, one.url, one.secret)
			}
		})
	}
	s, err := filled(t, stored, `{"properties":{"tags":{"c":"d"}}}`, true)
	if err != nil || fmt.Sprint(s.Tags) != "map[c:d]" {
		t.Errorf("tags %v, %v: want them replaced as a whole", s.Tags, err)
	}
}

func TestReplaces(t *testing.T) {
	now := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	read := func(body string) *Subscription {
		s, err := Read("billing", []byte(body), Rules{})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	past, soon := read(`{"properties":{"expirationTimeUtc":"2026-03-01T00:00:00Z"}}`), read(`{"properties":{"expirationTimeUtc":"2026-03-03T00:00:00Z"}}`)
	hooked := read(hook(`"endpointUrl":"https://a.example"`))
	tests := map[string]struct {
		next, old *Subscription
		want      string
	}{
		"new":                {soon, nil, ""},
		"new and over":       {past, nil, "expirationTimeUtc"},
		"over, as it was":    {past, past, ""},
		"moved to the past":  {past, soon, "expirationTimeUtc"},
		"another mode":       {hooked, soon, "deliveryMode"},
		"and the other way":  {soon, hooked, "deliveryMode"},
		"the mode as it was": {hooked, hooked, ""},
	}
	for name, one := range tests {
		if got := fields(one.next.Replaces(one.old, now)); got != one.want {
			t.Errorf("%s: faults of %q, want %q", name, got, one.want)
		}
	}
}

func TestFits(t *testing.T) {
	s, err := Read("billing", []byte(full), Rules{})
	if err != nil {
		t.Fatal(err)
	}
	topic, err := eventtopic.Read("orders", []byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := namespace.Read("plant", []byte(`{}`), namespace.Rules{})
	if err != nil {
		t.Fatal(err)
	}
	if got := fields(s.Fits(topic, plain)); got != "push.deliveryWithResourceIdentity.identity push.deadLetterDestinationWithResourceIdentity.identity" {
		t.Errorf("without the identities: faults of %q", got)
	}
	rich, err := namespace.Read("plant", []byte(`{"identity":{"type":"SystemAssigned, UserAssigned","userAssignedIdentities":{"/U":{}}}}`), namespace.Rules{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Fits(topic, rich); err != nil {
		t.Error(err)
	}
	s.TimeToLive = 25 * time.Hour
	if got := fields(s.Fits(topic, rich)); got != "push.eventTimeToLive" || fields(s.Holds(topic)) != "eventRetentionInDays" {
		t.Errorf("longer than the topic keeps events: faults of %q and %q", got, fields(s.Holds(topic)))
	}
}

// Whatever is taken is stored and read back the same, and shows no URL's query.
func FuzzRead(f *testing.F) {
	f.Add([]byte(full))
	f.Add([]byte(pull(deadLetters(storage, "dead"))))
	f.Add([]byte(hook(`"endpointUrl":"https://a.example/x?k=v"`)))
	f.Fuzz(func(t *testing.T, body []byte) {
		s, err := Read("billing", body, Rules{PlainHTTP: true})
		if err != nil {
			return
		}
		again, err := Load("billing", s.EncodeStored(), Rules{})
		if err != nil || !bytes.Equal(again.EncodeStored(), s.EncodeStored()) {
			t.Fatalf("%q\nstored as %s\nis read as %v", body, s.EncodeStored(), err)
		}
		asked, err := tree.Parse(s.Encode())
		stored, _ := tree.Parse(s.EncodeStored())
		if err != nil {
			t.Fatal(err)
		}
		if back, err := Read("billing", tree.Encode(Fill(asked, asked, stored, false)), Rules{PlainHTTP: true}); err != nil || !bytes.Equal(back.EncodeStored(), s.EncodeStored()) {
			t.Fatalf("%s\nshown and put again: %v", s.EncodeStored(), err)
		}
	})
}
