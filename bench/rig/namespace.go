package rig

import (
	"fmt"
	"os"
	"os/exec"
)

// inNamespace is set in the process that InNamespace starts.
const inNamespace = "STENTOR_IN_NAMESPACE"

// InNamespace runs this program again, with args, in a network namespace of its own that
// has nothing but a loopback interface, and returns how it ended. What it does to the
// packet filter there touches nobody else. It reports inside as true, and does nothing,
// when this process is in one already; and why not where this machine cannot (it takes
// root, unshare and nft).
func InNamespace(args ...string) (inside bool, why string, err error) {
	if os.Getenv(inNamespace) != "" {
		return true, "", nil
	}
	if os.Geteuid() != 0 {
		return false, "it needs root to make a network namespace", nil
	}
	for _, tool := range []string{"unshare", "ip", "nft"} {
		if _, err := exec.LookPath(tool); err != nil {
			return false, "it needs " + tool, nil
		}
	}
	self, err := os.Executable()
	if err != nil {
		return false, "", fmt.Errorf("rig: %w", err)
	}
	cmd := exec.Command("unshare", append([]string{"--net", "--", "sh", "-c", `ip link set lo up && exec "$0" "$@"`, self}, args...)...)
	cmd.Env = append(os.Environ(), inNamespace+"=1")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return false, "", cmd.Run()
}
