package memory_test

import (
	"errors"
	"testing"

	"go.uber.org/goleak"

	"gridmq/store"
	"gridmq/store/memory"
	"gridmq/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestStore(t *testing.T) {
	storetest.Test(t, func(storetest.TB) store.Store { return memory.New(memory.Options{}) }, storetest.Options{
		Small: func(*testing.T) store.Store { return memory.New(memory.Options{MaxBytes: 4 << 20}) },
	})
}

func TestFull(t *testing.T) {
	s := memory.New(memory.Options{MaxBytes: 100_000})
	defer s.Close()
	b := store.Batch{Log: store.LogID{Namespace: "a"}, Entries: [][]byte{make([]byte, 1000)}}
	n := 0
	for ; n < 1000; n++ {
		if _, _, err := s.Submit(&b); errors.Is(err, store.ErrFull) {
			break
		} else if err != nil {
			t.Fatalf("Submit: %v", err)
		}
		if err := s.Sync(t.Context()); err != nil { // a record for each
			t.Fatalf("Sync: %v", err)
		}
	}
	if n < 50 || n > 100 {
		t.Errorf("%d entries of 1,000 bytes were accepted into 100,000 bytes", n)
	}
	if err := s.Truncate(b.Log, 1, store.Position(n/2)); err != nil {
		t.Fatalf("Truncate when full: %v", err)
	}
	storetest.Eventually(t, "space returned", func() bool {
		_, _, err := s.Submit(&b)
		return err == nil
	})
	if st := s.Stats(); st.Full || st.LogBytes > 100_000 || st.FreeBytes == 0 {
		t.Errorf("Stats = %+v", st)
	}
}
