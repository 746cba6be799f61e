package cli

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/semver"

	"stentor/control/client"
)

// StatusCommand shows the mesh.
type StatusCommand struct {
	Remote
}

// Run prints the nodes, and how each track travels.
func (c *StatusCommand) Run(ctx context.Context, e *Env) error {
	api, err := c.open(e)
	if err != nil {
		return err
	}
	s, err := api.Status(ctx)
	if err != nil {
		return err
	}
	if len(s.Unreachable) > 0 {
		defer e.hint("no answer from %s: what they carry is missing here", strings.Join(s.Unreachable, ", "))
	}
	if newer(s.Version, e.Version) {
		defer e.hint("this program is %s, and %s runs %s: bring it up to date", e.Version, s.Node, s.Version)
	}
	switch {
	case c.JSON:
		return printJSON(e.Stdout, s)
	case c.Quiet:
		for _, n := range s.Nodes {
			if err := nothing(e.Stdout, plain(n.Node)); err != nil {
				return err
			}
		}
		return nil
	}
	return printStatus(e.Stdout, s, e.Now())
}

// newer reports whether version a is newer than b, where both are versions.
func newer(a, b string) bool {
	canonical := func(v string) string { return "v" + strings.TrimPrefix(v, "v") }
	a, b = canonical(a), canonical(b)
	return semver.IsValid(a) && semver.IsValid(b) && semver.Compare(a, b) > 0
}

func printStatus(w io.Writer, s client.Status, now time.Time) error {
	leader := s.Leader
	if leader == "" {
		leader = "none (no quorum: the rules hold, changes wait)"
	}
	if err := sheet(w,
		"mesh", s.Cluster,
		"leader", leader,
		"term", strconv.FormatUint(s.Term, 10),
		"index", strconv.FormatUint(s.Index, 10),
		"gossip key", gossipKey(s.GossipKey),
		"seen by", s.Node+" ("+first(s.Version, "unknown version")+")",
	); err != nil {
		return err
	}
	fmt.Fprintln(w)
	if err := table(w, "NODE ROLE REGION VERSION STATE LOAD RTT INDEX BEHIND SESSIONS URL", nodeRows(s)); err != nil {
		return err
	}
	if rows := certificateRows(s, now); len(rows) > 0 {
		fmt.Fprintln(w)
		if err := table(w, "CERTIFICATE OF FROM UNTIL LEFT SHA-256 NAMES", rows); err != nil {
			return err
		}
	}
	for _, t := range s.Tracks {
		if err := printTrack(w, t); err != nil {
			return err
		}
	}
	if len(s.Tracks) == 0 {
		return nothing(w, "\nNo tracks: nobody is on air.")
	}
	return nil
}

// gossipKey says how far the rotation of the gossip key is.
func gossipKey(k *client.GossipKey) string {
	switch {
	case k == nil:
		return "cannot change yet (some nodes are too old)"
	case k.Phase == "remove":
		return "generation " + strconv.FormatUint(k.Generation, 10)
	}
	return "generation " + strconv.FormatUint(k.Generation, 10) + ", phase " + plain(k.Phase) + ", next " + plain(k.Next)
}

func nodeRows(s client.Status) [][]string {
	rows := make([][]string, len(s.Nodes))
	for i, n := range s.Nodes {
		role, version := n.Role, n.Version
		if n.Node == s.Leader {
			role += "*"
		}
		if n.Outdated {
			version += " (outdated)"
		}
		rows[i] = []string{n.Node, role, n.Region, version, state(n), "", "", "", "", "", n.URL}
		if n.Alive { // else the figures are old, or none
			copy(rows[i][5:], []string{
				strconv.FormatFloat(n.Load*100, 'f', 0, 64) + " %", millis(n.RTT),
				strconv.FormatUint(n.Index, 10), millis(n.Staleness), strconv.Itoa(n.Sessions),
			})
		}
	}
	return rows
}

// certificateRows are what nodes show to each other and to browsers, and the authority's.
func certificateRows(s client.Status, now time.Time) (rows [][]string) {
	add := func(kind, of string, c *client.Certificate) {
		if c == nil {
			return
		}
		left := remaining(c.NotAfter.Sub(now))
		if c.EndsSoon {
			left += " (renewal is late)"
		}
		rows = append(rows, []string{kind, of, when(c.NotBefore), when(c.NotAfter), left, c.Fingerprint[:min(16, len(c.Fingerprint))], strings.Join(c.Names, " ")})
	}
	add("authority", s.Cluster, s.Authority)
	for _, n := range s.Nodes {
		add("mesh", n.Node, n.Mesh)
		add("public", n.Node, n.Public)
	}
	return rows
}

// remaining says what is left of a certificate: days, or hours and minutes of the last two days.
func remaining(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d <= 0:
		return "over"
	case d < 2*day:
		return long(d.Truncate(time.Minute))
	}
	return strconv.Itoa(int(d/day)) + " days"
}

func state(n client.NodeStatus) string {
	switch {
	case !n.Alive:
		return "gone"
	case n.Draining:
		return "draining"
	}
	return "alive"
}
