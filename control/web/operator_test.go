package web_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"stentor/control/api"
	"stentor/control/client"
)

// mesh is a status as nodes give it: five of them, one old, one gone, one busy, and a track over
// two hops of which one link loses packets and sheds a layer.
func mesh(webinar string) api.Status {
	node := func(name, role, region string, edit func(n *api.NodeStatus)) api.NodeStatus {
		n := api.NodeStatus{Node: name, Role: role, Region: region, Version: "v1.2.3", URL: "https://" + name, Alive: true, Load: .12, RTT: 18.4, Index: 311, Staleness: 40, Sessions: 120}
		if edit != nil {
			edit(&n)
		}
		return n
	}
	hop := func(name, parent, standby string, path []string, children ...string) api.Hop {
		h := api.Hop{Node: name, Role: "relay", Parent: parent, Standby: standby, Path: path, Readers: 40 + len(children), Children: children, Bitrate: 14_200_000, RTT: 18.4, Delay: 31, Frames: 9000}
		if parent == "" {
			h.Role, h.RTT, h.Delay = "origin", 0, 0
		}
		if children == nil {
			h.Children = []string{}
		}
		return h
	}
	now := time.Now()
	late := client.Certificate{Names: []string{"meet.example.org"}, Issuer: "Public CA", NotBefore: now.Add(-80 * 24 * time.Hour), NotAfter: now.Add(10*24*time.Hour + time.Hour), Fingerprint: strings.Repeat("ab12", 16), EndsSoon: true}
	lossy := hop("edge-syd-1", "edge-sin-1", "edge-fra-1", []string{"edge-fra-1", "edge-sin-1", "edge-syd-1"})
	lossy.Loss, lossy.Shed, lossy.Late, lossy.Bitrate, lossy.RTT = .034, 1, 12, 6_300_000, 96.7
	return api.Status{
		Node: "voter-fra-1", Version: "v1.2.3", Cluster: "c_demo", Leader: "voter-fra-1", Term: 4, Index: 311, Unreachable: []string{},
		GossipKey: &client.GossipKey{Generation: 2, Phase: "use"},
		Nodes: []api.NodeStatus{
			node("voter-fra-1", "voter", "eu-central", nil),
			node("voter-lon-1", "voter", "eu-west", func(n *api.NodeStatus) { n.Version, n.Outdated, n.Index = "v1.2.2", true, 309 }),
			node("voter-nyc-1", "voter", "us-east", func(n *api.NodeStatus) { n.Alive = false }),
			node("edge-fra-1", "edge", "eu-central", func(n *api.NodeStatus) { n.Load = .83 }),
			node("edge-sin-1", "edge", "ap-south", func(n *api.NodeStatus) { n.Staleness, n.Public = 14_000, &late }),
			node("edge-syd-1", "edge", "ap-south", nil),
		},
		Tracks: []api.Track{{Webinar: webinar, Stream: "main", Track: "video/h", Epoch: 1, Hops: []api.Hop{
			hop("edge-fra-1", "", "", []string{"edge-fra-1"}, "edge-sin-1", "voter-lon-1", "voter-fra-1"),
			hop("voter-fra-1", "edge-fra-1", "voter-lon-1", []string{"edge-fra-1", "voter-fra-1"}),
			hop("voter-lon-1", "edge-fra-1", "voter-fra-1", []string{"edge-fra-1", "voter-lon-1"}),
			hop("edge-sin-1", "edge-fra-1", "voter-lon-1", []string{"edge-fra-1", "edge-sin-1"}, "edge-syd-1"),
			lossy,
		}}},
	}
}

// watch puts a mesh behind the control API.
func (p *planner) watch(change func(s *api.Status)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(&p.mesh)
}

// TestS8S11OperatorSeesTheMesh is the operator console: what needs attention, the nodes, the tree of a
// track, and draining and removing a node, at the real control API.
func TestS8S11OperatorSeesTheMesh(t *testing.T) {
	p := servePlanned(t)
	w := ask[client.Webinar](p, "POST", "/webinars", `{"title":"Tides and moons"}`)
	p.watch(func(s *api.Status) { *s = mesh(w.ID) })
	browser := newBrowser(t)
	operator, admin := browser.open("operator"), browser.open("operator-admin")
	operator.do("open", chromedp.Navigate(p.url+"/operator"))
	operator.says("Operator console")
	operator.pictures("signin")
	operator.do("open", chromedp.Navigate(p.url+"/operator#token="+p.token))
	operator.do("open", chromedp.Reload())
	run := func(name string, work func()) {
		t.Run(name, func(t *testing.T) {
			for _, tab := range []*tab{operator, admin} {
				tab.t = t
			}
			work()
		})
		operator.t, admin.t = t, t
	}
	row := func(node, says string) string {
		return fmt.Sprintf(`document.querySelector("#nodes tr[data-node='%s']")?.textContent.includes(%q)`, node, says)
	}
	run("S8 every node is there with its version", func() {
		for _, name := range []string{"voter-fra-1", "voter-lon-1", "voter-nyc-1", "edge-fra-1", "edge-sin-1", "edge-syd-1"} {
			operator.until(name, row(name, "v1.2."))
		}
		operator.until("an age is in what people count it in", row("edge-syd-1", "40 ms")+" && "+row("edge-sin-1", "14 s"))
		operator.until("the key of gossip is in use, in words", `document.getElementById("raft").textContent.includes("2in use")`)
	})
	run("S11 an older version is pointed out", func() {
		operator.until("at the node", row("voter-lon-1", "outdated"))
		operator.says("voter-lon-1 runs v1.2.2; there is a newer version in the mesh.")
	})
	run("alerts tell what is wrong, the urgent first", func() {
		for _, alert := range []string{"voter-nyc-1 is gone.", "The state of edge-sin-1 is 14 s old", "edge-fra-1 is loaded to 83 %.", "From edge-sin-1 to edge-syd-1, 3.4 % of the packets are lost.", "The certificate that edge-sin-1 shows to browsers has 10 days left. Renew it, then restart the node."} {
			operator.says(alert)
		}
		operator.until("sorted", `[...document.querySelectorAll("#alerts li")].map((a) => a.className).join() === "problem,problem,warning,warning,warning,warning"`)
	})
	run("a certificate whose renewal is late is first, with whom it is for", func() {
		operator.until("the row", `(() => { const r = document.querySelector("#certificates tbody tr"); return r.dataset.certificate === "public edge-sin-1" && ["meet.example.org", "10 days", "renewal late"].every((s) => r.textContent.includes(s)); })()`)
	})
	run("Raft says who leads and who lags", func() {
		operator.until("the figures", `["voter-fra-1", "term 4", "311", "slowest voter: 2 behind", "2 / 3"].every((s) => document.getElementById("raft").textContent.includes(s))`)
	})
	run("the tree is a picture and a table of the same", func() {
		operator.until("the origin stands left of all", `(() => {
			const at = (g) => g.getBoundingClientRect().left;
			const all = [...document.querySelectorAll(".tree .hop")];
			const origin = document.querySelector(".tree .hop.origin");
			return all.length === 5 && origin.textContent.includes("edge-fra-1") && all.every((g) => g === origin || at(g) > at(origin) + 100);
		})()`)
		operator.until("an edge of each hop", `document.querySelectorAll(".tree .edge").length === 4 && document.querySelectorAll(".tree .standby").length === 4`)
		operator.until("the bad link is marked", `(() => { const e = document.querySelectorAll(".tree .edge.lossy"); return e.length === 1 && e[0].textContent.includes("3.4 %") && e[0].textContent.includes("96.7 ms") && e[0].textContent.includes("layers shed: 1"); })()`)
		operator.until("the table says so too", `[...document.querySelectorAll("#hops tr")].some((r) => r.textContent.includes("edge-syd-1") && r.textContent.includes("3.4 %"))`)
		operator.until("webinars have their viewers", `document.getElementById("webinars-on-air").textContent.includes("Tides and moons") && document.getElementById("webinars-on-air").textContent.includes("200")`)
	})
	operator.pictures("mesh")
	operator.do("whole", chromedp.Evaluate[chromedp.Void](`document.querySelector(".tree-box").scrollIntoView()`))
	operator.pictures("tree")

	run("it is live, and what has the focus keeps it", func() {
		operator.do("mark", chromedp.Evaluate[chromedp.Void](`window.kept = document.querySelector("#nodes tr[data-node='edge-syd-1']"); window.box = document.querySelector(".tree .hop"); document.getElementById("track").focus()`))
		p.watch(func(s *api.Status) {
			s.Nodes[5].Sessions = 777
			s.Leader, s.Nodes[0].Alive = "", false
		})
		operator.until("the figure", row("edge-syd-1", "777"))
		operator.says("There is no quorum: 1 of 3 voters answer.")
		operator.until("the same elements", `window.kept === document.querySelector("#nodes tr[data-node='edge-syd-1']") && window.box.isConnected && document.activeElement.id === "track"`)
		operator.pictures("no-quorum")
		p.watch(func(s *api.Status) { *s = mesh(w.ID) })
		operator.until("and back", `!document.body.innerText.includes("There is no quorum")`)
	})
	run("who may not drain is not asked to", func() {
		operator.until("no menus", `document.querySelectorAll("#nodes .menu-button").length === 0`)
	})
	admin.do("open", chromedp.Navigate(p.url+"/operator#token="+p.admin()))
	run("a node is drained and carries again", func() {
		drain := admin.openMenu("#nodes", "edge-fra-1", "drain")
		admin.seen("menu of a node")
		admin.do("choose", chromedp.Click(drain))
		admin.says("Sessions there now: 120")
		admin.pictures("drain")
		admin.click("dialog .primary")
		admin.until("draining", row("edge-fra-1", "draining"))
		admin.menu("#nodes", "edge-fra-1", "undrain")
		admin.until("not any more", "!"+row("edge-fra-1", "draining"))
	})
	run("a node is removed by whoever types its name", func() {
		admin.menu("#nodes", "voter-nyc-1", "remove")
		admin.fill("#remove-name", "voter-nyc-2") // which a pattern of the browser holds off
		admin.click("dialog .danger")
		admin.until("another name does not do", `document.querySelector("dialog input:invalid")`)
		admin.pictures("remove")
		admin.fill("#remove-name", "voter-nyc-1")
		admin.click("dialog .danger")
		admin.until("gone", `document.querySelectorAll("#nodes tbody tr").length === 5`)
	})
	run("right to left", func() {
		arabic := browser.open("operator-arabic")
		arabic.do("open", chromedp.Navigate(p.url+"/operator?lang=ar#token="+p.token))
		arabic.until("there", `document.querySelectorAll(".tree .hop").length === 5`)
		arabic.until("the key of gossip too", `document.getElementById("raft").textContent.includes("قيد الاستخدام")`)
		arabic.pictures("mesh")
	})
}
