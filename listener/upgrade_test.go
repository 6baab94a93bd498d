package listener

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

const goodUpgrade = "GET /mqtt HTTP/1.1\r\nHost: broker.example\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: mqttv3.1, mqtt\r\n\r\n"

func without(line string) string {
	var kept []string
	for l := range strings.SplitAfterSeq(goodUpgrade, "\r\n") {
		if !strings.HasPrefix(l, line) {
			kept = append(kept, l)
		}
	}
	return strings.Join(kept, "")
}

func TestUpgrade(t *testing.T) {
	origin := func(o string) string { return strings.Replace(goodUpgrade, "\r\n\r\n", "\r\nOrigin: "+o+"\r\n\r\n", 1) }
	tests := map[string]struct {
		request string
		want    int
	}{
		"good":                     {goodUpgrade, 101},
		"with a query":             {strings.Replace(goodUpgrade, "/mqtt", "/mqtt?x=1", 1), 101},
		"no subprotocol":           {without("Sec-WebSocket-Protocol"), 400}, // [MQTT-6.0.0-3]
		"other subprotocol":        {strings.Replace(goodUpgrade, ": mqttv3.1, mqtt", ": chat", 1), 400},
		"other path":               {strings.Replace(goodUpgrade, "/mqtt", "/other", 1), 404},
		"no upgrade":               {without("Upgrade"), 426},
		"no key":                   {without("Sec-WebSocket-Key"), 400},
		"other version":            {strings.Replace(goodUpgrade, "Version: 13", "Version: 8", 1), 426},
		"no host":                  {without("Host"), 400},
		"post":                     {strings.Replace(goodUpgrade, "GET", "POST", 1), 405},
		"HTTP/1.0":                 {strings.Replace(goodUpgrade, "HTTP/1.1", "HTTP/1.0", 1), 505},
		"not HTTP":                 {"\x10\x13\x00\x04MQTT\r\n\r\n", 400},
		"header too large":         {"GET /mqtt HTTP/1.1\r\nX: " + strings.Repeat("x", maxHead), 431},
		"origin on the list":       {origin("https://Console.example"), 101},
		"origin not on the list":   {origin("https://evil.example"), 403},
		"origin like one we allow": {origin("https://console.example.evil.example"), 403},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			l, _ := listen(t, Config{WebSocket: true, Origins: []string{"https://console.example"}})
			res := ask(t, l, tt.request)
			if res.StatusCode != tt.want {
				t.Errorf("answered %s, want %d", res.Status, tt.want)
			}
			want := uint64(1)
			if tt.want == 101 {
				want = 0
			}
			within(t, "the count of refusals", func() { // the client may see the answer first
				for l.Stats().Refused(RefusedUpgrade) != want {
					runtime.Gosched()
				}
			})
			if tt.want == 101 && res.Header.Get("Sec-WebSocket-Protocol") != "mqtt" {
				t.Errorf("subprotocol %q, want mqtt [MQTT-6.0.0-4]", res.Header.Get("Sec-WebSocket-Protocol"))
			}
		})
	}
}

// ask sends a request as it is and reads the answer.
func ask(t *testing.T, l *Listener, request string) *http.Response {
	t.Helper()
	nc, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	nc.Write([]byte(request))
	res, err := http.ReadResponse(bufio.NewReader(nc), nil)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != 101 {
		if _, err := io.ReadAll(res.Body); err != nil {
			t.Errorf("body of the answer: %v", err)
		}
	}
	return res
}

// A client in a hurry sends CONNECT together with the upgrade.
func TestFramesBehindTheRequest(t *testing.T) {
	l, conns := listen(t, Config{WebSocket: true})
	big := string(randomBytes(3000))
	f := frame(ws.OpBinary, true, big)
	nc, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	nc.Write(append([]byte(goodUpgrade), f[:2500]...))
	s := <-conns
	nc.Write(f[2500:])
	got := make([]byte, len(big))
	if _, err := io.ReadFull(readerOnly{s}, got); err != nil || string(got) != big {
		t.Errorf("read other bytes than were sent, %v", err)
	}
}

func TestFallback(t *testing.T) {
	body := randomBytes(5 << 20) // more than a socket takes: Write has to wait
	mux := http.NewServeMux()
	mux.HandleFunc("GET /big", func(w http.ResponseWriter, r *http.Request) { w.Write(body) })
	mux.HandleFunc("POST /echo", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // all of it first: HTTP/1.1 is not full duplex
		fmt.Fprintf(w, "%s tls=%v ", r.RemoteAddr, r.TLS != nil && len(r.TLS.PeerCertificates) == 1)
		w.Write(body)
	})
	mux.HandleFunc("GET /slow", func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	l, conns := listen(t, Config{WebSocket: true, Handler: mux, TLS: &TLSConfig{Certificates: localCertificates(t)}})
	ca, pool := localCA(t)
	pair, err := tls.LoadX509KeyPair(ca.Server[0].CertFile, ca.Server[0].KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{pair}}}
	client, url := &http.Client{Transport: tr}, "https://"+l.Addr().String()
	defer tr.CloseIdleConnections()

	for range 3 { // on one kept-alive connection
		res, err := client.Get(url + "/big")
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || !bytes.Equal(got, body) {
			t.Fatalf("large response: %d bytes, %v", len(got), err)
		}
		res, err = client.Post(url+"/echo", "text/plain", strings.NewReader(strings.Repeat("x", 100_000)))
		if err != nil {
			t.Fatal(err)
		}
		got, _ = io.ReadAll(res.Body)
		res.Body.Close()
		if !strings.HasPrefix(string(got), "127.0.0.1:") || !strings.Contains(string(got), "tls=true xxx") || len(got) < 100_000 {
			t.Fatalf("echo: %.60q", got)
		}
	}
	if n := l.Stats().HTTP.Load(); n != 1 {
		t.Errorf("%d connections for HTTP, want 1", n)
	}
	// A client that leaves cancels its request.
	client.Timeout = 50 * time.Millisecond
	if _, err := client.Get(url + "/slow"); err == nil {
		t.Error("the slow request succeeded")
	}
	// and WebSockets are served beside it
	dialKind(t, "wss", l.Addr().String()).Close()
	<-conns
}

// The listener's end ends kept-alive HTTP connections, so that Wait returns.
func TestFallbackEnds(t *testing.T) {
	l, _ := listen(t, Config{WebSocket: true, Handler: http.NotFoundHandler()})
	if res := ask(t, l, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); res.StatusCode != 404 {
		t.Errorf("answered %s, want 404", res.Status)
	}
	l.Close()
	within(t, "Wait", l.Wait)
}
