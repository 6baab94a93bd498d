package behaviour

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	manage "gridmq/control/client"
)

// TestAttackBodies: too long, too deep, twice, cut off, or not what they say.
func TestAttackBodies(t *testing.T) {
	t.Parallel()
	s := besieged(t)
	s.house.journal.allow("token that is not valid")
	s.open("there", "", "")
	owner, nobody := s.visitor("127.0.0.1", s.token), s.visitor("127.0.0.1", "")
	at := place.ID("there", "clients", "one") + version
	deep := func(n int) string {
		return `{"properties":{"attributes":` + strings.Repeat(`{"a":`, n) + strings.Repeat("}", n) + "}}"
	}
	for name, tt := range map[string]struct {
		body   string
		status int
		header []string
	}{
		"5 MiB":              {`{"properties":{"description":"` + strings.Repeat("x", 5<<20) + `"}}`, 413, nil},
		"lists":              {strings.Repeat("[", 1<<20), 400, nil},
		"objects":            {strings.Repeat(`{"a":`, 500_000), 400, nil},
		"deep attributes":    {deep(10_000), 400, nil},
		"33 levels":          {deep(40), 400, nil},
		"many members":       {`{"properties":{` + strings.Repeat(`"x":1,`, 600_000) + `"y":1}}`, 400, nil},
		"member twice":       {`{"properties":{"state":"Disabled","state":"Enabled"}}`, 400, nil},
		"member twice, case": {`{"properties":{"state":"Disabled","State":"Enabled"}}`, 400, nil},
		"not UTF-8":          {"{\"properties\":{\"description\":\"\xff\"}}", 400, nil},
		"two values":         {`{}{}`, 400, nil},
		"huge number":        {`{"properties":{"attributes":{"n":1` + strings.Repeat("0", 1<<20) + `}}}`, 400, nil},
		"compressed":         {"\x1f\x8b\x08\x00", 415, []string{"Content-Encoding", "gzip"}},
		"XML":                {"<x/>", 415, []string{"Content-Type", "application/xml"}},
		"UTF-16":             {"{}", 415, []string{"Content-Type", "application/json; charset=utf-16"}},
	} {
		begin := time.Now()
		header := append(tt.header, "X", "y")
		if tt.header == nil {
			header = append(header, "Content-Type", "application/json")
		}
		if status, answer, _ := owner.do("PUT", at, strings.NewReader(tt.body), header...); status != tt.status || len(answer) > 8<<10 {
			t.Errorf("%s: %d %.200s (%d bytes), want %d", name, status, answer, len(answer), tt.status)
		}
		if took := time.Since(begin); took > patience/2 {
			t.Errorf("%s took %v", name, took)
		}
		if status, answer, _ := nobody.do("PUT", at, strings.NewReader(tt.body), header...); status != 401 && status != 0 {
			t.Errorf("%s without a token: %d %.200s", name, status, answer)
		}
	}
	if _, err := s.plane.Get(s.Context(), place.ID("there", "clients", "one")); !manage.IsNotFound(err) {
		t.Errorf("something was made: %v", err)
	}
}

// TestAttackHeaders: what HTTP itself allows and nobody needs.
func TestAttackHeaders(t *testing.T) {
	t.Parallel()
	s := besieged(t)
	s.open("there", "", "")
	for i := range 3 {
		s.put("there", "clients", fmt.Sprint("c", i), `{}`)
	}
	owner := s.visitor("127.0.0.1", s.token)
	if status, _, _ := owner.do("GET", "/gridmq/whoami", nil, "X", strings.Repeat("x", 1<<20)); status != 431 && status != 0 {
		t.Errorf("a header of 1 MiB: %d", status)
	}
	_, _, h := owner.do("GET", "/gridmq/whoami", nil, "x-ms-correlation-request-id", strings.Repeat("c", 1000), "x-ms-client-request-id", "two words", "x-ms-return-client-request-id", "true")
	if len(h.Get("x-ms-correlation-request-id")) > 128 || h.Get("x-ms-client-request-id") != "" {
		t.Errorf("odd ids are repeated: %v", h)
	}
	_, answer, _ := owner.do("GET", place.ID("there", "clients")+version+"&$top=1", nil, "X-Forwarded-Host", "evil.example", "X-Forwarded-Proto", "http", "Forwarded", "host=evil.example")
	if strings.Contains(answer, "evil") {
		t.Errorf("links lead elsewhere: %s", answer)
	}
	trust, _ := clientTLS()
	raw := func(lines string) string {
		nc, err := tls.Dial("tcp", s.house.addresses["management"].Address, trust)
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		_ = nc.SetDeadline(time.Now().Add(20 * time.Second))
		_, _ = io.WriteString(nc, strings.ReplaceAll(lines, "\n", "\r\n"))
		line, _ := bufio.NewReader(nc).ReadString('\n')
		return strings.TrimSpace(line)
	}
	auth := "Host: localhost\nAuthorization: Bearer " + s.token + "\n"
	for name, lines := range map[string]string{
		"two lengths":         "POST /gridmq/whoami HTTP/1.1\n" + auth + "Content-Length: 0\nContent-Length: 5\n\nGET / ",
		"length and chunks":   "POST /gridmq/namespaces/there/explain HTTP/1.1\n" + auth + "Transfer-Encoding: chunked\nTransfer-Encoding: identity\n\n0\n\n",
		"no host":             "GET /gridmq/whoami HTTP/1.1\nAuthorization: Bearer " + s.token + "\n\n",
		"space in a name":     "GET /gridmq/whoami HTTP/1.1\n" + auth + "X Y: z\n\n",
		"folded line":         "GET /gridmq/whoami HTTP/1.1\nHost: localhost\nX: a\n b\n\n",
		"CONNECT":             "CONNECT 127.0.0.1:22 HTTP/1.1\n" + auth + "\n",
		"absolute, elsewhere": "GET http://evil.example/gridmq/operators HTTP/1.1\nHost: localhost\n\n",
		"a body of 1 TB":      "PUT " + place.ID("there", "clients", "big") + version + " HTTP/1.1\n" + auth + "Content-Length: 1099511627776\nExpect: 100-continue\nContent-Type: application/json\n\n",
	} {
		if line := raw(lines); !strings.HasPrefix(line, "HTTP/1.1 4") && line != "HTTP/1.1 501 Not Implemented" && line != "HTTP/1.1 100 Continue" {
			t.Errorf("%s: %q", name, line)
		}
	}
	// Many who never finish: others are served.
	var slow []net.Conn
	for range 300 {
		nc, err := tls.Dial("tcp", s.house.addresses["management"].Address, trust)
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		_, _ = io.WriteString(nc, "GET /gridmq/whoami HTTP/1.1\r\nX: ")
		slow = append(slow, nc)
	}
	begin := time.Now()
	if status, answer, _ := owner.do("GET", "/gridmq/whoami", nil); status != 200 || time.Since(begin) > seldom {
		t.Errorf("behind %d slow ones: %d %s after %v", len(slow), status, answer, time.Since(begin))
	}
	_ = slow[0].SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.Copy(io.Discard, slow[0]); err != nil {
		t.Errorf("one that never finishes is not ended: %v", err)
	}
}
