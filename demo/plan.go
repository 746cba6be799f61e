package demo

import (
	"fmt"
	"net"
	"path/filepath"
	"strconv"
)

// voters is how many nodes vote; the others join as edges. Three is the smallest
// number that loses one without losing the quorum.
const voters = 3

// maxNodes bounds the demo: each node is a process of its own on this machine.
const maxNodes = 16

// Node is one node of the demo: a process, and where it is reached.
type Node struct {
	Name  string `json:"name"`
	Role  string `json:"role"` // "voter" or "edge"
	Data  string `json:"data"`
	Log   string `json:"log"`
	URL   string `json:"url"` // of pages, API, WHIP and WHEP
	HTTP  string `json:"http"`
	Mesh  string `json:"mesh"`
	RTC   string `json:"rtc"`
	Watch string `json:"watch"`
	// Metrics is where /metrics and health are.
	Metrics string `json:"metrics"`
	PID     int    `json:"pid"`
}

// portsPerNode is how many ports of TCP each node needs; it needs no more of UDP.
const portsPerNode = 3

// planNodes gives each of n nodes below dir its folder, role and ports.
func planNodes(dir string, n int, tcp, udp []int) []Node {
	nodes := make([]Node, n)
	at := func(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
	for i := range nodes {
		name := fmt.Sprintf("n%d", i+1)
		role := "voter"
		if i >= voters {
			role = "edge"
		}
		data := filepath.Join(dir, name)
		nodes[i] = Node{
			Name: name, Role: role, Data: data, Log: filepath.Join(data, "log"),
			HTTP: at(tcp[portsPerNode*i]), Watch: at(tcp[portsPerNode*i+1]), Metrics: at(tcp[portsPerNode*i+2]),
			Mesh: at(udp[portsPerNode*i]), RTC: at(udp[portsPerNode*i+1]),
			URL: "http://" + at(tcp[portsPerNode*i]),
		}
	}
	return nodes
}

// initArgs makes the first node of a cluster.
func (n Node) initArgs() []string { return []string{"init", "--data", n.Data, "--name", n.Name} }

// nodeArgs runs the node. join is the mesh address of a voter, empty for the first
// node and for those that have joined before.
func (n Node) nodeArgs(join string) []string {
	args := []string{
		"node", "--data", n.Data, "--name", n.Name, "--region", "demo",
		"--mesh", n.Mesh, "--watch", n.Watch, "--http", n.HTTP, "--rtc", n.RTC,
		"--metrics", n.Metrics,
	}
	if join != "" {
		args = append(args, "--join", join, "--token-file", n.tokenFile())
	}
	return args
}

// tokenFile holds the join token until the node is in.
func (n Node) tokenFile() string { return filepath.Join(n.Data, "join.token") }
