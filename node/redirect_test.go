package node

import (
	"testing"
	"time"

	"stentor/cluster"
)

func TestVisitorsAreSentToTheNearestNodeWithRoom(t *testing.T) {
	member := func(name string, rtt time.Duration, change func(*cluster.Member)) cluster.Member {
		m := cluster.Member{Meta: cluster.Meta{Node: name, HTTP: "https://" + name}, Alive: true, RTT: rtt}
		if change != nil {
			change(&m)
		}
		return m
	}
	near := func(change func(*cluster.Member)) []cluster.Member {
		return []cluster.Member{member("far", 90*time.Millisecond, nil), member("near", 9*time.Millisecond, change)}
	}
	for _, c := range []struct {
		name    string
		members []cluster.Member
		not     []string
		leave   bool
		want    string
	}{
		{"the nearest", near(nil), nil, false, "https://near"},
		{"not one that drains", near(func(m *cluster.Member) { m.Draining = true }), nil, true, "https://far"},
		{"not one that is dead", near(func(m *cluster.Member) { m.Alive = false }), nil, true, "https://far"},
		{"not one that serves nobody", near(func(m *cluster.Member) { m.HTTP = "" }), nil, true, "https://far"},
		{"not one that sent the visitor on", near(nil), []string{"near"}, true, "https://far"},
		{"one with room before a nearer one", near(func(m *cluster.Member) { m.Load = 0.8 }), nil, true, "https://far"},
		{"a busy one where this one has to be left", near(func(m *cluster.Member) { m.Load = 0.8 }), []string{"far"}, true, "https://near"},
		{"nobody where all are busy and this one may stay", near(func(m *cluster.Member) { m.Load = 0.8 }), []string{"far"}, false, ""},
		{"one that was measured before one that was not", near(func(m *cluster.Member) { m.RTT = 0 }), nil, false, "https://far"},
		{"nobody where there is nobody", nil, nil, true, ""},
	} {
		got, ok := nearest(c.members, c.not, c.leave)
		if got != c.want || ok != (c.want != "") {
			t.Errorf("%s: %q %v, want %q", c.name, got, ok, c.want)
		}
	}
}
