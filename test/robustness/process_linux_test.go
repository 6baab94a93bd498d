package robustness

import "syscall"

// childOfTest has the kernel kill the broker when the test process dies.
func childOfTest() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
