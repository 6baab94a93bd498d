package behaviour

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// The command line clients of Mosquitto, as processes. They have no WebSocket.

// missing skips a test for want of a program of Debian's; on CI that fails.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is missing (make tools)", what)
	}
	t.Skipf("%s is missing (make tools)", what)
}

func mosquitto(t *testing.T, body func(e *env)) {
	if _, err := exec.LookPath("mosquitto_sub"); err != nil {
		missing(t, "mosquitto-clients")
	}
	all := rows(t.Name(), v3, v5)
	list := []row{all[0], all[1]}
	if list[0].version == list[1].version {
		list[1].version = v3 + v5 - list[0].version
	}
	run(t, body, list)
}

// command prepares mosquitto_pub or mosquitto_sub.
func (e *env) command(tool string, args ...string) *exec.Cmd {
	e.Helper()
	host, port, err := net.SplitHostPort(e.broker().addresses[listenerOf[e.transport]].Address)
	if err != nil {
		e.Fatal(err)
	}
	all := []string{"-h", host, "-p", port, "-V", map[int]string{v3: "mqttv311", v5: "mqttv5"}[e.version]}
	if e.transport == "tls" {
		ca, err := localCA()
		if err != nil {
			e.Fatal(err)
		}
		all = append(all, "--cafile", ca.CertFile)
	}
	return exec.Command(tool, append(all, args...)...)
}

// pub publishes with mosquitto_pub, which must succeed.
func (e *env) pub(args ...string) {
	e.Helper()
	if out, err := e.command("mosquitto_pub", args...).CombinedOutput(); err != nil {
		e.Fatalf("mosquitto_pub %q: %v\n%s", args, err, out)
	}
}

// A listening is a mosquitto_sub that is subscribed.
type listening struct {
	e     *env
	cmd   *exec.Cmd
	lines chan string
	errs  bytes.Buffer
	ended chan struct{}
}

// sub starts mosquitto_sub and waits until it is subscribed: -d tells.
func (e *env) sub(args ...string) *listening {
	e.Helper()
	cmd := e.command("mosquitto_sub", append([]string{"-d"}, args...)...)
	if path, err := exec.LookPath("stdbuf"); err == nil { // what -d prints would stay in its buffer
		cmd.Path, cmd.Args = path, append([]string{path, "-oL"}, cmd.Args...)
	}
	s := &listening{e: e, cmd: cmd, lines: make(chan string, 1000), ended: make(chan struct{})}
	cmd.Stderr = &s.errs
	out, err := cmd.StdoutPipe()
	if err != nil {
		e.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		e.Fatalf("start mosquitto_sub: %v", err)
	}
	e.Cleanup(s.kill)
	ready := make(chan struct{})
	go func() { // until the process ends
		defer close(s.ended)
		for in := bufio.NewScanner(out); in.Scan(); {
			line := in.Text()
			if strings.HasPrefix(line, "Subscribed (mid") {
				close(ready)
			} else if !strings.HasPrefix(line, "Client ") {
				s.lines <- line
			}
		}
		_ = cmd.Wait()
	}()
	select {
	case <-ready:
	case <-s.ended:
		e.Fatalf("mosquitto_sub %q ended: %s", args, s.errs.String())
	case <-time.After(patience):
		e.Fatalf("mosquitto_sub %q is not subscribed", args)
	}
	return s
}

func (s *listening) kill() {
	_ = s.cmd.Process.Kill()
	<-s.ended
}

// want waits for lines.
func (s *listening) want(lines ...string) {
	s.e.Helper()
	for _, want := range lines {
		select {
		case got := <-s.lines:
			if got != want {
				s.e.Fatalf("mosquitto_sub printed %q, want %q", got, want)
			}
		case <-time.After(patience):
			s.e.Fatalf("mosquitto_sub did not print %q", want)
		}
	}
}

// What tools for Mosquitto read.
func TestMosquittoReadsSystemTopics(t *testing.T) {
	mosquitto(t, func(e *env) {
		e.own() // who subscribes to everything is in the way of tests about nobody who does
		everything := e.sub("-t", "#", "-v")
		out, err := e.command("mosquitto_sub", "-t", "$SYS/broker/uptime", "-t", "$SYS/broker/clients/connected", "-t", "$SYS/broker/load/publish/received/1min",
			"-v", "-C", "3", "-W", "20").CombinedOutput()
		if err != nil || !regexp.MustCompile(`(?m)^\$SYS/broker/uptime \d+ seconds$`).Match(out) ||
			!regexp.MustCompile(`(?m)^\$SYS/broker/clients/connected [1-9]\d*$`).Match(out) {
			e.Errorf("mosquitto_sub: %v\n%s", err, out)
		}
		e.pub("-t", e.topic("after"), "-m", "x")
		for line := range everything.lines { // of others too, but nothing of the broker's
			if strings.HasPrefix(line, "$SYS") {
				e.Errorf("# lets %q through", line)
			}
			if line == e.topic("after")+" x" {
				return
			}
		}
	})
}

func TestMosquittoPublishAndSubscribe(t *testing.T) {
	mosquitto(t, func(e *env) {
		sub := e.sub("-t", e.topic("a/#"), "-q", "2", "-v")
		paho := e.connect(login{id: e.id("paho")})
		paho.subscribe(2, e.topic("a/+"))
		for qos := range 3 {
			e.pub("-t", e.topic("a/b"), "-q", fmt.Sprint(qos), "-m", fmt.Sprint("at ", qos))
			sub.want(e.topic("a/b") + fmt.Sprint(" at ", qos))
			if m := paho.want(fmt.Sprint("at ", qos))[0]; int(m.qos) != qos {
				e.Errorf("mosquitto_pub -q %d came as %v", qos, m)
			}
		}
		paho.publish(2, e.topic("a/b"), "from Paho")
		sub.want(e.topic("a/b") + " from Paho")
	})
}

// TestMosquittoReturns: what was published while mosquitto_sub -c was away.
func TestMosquittoReturns(t *testing.T) {
	mosquitto(t, func(e *env) {
		args := []string{"-t", e.topic("a"), "-q", "1", "-i", e.id("s1"), "-c"}
		if e.version == v5 {
			args = append(args, "-x", "3600")
		}
		e.sub(args...).kill()
		want := numbered("m", 5)
		for _, m := range want {
			e.pub("-t", e.topic("a"), "-q", "1", "-m", m)
		}
		out, err := e.command("mosquitto_sub", append(args, "-C", "5", "-W", "30")...).Output()
		if got := strings.Fields(string(out)); err != nil || !slices.Equal(got, want) {
			e.Errorf("mosquitto_sub printed %q (%v), want %q", got, err, want)
		}
	})
}

func TestMosquittoRetainedAndWill(t *testing.T) {
	mosquitto(t, func(e *env) {
		e.pub("-t", e.topic("r"), "-r", "-q", "1", "-m", "kept")
		e.clear(e.topic("r"), e.topic("w"))
		dying := e.sub("-t", e.topic("r"), "-q", "1", "-F", "%r %q %p",
			"--will-topic", e.topic("w"), "--will-payload", "killed", "--will-qos", "1", "--will-retain")
		dying.want("1 1 kept")
		watcher := e.sub("-t", e.topic("w"), "-q", "1", "-F", "%r %q %p")
		dying.kill()
		watcher.want("0 1 killed")
		e.sub("-t", e.topic("w"), "-q", "1", "-F", "%r %q %p").want("1 1 killed")
	})
}

func TestMosquittoProperties(t *testing.T) {
	mosquitto(t, func(e *env) {
		if e.version == v3 {
			e.version = v5 // of the rows only transport and store are used
		}
		sub := e.sub("-t", e.topic("a"), "-q", "1", "-F", "%p|%C|%R|%D|%P|%E|%S", "-D", "subscribe", "subscription-identifier", "7")
		e.pub("-t", e.topic("a"), "-q", "1", "-m", "m", "-D", "publish", "content-type", "text/plain",
			"-D", "publish", "response-topic", "reply", "-D", "publish", "correlation-data", "id 1",
			"-D", "publish", "user-property", "k", "v", "-D", "publish", "user-property", "k", "w",
			"-D", "publish", "message-expiry-interval", "500")
		sub.want("m|text/plain|reply|id 1|k:v k:w|500|7")
	})
}

func TestMosquittoShared(t *testing.T) {
	mosquitto(t, func(e *env) {
		one := e.sub("-t", e.group("g", "a"), "-q", "1")
		two := e.sub("-t", e.group("g", "a"), "-q", "1")
		seen := map[string]int{}
		for _, m := range numbered("m", 12) {
			e.pub("-t", e.topic("a"), "-q", "1", "-m", m)
		}
		for range 12 {
			select {
			case line := <-one.lines:
				seen[line]++
			case line := <-two.lines:
				seen[line]++
			case <-time.After(patience):
				e.Fatalf("%d of 12 messages came", len(seen))
			}
		}
		if len(seen) != 12 {
			e.Errorf("messages %v, want each once", seen)
		}
	})
}
