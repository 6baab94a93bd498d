package resource

import (
	"cmp"
	"slices"
)

// MaxEffects is how many effects of a dry run are told one by one.
const MaxEffects = 100

// An Effect is what a change would do to somebody connected.
type Effect struct {
	Namespace string `json:"namespace"`
	Client    string `json:"client"`            // authentication name
	Session   string `json:"session,omitempty"` // client identifier
	Loses     string `json:"loses"`             // as "connection", "subscription a/#", "the right to publish to a/b"
	Reason    string `json:"reason"`
}

func (e Effect) compare(other Effect) int {
	return cmp.Or(cmp.Compare(e.Namespace, other.Namespace), cmp.Compare(e.Client, other.Client),
		cmp.Compare(e.Session, other.Session), cmp.Compare(e.Loses, other.Loses), cmp.Compare(e.Reason, other.Reason))
}

// An Impact is what changes would do to those who are connected. Its size is bounded
// however many they are: the first MaxEffects by namespace, client and session, and
// how many more there are. The zero value is none.
type Impact struct {
	Effects []Effect
	More    int
}

// Add adds an effect.
func (i *Impact) Add(e Effect) {
	at, _ := slices.BinarySearchFunc(i.Effects, e, Effect.compare)
	if len(i.Effects) == MaxEffects {
		i.More++
		if at == MaxEffects {
			return
		}
		i.Effects = i.Effects[:MaxEffects-1] // the last makes room
	}
	i.Effects = slices.Insert(i.Effects, at, e)
}

// Join adds the effects of other changes.
func (i *Impact) Join(other Impact) {
	for _, e := range other.Effects {
		i.Add(e)
	}
	i.More += other.More
}
