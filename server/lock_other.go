//go:build !unix

package server

import (
	"fmt"
	"os"
)

// A dataLock does nothing here: the store's own lock keeps a second process out.
type dataLock struct{}

func lockData(dir string) (*dataLock, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the data directory: %w", err)
	}
	return &dataLock{}, nil
}

func (l *dataLock) release() {}
