package conformance

import (
	"fmt"
	"testing"
)

var mqtt5 = standard{
	name: "MQTT5", title: "MQTT 5.0", version: v5, sections: sections5,
	list: [][]statement{statements5Format, statements5Connect, statements5Publish, statements5Subscribe, statements5Operation},
	tests: []map[string]test{format5, connect5, connack5, publish5, properties5, acks5, subscribe5, end5,
		delivery5, topics5, shared5, flow5, auth5, websocket5},
}

var mqtt311 = standard{
	name: "MQTT311", title: "MQTT 3.1.1", version: v3, sections: sections3,
	list: [][]statement{statements3Connect, statements3Packets, statements3Operation},
	tests: []map[string]test{format3, connect3, connack3, publish3, subscribe3, end3,
		delivery3, topics3, websocket3},
}

func TestMQTT5(t *testing.T) { mqtt5.run(t) }

func TestMQTT311(t *testing.T) { mqtt311.run(t) }

// run gives every statement that has a test its subtest.
func (s standard) run(t *testing.T) {
	t.Parallel()
	tests := s.all()
	for _, st := range s.statements() {
		if f := tests[st.id]; f != nil {
			t.Run("MQTT-"+st.id, func(t *testing.T) {
				t.Parallel()
				if st.when == "" && theBroker(t).own { // what is skipped is not covered
					t.Cleanup(func() {
						if t.Skipped() {
							t.Errorf("[MQTT-%s] was not tested", st.id)
						}
					})
				}
				f(t, s.version)
			})
		}
	}
}

func (s standard) statements() []statement {
	var all []statement
	for _, part := range s.list {
		all = append(all, part...)
	}
	return all
}

func (s standard) all() map[string]test {
	all := map[string]test{}
	for _, part := range s.tests {
		for id, f := range part {
			all[id] = f
		}
	}
	return all
}

// TestComplete proves that the declared statements are those of the standard,
// and that every one is covered by a test or says why not.
func TestComplete(t *testing.T) {
	for _, s := range []standard{mqtt5, mqtt311} {
		t.Run(s.name, func(t *testing.T) {
			for _, problem := range s.problems() {
				t.Error(problem)
			}
		})
	}
}

func (s standard) problems() []string {
	var found []string
	problem := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }

	list := s.statements()
	var want []string
	for _, sec := range s.sections {
		for n := sec.first; n <= sec.last; n++ {
			want = append(want, fmt.Sprintf("%s-%d", sec.id, n))
		}
	}
	for i := range max(len(want), len(list)) {
		if i >= len(want) || i >= len(list) || list[i].id != want[i] {
			got, should := "nothing", "nothing"
			if i < len(list) {
				got = list[i].id
			}
			if i < len(want) {
				should = want[i]
			}
			problem("statement %d of the list is %s, of the standard %s", i+1, got, should)
			break
		}
	}

	tests, declared := s.all(), map[string]bool{}
	for _, st := range list {
		declared[st.id] = true
		covered, excused := tests[st.id] != nil, st.notServer != "" || st.differs != ""
		switch {
		case st.gist == "":
			problem("%s has no gist", st.id)
		case !covered && !excused:
			problem("%s is not covered", st.id)
		case covered && excused:
			problem("%s has a test, and a reason to have none", st.id)
		case st.notServer != "" && st.differs != "":
			problem("%s has two reasons", st.id)
		case excused && st.when != "":
			problem("%s needs something for a test that it has not", st.id)
		}
	}
	seen := map[string]bool{}
	for _, part := range s.tests {
		for id, f := range part {
			if !declared[id] {
				problem("test %s belongs to no statement", id)
			}
			if seen[id] {
				problem("%s has two tests", id)
			}
			if f == nil {
				problem("test %s is nil", id)
			}
			seen[id] = true
		}
	}
	return found
}
