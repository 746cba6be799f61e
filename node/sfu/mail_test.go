package sfu

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"stentor/node/sfu/send"
)

// posted is n senders of one kernel, and the mail that they are in.
func posted(t *testing.T, n int, audio bool) (*kernel, *mail, []*batched) {
	t.Helper()
	k, _ := newKernel(t)
	m := &mail{}
	var all []*batched
	for range n {
		_, w := newKernel(t)
		w.socket = k
		s, err := newBatched(w, 1, 2, audio)
		if err != nil {
			t.Fatal(err)
		}
		s.mail = m
		all = append(all, s)
	}
	return k, m, all
}

func TestWhatAShardsViewersGetGoesOutTogether(t *testing.T) {
	k, m, all := posted(t, send.RoundBatches+3, false)
	for _, s := range all {
		give(t, s, 1, 0, 5)
		if n := s.flush(); n != 0 {
			t.Errorf("%d lost", n)
		}
	}
	if k.posts != 1 || k.sent != 5*send.RoundBatches || k.lent != 3 {
		t.Errorf("%d calls, %d packets, %d arenas lent", k.posts, k.sent, k.lent)
	}
	m.send()
	m.send() // there is nothing
	if k.posts != 2 || k.sent != 5*len(all) || k.lent != 0 {
		t.Errorf("at the end %d calls, %d packets, %d arenas lent", k.posts, k.sent, k.lent)
	}
}

func TestSeveralBatchesOfAViewerAreInOneMail(t *testing.T) {
	k, m, all := posted(t, 2, false)
	for i, s := range []*batched{all[0], all[1], all[0]} {
		give(t, s, 1, uint16(4*i), 4)
		s.flush()
	}
	if k.posts != 0 || all[0].posted.TryLock() || all[1].posted.TryLock() {
		t.Errorf("%d calls", k.posts)
	}
	m.send()
	if k.posts != 1 || k.sent != 12 || k.lent != 0 || !all[0].posted.TryLock() || !all[1].posted.TryLock() {
		t.Errorf("%d calls, %d packets, %d arenas lent", k.posts, k.sent, k.lent)
	}
}

func TestWhatAMailHasNoRoomForIsToldWithTheNext(t *testing.T) {
	for name, c := range map[string]struct {
		audio      bool
		err        error
		packets    int
		lost, sent int // with one more
	}{
		"video is dropped":            {false, send.ErrFull, 3, 3, 1},
		"audio waits a little":        {true, send.ErrFull, keptAudio, 0, keptAudio + 1},
		"but not for long":            {true, send.ErrFull, keptAudio + 1, keptAudio + 1, 1},
		"audio for nobody is dropped": {true, send.ErrRefused, 2, 2, 1},
	} {
		t.Run(name, func(t *testing.T) {
			k, m, all := posted(t, 1, c.audio)
			s := all[0]
			give(t, s, 1, 0, c.packets)
			b := s.batch
			s.batch = nil
			s.delivered(b, c.err) // as if the mail had found no room
			give(t, s, 1, uint16(c.packets), 1)
			if n := s.flush(); n != c.lost {
				t.Errorf("%d lost, want %d", n, c.lost)
			}
			m.send()
			if k.sent != c.sent || k.lent != 0 {
				t.Errorf("%d sent, want %d; %d arenas lent", k.sent, c.sent, k.lent)
			}
		})
	}
}

// When a section has ended, or another source is in it, nothing of it goes out any more.
func TestWhoEndsASectionWaitsForTheMail(t *testing.T) {
	for name, end := range map[string]func(*forward){
		"unbound": func(f *forward) { _ = f.Unbind(nil) },
		"emptied": func(f *forward) { f.empty() },
	} {
		t.Run(name, func(t *testing.T) {
			k, m, all := posted(t, 1, false)
			b := newBench(t, h264Info)
			b.f.sender = all[0]
			b.frame(true, 3)
			b.forward()
			if k.sent != 0 || all[0].posted.TryLock() {
				t.Fatal("the mail is out")
			}
			out := make(chan int)
			go func() { end(b.f); out <- k.sent }()
			m.send()
			if n := <-out; n != 3 {
				t.Errorf("%d packets had gone out", n)
			}
		})
	}
}

func TestAShardsTurnLeavesNothingBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAudience(t, 3)
		k, _, all := posted(t, 3, false)
		for i, b := range a.all {
			b.f.sender = all[i]
			all[i].mail = nil
		}
		a.film(false, 5*maxBatch+3)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); a.shard.run(ctx, false) }()
		synctest.Wait()
		time.Sleep(time.Second) // synctest: no pause is longer
		stop()
		<-done
		want := 3 * (2 + 5*maxBatch + 3)
		if k.sent != want || k.lent != 0 {
			t.Errorf("%d sent, want %d; %d arenas lent", k.sent, want, k.lent)
		}
		if k.posts > 12 {
			t.Errorf("%d calls", k.posts)
		}
		for _, s := range all {
			if s.mail != nil || !s.posted.TryLock() {
				t.Error("still in the mail")
			}
		}
		a.stop(context.Canceled)
	})
}
