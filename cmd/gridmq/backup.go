package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"gridmq/server/backup"
)

func newBackupCmd() *cobra.Command {
	var m manageFlags
	var force bool
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Back up a running broker into a file",
		Long: `Write a backup of a running broker: sessions with what waits for them, retained
messages, events, resources, operators, the audit log, dead letters, and the keys and
certificates that the broker has made for itself. It holds everything that was
acknowledged before; the broker goes on meanwhile. The configuration file, and
certificates that it names, are not in it.

The file appears when it is whole and its checksums are right; before that it is called
FILE.partial. "-" writes to standard output: it is whole if the exit code is 0.

It holds secrets, those of everybody: only an operator with the role owner of everything
may make it, and only you can read the file (mode 0600).

` + manageHelp,
		Example: `  gridmq backup gridmq.backup
  gridmq backup /backup/$(date +%F).backup --data /var/lib/gridmq
  gridmq backup - | age -r age1... > gridmq.backup.age`,
		Args: cobra.ExactArgs(1),
	}
	m.register(cmd, false)
	cmd.Flags().BoolVar(&force, "force", false, "replace FILE if it is there")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if args[0] == "-" {
			return m.run(func(ctx context.Context, cmd *cobra.Command, _ []string) error {
				_, err := m.backUp(ctx, cmd, cmd.OutOrStdout())
				return err
			})(cmd, nil)
		}
		if !force && exists(args[0]) {
			return fmt.Errorf("%s is there: --force replaces it", args[0])
		}
		return m.run(func(ctx context.Context, cmd *cobra.Command, _ []string) error {
			s, err := m.backUpInto(ctx, cmd, args[0])
			if err == nil {
				fmt.Fprintf(cmd.OutOrStdout(), "wrote %s: %d files, %s\n", args[0], s.Files, size(s.Bytes))
			}
			return err
		})(cmd, nil)
	}
	return cmd
}

// backUpInto makes the file appear once it is whole, and on disk.
func (m *manageFlags) backUpInto(ctx context.Context, cmd *cobra.Command, file string) (s backup.Summary, err error) {
	partial := file + ".partial"
	if err := os.Remove(partial); err != nil && !errors.Is(err, os.ErrNotExist) { // its mode may be another
		return s, err
	}
	f, err := os.OpenFile(partial, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return s, err
	}
	if s, err = m.backUp(ctx, cmd, f); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return s, errors.Join(err, os.Remove(partial)) // it could not be gone on with
	}
	if err := os.Rename(partial, file); err != nil {
		return s, err
	}
	dir, err := os.Open(filepath.Dir(file))
	if err != nil {
		return s, err
	}
	return s, errors.Join(dir.Sync(), dir.Close())
}

// backUp writes a backup to out while it verifies it.
func (m *manageFlags) backUp(ctx context.Context, cmd *cobra.Command, out io.Writer) (s backup.Summary, err error) {
	body, err := m.client.Backup(ctx)
	if err != nil {
		return s, err
	}
	defer body.Close()
	var done, all atomic.Int64
	stop := showProgress(cmd.ErrOrStderr(), func() string { return share(done.Load(), all.Load()) })
	defer stop()
	copied := io.TeeReader(body, out)
	s, err = backup.Read(copied, func(h backup.Head) { all.Store(h.Bytes) },
		func(_ string, _ int64, content io.Reader) error {
			_, err := io.Copy(io.Discard, &telling{content, &done})
			return err
		})
	if err == nil {
		_, err = io.Copy(io.Discard, copied) // the zeros behind the last entry
	}
	return s, err
}

// telling counts what is read.
type telling struct {
	io.Reader
	n *atomic.Int64
}

func (t *telling) Read(b []byte) (int, error) {
	n, err := t.Reader.Read(b)
	t.n.Add(int64(n))
	return n, err
}

func share(done, all int64) string {
	if all <= 0 {
		return size(done) + " ..."
	}
	return fmt.Sprintf("%s of %s (%d %%)", size(done), size(all), min(100, 100*done/all))
}

// size shows bytes.
func size(n int64) string {
	const units = "KMGTPE"
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	value, unit := float64(n)/1024, 0
	for ; value >= 1024; unit++ {
		value /= 1024
	}
	return fmt.Sprintf("%.1f %ciB", value, units[unit])
}

// since shows how long ago something was, for people.
func since(t time.Time) string {
	return time.Since(t).Round(time.Second).String()
}
