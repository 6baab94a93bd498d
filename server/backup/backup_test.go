package backup

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"maps"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"
	"time"
)

var some = map[string]string{"store/000001.sst": strings.Repeat("tables ", 5000), "operator.token": "gmq_x\n", "tls/empty": ""}

func written(t testing.TB, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := NewWriter(&b, Head{Created: time.Unix(1e9, 0), Version: "test", Files: len(files)})
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		if err := w.Add(name, int64(len(content)), strings.NewReader(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func read(b []byte) (map[string]string, error) {
	got := map[string]string{}
	_, err := Read(bytes.NewReader(b), nil, func(name string, _ int64, content io.Reader) error {
		text, err := io.ReadAll(content)
		got[name] = string(text)
		return err
	})
	return got, err
}

func TestRoundTrip(t *testing.T) {
	got, err := read(written(t, some))
	if err != nil || !maps.Equal(got, some) {
		t.Errorf("read %d files, %v; want the %d that were written", len(got), err, len(some))
	}
}

// tar and sha256sum read it too.
func TestOtherTools(t *testing.T) {
	dir := t.TempDir()
	for _, args := range [][]string{{"tar", "-x"}, {"sha256sum", "-c", sumsName}} {
		if _, err := exec.LookPath(args[0]); err != nil {
			t.Skip(err)
		}
		c := exec.Command(args[0], args[1:]...)
		c.Dir, c.Stdin = dir, bytes.NewReader(written(t, some))
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
	}
}

// A backup of which anything is missing, or that was changed anywhere but in padding,
// is none.
func TestFlaws(t *testing.T) {
	whole := written(t, some)
	end := len(bytes.TrimRight(whole, "\x00")) // tar has zeros behind
	for n := 0; n < end; n += 1 + rand.IntN(300) {
		var bad *FormatError
		if _, err := read(whole[:n]); !errors.As(err, &bad) {
			t.Fatalf("the first %d of %d bytes: %v, want a *FormatError", n, len(whole), err)
		}
	}
	for range 500 {
		at := rand.IntN(len(whole))
		broken := bytes.Clone(whole)
		broken[at] ^= 1 << rand.IntN(8)
		if got, err := read(broken); err == nil && !maps.Equal(got, some) {
			t.Errorf("byte %d was changed, and nobody saw", at)
		}
	}
	if _, err := read(append(bytes.Clone(whole[:len(whole)-1024]), whole...)); err == nil {
		t.Error("something behind the end was taken")
	}
}

func TestHostileEntries(t *testing.T) {
	for name, h := range map[string]tar.Header{
		"absolute":     {Name: "data//etc/passwd", Typeflag: tar.TypeReg},
		"above":        {Name: "data/../../x", Typeflag: tar.TypeReg},
		"two spelling": {Name: "data/a/./b", Typeflag: tar.TypeReg},
		"outside":      {Name: "x", Typeflag: tar.TypeReg},
		"link":         {Name: "data/x", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"},
		"hard link":    {Name: "data/x", Typeflag: tar.TypeLink, Linkname: "/etc/passwd"},
		"device":       {Name: "data/x", Typeflag: tar.TypeChar},
		"folder":       {Name: "data/x/", Typeflag: tar.TypeDir},
		"new line":     {Name: "data/x\ny", Typeflag: tar.TypeReg},
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			w, err := NewWriter(&b, Head{})
			if err != nil {
				t.Fatal(err)
			}
			if err := w.tar.WriteHeader(&h); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			var bad *FormatError
			if got, err := read(b.Bytes()); !errors.As(err, &bad) || len(got) > 0 {
				t.Errorf("%v, with %d files; want a *FormatError and none", err, len(got))
			}
		})
	}
}

func TestFormatNumber(t *testing.T) {
	var b bytes.Buffer
	w, _ := NewWriter(&b, Head{})
	_ = w.Close()
	newer := bytes.Replace(b.Bytes(), []byte(`"format":1`), []byte(`"format":9`), 1)
	if _, err := read(newer); err == nil || !strings.Contains(err.Error(), "newer") {
		t.Errorf("a backup of format 9: %v, want to be sent to a newer gridmq", err)
	}
}

// A file that becomes shorter while it is read gives the backup up.
func TestShrinks(t *testing.T) {
	w, _ := NewWriter(io.Discard, Head{})
	if err := w.Add("x", 10, strings.NewReader("short")); err == nil || !strings.Contains(err.Error(), "shorter") {
		t.Errorf("Add of 10 bytes of which there are 5: %v", err)
	}
}

// What is accepted can be written again, and is then the same.
func FuzzRead(f *testing.F) {
	f.Add(written(f, map[string]string{"a/b": "x"}))
	f.Add(written(f, nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := read(b)
		if err != nil {
			return
		}
		again, err := read(written(t, got))
		if err != nil || !maps.Equal(got, again) {
			t.Errorf("%d files were read, and written again they are %d, %v", len(got), len(again), err)
		}
	})
}
