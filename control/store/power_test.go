package store

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// crashes is how often the power goes in one run of the tests, over several disks: each
// loses it again and again, also while it recovers.
const (
	disks   = 20
	crashes = 10 // of each disk
)

func TestPowerLossLosesNothingThatWasAcknowledged(t *testing.T) {
	points, acknowledged, snapshots := 0, 0, 0
	for disk := range disks {
		seed := uint64(disk)
		life := newLife(t, seed)
		synctest.Test(t, func(t *testing.T) {
			for range crashes {
				if err := life.until(t, 1+life.rng.IntN(100)); err != nil {
					t.Fatalf("disk %d, crash %d: %v", seed, life.crashes, err)
				}
			}
			if err := life.until(t, -1); err != nil { // and once without
				t.Fatalf("disk %d: %v", seed, err)
			}
		})
		points, acknowledged = points+life.crashes, acknowledged+len(life.acknowledged)
		snapshots += life.disk.inSnapshots
	}
	t.Logf("%d crash points, %d of them in snapshots, %d acknowledged writes, 0 lost", points, snapshots, acknowledged)
	if points < 200 || snapshots < 1 || acknowledged < 1000 {
		t.Errorf("only %d crashes, %d in snapshots, and %d acknowledged writes", points, snapshots, acknowledged)
	}
}

func TestADiskThatLiesAboutSyncIsFound(t *testing.T) {
	for seed := range uint64(20) {
		life := newLife(t, seed)
		life.disk.lies = true
		found := false
		synctest.Test(t, func(t *testing.T) {
			for range crashes {
				if life.until(t, 40+life.rng.IntN(80)) != nil {
					found = true
					return
				}
			}
		})
		if found {
			return
		}
	}
	t.Error("a disk that keeps nothing it was asked to sync loses nothing: this test tests nothing")
}

// life is one voter on a disk that loses power, and what it acknowledged.
type life struct {
	dir     string
	rng     *rand.Rand
	disk    *lossyDisk
	crashes int

	mu           sync.Mutex // guards the following
	acknowledged map[string]uint64
	next         int
}

func newLife(t *testing.T, seed uint64) *life {
	rng := rand.New(rand.NewPCG(seed, 7))
	return &life{dir: t.TempDir(), rng: rng, disk: newLossyDisk(rng), acknowledged: map[string]uint64{}}
}

// until runs the voter for n operations of the disk, or for some time; the error is what
// it lost.
func (l *life) until(t *testing.T, n int) error {
	if err := l.disk.powerOn(n); err != nil {
		return err
	}
	v, err := OpenVoter(VoterConfig{
		Node: "n1", Dir: l.dir, Bootstrap: true, Init: initial(), PINKey: clusterKey, disk: l.disk.disk(l.dir),
		Streams:           NewStreamLayer(newMeshNet().listen("n1"), nil),
		Forward:           func(context.Context, string, []byte) ([]byte, error) { return nil, errCut },
		SnapshotThreshold: 32, SnapshotInterval: time.Second,
		Exit: func(error) { runtime.Goexit() }, // it never returns, and Raft panics if it does
	})
	switch {
	case err != nil && l.disk.off():
		l.crashes++
		return nil
	case err != nil:
		return fmt.Errorf("it does not open again: %w", err)
	}
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	ended := make(chan error, 1)
	go func() {
		err := errPower
		defer func() { ended <- err }()
		err = v.Run(ctx)
	}()
	lost := l.check(ctx, v)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() { l.propose(ctx, v) })
	}
	wg.Wait()
	stop()
	err = <-ended
	switch {
	case lost != nil:
		return lost
	case l.disk.off(): // the log's own error may be that its segment is full
		l.crashes++
	case err != nil || n >= 0:
		return fmt.Errorf("it ended with %w after %d of %d operations", err, l.disk.ops, n)
	}
	return nil
}

// check reads, and says what is not there any more.
func (l *life) check(ctx context.Context, v *Voter) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	go func() { // a dead disk answers nobody
		select {
		case <-v.latch.tripped:
			cancel()
		case <-ctx.Done():
		}
	}()
	s, err := v.Read(ctx)
	if err != nil {
		if v.latch.err() != nil {
			return nil
		}
		return fmt.Errorf("it does not come back: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, index := range l.acknowledged {
		if s.Webinar(id) == nil {
			return fmt.Errorf("%s of %d is lost, the state is at %d", id, index, s.Index())
		}
	}
	return nil
}

// propose makes webinars until the disk is dead, or there are enough.
func (l *life) propose(ctx context.Context, v *Voter) {
	for range 40 {
		l.mu.Lock()
		l.next++
		id := fmt.Sprint("w_", l.next)
		l.mu.Unlock()
		// Not before the duty of a second: the time in which Raft takes snapshots passes.
		select {
		case <-time.After(50 * time.Millisecond):
		case <-v.latch.tripped:
			return
		}
		r, err := v.Propose(ctx, create(id))
		if err != nil {
			return
		}
		l.mu.Lock()
		l.acknowledged[id] = r.Index
		l.mu.Unlock()
	}
}
