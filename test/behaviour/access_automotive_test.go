package behaviour

import (
	"fmt"
	"slices"
	"testing"

	"github.com/eclipse/paho.golang/paho"

	"gridmq/internal/authority"
)

// An automotive fleet: vans and trucks, a map that sees them all, drivers' phones,
// and a service that warns. Each way of working is one test.

// automotive makes the clients. How they prove who they are differs: a CA's
// certificate with the name in its subject or in a DNS name, or a thumbprint.
func automotive(f *fleet) {
	f.configure(object{"clientAuthentication": object{
		"alternativeAuthenticationNameSources": []string{"ClientCertificateDns", "ClientCertificateSubject"}}})
	f.client("van-1", object{"kind": "vehicle", "regions": []string{"north", "coast"}})
	f.register("van-2", object{
		"authenticationName":              "van-2.roads.example",
		"clientCertificateAuthentication": object{"validationScheme": "DnsMatchesAuthenticationName"},
		"attributes":                      object{"kind": "vehicle", "regions": []string{"south"}},
	})
	f.issue("van-2", authority.LeafOptions{Name: "another name", DNS: []string{"van-2.roads.example"}})
	f.register("truck-3", object{
		"clientCertificateAuthentication": object{"validationScheme": "ThumbprintMatch", "allowedThumbprints": []string{f.issueSelfSigned("truck-3")}},
		"attributes":                      object{"kind": "vehicle", "regions": []string{"coast"}},
	})
	f.client("map", object{"kind": "service", "service": "map"})
	f.client("warnings", object{"kind": "service", "service": "warnings"})
	f.client("phone", object{"kind": "phone", "van": "van-1"})
	f.clientGroup("vehicles", "attributes.kind = 'vehicle'")
	f.clientGroup("phones", "attributes.kind = 'phone'")
	f.clientGroup("maps", "attributes.kind = 'service' and attributes.service = 'map'")
	f.clientGroup("warners", "attributes.kind = 'service' and attributes.service = 'warnings'")
}

// TestAccessAutomotiveStart: everybody may say hello to everybody.
func TestAccessAutomotiveStart(t *testing.T) {
	secured(t, func(f *fleet) {
		automotive(f)
		f.topicSpace("hello", "hello/#")
		f.bind("$all", "Publisher", "hello")
		f.bind("$all", "Subscriber", "hello")
		everybody := map[string]*client{}
		for _, name := range []string{"van-1", "van-2", "truck-3", "map", "phone"} {
			everybody[name] = f.enter(name, login{})
			everybody[name].subscribe(1, "hello/world")
		}
		for name, c := range everybody {
			c.publish(1, "hello/world", "from "+name)
			for _, other := range everybody {
				other.want("from " + name)
			}
		}
		f.wants(`
			van-1  publish    hello      yes
			van-1  publish    goodbye    no
			van-1  subscribe  hello/+    yes
			van-1  subscribe  +/world    no
			phone  subscribe  #          no
		`)
	})
}

// TestAccessAutomotiveTelemetry: many vehicles report to one map.
func TestAccessAutomotiveTelemetry(t *testing.T) {
	secured(t, func(f *fleet) {
		automotive(f)
		f.topicSpace("own-position", "vehicles/${client.authenticationName}/position")
		f.topicSpace("positions", "vehicles/+/position")
		f.bind("vehicles", "Publisher", "own-position")
		f.bind("maps", "Subscriber", "positions")
		watch := f.enter("map", login{})
		watch.subscribe(1, "vehicles/+/position")
		names := map[string]string{"van-1": "van-1", "van-2": "van-2.roads.example", "truck-3": "truck-3"}
		const each = 5
		for client, name := range names {
			login := login{}
			if client == "truck-3" && f.version == v3 { // or by the user name
				login.user = "truck-3"
			}
			c := f.enter(client, login)
			c.publish(1, "vehicles/"+name+"/position", numbered(name, each)...)
		}
		seen := map[string][]string{}
		for range each * len(names) {
			m := watch.next()
			seen[m.topic] = append(seen[m.topic], m.payload)
		}
		for _, name := range names {
			if got := seen["vehicles/"+name+"/position"]; !slices.Equal(got, numbered(name, each)) {
				f.Errorf("of %s came %q", name, got)
			}
		}
		f.wants(`
			van-1   publish    vehicles/van-2.roads.example/position  no
			van-2   publish    vehicles/van-2/position                no
			van-2   publish    vehicles/van-2.roads.example/position  yes
			truck-3 publish    vehicles/van-1/position                no
			van-1   subscribe  vehicles/van-1/position                no
			map     publish    vehicles/van-1/position                no
			map     subscribe  vehicles/truck-3/position              yes
			map     subscribe  vehicles/#                             no
		`)
	})
}

// TestAccessAutomotiveCommand: a phone unlocks its van, which answers. In MQTT 5 the
// request says where to and which one it was.
func TestAccessAutomotiveCommand(t *testing.T) {
	secured(t, func(f *fleet) {
		automotive(f)
		f.topicSpace("own-commands", "vehicles/${client.authenticationName}/commands/+")
		f.topicSpace("own-answers", "vehicles/${client.authenticationName}/answers/#")
		f.topicSpace("phones-commands", "vehicles/${client.attributes.van}/commands/unlock")
		f.topicSpace("phones-answers", "vehicles/${client.attributes.van}/answers/${client.authenticationName}")
		f.bind("vehicles", "Subscriber", "own-commands")
		f.bind("vehicles", "Publisher", "own-answers")
		f.bind("phones", "Publisher", "phones-commands")
		f.bind("phones", "Subscriber", "phones-answers")
		van, phone := f.enter("van-1", login{}), f.enter("phone", login{})
		van.subscribe(1, "vehicles/van-1/commands/+")
		phone.subscribe(1, "vehicles/van-1/answers/phone")
		for i := range 3 {
			request := message{topic: "vehicles/van-1/commands/unlock", payload: fmt.Sprint("unlock ", i), qos: 1}
			if f.version == v5 {
				request.props = &paho.PublishProperties{ResponseTopic: "vehicles/van-1/answers/phone", CorrelationData: []byte{byte(i), 0, 255}}
			}
			phone.send(request)
			got := van.want(request.payload)[0]
			answer := message{topic: "vehicles/van-1/answers/phone", payload: "done: " + got.payload, qos: 1}
			if f.version == v5 {
				answer.topic, answer.props = got.props.ResponseTopic, &paho.PublishProperties{CorrelationData: got.props.CorrelationData}
			}
			van.send(answer)
			if m := phone.want("done: " + request.payload)[0]; f.version == v5 && string(m.props.CorrelationData) != string([]byte{byte(i), 0, 255}) {
				f.Errorf("the answer to request %d has correlation data %x", i, m.props.CorrelationData)
			}
		}
		f.wants(`
			phone    publish    vehicles/van-1/commands/unlock    yes
			phone    publish    vehicles/van-1/commands/drive     no
			phone    publish    vehicles/truck-3/commands/unlock  no
			phone    subscribe  vehicles/van-1/answers/+          no
			phone    subscribe  vehicles/van-1/answers/other      no
			van-1    subscribe  vehicles/van-1/commands/#         no
			truck-3  subscribe  vehicles/van-1/commands/unlock    no
			van-1    publish    vehicles/van-1/answers/other/x    yes
			truck-3  publish    vehicles/van-1/answers/phone      no
		`)
	})
}

// TestAccessAutomotiveAlert: one service warns the vehicles of some regions. A
// vehicle has several, in an attribute that is an array.
func TestAccessAutomotiveAlert(t *testing.T) {
	secured(t, func(f *fleet) {
		automotive(f)
		f.topicSpace("warn", "alerts/+")
		f.topicSpace("be-warned", "alerts/${client.attributes.regions}", "alerts/all")
		f.bind("warners", "Publisher", "warn")
		f.bind("vehicles", "Subscriber", "be-warned")
		regions := map[string][]string{"van-1": {"north", "coast", "all"}, "van-2": {"south", "all"}, "truck-3": {"coast", "all"}}
		vehicles := map[string]*client{}
		for name, list := range regions {
			vehicles[name] = f.enter(name, login{})
			for _, region := range list {
				vehicles[name].subscribe(1, "alerts/"+region)
			}
		}
		from := f.enter("warnings", login{})
		for _, region := range []string{"north", "south", "coast", "desert", "all"} {
			from.publish(1, "alerts/"+region, "storm in "+region)
		}
		for name, list := range regions {
			var want []string
			for _, region := range []string{"north", "south", "coast", "all"} { // in the order of publishing
				if slices.Contains(list, region) {
					want = append(want, "storm in "+region)
				}
			}
			vehicles[name].want(want...)
			vehicles[name].silent()
		}
		f.wants(`
			van-1    subscribe  alerts/south        no
			van-1    subscribe  alerts/coast        yes
			van-1    subscribe  alerts/+            no
			van-2    subscribe  alerts/north        no
			van-1    publish    alerts/north        no
			phone    subscribe  alerts/all          no
			map      subscribe  alerts/all          no
		`)
	})
}
