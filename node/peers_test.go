package node

import (
	"slices"
	"testing"

	"stentor/cluster"
	"stentor/cluster/pki"
)

// An edge that is cut off takes all voters for dead, and must find one after a restart.
func TestWhichAddressesARestartFinds(t *testing.T) {
	member := func(node string, role pki.Role, alive bool) cluster.Member {
		return cluster.Member{Meta: cluster.Meta{Node: node, Role: role, Mesh: node + ":7443"}, Alive: alive}
	}
	tests := []struct {
		name    string
		before  map[string]string
		members []cluster.Member
		want    []string
	}{
		{"everybody who is alive", nil, []cluster.Member{member("n1", pki.Voter, true), member("e1", pki.Edge, true)}, []string{"e1:7443", "n1:7443"}},
		{"voters also when they seem dead", nil, []cluster.Member{member("n1", pki.Voter, false), member("e1", pki.Edge, false)}, []string{"n1:7443"}},
		{"voters that gossip has forgotten", map[string]string{"n1": "n1:7443"}, nil, []string{"n1:7443"}},
		{"a voter's newest address alone", map[string]string{"n1": "old:7443"}, []cluster.Member{member("n1", pki.Voter, true)}, []string{"n1:7443"}},
		{"not those that were removed", map[string]string{"gone": "gone:7443"}, []cluster.Member{member("n1", pki.Voter, true)}, []string{"n1:7443"}},
		{"not this node", nil, []cluster.Member{member("self", pki.Voter, true)}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			voters := map[string]string{}
			for node, addr := range tt.before {
				voters[node] = addr
			}
			got := peersOf(voters, tt.members, "self", func(node string) bool { return node == "gone" })
			if !slices.Equal(got, tt.want) {
				t.Errorf("kept are %v, want %v", got, tt.want)
			}
		})
	}
}
