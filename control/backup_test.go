package control_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"gridmq/control"
	"gridmq/control/operator"
	"gridmq/store"
)

// fakeBackup says what it is told to.
type fakeBackup struct {
	refuse, fail error
	wait         chan struct{} // Stream waits for it to be closed, unless it is nil
	closed       int
}

func (f *fakeBackup) Backup(context.Context) (control.Backup, error) { return f, f.refuse }
func (f *fakeBackup) Close() error                                   { f.closed++; return nil }
func (f *fakeBackup) Stream(_ context.Context, w io.Writer) error {
	if f.wait != nil {
		<-f.wait
	}
	_, err := io.WriteString(w, "backup")
	return errors.Join(err, f.fail)
}

func backupBench(t *testing.T, f *fakeBackup) *bench {
	return newBench(t, func(o *control.Options) {
		o.Backup = f
		o.Operators = append(o.Operators, local("plantowner", "owner", plant))
	})
}

func (b *bench) backUp(token string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "https://manage.test/gridmq/backup", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	b.plane.ServeHTTP(w, r)
	return w
}

// A backup holds everybody's secrets: it is for owners of everything, and for nobody
// else, and every attempt is in the audit log.
func TestBackupIsForOwners(t *testing.T) {
	f := &fakeBackup{}
	b := backupBench(t, f)
	b.furnish()
	for _, tt := range []struct {
		token string
		want  int
	}{{"owner-token", 200}, {"contributor-token", 403}, {"reader-token", 403}, {"plantowner-token", 403}, {"plantreader-token", 403}, {"nobody", 401}} {
		if w := b.backUp(tt.token); w.Code != tt.want || (w.Body.String() == "backup") != (tt.want == 200) {
			t.Errorf("backup with %s: %d %.100q, want %d", tt.token, w.Code, w.Body, tt.want)
		}
	}
	var results []string
	for _, e := range b.must(200, "GET /gridmq/audit?resource=/gridmq/backup", "").at("value").([]any) {
		e := e.(map[string]any)
		if e["operation"] != "gridmq/backup/action" || e["resource"] != "/gridmq/backup" {
			t.Errorf("audit entry %v", e)
		}
		results = append(results, e["operator"].(string)+" "+e["result"].(string))
	}
	if got := strings.Join(results, ", "); !strings.Contains(got, "owner Succeeded") || strings.Count(got, "Failed") != 4 {
		t.Errorf("audit: %s", got)
	}
	if f.closed != 1 {
		t.Errorf("closed %d times, want once", f.closed)
	}
	b.must(405, "GET /gridmq/backup", "")
	if role := operator.RoleNamed("contributor"); role.Allows("gridmq/backup/action") {
		t.Error("contributors may back up")
	}
}

// What cannot be backed up is said before the first byte; what fails later ends the
// connection, so that nobody takes it for a whole answer.
func TestBackupFails(t *testing.T) {
	for _, tt := range []struct {
		err    error
		status int
	}{{control.ErrNoBackup, 409}, {store.ErrFull, 503}, {store.ErrClosed, 503}, {errors.New("x"), 500}} {
		if w := backupBench(t, &fakeBackup{refuse: tt.err}).backUp(owner); w.Code != tt.status {
			t.Errorf("%v: %d, want %d", tt.err, w.Code, tt.status)
		}
	}
	f := &fakeBackup{fail: errors.New("disk")}
	b := backupBench(t, f)
	func() {
		defer func() {
			if p := recover(); p != http.ErrAbortHandler {
				t.Errorf("recovered %v, want http.ErrAbortHandler", p)
			}
		}()
		b.backUp(owner)
	}()
	if f.closed != 1 {
		t.Errorf("closed %d times, want once", f.closed)
	}
	if w := b.backUp("reader-token"); w.Code != 403 { // its slots are free again
		t.Errorf("after that: %d", w.Code)
	}
}

// There is one backup at a time.
func TestBackupOneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeBackup{wait: make(chan struct{})}
		b := backupBench(t, f)
		done := make(chan int)
		go func() { done <- b.backUp(owner).Code }()
		synctest.Wait()
		if w := b.backUp(owner); w.Code != 409 || w.Header().Get("Retry-After") == "" {
			t.Errorf("a second backup: %d", w.Code)
		}
		close(f.wait)
		if code := <-done; code != 200 {
			t.Errorf("the first: %d", code)
		}
		if w := b.backUp(owner); w.Code != 200 {
			t.Errorf("the one after: %d", w.Code)
		}
		_ = b.plane.Close()
		_ = b.store.Close()
	})
}
