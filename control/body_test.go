package control_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

const bodyLimit = 4 << 20 // bytes

// unread is a body that must not be touched.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body is read")
	return 0, io.ErrUnexpectedEOF
}

func (unread) Close() error { return nil }

// A body that is said to be too long is refused before any of it is read.
func TestLongBodyIsNotRead(t *testing.T) {
	b := newBench(t, nil)
	r := httptest.NewRequest("PUT", plant+"?api-version=2025-02-15", unread{t})
	r.ContentLength = bodyLimit + 1
	r.Header.Set("Authorization", "Bearer "+owner)
	w := httptest.NewRecorder()
	b.plane.ServeHTTP(w, r)
	if w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// One that is longer than it says, or says nothing, is refused at the limit; one at
// the limit is read.
func TestLongBodyThatLies(t *testing.T) {
	b := newBench(t, nil)
	b.must(201, "PUT "+plant, "{}")
	for name, tt := range map[string]struct{ size, said, want int }{
		"says nothing":        {bodyLimit + 1, -1, http.StatusRequestEntityTooLarge},
		"says less":           {bodyLimit + 1, 10, http.StatusRequestEntityTooLarge},
		"as long as possible": {bodyLimit, bodyLimit, http.StatusCreated},
	} {
		r := httptest.NewRequest("PUT", plant+"/clients/c?api-version=2025-02-15", strings.NewReader("{}"+strings.Repeat(" ", tt.size-2)))
		r.ContentLength = int64(tt.said)
		r.Header.Set("Authorization", "Bearer "+owner)
		w := httptest.NewRecorder()
		b.plane.ServeHTTP(w, r)
		if w.Code != tt.want {
			t.Errorf("%s: %d %.200s, want %d", name, w.Code, w.Body, tt.want)
		}
	}
}

// Over a real connection the answer comes while the client still waits to send.
func TestLongBodyIsAnsweredAtOnce(t *testing.T) {
	b := newBench(t, nil)
	nc, err := net.Dial("tcp", b.served().Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	_ = nc.SetDeadline(time.Now().Add(20 * time.Second))
	fmt.Fprintf(nc, "PUT %s?api-version=2025-02-15 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n{", plant, owner, 1<<40)
	resp, err := http.ReadResponse(bufio.NewReader(nc), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if text := readAll(resp.Body); resp.StatusCode != http.StatusRequestEntityTooLarge || !strings.Contains(text, "RequestEntityTooLarge") {
		t.Errorf("%d %s", resp.StatusCode, text)
	}
}
