package load

import (
	"bytes"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// batchOf is events of publisher with the numbers from to to-1, as posted sends them.
func batchOf(run, publisher uint32, from, to uint64) []byte {
	var b []byte
	for n := from; n < to; n++ {
		b = appendEvent(b, head{run: run, publisher: publisher, seq: n}, "AAAA")
	}
	if len(b) > 0 {
		b[0] = '['
	}
	return append(b, ']')
}

// TestCensus: each number of each publisher is counted, whoever brings it, and how often.
func TestCensus(t *testing.T) {
	c := newCensus(7, 2)
	if n := c.see(batchOf(7, 0, 0, 10)); n != 10 {
		t.Errorf("%d events seen, want 10", n)
	}
	c.see(batchOf(7, 1, 5, 8))
	c.see(batchOf(7, 1, 6, 7)) // again
	c.see(batchOf(8, 1, 0, 1)) // of another run
	c.see(batchOf(7, 2, 0, 1)) // a publisher that there is not
	if got := c.received(); got != 13 || c.foreign != 2 {
		t.Errorf("%d received, %d foreign, want 13 and 2", got, c.foreign)
	}
	var r Result
	c.into(&r, []uint64{11, 8})
	if r.Expected != 19 || r.Delivered != 13 || r.Lost != 6 || r.Duplicates != 1 {
		t.Errorf("expected %d, delivered %d, lost %d, duplicates %d, want 19, 13, 6, 1", r.Expected, r.Delivered, r.Lost, r.Duplicates)
	}
}

// TestCensusConcurrent: batches may come in any order, from anywhere.
func TestCensusConcurrent(t *testing.T) {
	c := newCensus(1, 4)
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() { c.see(batchOf(1, uint32(i%4), uint64(i/4)*100, uint64(i/4+1)*100)) })
	}
	wg.Wait()
	var r Result
	c.into(&r, []uint64{1000, 1000, 1000, 1000})
	if r.Delivered != 4000 || r.Lost != 0 || r.Duplicates != 0 {
		t.Errorf("delivered %d, lost %d, duplicates %d, want 4000, 0, 0", r.Delivered, r.Lost, r.Duplicates)
	}
}

// FuzzCensus: whatever a broker sends, what is received was sent by somebody.
func FuzzCensus(f *testing.F) {
	f.Add(batchOf(1, 0, 0, 2))
	f.Add(append(batchOf(1, 0, 0, 1), `"data_base64":"`...))
	f.Add([]byte(`{"data_base64":"AAAA"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		c := newCensus(1, 3)
		n := c.see(b)
		if got := c.received() + c.foreign; got > uint64(n) || n > bytes.Count(b, dataMark) {
			t.Errorf("%q: %d events, of which %d were counted", b, n, got)
		}
	})
}

// TestTokens: every token of an answer is settled, once.
func TestTokens(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tokens := rapid.SliceOf(rapid.StringMatching(`[A-Za-z0-9_-]{1,20}`)).Draw(t, "tokens")
		answer := `{"value":[`
		for _, token := range tokens {
			answer += `{"brokerProperties":{"lockToken":"` + token + `","deliveryCount":1},"event":{"id":"x"}},`
		}
		want := `{"lockTokens":["` + strings.Join(tokens, `","`) + `"]}`
		if len(tokens) == 0 {
			want = `{"lockTokens":[]}`
		}
		got, n := appendTokens(nil, []byte(answer))
		if string(got) != want || n != len(tokens) {
			t.Fatalf("%d tokens in %s, want %d in %s", n, got, len(tokens), want)
		}
	})
}

// FuzzTokens: an answer without an end is read to its end.
func FuzzTokens(f *testing.F) {
	f.Add([]byte(`"lockToken":"a","lockToken":"`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, n := appendTokens(nil, b); n > bytes.Count(b, tokenMark) {
			t.Errorf("%q: %d tokens", b, n)
		}
	})
}
