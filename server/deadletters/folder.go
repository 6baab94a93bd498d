// Package deadletters reads where a broker keeps dead letters, and sets aside those that
// were published again: a folder, a bucket (without the account) or a topic, in which
// each is an event.
//
//	<folder>/<account>/<container>/<namespace>/<topic>/<subscription>/<year>/<month>/<day>/<hour>/<guid>.json
//	                                                                         .../<hour>/replayed/<guid>.json
//
// What is in there came from clients, and nobody promises that only the broker wrote
// it: what is not as it should be is left alone, and told.
//
// Units: sizes are bytes. Errors: those of the file system, which say the path; what is
// left out is a *Skipped. Source: spec/namespace-topics.md, sections 13.3 and 13.4.
package deadletters

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	// MaxFiles bounds how many there may be in one listing, unless its folder has another bound.
	MaxFiles = 1_000_000
	// replayed is the folder beside the files, for those that were published again.
	replayed = "replayed"
)

// A Place is whose letters they are. In a filter, empty is any; case does not count.
type Place struct{ Account, Container, Namespace, Topic, Subscription string }

func (p Place) names() [5]string {
	return [...]string{p.Account, p.Container, p.Namespace, p.Topic, p.Subscription}
}

// A File has the letters that a broker wrote at once.
type File struct {
	Place
	Hour  time.Time // in which it was written, by its folder; UTC
	Path  string    // within the folder, with slashes
	Size  int64
	wrote time.Time // as the file system has it: finer than Hour
}

// Skipped is a file that is left out.
type Skipped struct{ Path, Reason string }

func (s *Skipped) Error() string { return s.Path + ": " + s.Reason }

// A Folder is open until Close. Nothing outside of it is touched, whatever the links in it.
type Folder struct {
	root *os.Root
	most int // files in one listing
}

// A TooManyError says that a listing would have more files than it may.
type TooManyError struct{ Most int }

func (e *TooManyError) Error() string {
	return fmt.Sprintf("there are more than %d files: name a topic, or TOPIC/SUBSCRIPTION", e.Most)
}

// Open opens a folder.
func Open(dir string) (*Folder, error) { return OpenBounded(dir, MaxFiles) }

// OpenBounded opens a folder of which no listing has more than so many files.
func OpenBounded(dir string, most int) (*Folder, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &Folder{root, most}, nil
}

// Close closes the folder.
func (f *Folder) Close() error { return f.root.Close() }

// levels are what the folders mean, from the top.
const (
	names = 5 // account to subscription
	dates = 4 // year, month, day, hour
)

// A walk collects files.
type walk struct {
	ctx     context.Context
	root    *os.Root
	most    int
	only    [names]string
	skipped func(*Skipped)
	place   [names]string
	date    [dates]int
	files   []File
}

// Files are the letters of only, the oldest first. skipped is told what is there and is
// no file of letters.
func (f *Folder) Files(ctx context.Context, only Place, skipped func(*Skipped)) ([]File, error) {
	w := &walk{ctx: ctx, root: f.root, most: f.most, only: only.names(), skipped: skipped}
	if err := w.into(".", 0); err != nil {
		return nil, err
	}
	slices.SortFunc(w.files, File.compare)
	return w.files, nil
}

// compare has the older one first.
func (f File) compare(g File) int {
	return cmp.Or(f.Hour.Compare(g.Hour), f.wrote.Compare(g.wrote), strings.Compare(f.Path, g.Path))
}

// Mark is where the file is among others, for Before.
func (f File) Mark() string {
	return fmt.Sprintf("%d %d %s", f.Hour.Unix(), f.wrote.UnixNano(), f.Path)
}

// Before are those of files, the oldest first, that are as old as the one with a mark or
// older, whether that is still there or not; and whether the mark is one.
func Before(files []File, mark string) (older []File, ok bool) {
	parts := strings.SplitN(mark, " ", 3)
	if len(parts) < 3 {
		return nil, false
	}
	hour, err1 := strconv.ParseInt(parts[0], 10, 64)
	wrote, err2 := strconv.ParseInt(parts[1], 10, 64)
	if err1 != nil || err2 != nil {
		return nil, false
	}
	last := File{Hour: time.Unix(hour, 0), wrote: time.Unix(0, wrote), Path: parts[2]}
	n := len(files)
	for n > 0 && files[n-1].compare(last) > 0 {
		n--
	}
	return files[:n], true
}

// into walks through a folder of a level; the ninth has the files.
func (w *walk) into(dir string, level int) error {
	if err := context.Cause(w.ctx); err != nil {
		return err
	}
	list, err := fs.ReadDir(w.root.FS(), dir)
	if err != nil {
		return err
	}
	for _, entry := range list {
		below := path.Join(dir, entry.Name())
		if level == names+dates {
			err = w.file(below, entry)
		} else {
			err = w.folder(below, entry, level)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) skip(path, reason string) { w.skipped(&Skipped{path, reason}) }

func (w *walk) folder(path string, entry fs.DirEntry, level int) error {
	if !entry.IsDir() { // a link is none either
		w.skip(path, "want a folder there")
		return nil
	}
	if level < names {
		name, ok := unescape(entry.Name())
		if !ok {
			w.skip(path, "a broker names no folder like that")
			return nil
		}
		if w.only[level] != "" && !strings.EqualFold(name, w.only[level]) {
			return nil
		}
		w.place[level] = name
		return w.into(path, level+1)
	}
	n, err := strconv.Atoi(entry.Name())
	if err != nil || strconv.Itoa(n) != entry.Name() || n < 0 || n > 9999 {
		w.skip(path, "want a number: year, month, day and hour")
		return nil
	}
	w.date[level-names] = n
	return w.into(path, level+1)
}

func (w *walk) file(path string, entry fs.DirEntry) error {
	name := entry.Name()
	if name == replayed && entry.IsDir() || strings.HasPrefix(name, ".") && strings.HasSuffix(name, ".tmp") {
		return nil // set aside; being written
	}
	hour := time.Date(w.date[0], time.Month(w.date[1]), w.date[2], w.date[3], 0, 0, 0, time.UTC)
	info, err := entry.Info()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil // somebody else has set it aside
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		w.skip(path, "not an ordinary file")
	case !strings.HasSuffix(name, ".json"):
		w.skip(path, "want a name that ends in .json")
	case hour.Year() != w.date[0] || int(hour.Month()) != w.date[1] || hour.Day() != w.date[2] || hour.Hour() != w.date[3]:
		w.skip(path, "its folders are no date and hour")
	case len(w.files) == w.most:
		return &TooManyError{w.most}
	default:
		p := w.place
		w.files = append(w.files, File{Place{p[0], p[1], p[2], p[3], p[4]}, hour, path, info.Size(), info.ModTime()})
	}
	return nil
}

// unescape is the name that a folder was made for: %xx is a byte. What is not as a broker
// spells it is none of its folders.
func unescape(name string) (string, bool) {
	if name == "%" {
		return "", true
	}
	var b strings.Builder
	for i := 0; i < len(name); i++ {
		if name[i] != '%' {
			b.WriteByte(name[i])
			continue
		}
		if i+2 >= len(name) {
			return "", false
		}
		n, err := strconv.ParseUint(name[i+1:i+3], 16, 8)
		if err != nil {
			return "", false
		}
		b.WriteByte(byte(n))
		i += 2
	}
	return b.String(), utf8.ValidString(b.String())
}

// Read is a Reader.
func (f *Folder) Read(ctx context.Context, file File, tell func(Letter) error) error {
	in, err := f.root.Open(filepath.FromSlash(file.Path))
	if err != nil {
		return err
	}
	defer in.Close()
	if info, err := in.Stat(); err != nil || !info.Mode().IsRegular() { // it may have been exchanged
		return errors.Join(err, &Skipped{file.Path, "not an ordinary file"})
	}
	return readFile(ctx, file, in, tell)
}

// SetAside moves a file into the folder replayed beside it; durable when it returns.
func (f *Folder) SetAside(_ context.Context, file File) error {
	dir, name := path.Split(file.Path)
	beside := path.Join(dir, replayed)
	if err := f.root.Mkdir(filepath.FromSlash(beside), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := f.root.Rename(filepath.FromSlash(file.Path), filepath.FromSlash(path.Join(beside, name))); err != nil {
		return err
	}
	return errors.Join(f.sync(beside), f.sync(path.Clean(dir)))
}

func (f *Folder) sync(dir string) error {
	d, err := f.root.Open(filepath.FromSlash(dir))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
