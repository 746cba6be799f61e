package main

import (
	"fmt"
	"os"
	"testing"
	"time"

	"stentor/bench/chaos"
	"stentor/bench/rig"
)

// Five nodes as real processes are killed, paused and cut off, while clients sign people
// up and ban them at every node. What the clients were told must be what one copy of the
// state could have told them, and in the end every voter has the same state.
//
// The processes live in a network namespace of their own, in which this test runs itself
// again.
func TestChaosAgainstRealProcesses(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes three minutes: make e2e")
	}
	stentor := binary(t)
	os.Setenv("STENTOR_BINARY", stentor) // for the one inside
	inside, why, err := rig.InNamespace("-test.run", "^TestChaosAgainstRealProcesses$", "-test.v", "-test.timeout", "10m")
	switch {
	case err != nil:
		t.Fatal("the run in its namespace failed: ", err)
	case why != "":
		t.Skip("no network namespace: ", why)
	case !inside:
		return
	}
	for seed := range uint64(3) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { torment(t, stentor, seed) })
	}
}

func torment(t *testing.T, stentor string, seed uint64) {
	m, err := rig.StartMesh(t.Context(), stentor, t.TempDir(), 3, 2)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Stop()
	r, err := chaos.Run(t.Context(), chaos.Config{Mesh: m, Seed: seed, For: time.Minute, Clients: 6, Cuts: true, Print: t.Logf})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d operations, %d with a lost answer, faults %v, writes away %v", r.Operations, r.Unknown, r.Faults, r.Away)
	t.Logf("answers %v", r.Answers)
	if r.Unchecked || !r.Linearizable {
		t.Errorf("the history is not linearizable (given up: %t)\n%v", r.Unchecked, r.Wrong)
	}
	if !r.Same {
		t.Errorf("the nodes do not have one state: %v", r.Hashes)
	}
	if r.Operations < 200 || len(r.Away) == 0 {
		t.Errorf("%d operations and %d killed leaders prove little", r.Operations, len(r.Away))
	}
}
