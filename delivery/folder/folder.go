// Package folder keeps dead letters as files below a folder: the names of
// spec/namespace-topics.md, section 13.3, the content of section 13.4.
//
// <root>/<account>/<container>/<namespace>/<topic>/<subscription>/<year>/<month>/<day>/<hour>/<guid>.json
//
// Names come from clients and operators: one that could leave its folder, or that is
// no file name, is escaped. A file is complete or not there: it is written beside,
// synced, renamed, and its folder synced.
//
// Errors: the file system's, which say the path.
package folder

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"gridmq/delivery"
)

// A Sink writes below Root, which is made if need be: files 0600, folders 0700.
type Sink struct{ Root string }

var _ delivery.DeadLetterSink = Sink{}

// Write is delivery.DeadLetterSink.Write: one file for all letters. ctx is looked at
// before, not during: a file system cannot be interrupted.
func (s Sink) Write(ctx context.Context, d delivery.DeadLetter) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	root, err := os.OpenRoot(s.Root)
	if errors.Is(err, os.ErrNotExist) {
		if err := os.MkdirAll(s.Root, 0o700); err != nil {
			return fmt.Errorf("write dead letters: %w", err)
		}
		root, err = os.OpenRoot(s.Root)
	}
	if err != nil {
		return fmt.Errorf("write dead letters: %w", err)
	}
	defer root.Close()
	if err := write(root, pathOf(d, time.Now().UTC()), d.AppendJSON(nil)); err != nil {
		return fmt.Errorf("write dead letters below %s: %w", s.Root, err)
	}
	return nil
}

// pathOf is a new name for d.
func pathOf(d delivery.DeadLetter, now time.Time) string {
	parts := append([]string{d.To.Account()}, d.NewPath(now)...)
	for i := range parts {
		parts[i] = safe(parts[i])
	}
	return path.Join(parts...)
}

// maxName bounds a part of a path, in bytes: file systems take 255.
const maxName = 200

// safe is name if it is a plain file name on every system; else its bytes that are not
// are %xx, and what is too long is cut.
func safe(name string) string {
	var b strings.Builder
	for i := range len(name) {
		if b.Len() > maxName-3 {
			break
		}
		c := name[i]
		plain := c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c == '-' || c == '_' ||
			c == '.' && i > 0 && i < len(name)-1
		if plain {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02x", c)
		}
	}
	if b.Len() == 0 {
		return "%"
	}
	return b.String()
}

// write writes a new file, complete or not at all.
func write(root *os.Root, file string, content []byte) error {
	dir, name := path.Split(file)
	dir = path.Clean(dir)
	made, err := makeAll(root, dir)
	if err != nil {
		return err
	}
	beside := path.Join(dir, "."+name+".tmp")
	f, err := root.OpenFile(filepath.FromSlash(beside), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = root.Rename(filepath.FromSlash(beside), filepath.FromSlash(file))
	}
	if err != nil {
		return errors.Join(err, root.Remove(filepath.FromSlash(beside)))
	}
	for _, d := range append(made, dir) {
		if err := syncFolder(root, d); err != nil {
			return err
		}
	}
	return nil
}

// makeAll makes dir and what is above it, and returns the folders in which something
// was made.
func makeAll(root *os.Root, dir string) (changed []string, err error) {
	above := "."
	for part := range strings.SplitSeq(dir, "/") {
		next := path.Join(above, part)
		switch err := root.Mkdir(filepath.FromSlash(next), 0o700); {
		case err == nil:
			changed = append(changed, above)
		case !errors.Is(err, os.ErrExist):
			return nil, err
		}
		above = next
	}
	return changed, nil
}

func syncFolder(root *os.Root, dir string) error {
	f, err := root.Open(filepath.FromSlash(dir))
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
