package passwordauth

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"gridmq/identity"
	"gridmq/identity/internal/argon"
	"gridmq/identity/internal/stored"
	"gridmq/internal/bubble"
)

var (
	cheap = argon.Params{Memory: 8, Time: 1, Threads: 1}
	dear  = argon.Params{Memory: 64, Time: 1, Threads: 1} // what the tests take for the default
)

func hash(plain string, p argon.Params) identity.PasswordHash {
	return identity.PasswordHash(argon.New([]byte(plain), p).PHC())
}

// fleet has a client of each kind.
func fleet(t testing.TB) *identity.Registry {
	r := identity.NewRegistry()
	for _, c := range []*identity.Client{
		{Name: "c1", AuthenticationName: "Press", Password: hash("sesame", dear), Attributes: identity.Attributes{"hall": identity.Integer(4)}},
		{Name: "c2", AuthenticationName: "weak", Password: hash("sesame", cheap)},
		{Name: "c3", AuthenticationName: "off", Password: hash("sesame", dear), State: identity.StateDisabled},
		{Name: "c4", AuthenticationName: "certificate"},
		{Name: "c5", AuthenticationName: "broken", Password: "$argon2id$v=19$m=4194304,t=1,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA"},
		{Name: "c6", AuthenticationName: "\u0430dmin", Password: hash("sesame", dear)},
		{Name: "c7", AuthenticationName: "#", Password: hash("sesame", dear)},
		// What mosquitto_passwd made of "sesame".
		{Name: "c8", AuthenticationName: "moved", Password: "$7$101$4TP7hOCms9YFxRKk$7CAu6QkSPw+ttz7n12LLGCSYMSjLjlLYoJt0kWCEVHdHY/Qii5mWZAEgWlUD4tM57rh11+8EyNiCWhizu4rVzA=="},
		{Name: "c9", AuthenticationName: "moved long ago", Password: "$6$auuUdq35fT+LMG97$XTdW0w2UBYiIPGbO3bcKw1oApXJhSCKQtayRlUA2WquR+cGvjcUisW/RMiPl3Q1mgOXXCF+G5O0LoVmHsPF4Eg=="},
		{Name: "c10", AuthenticationName: "greedy", Password: "$7$600001$4TP7hOCms9YFxRKk$7CAu6QkSPw+ttz7n12LLGCSYMSjLjlLYoJt0kWCEVHdHY/Qii5mWZAEgWlUD4tM57rh11+8EyNiCWhizu4rVzA=="},
	} {
		if _, err := r.Put(c); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func credentials(name, password string) *identity.Credentials {
	return &identity.Credentials{ClientID: "x", Username: &name, Password: []byte(password)}
}

// newTest makes an authenticator that notes the work of each check.
func newTest(t testing.TB, o Options) (a *Authenticator, work *[]uint64) {
	work = new([]uint64)
	a = New(fleet(t), o)
	a.decoy = argon.Decoy(dear)
	a.match = func(h stored.Hash, password []byte) bool {
		*work = append(*work, h.Work())
		return h.Matches(password)
	}
	return a, work
}

const anyError identity.Kind = 255

func TestAuthenticate(t *testing.T) {
	tests := map[string]struct {
		name, password string
		client         string // empty: refused
		kind           identity.Kind
		work           uint64 // Kibibytes filled
	}{
		"right":                   {"Press", "sesame", "c1", 0, 64},
		"right, in another case":  {"pRESS", "sesame", "c1", 0, 64},
		"wrong":                   {"Press", "Sesame", "", identity.BadCredentials, 64},
		"empty":                   {"Press", "", "", identity.BadCredentials, 64},
		"beginning":               {"Press", "sesam", "", identity.BadCredentials, 64},
		"longer":                  {"Press", "sesame\x00", "", identity.BadCredentials, 64},
		"unknown":                 {"nobody", "sesame", "", identity.BadCredentials, 64},
		"no name":                 {"", "sesame", "", identity.BadCredentials, 64},
		"no password set":         {"certificate", "", "", identity.BadCredentials, 64},
		"cheap hash, right":       {"weak", "sesame", "c2", 0, 8},
		"cheap hash, wrong":       {"weak", "x", "", identity.BadCredentials, 72},
		"PBKDF2, right":           {"moved", "sesame", "c8", 0, 101},
		"PBKDF2, wrong":           {"moved", "sesam", "", identity.BadCredentials, 101},
		"SHA-512, right":          {"moved long ago", "sesame", "c9", 0, 0},
		"SHA-512, wrong":          {"moved long ago", "", "", identity.BadCredentials, 64},
		"too many iterations":     {"greedy", "sesame", "", anyError, 0},
		"disabled":                {"off", "sesame", "", identity.Disabled, 64},
		"disabled, wrong":         {"off", "x", "", identity.BadCredentials, 64},
		"greedy hash":             {"broken", "sesame", "", anyError, 0},
		"looks like another":      {"admin", "sesame", "", identity.BadCredentials, 64},
		"wildcard is a name":      {"#", "sesame", "c7", 0, 64},
		"wildcard is no wildcard": {"+", "sesame", "", identity.BadCredentials, 64},
		"the resource's name":     {"c1", "sesame", "", identity.BadCredentials, 64},
		"NUL":                     {"Press\x00", "sesame", "", identity.BadCredentials, 64},
		"not UTF-8":               {"Press\xFF", "sesame", "", identity.BadCredentials, 64},
		"long":                    {strings.Repeat("x", 65535), "sesame", "", identity.BadCredentials, 64},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			a, work := newTest(t, Options{CacheSize: -1})
			p, err := a.Authenticate(t.Context(), credentials(test.name, test.password))
			var sum uint64
			for _, w := range *work {
				sum += w
			}
			if sum != test.work {
				t.Errorf("work %d, want %d", sum, test.work)
			}
			if test.client != "" {
				if err != nil || p.Client != test.client || p.Method != identity.Password || !p.Expires.IsZero() {
					t.Fatalf("%+v, %v; want %q", p, err, test.client)
				}
				return
			}
			if p != nil || err == nil {
				t.Fatalf("let in as %+v", p)
			}
			if e, ok := errors.AsType[*identity.Error](err); ok != (test.kind != anyError) || ok && e.Kind != test.kind {
				t.Errorf("refused with %#v", err)
			}
			if test.password != "" && strings.Contains(err.Error(), test.password) || strings.Contains(err.Error(), "argon2id$") || len(err.Error()) > 1000 {
				t.Errorf("error tells %q", err)
			}
		})
	}
}

func TestIncomplete(t *testing.T) {
	a, _ := newTest(t, Options{})
	name := "Press"
	for _, c := range []*identity.Credentials{{}, {Username: &name}, {Password: []byte("sesame")}} {
		p, err := a.Authenticate(t.Context(), c)
		if e, ok := errors.AsType[*identity.Error](err); p != nil || !ok || e.Kind != identity.BadCredentials {
			t.Errorf("%v, %v", p, err)
		}
	}
}

func TestPrincipal(t *testing.T) {
	a, _ := newTest(t, Options{})
	p, err := a.Authenticate(t.Context(), credentials("PRESS", "sesame"))
	if err != nil || p.Name != "Press" || !p.Attributes.Equal(identity.Attributes{"hall": identity.Integer(4)}) {
		t.Errorf("%+v, %v", p, err)
	}
}

// What was right is remembered, until the password changes, the time is over or
// others need the room. What was wrong is not.
func TestCache(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		a, work := newTest(t, Options{CacheSize: 2, CacheFor: time.Hour})
		r := a.clients.(*identity.Registry)
		login := func(name, password string, ok bool, checks int) {
			t.Helper()
			*work = nil
			if p, err := a.Authenticate(t.Context(), credentials(name, password)); (err == nil) != ok || (p != nil) != ok {
				t.Errorf("login = %v, %v; want %v", p, err, ok)
			}
			if len(*work) != checks {
				t.Errorf("%d checks, want %d", len(*work), checks)
			}
		}
		login("Press", "sesame", true, 1)
		login("Press", "sesame", true, 0)
		login("press", "sesame", true, 0)
		login("Press", "wrong", false, 1)
		login("Press", "wrong", false, 1)
		time.Sleep(59 * time.Minute)
		login("Press", "sesame", true, 0)
		time.Sleep(59 * time.Minute)
		login("Press", "sesame", true, 0) // an hour from the last use
		time.Sleep(time.Hour)
		login("Press", "sesame", true, 1)

		login("#", "sesame", true, 1)
		login("Press", "sesame", true, 0)
		login("weak", "sesame", true, 1) // in place of '#'
		login("Press", "sesame", true, 0)
		login("#", "sesame", true, 1)
		if len(a.cache.at) != 2 || a.cache.used.Len() != 2 {
			t.Errorf("%d and %d remembered", len(a.cache.at), a.cache.used.Len())
		}

		c := r.ByName("c1")
		c.Password = hash("other", dear)
		r.Put(c)
		login("Press", "sesame", false, 1)
		login("Press", "other", true, 1)
		c.State = identity.StateDisabled
		r.Put(c)
		login("Press", "other", false, 0)
		r.Delete("c1")
		login("Press", "other", false, 1)
		if s := a.Stats(); s.Remembered != 7 || s.Refused != 4 {
			t.Errorf("%+v", s)
		}
	})
}

// When as many wait as may, the next is told to come back; so is who waits long.
func TestGate(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		a, _ := newTest(t, Options{CacheSize: -1, Gate: NewGate(1, 2, 10*time.Second)})
		a.match = func(stored.Hash, []byte) bool { time.Sleep(4 * time.Second); return true }
		type result struct {
			kind  string
			after time.Duration
		}
		results := make(chan result, 10)
		start := time.Now()
		login := func(ctx context.Context) {
			_, err := a.Authenticate(ctx, credentials("Press", "sesame"))
			kind := "in"
			if e, ok := errors.AsType[*identity.Error](err); ok {
				kind = fmt.Sprint(e.Kind, " ", e.Err)
			}
			results <- result{kind, time.Since(start)}
		}
		want := func(want ...result) {
			t.Helper()
			for _, w := range want {
				if got := <-results; got != w {
					t.Errorf("%v, want %v", got, w)
				}
			}
		}
		for range 4 {
			go login(t.Context())
			time.Sleep(time.Millisecond)
		}
		want(result{"5 the queue is full", 3 * time.Millisecond}, result{"in", 4 * time.Second}, result{"in", 8 * time.Second}, result{"in", 12 * time.Second})

		start = time.Now()
		a.gate.slots <- struct{}{} // somebody hangs
		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		go login(ctx)
		go login(t.Context())
		want(result{"5 context deadline exceeded", time.Second}, result{"5 the wait was too long", 10 * time.Second})
		if n := a.gate.waiting.Load(); n != 0 {
			t.Errorf("%d wait", n)
		}
		if s := a.Stats(); s.TurnedAway != 3 {
			t.Errorf("%+v", s)
		}
	})
}

func TestHashAndVerify(t *testing.T) {
	h := Hash([]byte("sesame"))
	if !Verify(h, []byte("sesame")) || Verify(h, []byte("x")) || Verify("", nil) {
		t.Error("Verify")
	}
}

// A storm: every client of a fleet logs in once, by how many are new and how their
// passwords were made. The figure is per login.
func BenchmarkStorm(b *testing.B) {
	r := identity.NewRegistry()
	generated := identity.GeneratePassword()
	for name, plain := range map[string]string{"chosen": "sesame", "generated": generated} {
		h := Hash([]byte(plain))
		for i := range 1000 {
			n := fmt.Sprint(name, i)
			r.Put(&identity.Client{Name: n, AuthenticationName: n, Password: h})
		}
	}
	for _, run := range []struct {
		name, fleet, plain string
		size               int
	}{
		{"chosen, after a restart", "chosen", "sesame", -1},
		{"generated, after a restart", "generated", generated, -1},
		{"chosen, reconnecting", "chosen", "sesame", 0},
	} {
		b.Run(run.name, func(b *testing.B) {
			a := New(r, Options{CacheSize: run.size})
			if run.size == 0 {
				for i := range 1000 { // as if they had been checked
					a.cache.remember(a.cache.mac(r.ByName(fmt.Sprint("chosen", i)), []byte("sesame")))
				}
			}
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i++ {
					if _, err := a.Authenticate(context.Background(), credentials(fmt.Sprint(run.fleet, i%1000), run.plain)); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}

// The time of a refusal does not tell who exists: the same checks in each case.
func TestRefusalsCostTheSame(t *testing.T) {
	var works [][]uint64
	for _, name := range []string{"Press", "nobody", "certificate", "off"} {
		a, work := newTest(t, Options{})
		a.Authenticate(t.Context(), credentials(name, "wrong"))
		works = append(works, *work)
	}
	for _, w := range works[1:] {
		if !slices.Equal(w, works[0]) {
			t.Errorf("work %v", works)
		}
	}
}
