//go:build unix && !linux

package demo

import (
	"os"
	"os/exec"
	"syscall"
)

// hold keeps Ctrl-C in the terminal from the child, so that we stop it in order.
func hold(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

func interrupt(p *os.Process) error {
	_ = p.Signal(syscall.SIGCONT) // one that is stopped would not hear the next
	return p.Signal(syscall.SIGTERM)
}
