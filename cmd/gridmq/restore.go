package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync/atomic"

	"github.com/spf13/cobra"

	"gridmq/server"
	"gridmq/server/backup"
)

func newRestoreCmd() *cobra.Command {
	var data string
	var quick bool
	cmd := &cobra.Command{
		Use:   "restore FILE --data DIR",
		Short: "Make a data directory of a backup",
		Long: `Make a data directory of what gridmq backup has written. DIR must be empty or not be
there. Every checksum is compared and every record of the store read before anything in
DIR can be seen by a broker; a restore that is interrupted leaves nothing that one would
start with, and can be run again. "-" reads standard input.

Then start the broker on it, with the configuration that it had: gridmq serve --data DIR.
Sessions are as they were at the backup: what their clients have received since comes
again, what was published since is not there. Do not let two brokers run from one backup
with the same clients.`,
		Example: `  gridmq restore gridmq.backup --data /var/lib/gridmq
  age -d -i key.txt gridmq.backup.age | gridmq restore - --data /var/lib/gridmq`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if data == "" {
				return errors.New("--data (or GRIDMQ_DATA) is needed: the directory to make")
			}
			in, err := openBackup(cmd, args[0])
			if err != nil {
				return err
			}
			defer in.Close()
			return restore(cmd, in, data, quick)
		},
	}
	cmd.Flags().StringVar(&data, "data", os.Getenv("GRIDMQ_DATA"), "data `directory` to make")
	cmd.Flags().BoolVar(&quick, "quick", false, "compare checksums of files only, and do not read every record")
	return cmd
}

func openBackup(cmd *cobra.Command, file string) (io.ReadCloser, error) {
	if file == "-" {
		return io.NopCloser(cmd.InOrStdin()), nil
	}
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrPermission) {
		return nil, fmt.Errorf("%w\n  a backup can be read by who made it", err)
	}
	return f, err
}

func restore(cmd *cobra.Command, in io.Reader, data string, quick bool) error {
	var done, all atomic.Int64
	stop := showProgress(cmd.ErrOrStderr(), func() string {
		if read := done.Load(); read < all.Load() {
			return share(read, all.Load())
		}
		return "verifying ..."
	})
	r, err := server.Restore(in, data, server.RestoreOptions{Quick: quick, Progress: done.Store,
		Begin: func(h backup.Head) { all.Store(h.Bytes) }})
	stop()
	if err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	fmt.Fprintf(out, "restored %s: %d files, %s, of %s (%s ago), gridmq %s\n", data, r.Files, size(r.Bytes),
		instant(r.Created), since(r.Created), printableText(r.Version, 40))
	if !quick {
		fmt.Fprintf(out, "read %d documents and %d log entries\n", r.Store.Documents, r.Store.Entries)
	}
	if n := len(r.Store.Damaged); n > 0 {
		fmt.Fprintf(out, "%d records were damaged before the backup; gridmq store check --data %s lists them\n", n, data)
	}
	return nil
}
