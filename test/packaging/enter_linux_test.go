package packaging

import (
	"os"
	"os/exec"
	"syscall"
)

// enter makes a command run with a folder as its root directory, as a user without rights.
// Only root can; others run it where it is.
func enter(cmd *exec.Cmd, dir, program string, uid, gid uint32) (entered bool) {
	if os.Getuid() != 0 {
		return false
	}
	cmd.Path, cmd.Dir = program, "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: dir, Credential: &syscall.Credential{Uid: uid, Gid: gid, NoSetGroups: false}}
	return true
}
