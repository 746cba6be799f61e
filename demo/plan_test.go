package demo

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"stentor/control/client"
)

func plan(t *testing.T, n int) []Node {
	t.Helper()
	tcp, udp, err := freePorts(portsPerNode * n)
	if err != nil {
		t.Fatal(err)
	}
	return planNodes("/data", n, tcp, udp)
}

func TestTheFirstThreeNodesVote(t *testing.T) {
	for n, want := range map[int]string{1: "voter", 2: "voter voter", 3: "voter voter voter", 5: "voter voter voter edge edge"} {
		var roles []string
		for _, node := range plan(t, n) {
			roles = append(roles, node.Role)
		}
		if got := strings.Join(roles, " "); got != want {
			t.Errorf("%d nodes: %s", n, got)
		}
	}
}

func TestNoAddressComesTwice(t *testing.T) {
	seen := make(map[string]bool)
	for _, n := range plan(t, 6) {
		for _, a := range []string{"udp " + n.Mesh, "udp " + n.RTC, "tcp " + n.HTTP, "tcp " + n.Watch, "tcp " + n.Metrics, n.Data, n.Log, n.Name} {
			if seen[a] || strings.HasSuffix(a, ":0") {
				t.Errorf("%s of %s", a, n.Name)
			}
			seen[a] = true
		}
		if n.URL != "http://"+n.HTTP || !strings.HasPrefix(n.HTTP, "127.0.0.1:") {
			t.Errorf("%s is reached at %s", n.Name, n.URL)
		}
	}
}

func TestArguments(t *testing.T) {
	n := plan(t, 2)[1]
	if got, want := strings.Join(n.initArgs(), " "), "init --data /data/n2 --name n2"; got != want {
		t.Errorf("got %s", got)
	}
	args := n.nodeArgs("127.0.0.1:7")
	for flag, value := range map[string]string{
		"--data": n.Data, "--name": "n2", "--mesh": n.Mesh, "--watch": n.Watch, "--http": n.HTTP, "--rtc": n.RTC,
		"--join": "127.0.0.1:7", "--token-file": filepath.Join(n.Data, "join.token"),
	} {
		if i := slices.Index(args, flag); i < 0 || args[i+1] != value {
			t.Errorf("%s is not %s in %v", flag, value, args)
		}
	}
	if args := n.nodeArgs(""); args[0] != "node" || slices.Contains(args, "--join") || slices.Contains(args, "--token-file") {
		t.Errorf("a node that is in joins again: %v", args)
	}
}

func TestLinks(t *testing.T) {
	nodes := plan(t, 3)
	w := client.Webinar{ID: "w_1", Title: "Stentor demo", Link: "slug", JoinPath: "/w/slug", PIN: "12345678"}
	i := newInfo("/data", nodes, w, client.Invite{Secret: "sti_x", LinkPath: "/w/slug#invite=sti_x", WHIPPath: "/whip/slug/main"}, "sta_host", "sta_admin")
	for _, c := range []struct{ what, got, want string }{
		{"the guest page is at the last node", i.Guest, nodes[2].URL + "/w/slug"},
		{"the host page is at node 1", i.Host, nodes[0].URL + "/host#token=sta_host"},
		{"the presenter is at node 1", i.Presenter, nodes[0].URL + "/w/slug#invite=sti_x"},
		{"publishing goes to node 1", i.WHIP, nodes[0].URL + "/whip/slug/main"},
		{"playing goes to the last node", i.WHEP, nodes[2].URL + "/whep/slug"},
	} {
		if c.got != c.want {
			t.Errorf("%s: %s, not %s", c.what, c.got, c.want)
		}
	}
	for _, stream := range []bool{true, false} {
		var out strings.Builder
		i.print(&out, stream)
		for _, must := range []string{i.Guest, i.Host, i.Presenter, i.WHIP, i.WHEP, i.HostToken, i.PresenterSecret, i.Context, "12345678", "Ctrl-C"} {
			if !strings.Contains(out.String(), must) {
				t.Errorf("with stream %v: %s is not printed", stream, must)
			}
		}
		if strings.Contains(out.String(), i.AdminToken) {
			t.Error("the operator's token is shown on the screen")
		}
		if got := strings.Contains(out.String(), "ffmpeg"); got == stream {
			t.Errorf("with stream %v: says how to bring one: %v", stream, got)
		}
	}
	if i.PID == 0 {
		t.Error("no process id")
	}
}
