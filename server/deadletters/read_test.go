package deadletters

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
)

// of reads a text.
func of(text []byte) (letters []Letter, err error) {
	err = readFile(context.Background(), File{Path: "f"}, bytes.NewReader(text), func(l Letter) error {
		letters = append(letters, l)
		return nil
	})
	return letters, err
}

func TestRead(t *testing.T) {
	if letters, err := of([]byte("[" + record + "]")); err != nil || letters[0].Attempts != 2 || string(letters[0].Properties) != `{"tenant":"t-17"}` {
		t.Errorf("letters %+v, %v", letters, err)
	}
	for name, test := range map[string]struct{ text, want string }{
		"empty":           {"", "not an array"},
		"an object":       {record, "not an array"},
		"no record":       {"[]", "no records"},
		"more behind":     {"[" + record + "] [", "not an array"},
		"cut off":         {"[" + record, "not an array"},
		"no comma":        {"[" + record + record + "]", "record 1"},
		"not UTF-8":       {"[\"\xff\"]", "not UTF-8"},
		"null":            {"[null]", "record 0: it has no deadLetterProperties"},
		"no properties":   {`[{"event":` + good + `}]`, "no deadLetterProperties"},
		"no event":        {"[" + record + `,{"deadLetterProperties":{}}]`, "record 1: its event is not an object"},
		"event is a text": {`[{"deadLetterProperties":{},"event":"e"}]`, "not an object"},
		"no id":           {`[{"deadLetterProperties":{},"event":{"specversion":"1.0"}}]`, "`id`"},
		"wrong type":      {`[{"deadLetterProperties":{"deliveryattempts":"many"},"event":` + good + `}]`, "record 0"},
		"deep":            {strings.Repeat("[", 100000), "record 0"},
		"too large":       {`["` + strings.Repeat("x", MaxRecord) + `"]`, "record 0: it has more than"},
	} {
		_, err := of([]byte(test.text))
		if skipped, ok := errors.AsType[*Skipped](err); !ok || !strings.Contains(skipped.Reason, test.want) {
			t.Errorf("%s: %v; want %q", name, err, test.want)
		}
	}
}

// large is a file of so many records with 1 MiB of data each, made while it is read.
func large(records int) io.Reader {
	data := strings.Repeat("x", 1<<20)
	var parts []io.Reader
	for i := range records {
		separator := ","
		if i == 0 {
			separator = "["
		}
		parts = append(parts, strings.NewReader(fmt.Sprintf(`%s{"deadLetterProperties":{},"event":{"specversion":"1.0","id":"%d","source":"/s","type":"t","data":"`, separator, i)),
			strings.NewReader(data), strings.NewReader(`"}}`))
	}
	return io.MultiReader(append(parts, strings.NewReader("]"))...)
}

// A file may hold a hundred letters of a MiB; here fewer, since the race detector is slow: they are not in memory together.
func TestReadLarge(t *testing.T) {
	const records = 16
	var most uint64
	r := Reader(func(ctx context.Context, f File, tell func(Letter) error) error {
		n := 0
		return readFile(ctx, f, large(records), func(l Letter) error {
			if n++; n%4 == 0 {
				var m runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&m)
				most = max(most, m.HeapAlloc)
			}
			return tell(l)
		})
	})
	tail, err := r.Newest(t.Context(), File{Path: "f"}, 12, 10, 3<<20)
	if err != nil || tail.Of != records || tail.First != 10 || len(tail.Letters) != 2 || !strings.Contains(string(tail.Letters[1].Event[:60]), `"id":"11"`) {
		t.Errorf("%d letters from %d of %d, %v", len(tail.Letters), tail.First, tail.Of, err)
	}
	if most > 13<<20 {
		t.Errorf("%d MiB in use while it is read", most>>20)
	}
	stop := errors.New("enough")
	if err := r(t.Context(), File{}, func(Letter) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("whoever is told has enough: %v", err)
	}
}

func TestNewest(t *testing.T) {
	text := []byte("[" + strings.Repeat(record+",", 9) + record + "]")
	r := Reader(func(ctx context.Context, f File, tell func(Letter) error) error {
		return readFile(ctx, f, bytes.NewReader(text), tell)
	})
	for _, tt := range []struct{ before, most, bytes, first, n int }{
		{-1, 3, 1000, 7, 3}, {7, 3, 1000, 4, 3}, {1, 3, 1000, 0, 1}, {0, 3, 1000, 0, 0}, {-1, 100, 1000, 0, 10}, {-1, 100, 2 * len(good), 8, 2}, {-1, 100, 0, 9, 1}, {99, 1, 1000, 9, 1},
	} {
		got, err := r.Newest(t.Context(), File{}, tt.before, tt.most, tt.bytes)
		if err != nil || got.First != tt.first || len(got.Letters) != tt.n || got.Of != 10 {
			t.Errorf("before %d, %d of %d bytes: %d from %d of %d, %v; want %d from %d", tt.before, tt.most, tt.bytes, len(got.Letters), got.First, got.Of, err, tt.n, tt.first)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("[" + record + "]"))
	f.Add([]byte(`[{"deadLetterProperties":{},"event":null}]`))
	f.Fuzz(func(t *testing.T, b []byte) {
		letters, _ := of(b)
		for _, l := range letters {
			if !json.Valid(l.Event) || l.Properties != nil && !json.Valid(l.Properties) {
				t.Errorf("letter %+v", l)
			}
		}
	})
}
