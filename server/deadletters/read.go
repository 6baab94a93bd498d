package deadletters

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

const (
	// MaxRecord bounds one letter: an event of 1 MiB, in which each byte may be escaped.
	MaxRecord = 8 << 20
	// maxLetters of one file.
	maxLetters = 100_000
)

// A Reader tells the letters of a file, in their order. What it tells before it fails is
// of a file that is not as it should be. Errors: tell's as they are; *Skipped; others.
type Reader func(ctx context.Context, file File, tell func(Letter) error) error

// A told error is one of whoever is told: it ends the reading, and is not about the file.
type told struct{ error }

// read reads an array of letters, one at a time: a file may hold a hundred of the largest.
func read(ctx context.Context, in io.Reader, tell func(Letter) error) error {
	bound := &bounded{in: bufio.NewReaderSize(in, 64<<10), left: MaxRecord}
	d := json.NewDecoder(bound)
	if t, err := d.Token(); t != json.Delim('[') || err != nil {
		return errors.Join(errors.New("not an array in JSON"), err)
	}
	n := 0
	for ; d.More(); n++ {
		if err := context.Cause(ctx); err != nil {
			return told{err}
		}
		if n == maxLetters {
			return fmt.Errorf("it has more than %d records", maxLetters)
		}
		bound.left = MaxRecord
		var raw json.RawMessage
		err := d.Decode(&raw)
		var l Letter
		if err == nil && len(raw) > MaxRecord { // part of it was read ahead
			err = errTooLarge
		}
		if err == nil {
			l, err = Parse(raw)
		}
		if err != nil {
			return fmt.Errorf("record %d: %w", n, err)
		}
		if err := tell(l); err != nil {
			return told{err}
		}
	}
	if t, err := d.Token(); t != json.Delim(']') || err != nil {
		return errors.Join(errors.New("not an array in JSON"), err)
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.Join(errors.New("not an array in JSON: there is more behind it"), err)
	}
	if n == 0 {
		return errors.New("it has no records")
	}
	return nil
}

// readFile is read, of a file: what is wrong with it is a *Skipped.
func readFile(ctx context.Context, file File, in io.Reader, tell func(Letter) error) error {
	err := read(ctx, in, tell)
	if t, ok := errors.AsType[told](err); ok {
		return t.error
	}
	if err != nil {
		return &Skipped{file.Path, err.Error()}
	}
	return nil
}

var errTooLarge = fmt.Errorf("it has more than %d bytes", MaxRecord)

// bounded gives so many bytes: a record that does not end would be read for ever.
type bounded struct {
	in   io.Reader
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLarge
	}
	n, err := b.in.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// A Tail is the newest letters of a file.
type Tail struct {
	Letters []Letter // in their order
	First   int      // the number of the first of them, from 0
	Of      int      // letters of the file
}

// Newest reads the newest letters of a file before the one of that number (less than 0:
// before its end): so many at most, and so many bytes of events, but at least one.
func (r Reader) Newest(ctx context.Context, file File, before, most, bytes int) (t Tail, err error) {
	size := 0
	err = r(ctx, file, func(l Letter) error {
		t.Of++
		if before >= 0 && t.Of > before {
			return nil
		}
		t.Letters = append(t.Letters, l)
		size += len(l.Event)
		for len(t.Letters) > most || size > bytes && len(t.Letters) > 1 {
			size -= len(t.Letters[0].Event)
			t.Letters[0] = Letter{} // the array stays until it grows
			t.Letters = t.Letters[1:]
			t.First++
		}
		return nil
	})
	if err != nil {
		return Tail{}, err
	}
	return t, nil
}
