// The tests of this file run in a synctest bubble where they wait: they sleep in virtual time.

package relay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"stentor/bench/impair"
	"stentor/relay/wire"
)

var (
	chatID   = wire.TrackID{Webinar: "w_abcdefghijklmnop", Stream: "room", Name: "chat"}
	chatInfo = wire.TrackInfo{Kind: wire.Data, Mime: "application/json", Clock: 1000, PayloadType: 100}
)

// message returns the n-th message of the tests: of any length, and like no other.
func message(n int) []byte {
	random := rand.New(rand.NewPCG(uint64(n), 7))
	b := []byte(fmt.Sprintf("message %d ", n))
	for length := random.IntN(1 << random.IntN(14)); len(b) < length; {
		b = append(b, byte(random.Uint32()))
	}
	return b
}

func say(t *testing.T, track *Track, first, last int) {
	t.Helper()
	for n := first; n <= last; n++ {
		if err := track.Append(message(n)); err != nil {
			t.Fatal(err)
		}
	}
}

// listen reads messages first to last, which have to be the next ones.
func listen(t *testing.T, r *Reader, first, last int) {
	t.Helper()
	for n := first; n <= last; n++ {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		got, err := r.Message(ctx)
		cancel()
		if err != nil || !bytes.Equal(got, message(n)) {
			t.Fatalf("message %d: %.20q (%d bytes), %v", n, got, len(got), err)
		}
	}
}

func TestMessagesAreReadFromTheOldest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		track := NewTrack(chatID, chatInfo, 1)
		early := track.Reader(0)
		say(t, track, 1, 40)
		late := track.Reader(0)
		say(t, track, 41, 60)
		listen(t, early, 1, 60)
		listen(t, late, 1, 60)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if m, err := late.Message(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("there is more: %q, %v", m, err)
		}
		say(t, track, 61, 61)
		track.Close()
		listen(t, early, 61, 61)
		if _, err := early.Message(t.Context()); err != io.EOF {
			t.Errorf("at the end: %v", err)
		}
		early.Close()
		late.Close()
	})
}

func TestMessagesHaveBounds(t *testing.T) {
	track := NewTrack(chatID, chatInfo, 1)
	r := track.Reader(0)
	defer r.Close()
	tests := []struct {
		name   string
		length int
		want   error
	}{
		{"nothing", 0, ErrMessage},
		{"one byte", 1, nil},
		{"one packet", messagePart, nil},
		{"one byte more", messagePart + 1, nil},
		{"the longest", MaxMessage, nil},
		{"one that is too long", MaxMessage + 1, ErrMessage},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m := bytes.Repeat([]byte{byte(test.length)}, test.length)
			if err := track.Append(m); !errors.Is(err, test.want) {
				t.Fatalf("append: %v", err)
			}
			if test.want != nil {
				return
			}
			if got, err := r.Message(t.Context()); err != nil || !bytes.Equal(got, m) {
				t.Errorf("%d bytes came back, %v", len(got), err)
			}
		})
	}
	for seq := range uint64(1 << 6) {
		if p := track.Packet(0, 1<<16+seq); p != nil && len(p.Raw) > 1200 {
			t.Errorf("a packet of %d bytes fits no datagram", len(p.Raw))
		}
	}
	video := newVideo()
	defer video.Close()
	vr := video.Reader(0)
	defer vr.Close()
	if _, err := vr.Message(t.Context()); !errors.Is(err, ErrKind) || !errors.Is(video.Append([]byte("x")), ErrKind) {
		t.Error("video has messages")
	}
	track.Close()
	if err := track.Append([]byte("x")); !errors.Is(err, ErrClosed) {
		t.Errorf("after the end: %v", err)
	}
}

func TestReaderOfMessagesThatIsOvertakenGoesOnWithTheOldest(t *testing.T) {
	track := NewTrack(chatID, chatInfo, 1)
	defer track.Close()
	slow := track.Reader(0)
	defer slow.Close()
	say(t, track, 1, 3)
	listen(t, slow, 1, 2)
	number := func(n int) []byte { return bytes.Repeat([]byte{byte(n), byte(n >> 8)}, messagePart) } // two packets each
	for n := range videoSlots {
		if err := track.Append(number(n)); err != nil {
			t.Fatal(err)
		}
	}
	for name, r := range map[string]*Reader{"one that was there": slow, "one that comes": track.Reader(0)} {
		var first int
		for n := 0; ; n++ {
			got, err := r.Message(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if n == 0 {
				first = int(got[0]) | int(got[1])<<8
			}
			if !bytes.Equal(got, number(first+n)) {
				t.Fatalf("%s: message %d after the first, which was %d, is another", name, n, first)
			}
			if first+n == videoSlots-1 {
				break
			}
		}
		if held := videoSlots - first; held < videoSlots/2-2 || held > videoSlots/2 {
			t.Errorf("%s began %d messages before the newest", name, held)
		}
		if want := uint64(0); name == "one that was there" {
			want = 1
			if r.Skips() != want {
				t.Errorf("%s: %d skips", name, r.Skips())
			}
		}
	}
}

func TestMessagesCrossInOrderWithTheirHistory(t *testing.T) {
	bad := func(from, to string) *impair.Link {
		return impair.New(impair.Profile{Delay: 20 * time.Millisecond, Loss: 0.05, Reorder: 0.05, Duplicate: 0.02}, uint64(from[1])<<8|uint64(to[1]))
	}
	onPaths(t, bad, false, func(t *testing.T, m *mesh) {
		n1, n2, n3 := m.nodes["n1"], m.nodes["n2"], m.nodes["n3"]
		n2.follows("n1")
		n3.follows("n2")
		origin := publish(t, n1, chatID, chatInfo, 1, nil)
		say(t, origin, 1, 200)
		sub := subscribe(t, n3, chatID)
		r := sub.Track().Reader(0)
		go func() {
			for n := 201; n <= 400; n++ {
				say(t, origin, n, n)
				time.Sleep(5 * time.Millisecond)
			}
		}()
		listen(t, r, 1, 400)
		late := sub.Track().Reader(0)
		listen(t, late, 1, 400)
		late.Close()
		mid := subscribe(t, n2, chatID)
		mr := mid.Track().Reader(0)
		listen(t, mr, 1, 400)
		r.Close()
		sub.Close()
		time.Sleep(5 * time.Second) // n3 lets go
		say(t, origin, 401, 420)
		sub = subscribe(t, n3, chatID)
		r = sub.Track().Reader(0)
		listen(t, r, 1, 420)
		listen(t, mr, 401, 420)
		for _, x := range []*Reader{r, mr} {
			if x.Skips() != 0 {
				t.Error("something was left out")
			}
			x.Close()
		}
		sub.Close()
		mid.Close()
	}, "n1", "n2", "n3")
}

func TestHistoryThatTheOriginNoLongerHoldsBeginsLaterEverywhere(t *testing.T) {
	inMesh(t, func(t *testing.T, m *mesh) {
		n1, n2, n3 := m.nodes["n1"], m.nodes["n2"], m.nodes["n3"]
		n2.follows("n1")
		n3.follows("n2")
		origin := publish(t, n1, chatID, chatInfo, 1, nil)
		for range videoSlots + 500 {
			if err := origin.Append([]byte("old")); err != nil {
				t.Fatal(err)
			}
		}
		say(t, origin, 1, 20)
		sub := subscribe(t, n3, chatID)
		defer sub.Close()
		r := sub.Track().Reader(0)
		defer r.Close()
		old := 0
		for {
			got, err := r.Message(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != "old" {
				if !bytes.Equal(got, message(1)) {
					t.Fatalf("%.20q", got)
				}
				break
			}
			old++
		}
		listen(t, r, 2, 20)
		if old < videoSlots-100 || old > videoSlots {
			t.Errorf("%d old messages came", old)
		}
	}, "n1", "n2", "n3")
}

func TestMessagesSurviveTheirRelays(t *testing.T) {
	for _, how := range []string{"killed", "drained", "killed, without a standby"} {
		t.Run(how, func(t *testing.T) {
			inPair(t, chatID, chatInfo, func(t *testing.T, p *pair) {
				if how != "killed, without a standby" {
					p.n4.keeps("n3")
				}
				go func() {
					defer close(p.played)
					for n := 1; n <= 600; n++ {
						say(t, p.origin, n, n)
						switch {
						case n == 300 && how == "drained":
							go func() { _ = p.n2.Drain(context.Background()) }()
						case n == 300:
							p.n2.gate.cut()
						}
						time.Sleep(7 * time.Millisecond)
					}
				}()
				listen(t, p.r, 1, 600)
				<-p.played
				late := p.sub.Track().Reader(0)
				defer late.Close()
				listen(t, late, 1, 600)
				if s, _ := status(p.n4, chatID); s.Parent != "n3" || p.r.Skips() != 0 {
					t.Errorf("the parent is %s, %d skips", s.Parent, p.r.Skips())
				}
			})
		})
	}
}

func TestChildOfVersion1IsNotToldOfData(t *testing.T) {
	inMesh(t, func(t *testing.T, m *mesh) {
		publish(t, m.nodes["n1"], chatID, chatInfo, 1, nil)
		publish(t, m.nodes["n1"], videoID, videoInfo, 1, nil)
		s := strange(t, m)
		defer func() { _ = s.conn.CloseWithError(0, "") }()
		s.say(wire.Hello{Version: 1, Least: 1, Node: "n2"}, wire.Subscribe{Alias: 1, ID: chatID}, wire.Subscribe{Alias: 2, ID: videoID})
		if r := hear[wire.Reject](s); r.Alias != 1 || r.Code != wire.CodeNotFound {
			t.Errorf("rejected: %+v", r)
		}
	}, "n1", "n2")
	inMesh(t, func(t *testing.T, m *mesh) {
		publish(t, m.nodes["n1"], videoID, videoInfo, 1, nil)
		s := strange(t, m)
		defer func() { _ = s.conn.CloseWithError(0, "") }()
		s.say(wire.Hello{Version: 1, Least: 1, Node: "n2"}, wire.Subscribe{Alias: 2, ID: videoID})
		if a := hear[wire.Accept](s); a.Alias != 2 || a.Info.Kind != wire.Video {
			t.Errorf("accepted: %+v", a)
		}
	}, "n1", "n2")
}
