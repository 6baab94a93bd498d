package main

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/sha256"
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

// An entry is a file of an archive, with slashes in its name.
type entry struct {
	name string
	mode fs.FileMode
	data []byte
}

// inOrder sorts by name: an archive does not depend on how its files were found.
func inOrder(files []entry) []entry {
	return slices.SortedFunc(slices.Values(files), func(a, b entry) int { return cmp.Compare(a.name, b.name) })
}

// writeTarball writes files below folder, owned by root, all of one time.
func writeTarball(path, folder string, files []entry, at time.Time) error {
	return create(path, func(w io.Writer) error {
		z, err := gzip.NewWriterLevel(w, gzip.BestCompression)
		if err != nil {
			return err
		}
		t := tar.NewWriter(z)
		for _, one := range inOrder(files) {
			if err := t.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: folder + "/" + one.name, Size: int64(len(one.data)),
				Mode: int64(one.mode), ModTime: at, Uname: "root", Gname: "root", Format: tar.FormatUSTAR}); err != nil {
				return err
			}
			if _, err := t.Write(one.data); err != nil {
				return err
			}
		}
		return errors.Join(t.Close(), z.Close())
	})
}

// writeZip is writeTarball for Windows.
func writeZip(path, folder string, files []entry, at time.Time) error {
	return create(path, func(w io.Writer) error {
		z := zip.NewWriter(w)
		for _, one := range inOrder(files) {
			h := &zip.FileHeader{Name: folder + "/" + one.name, Method: zip.Deflate, Modified: at}
			h.SetMode(one.mode)
			f, err := z.CreateHeader(h)
			if err != nil {
				return err
			}
			if _, err := f.Write(one.data); err != nil {
				return err
			}
		}
		return z.Close()
	})
}

func create(path string, write func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	return errors.Join(write(w), w.Flush(), f.Close())
}

// compressed is what gzip -9n makes of b: no name and no time in it.
func compressed(b []byte) ([]byte, error) {
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	_, err = z.Write(b)
	err = errors.Join(err, z.Close())
	return out.Bytes(), err
}

// writeSums writes what sha256sum -c reads.
func writeSums(path string, files []string) error {
	var text strings.Builder
	for _, one := range slices.Sorted(slices.Values(files)) {
		b, err := os.ReadFile(one)
		if err != nil {
			return err
		}
		fmt.Fprintf(&text, "%x  %s\n", sha256.Sum256(b), filepath.Base(one))
	}
	return os.WriteFile(path, []byte(text.String()), 0o644)
}
