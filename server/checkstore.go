package server

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"gridmq/delivery"
	"gridmq/store"
	"gridmq/store/pebble"
)

// StoreFormat is the number of the format of stores that this gridmq opens, and of no
// other: docs/formats/store-pebble.md.
const StoreFormat = pebble.Format

// A Damage is a record of the store that is not what was written.
type Damage = store.Damage

// A StoreReport says what CheckStore read, and what of it is damaged.
type StoreReport struct {
	Documents, Entries int
	Damaged            []store.Damage
}

// CheckStore reads everything in the store of a data directory that no server
// uses, and so finds every damaged record. clear removes what was found and set
// aside, now or before, for good.
func CheckStore(data string, clear bool) (r StoreReport, err error) {
	dir := filepath.Join(data, storeDirectory)
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return r, fmt.Errorf("there is no store in %s", data)
	}
	lock, err := lockData(data)
	if err != nil {
		return r, err
	}
	defer lock.release()
	return checkStore(dir, true, clear)
}

// checkStore opens the store in dir, which must be there, and reads it, if all of it
// is wanted.
func checkStore(dir string, all, clear bool) (r StoreReport, err error) {
	if _, err := os.Stat(dir); err != nil {
		return r, err
	}
	st, err := pebble.Open(pebble.Options{Dir: dir})
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	if all {
		if err := r.read(st); err != nil {
			return r, fmt.Errorf("check the store in %s: %w", dir, err)
		}
	}
	r.Damaged = st.Damaged()
	if clear {
		if err := st.ClearDamage(); err != nil {
			return r, fmt.Errorf("clear what was set aside in %s: %w", dir, err)
		}
	}
	return r, nil
}

// read visits every document, and the logs of every namespace and of every topic.
func (r *StoreReport) read(st store.Store) error {
	logs := map[store.LogID]bool{}
	err := st.List(nil, nil, func(d store.Document) bool {
		r.Documents++
		if rest, ok := bytes.CutPrefix(d.Key, []byte("n/")); ok { // the broker's documents
			namespace, _, _ := bytes.Cut(rest, []byte("/"))
			logs[store.LogID{Namespace: string(namespace)}] = true
		}
		return true
	})
	topics, bad := delivery.Logs(st)
	err = errors.Join(err, bad)
	for _, log := range topics {
		logs[log] = true
	}
	for log := range logs {
		err = errors.Join(err, st.Read(log, 0, func(store.Position, []byte) bool {
			r.Entries++
			return true
		}))
	}
	if errors.Is(err, store.ErrDamaged) { // the list tells more
		return nil
	}
	return err
}
