package pebble

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"go.uber.org/goleak"

	"gridmq/store"
	"gridmq/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// small makes flushes and compactions happen in a test.
var small = Options{Dir: "data", MemTableBytes: 64 << 10, CacheBytes: 64 << 10, BlockCacheBytes: 1 << 20}

func mustOpen(t storetest.TB, o Options) *Store {
	t.Helper()
	s, err := Open(o)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	return s
}

func reopen(t storetest.TB, s store.Store) store.Store {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	return mustOpen(t, s.(*Store).options)
}

func TestStoreInMemory(t *testing.T) {
	storetest.Test(t, func(t storetest.TB) store.Store {
		o := small
		o.FS = vfs.NewMem()
		return mustOpen(t, o)
	}, storetest.Options{Reopen: reopen})
}

func TestStoreOnDisk(t *testing.T) {
	parent, n := t.TempDir(), 0
	storetest.Test(t, func(t storetest.TB) store.Store {
		o := small
		o.Dir = filepath.Join(parent, fmt.Sprint(n))
		n++
		return mustOpen(t, o)
	}, storetest.Options{Reopen: reopen, SkipHistories: true, Small: func(t *testing.T) store.Store {
		return mustOpen(t, Options{Dir: filepath.Join(smallDisk(t, 32<<20), "data")})
	}})
}
