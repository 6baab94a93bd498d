package access

import (
	"testing"
)

// Section 6.
func TestAcceptancePatterns(t *testing.T) {
	t.Run("1 area isolation", func(t *testing.T) {
		p := policyOf([]*TopicSpace{space(t, "area1-space", "areas/area1/machines/#"), space(t, "area2-space", "areas/area2/machines/#")},
			bind("a1-pub", "area1", "area1-space", Publisher), bind("a1-sub", "area1", "area1-space", Subscriber),
			bind("a2-pub", "area2", "area2-space", Publisher), bind("a2-sub", "area2", "area2-space", Subscriber))
		check(t, p.Compile(registered("m1", nil), []string{"area1"}),
			may(Publish, "areas/area1/machines/m1/temp"), may(Subscribe, "areas/area1/machines/#"), may(Subscribe, "areas/area1/machines/+/temp"),
			mayNot(Publish, "areas/area2/machines/m1/temp"), mayNot(Subscribe, "areas/area2/machines/#"),
			mayNot(Subscribe, "areas/+/machines/#"), mayNot(Subscribe, "areas/#"))
	})
	t.Run("2 split roles", func(t *testing.T) {
		p := policyOf([]*TopicSpace{space(t, "telemetry", "areas/area1/telemetry/#"), space(t, "commands", "areas/area1/commands/#")},
			bind("m-tele", "machines", "telemetry", Publisher), bind("m-cmd", "machines", "commands", Subscriber),
			bind("g-tele", "managers", "telemetry", Subscriber), bind("g-cmd", "managers", "commands", Publisher))
		machine, manager := p.Compile(registered("m1", nil), []string{"machines"}), p.Compile(registered("boss", nil), []string{"managers"})
		check(t, machine, may(Publish, "areas/area1/telemetry/m1"), may(Subscribe, "areas/area1/commands/m1"),
			mayNot(Publish, "areas/area1/commands/m1"), mayNot(Subscribe, "areas/area1/telemetry/#"))
		check(t, manager, may(Publish, "areas/area1/commands/m1"), may(Subscribe, "areas/area1/telemetry/#"),
			mayNot(Publish, "areas/area1/telemetry/m1"), mayNot(Subscribe, "areas/area1/commands/#"))
	})
	t.Run("3 own topic only", func(t *testing.T) {
		p := policyOf([]*TopicSpace{space(t, "machines", "machines/${client.authenticationName}/telemetry")}, bind("machines-pub", AllClients, "machines", Publisher))
		check(t, p.Compile(registered("machine1", nil), nil), may(Publish, "machines/machine1/telemetry"),
			mayNot(Publish, "machines/machine2/telemetry"), mayNot(Publish, "machines//telemetry"), mayNot(Subscribe, "machines/machine1/telemetry"))
	})
	t.Run("4 request and response", func(t *testing.T) {
		p := policyOf([]*TopicSpace{
			space(t, "desired-all", "devices/+/desired"), space(t, "reported-all", "devices/+/reported"),
			space(t, "desired-own", "devices/${client.authenticationName}/desired"), space(t, "reported-own", "devices/${client.authenticationName}/reported"),
		}, bind("call", "callers", "desired-all", Publisher), bind("hear", "callers", "reported-all", Subscriber),
			bind("get", "devices", "desired-own", Subscriber), bind("tell", "devices", "reported-own", Publisher))
		check(t, p.Compile(registered("caller", nil), []string{"callers"}), may(Publish, "devices/d1/desired"), may(Subscribe, "devices/+/reported"),
			may(Subscribe, "devices/d1/reported"), mayNot(Subscribe, "devices/#"), mayNot(Publish, "devices/d1/reported"))
		check(t, p.Compile(registered("d1", nil), []string{"devices"}), may(Subscribe, "devices/d1/desired"), may(Publish, "devices/d1/reported"),
			mayNot(Subscribe, "devices/+/desired"), mayNot(Subscribe, "devices/d2/desired"), mayNot(Publish, "devices/d2/reported"))
	})
}
