package demo

import (
	"os"
	"os/exec"
	"syscall"
)

// hold ties a child to this process: the kernel kills it should we die without
// saying so, and Ctrl-C in the terminal reaches us alone, so that we stop it in
// order.
func hold(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

func interrupt(p *os.Process) error {
	_ = p.Signal(syscall.SIGCONT) // one that is stopped would not hear the next
	return p.Signal(syscall.SIGTERM)
}
