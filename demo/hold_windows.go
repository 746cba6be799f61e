package demo

import (
	"os"
	"os/exec"
	"syscall"
)

// hold keeps Ctrl-C in the terminal from the child.
func hold(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}

// interrupt ends the child at once: Windows has no polite signal between processes.
func interrupt(p *os.Process) error { return p.Kill() }
