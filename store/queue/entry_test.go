package queue

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"
	"pgregory.net/rapid"

	"gridmq/store"
)

// targetsOf decodes what was encoded, in the order of queues.
func targetsOf(t interface{ Fatalf(string, ...any) }, entry []byte) (messageEntry, []Target) {
	m, err := readMessage(entry)
	if err != nil {
		t.Fatalf("read %x: %v", entry, err)
	}
	var ts []Target
	var in interner
	if err := eachTarget(m.targets, &in, func(id ID, flags uint8, slots []uint32) {
		ts = append(ts, Target{id, flags, slots})
	}); err != nil {
		t.Fatalf("targets of %x: %v", entry, err)
	}
	sortTargets(ts)
	return m, ts
}

func sortTargets(ts []Target) {
	slices.SortFunc(ts, func(a, b Target) int { return cmp.Compare(a.Queue, b.Queue) })
}

func TestMessageRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var m Message
		m.Record = rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "record")
		if rapid.Bool().Draw(t, "claim") {
			m.Claim = Claim{ID(rapid.Uint64().Draw(t, "claimer")), rapid.Uint16Min(1).Draw(t, "packet")}
		}
		near := rapid.Uint64Range(1, 5000)
		ids := rapid.SliceOfDistinct(rapid.OneOf(near, near, rapid.Uint64()), rapid.ID[uint64]).Draw(t, "ids")
		slots := rapid.SampledFrom([][]uint32{nil, {0}, {0, 3}, {1 << 31}, {7, 2, 7}})
		for _, id := range ids {
			m.Targets = append(m.Targets, Target{ID(id), uint8(rapid.IntRange(0, 3).Draw(t, "flags")), slots.Draw(t, "slots")})
		}
		var enc encoder
		for range 2 { // the second time with used memory
			enc.message(&m)
			got, ts := targetsOf(t, enc.out)
			want := slices.Clone(m.Targets)
			sortTargets(want)
			if !bytes.Equal(got.record, m.Record) || got.claim != m.Claim || fmt.Sprint(ts) != fmt.Sprint(want) {
				t.Fatalf("%+v was read as %+v with %v", m, got, ts)
			}
		}
	})
}

func TestBroadcastIsSmall(t *testing.T) {
	tests := map[string]struct {
		step ID
		max  int
	}{
		"neighbours":     {1, 60},
		"every third":    {3, 8192*5 + 100},
		"far apart":      {100, 100_000 + 100},
		"further apart":  {1000, 200_000 + 100},
		"past container": {70_000, 300_000 + 100},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var m Message
			for i := range ID(100_000) {
				m.Targets = append(m.Targets, Target{Queue: 77 + i*test.step, Flags: 1, Slots: []uint32{0}})
			}
			var enc encoder
			enc.message(&m)
			if len(enc.out) > test.max {
				t.Errorf("100,000 targets are %d bytes, want at most %d", len(enc.out), test.max)
			}
			if _, ts := targetsOf(t, enc.out); len(ts) != len(m.Targets) || ts[99_999].Queue != m.Targets[99_999].Queue {
				t.Errorf("read %d targets, want %d", len(ts), len(m.Targets))
			}
		})
	}
}

// TestBitmap compares our writing with the library's.
func TestBitmap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base := ID(rapid.Uint64Range(0, 1<<40).Draw(t, "base")) << 16
		var ids []ID
		at := base
		for range rapid.IntRange(1, 12).Draw(t, "stretches") {
			at += ID(rapid.SampledFrom([]uint64{1, 2, 300, 65536, 200_000}).Draw(t, "gap"))
			step := ID(rapid.SampledFrom([]uint64{1, 1, 2, 9, 100}).Draw(t, "step"))
			for range rapid.IntRange(1, 9000).Draw(t, "n") {
				ids = append(ids, at)
				at += step
			}
		}
		if len(ids) < 16 {
			t.Skip()
		}
		var bm roaring.Bitmap
		base = ids[0] &^ 0xffff
		for _, id := range ids {
			bm.Add(uint32(id - base))
		}
		bm.RunOptimize()
		gotBase, size, ok := bitmapSize(ids)
		got := appendBitmap(nil, ids, gotBase)
		if !ok || gotBase != base || len(got) != size {
			t.Fatalf("%d ids: %d bytes, announced %d (%v), base %d, want %d", len(ids), len(got), size, ok, gotBase, base)
		}
		if library := int(bm.GetSerializedSizeInBytes()); size > library {
			t.Errorf("%d bytes, the library needs %d", size, library)
		}
		var back roaring.Bitmap
		if _, err := back.ReadFrom(bytes.NewReader(got)); err != nil || !back.Equals(&bm) {
			t.Fatalf("the library reads %d of %d ids: %v", back.GetCardinality(), len(ids), err)
		}
	})
}

func TestDonesRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := map[finished]bool{}
		var items []finished
		for range rapid.IntRange(0, 60).Draw(t, "n") {
			f := finished{id: ID(rapid.Uint64Range(0, 5).Draw(t, "id")), seq: rapid.Uint64Range(0, 30).Draw(t, "seq")}
			items = append(items, f)
			if f.seq > 0 {
				want[f] = true
			}
		}
		sortDones(items)
		got := map[finished]bool{}
		if err := eachDone(appendDones(nil, items), func(id ID, seq uint64) { got[finished{id: id, seq: seq}] = true }); err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("%v was read as %v", items, got)
		}
	})
}

func TestDoneRunsAreSmall(t *testing.T) {
	var items []finished
	for id := range ID(10) {
		for seq := range uint64(1000) {
			items = append(items, finished{id: id + 1, seq: seq + 500})
		}
	}
	if n := len(appendDones(nil, items)); n > 70 {
		t.Errorf("10 queues with 1000 consecutive messages each are %d bytes", n)
	}
}

// FuzzEntry: refusing bytes is fine; panicking on them is not, nor is reading
// anything that is written back differently.
func FuzzEntry(f *testing.F) {
	var enc encoder
	m := Message{Record: []byte("payload"), Claim: Claim{3, 4}}
	for i := range ID(40) {
		m.Targets = append(m.Targets, Target{Queue: i + 1, Flags: uint8(i / 20), Slots: []uint32{uint32(i / 30)}})
	}
	enc.message(&m)
	f.Add(bytes.Clone(enc.out))
	enc.out = enc.out[:0]
	enc.moved(9, []ID{1, 2, 900}, []byte("record"))
	f.Add(bytes.Clone(enc.out))
	f.Add(appendReceived(nil, 1, 2))
	f.Add(appendRelease(nil, 1, 2))
	f.Add((&assignEntry{1, 2, 3, Target{4, 5, []uint32{6}}}).append(nil))
	f.Add(appendDones(nil, []finished{{1, 1, 0}, {1, 2, 0}, {1, 9, 0}, {4, 2, 0}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		rc := recovery{q: &Queues{}, r: newOffice(1, 2, 3), from: map[ID]store.Position{}}
		err := rc.apply(1, b)
		k, _ := kindOf(b)
		if err != nil || k != kindMessage {
			return
		}
		old, ts := targetsOf(t, b)
		if len(ts) != len(slices.CompactFunc(slices.Clone(ts), func(a, b Target) bool { return a.Queue == b.Queue })) {
			return // twice in two groups: we would not write that
		}
		var enc encoder
		enc.message(&Message{Record: old.record, Claim: old.claim, Targets: ts})
		again, ts2 := targetsOf(t, enc.out)
		if !bytes.Equal(again.record, old.record) || again.claim != old.claim || fmt.Sprint(ts) != fmt.Sprint(ts2) {
			t.Errorf("%x is written as %x", b, enc.out)
		}
	})
}

// FuzzMark reads the mark of a log.
func FuzzMark(f *testing.F) {
	f.Add(appendMark(nil, 100, []span{{first: 1, end: 50, bytes: 7}, {first: 60, end: 100, bytes: 8}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		mark, list, err := readMark(b)
		if err != nil {
			return
		}
		mark2, list2, err := readMark(appendMark(nil, mark, list))
		if err != nil || mark2 != mark || !slices.Equal(list, list2) {
			t.Errorf("%x: %d %v is read back as %d %v, %v", b, mark, list, mark2, list2, err)
		}
	})
}
