package backup

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// A Writer writes a backup: Add each file, then Close. Without Close there is none.
type Writer struct {
	tar  *tar.Writer
	head Head
	sums bytes.Buffer
}

// NewWriter writes the head.
func NewWriter(w io.Writer, h Head) (*Writer, error) {
	h.Format = Format
	b := &Writer{tar: tar.NewWriter(w), head: h}
	text, err := json.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("backup: %w", err)
	}
	return b, b.add(headName, int64(len(text)), bytes.NewReader(text))
}

// Add writes a file of the data directory: name is its path there, with slashes, and
// size how much of it is read. Less is an error, and the backup is to be given up.
func (b *Writer) Add(name string, size int64, content io.Reader) error {
	if err := checkName(name); err != nil {
		return err
	}
	return b.add(dataRoot+name, size, content)
}

func (b *Writer) add(name string, size int64, content io.Reader) error {
	sum := sha256.New()
	err := b.entry(name, size, io.TeeReader(io.LimitReader(content, size), sum))
	fmt.Fprintf(&b.sums, "%s  %s\n", hex.EncodeToString(sum.Sum(nil)), name)
	return err
}

func (b *Writer) entry(name string, size int64, content io.Reader) error {
	err := b.tar.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o600,
		ModTime: b.head.Created.Truncate(time.Second)})
	if err != nil {
		return fmt.Errorf("backup %s: %w", name, err)
	}
	n, err := io.Copy(b.tar, content)
	if err == nil && n < size {
		err = fmt.Errorf("it has become shorter: %d of %d bytes", n, size)
	}
	if err != nil {
		return fmt.Errorf("backup %s: %w", name, err)
	}
	return nil
}

// Close writes the sums, which make it a backup.
func (b *Writer) Close() error {
	if err := b.entry(sumsName, int64(b.sums.Len()), &b.sums); err != nil {
		return err
	}
	if err := b.tar.Close(); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	return nil
}
