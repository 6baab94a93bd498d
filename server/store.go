package server

import (
	"fmt"
	"path/filepath"

	"gridmq/store"
	"gridmq/store/memory"
	"gridmq/store/pebble"
)

// storeDirectory is the engine's, inside the data directory.
const storeDirectory = "store"

func (s *Server) openStore() (store.Store, error) {
	st := s.opts.Store
	if st == nil {
		var err error
		if st, err = s.openEngine(); err != nil {
			return nil, err // it names the directory
		}
	}
	registerStore(s.registry, st)
	if n := len(st.Damaged()); n > 0 {
		s.log.Error("the store has damaged records; `gridmq store check` lists them", "records", n)
	}
	return st, nil
}

func (s *Server) openEngine() (store.Store, error) {
	c := s.cfg.Store
	if c.Engine == "memory" {
		s.log.Warn("the store is in memory: everything is forgotten when the process ends")
		return memory.New(memory.Options{}), nil
	}
	if c.Durability == string(pebble.Relaxed) {
		s.log.Warn("durability is relaxed: a PUBACK is no promise, a crash may lose what was acknowledged")
	}
	return pebble.Open(pebble.Options{
		Dir: filepath.Join(s.cfg.Data, storeDirectory), Durability: pebble.Durability(c.Durability),
		Reserve: int64(c.Reserve), CacheBytes: int64(c.Cache), BlockCacheBytes: int64(c.BlockCache), Logger: s.log,
	})
}

func (s *Server) closeStore(st store.Store) error {
	if s.opts.Store != nil {
		return nil
	}
	if err := st.Close(); err != nil {
		return fmt.Errorf("close the store: %w", err)
	}
	return nil
}
