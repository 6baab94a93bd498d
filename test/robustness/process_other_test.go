//go:build !linux

package robustness

import "syscall"

// childOfTest is nothing special where the kernel has no such service.
func childOfTest() *syscall.SysProcAttr { return nil }
