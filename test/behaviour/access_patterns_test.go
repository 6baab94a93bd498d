package behaviour

import "testing"

// The patterns that access control is to be accepted by: spec/access-control.md,
// section 6.

func TestAccessAreaIsolation(t *testing.T) {
	secured(t, func(f *fleet) {
		for _, area := range []string{"area1", "area2"} {
			f.clientGroup(area, "attributes.area = '"+area+"'")
			f.topicSpace(area, "areas/"+area+"/machines/#")
			f.bind(area, "Publisher", area)
			f.bind(area, "Subscriber", area)
			f.client("m-"+area, object{"area": area})
		}
		f.client("stray", object{})
		f.wants(`
			m-area1  publish    areas/area1/machines/m1/temp  yes
			m-area1  publish    areas/area1/machines          yes
			m-area1  publish    areas/area2/machines/m1/temp  no
			m-area1  publish    areas/area1/other             no
			m-area1  subscribe  areas/area1/machines/+/temp   yes
			m-area1  subscribe  areas/area1/machines/#        yes
			m-area1  subscribe  areas/area1/#                 no
			m-area1  subscribe  areas/+/machines/#            no
			m-area1  subscribe  areas/area2/machines/m1/temp  no
			m-area1  subscribe  #                             no
			m-area2  publish    areas/area2/machines/m1/temp  yes
			m-area2  publish    areas/area1/machines/m1/temp  no
			m-area2  subscribe  areas/area2/machines/#        yes
			m-area2  subscribe  areas/area1/machines/#        no
			stray    publish    areas/area1/machines/m1/temp  no
			stray    subscribe  areas/area2/machines/#        no
		`)
		one, other := f.enter("m-area1", login{id: "one"}), f.enter("m-area2", login{id: "other"})
		one.subscribe(1, "areas/area1/machines/+/temp")
		other.subscribe(1, "areas/area2/machines/+/temp")
		other.publish(1, "areas/area2/machines/m2/temp", "of area 2")
		one.publish(1, "areas/area1/machines/m1/temp", "of area 1")
		one.want("of area 1")
		other.want("of area 2")
		one.silent()
		other.silent()
	})
}

func TestAccessSplitRoles(t *testing.T) {
	secured(t, func(f *fleet) {
		for _, area := range []string{"area1", "area2"} {
			f.topicSpace(area+"-telemetry", "areas/"+area+"/telemetry/#")
			f.topicSpace(area+"-commands", "areas/"+area+"/commands/#")
			machines, managers := area+"-machines", area+"-managers"
			f.clientGroup(machines, `attributes.area = "`+area+`" and attributes.role = "machine"`)
			f.clientGroup(managers, `attributes.area = "`+area+`" and attributes.role IN ["manager", "deputy"]`)
			f.bind(machines, "Publisher", area+"-telemetry")
			f.bind(machines, "Subscriber", area+"-commands")
			f.bind(managers, "Subscriber", area+"-telemetry")
			f.bind(managers, "Publisher", area+"-commands")
		}
		f.client("press", object{"area": "area1", "role": "machine"})
		f.client("boss", object{"area": "area1", "role": "manager"})
		f.client("deputy", object{"area": "area2", "role": "deputy"})
		f.wants(`
			press   publish    areas/area1/telemetry/press  yes
			press   publish    areas/area1/commands/press   no
			press   subscribe  areas/area1/commands/press   yes
			press   subscribe  areas/area1/telemetry/press  no
			press   publish    areas/area2/telemetry/press  no
			press   subscribe  areas/area2/commands/press   no
			boss    publish    areas/area1/commands/press   yes
			boss    publish    areas/area1/telemetry/press  no
			boss    subscribe  areas/area1/telemetry/#      yes
			boss    subscribe  areas/area1/commands/#       no
			boss    subscribe  areas/area2/telemetry/#      no
			deputy  publish    areas/area2/commands/all     yes
			deputy  subscribe  areas/area2/telemetry/#      yes
			deputy  publish    areas/area1/commands/all     no
		`)
		press, boss := f.enter("press", login{}), f.enter("boss", login{})
		boss.subscribe(1, "areas/area1/telemetry/#")
		press.subscribe(1, "areas/area1/commands/press")
		press.publish(1, "areas/area1/telemetry/press", "71 degrees")
		boss.want("71 degrees")
		boss.publish(1, "areas/area1/commands/press", "slower")
		press.want("slower")
	})
}

func TestAccessOwnTopicOnly(t *testing.T) {
	secured(t, func(f *fleet) {
		f.topicSpace("telemetry", "machines/${client.authenticationName}/telemetry")
		f.bind("$all", "Publisher", "telemetry")
		f.client("machine1", nil)
		f.client("machine2", nil)
		f.client("Machine3", nil)
		f.wants(`
			machine1  publish    machines/machine1/telemetry        yes
			machine1  publish    machines/machine2/telemetry        no
			machine1  publish    machines/machine1/telemetry/x      no
			machine1  publish    machines/machine1                  no
			machine1  publish    machines/Machine1/telemetry        no
			machine1  publish    /machines/machine1/telemetry       no
			machine1  subscribe  machines/machine1/telemetry        no
			machine2  publish    machines/machine2/telemetry        yes
			machine2  publish    machines/machine1/telemetry        no
			Machine3  publish    machines/Machine3/telemetry        yes
			Machine3  publish    machines/machine3/telemetry        no
		`)
		// A name is found in any case of its letters, and means what was registered.
		f.issue("Machine3", authorityLeaf("MACHINE3"))
		f = f.speaking(f.version)
		f.wants(`
			Machine3  publish    machines/Machine3/telemetry        yes
			Machine3  publish    machines/MACHINE3/telemetry        no
		`)
		// QoS 0 has no answer: the connection ends.
		c := f.enter("machine1", login{})
		_ = c.later(0, "machines/machine2/telemetry", "lie")
		if d := c.wantEnd(0x87); f.version == v5 && d.reason == "" {
			f.Error("DISCONNECT has no reason string")
		}
	})
}

func TestAccessRequestResponse(t *testing.T) {
	secured(t, func(f *fleet) {
		f.clientGroup("callers", "attributes.kind = 'caller'")
		f.clientGroup("devices", "attributes.kind = 'device'")
		f.topicSpace("all-desired", "devices/+/desired")
		f.topicSpace("all-reported", "devices/+/reported")
		f.topicSpace("own-desired", "devices/${client.authenticationName}/desired")
		f.topicSpace("own-reported", "devices/${client.authenticationName}/reported")
		f.bind("callers", "Publisher", "all-desired")
		f.bind("callers", "Subscriber", "all-reported")
		f.bind("devices", "Subscriber", "own-desired")
		f.bind("devices", "Publisher", "own-reported")
		f.client("caller", object{"kind": "caller"})
		f.client("d1", object{"kind": "device"})
		f.client("d2", object{"kind": "device"})
		f.wants(`
			caller  publish    devices/d1/desired   yes
			caller  publish    devices/d1/reported  no
			caller  subscribe  devices/+/reported   yes
			caller  subscribe  devices/d1/reported  yes
			caller  subscribe  devices/+/desired    no
			caller  subscribe  devices/#            no
			d1      subscribe  devices/d1/desired   yes
			d1      subscribe  devices/+/desired    no
			d1      subscribe  devices/d2/desired   no
			d1      publish    devices/d1/reported  yes
			d1      publish    devices/d2/reported  no
			d1      publish    devices/d1/desired   no
		`)
		caller := f.enter("caller", login{})
		caller.subscribe(1, "devices/+/reported")
		for _, name := range []string{"d1", "d2"} {
			d := f.enter(name, login{})
			d.subscribe(1, "devices/"+name+"/desired")
			caller.publish(1, "devices/"+name+"/desired", "open")
			d.want("open")
			d.publish(1, "devices/"+name+"/reported", "opened by "+name)
			if m := caller.want("opened by " + name)[0]; m.topic != "devices/"+name+"/reported" {
				f.Errorf("the answer came as %v", m)
			}
		}
	})
}
