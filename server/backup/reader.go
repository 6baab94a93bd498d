package backup

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// A Summary says what was read.
type Summary struct {
	Head
	Files int // that were there
	Bytes int64
}

// Read reads a whole backup. begin is called with its head, then keep with each file,
// whose content need not be read up; either may be nil. Nothing that keep was given can
// be relied on before Read has returned nil: the sums come last.
func Read(r io.Reader, begin func(Head), keep func(name string, size int64, content io.Reader) error) (s Summary, err error) {
	in := &reader{tar: tar.NewReader(r), sums: map[string]string{}}
	text, err := in.small(headName, maxHead)
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(text, &s.Head); err != nil {
		return s, malformed("its head cannot be read: %v", err)
	}
	if s.Format != Format {
		return s, malformed("its format is %d, and this gridmq reads %d: use the gridmq that wrote it, %.40q, or a newer one",
			s.Format, Format, s.Version)
	}
	if begin != nil {
		begin(s.Head)
	}
	for {
		h, err := in.next()
		if err != nil {
			return s, err
		}
		if h.Name == sumsName {
			break
		}
		name, inside := strings.CutPrefix(h.Name, dataRoot)
		if !inside {
			return s, malformed("there is %.80q in it", h.Name)
		}
		if err := checkName(name); err != nil {
			return s, err
		}
		if s.Files++; s.Files > maxFiles {
			return s, malformed("it has more than %d files", maxFiles)
		}
		s.Bytes += h.Size
		if err := in.file(h, name, keep); err != nil {
			return s, err
		}
	}
	return s, in.end()
}

// A reader reads a backup in order.
type reader struct {
	tar  *tar.Reader
	size int64             // of the entry that it is at
	sums map[string]string // by name, as read
}

// next goes to the next entry, which must be a plain file of a name that is new.
func (r *reader) next() (*tar.Header, error) {
	h, err := r.tar.Next()
	switch {
	case errors.Is(err, io.EOF):
		return nil, malformed("its end is missing")
	case err != nil:
		return nil, broken(err)
	case h.Typeflag != tar.TypeReg:
		return nil, malformed("%.80q is no plain file", h.Name)
	case h.Size < 0:
		return nil, malformed("%.80q has a size of %d", h.Name, h.Size)
	}
	if _, twice := r.sums[h.Name]; twice {
		return nil, malformed("%.80q is in it twice", h.Name)
	}
	r.size = h.Size
	return h, nil
}

// broken tells what tar says about the archive from what the source says.
func broken(err error) error {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return malformed("it ends in the middle")
	case errors.Is(err, tar.ErrHeader), errors.Is(err, tar.ErrFieldTooLong), errors.Is(err, tar.ErrInsecurePath):
		return malformed("%v", err)
	}
	return fmt.Errorf("read the backup: %w", err)
}

// small reads an entry that is kept in memory.
func (r *reader) small(name string, most int64) ([]byte, error) {
	h, err := r.next()
	if err != nil {
		return nil, err
	}
	if h.Name != name {
		return nil, malformed("it begins with %.80q, and not with %s", h.Name, name)
	}
	var b bytes.Buffer
	if h.Size > most {
		return nil, malformed("%s has %d bytes", name, h.Size)
	}
	err = r.file(h, name, func(_ string, _ int64, content io.Reader) error {
		_, err := b.ReadFrom(content)
		return err
	})
	return b.Bytes(), err
}

// file reads one entry to its end, for keep and for its sum.
func (r *reader) file(h *tar.Header, name string, keep func(string, int64, io.Reader) error) error {
	sum := sha256.New()
	content := &source{r: io.TeeReader(r.tar, sum)}
	if keep != nil {
		if err := keep(name, h.Size, content); err != nil {
			return cmpErr(content.err, err)
		}
	}
	if _, err := io.Copy(io.Discard, content); err != nil {
		return broken(err)
	}
	r.sums[h.Name] = hex.EncodeToString(sum.Sum(nil))
	return nil
}

// A source remembers what went wrong with the backup, so that it is not taken for what
// went wrong with a file that is being written.
type source struct {
	r   io.Reader
	err error
}

func (s *source) Read(b []byte) (int, error) {
	n, err := s.r.Read(b)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

func cmpErr(read, kept error) error {
	if read != nil {
		return broken(read)
	}
	return kept
}

// end compares the sums, and wants nothing behind them.
func (r *reader) end() error {
	if r.size > maxSums {
		return malformed("its sums have %d bytes", r.size)
	}
	text, err := io.ReadAll(r.tar)
	if err != nil {
		return broken(err)
	}
	for line := range strings.Lines(string(text)) {
		sum, name, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
		got, have := r.sums[name]
		switch {
		case !ok || !have:
			return malformed("%.80q is named, and not in it", name)
		case got != sum:
			return malformed("%.80q is not what was written: its checksum does not match", name)
		}
		delete(r.sums, name)
	}
	for name := range r.sums {
		return malformed("%.80q has no checksum", name)
	}
	if _, err := r.tar.Next(); !errors.Is(err, io.EOF) {
		return malformed("there is something behind its end")
	}
	return nil
}
