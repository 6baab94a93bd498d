package authority

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// A file is one that is to be written.
type file struct {
	path string
	text []byte
	mode fs.FileMode
}

// An ExistsError says that a file is in the way.
type ExistsError struct{ Path string }

func (e *ExistsError) Error() string { return e.Path + " is there already" }

// save writes all files or none; keys come first, so that a certificate always has
// its key beside it.
func save(list []file, force bool) error {
	if !force {
		for _, f := range list {
			if _, err := os.Lstat(f.path); err == nil {
				return &ExistsError{f.path}
			} else if !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	for i, f := range list {
		if err := f.save(force); err != nil {
			if !force {
				for _, made := range list[:i] {
					_ = os.Remove(made.path) // ours, a moment old
				}
			}
			return fmt.Errorf("write %s: %w", f.path, err)
		}
	}
	return nil
}

func (f file) save(force bool) error {
	if err := os.MkdirAll(filepath.Dir(f.path), 0o755); err != nil {
		return err
	}
	if force {
		return f.replace()
	}
	out, err := os.OpenFile(f.path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, f.mode)
	if errors.Is(err, fs.ErrExist) {
		return &ExistsError{f.path}
	}
	if err != nil {
		return err
	}
	if err := f.fill(out); err != nil {
		_ = os.Remove(f.path)
		return err
	}
	return nil
}

// replace writes aside and renames: a reader finds the old file or the new one.
func (f file) replace() error {
	aside, err := os.CreateTemp(filepath.Dir(f.path), ".new-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(aside.Name())
	if err := f.fill(aside); err != nil {
		return err
	}
	return os.Rename(aside.Name(), f.path)
}

func (f file) fill(out *os.File) error {
	_, err := out.Write(f.text)
	return errors.Join(err, out.Chmod(f.mode), out.Sync(), out.Close())
}
