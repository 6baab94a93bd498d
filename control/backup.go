package control

import (
	"errors"
	"net/http"
	"time"

	"gridmq/control/audit"
)

// backup streams a backup. It holds everybody's secrets, so it is for owners of
// everything, and it is in the audit log before its first byte leaves. Its time limit
// is the reader's patience: see stream.
func (c *call) backup() error {
	if err := c.may("gridmq/backup/action", "/gridmq/backup"); err != nil {
		return err
	}
	select {
	case c.plane.saves <- struct{}{}:
		defer func() { <-c.plane.saves }()
	default: // each keeps space of the disk
		e := refuse(http.StatusConflict, codeConflict, "Another backup is being made; wait until it is done.")
		e.RetryAfter = 10 * time.Second
		return e
	}
	c.note(audit.Succeeded, "")
	b, err := c.plane.o.Backup.Backup(c.r.Context())
	if errors.Is(err, ErrNoBackup) {
		return refuse(http.StatusConflict, codeConflict, "The store of this server is in memory: there is nothing that could be backed up.")
	}
	if err != nil {
		return err
	}
	defer func() {
		if err := b.Close(); err != nil {
			c.plane.log.Warn("a backup was not cleared away; the next start does it", "err", err)
		}
	}()
	began := c.plane.o.Now()
	if err := b.Stream(c.endless, c.stream("application/x-tar")); err != nil {
		c.note(audit.Failed, "Interrupted")
		c.plane.log.Warn("backup ended early", "request", c.id, "operator", c.caller.Name, "err", err)
		panic(http.ErrAbortHandler) // the only way to tell a reader that this is not the end
	}
	c.plane.log.Info("backup made", "request", c.id, "operator", c.caller.Name, "took", c.plane.o.Now().Sub(began))
	return nil
}

// note puts what is being done into the audit log.
func (c *call) note(result, code string) {
	c.plane.audit.Record(c.r.Context(), audit.Entry{Operator: c.caller.Name, From: c.fromText(), Operation: c.operation, Resource: c.target,
		Result: result, Code: code, Request: c.id})
}
