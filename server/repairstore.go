package server

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// repairDirectory in the data directory is the copy of the store that is repaired.
const repairDirectory = "repair"

// keptSuffix and a time are what the store that was there is called after a repair.
const keptSuffix = ".before-repair-"

// A StoreRepair says what RepairStore found and did.
type StoreRepair struct {
	StoreReport
	// Logs are those of the engine that could not be read and were left out, with
	// whatever was written since their tables were.
	Logs []string
	// Kept is where the store as it was lies now. Empty: nothing was changed.
	Kept string
}

// RepairStore makes a copy of the store of a data directory that no server uses, and
// of that one a store that can be read from one end to the other: what is damaged is
// set aside, and if the engine cannot open it because of its logs, it does without
// them. With write the copy takes the place of the store, which is kept beside it;
// otherwise the copy goes and nothing was changed. Tables are hard links in the copy:
// they are never written again.
func RepairStore(data string, write bool) (r StoreRepair, err error) {
	dir := filepath.Join(data, storeDirectory)
	if _, err := os.Stat(dir); err != nil {
		return r, fmt.Errorf("there is no store in %s", data)
	}
	lock, err := lockData(data)
	if err != nil {
		return r, err
	}
	defer lock.release()
	aside := filepath.Join(data, repairDirectory)
	if err := os.RemoveAll(aside); err != nil {
		return r, fmt.Errorf("repair: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(aside)) }()
	if r.StoreReport, err = tryStore(dir, aside, nil); err != nil {
		whole := err
		if r.Logs, err = engineLogs(dir); err != nil || len(r.Logs) == 0 {
			return r, errors.Join(whole, err)
		}
		if r.StoreReport, err = tryStore(dir, aside, r.Logs); err != nil {
			return r, fmt.Errorf("the engine's own files cannot be read: restore a backup: %w", whole)
		}
	}
	if !write {
		return r, nil
	}
	if err := syncTree(aside); err != nil {
		return r, fmt.Errorf("repair: %w", err)
	}
	kept := dir + keptSuffix + time.Now().UTC().Format("20060102T150405.000")
	if err := os.Rename(dir, kept); err != nil {
		return r, fmt.Errorf("repair: %w", err)
	}
	r.Kept = kept
	if err := os.Rename(aside, dir); err != nil {
		return r, fmt.Errorf("repair: %w; put %s back as %s", err, kept, dir)
	}
	return r, syncDir(data)
}

// tryStore copies the store in dir without some of its files, and reads the copy.
func tryStore(dir, aside string, without []string) (r StoreReport, err error) {
	if err := os.RemoveAll(aside); err != nil {
		return r, fmt.Errorf("repair: %w", err)
	}
	if err := copyStore(dir, aside, without); err != nil {
		return r, fmt.Errorf("copy the store: %w", err)
	}
	return checkStore(aside, true, false)
}

func engineLogs(dir string) (names []string, err error) {
	list, err := os.ReadDir(dir)
	for _, e := range list {
		if strings.HasSuffix(e.Name(), ".log") {
			names = append(names, e.Name())
		}
	}
	return names, err
}

// copyStore copies plain files; tables are linked where that is possible.
func copyStore(from, to string, without []string) error {
	list, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	if err := os.Mkdir(to, 0o700); err != nil {
		return err
	}
	for _, e := range list {
		if !e.Type().IsRegular() || slices.Contains(without, e.Name()) || e.Name() == "BALLAST" || e.Name() == "LOCK" {
			continue
		}
		a, b := filepath.Join(from, e.Name()), filepath.Join(to, e.Name())
		if strings.HasSuffix(a, ".sst") && os.Link(a, b) == nil {
			continue
		}
		if err := copyFile(a, b); err != nil {
			return err
		}
	}
	return nil
}

func copyFile(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fs.FileMode(0o600))
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}
