package resource

import (
	"testing"

	"gridmq/control/eventtopic"
)

// What is gone and made again while nobody looked is another resource, although it
// says the same.
func TestAnotherOfTheSameName(t *testing.T) {
	kind := topicKind()
	noun, err := eventtopic.Read("orders", []byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	c := Change{Old: &Resource{Kind: kind, Noun: noun, Created: 3, Revision: 7}, New: &Resource{Kind: kind, Noun: noun, Created: 3, Revision: 9}}
	if !c.same() {
		t.Error("a write of the same content is told as a change")
	}
	if c.New.Created = 9; c.same() {
		t.Error("another topic of that name is not told")
	}
}
