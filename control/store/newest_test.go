// The tests of this file run in a synctest bubble (bubble): they sleep in virtual time.

package store

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"stentor/control/controlpb"
)

func TestEveryNodeFindsOutHowFarTheLogIs(t *testing.T) {
	bubble(t, func(t *testing.T, c *cluster) {
		c.three(signs)
		level2(t, c.leader())
		f := c.followWith("e1", verifies, "n2")
		same(t, f, c.leader())
		for i, who := range []interface {
			Newest(context.Context) (uint64, error)
		}{c.voter("n1"), c.voter("n2"), c.voter("n3"), f} {
			want := must(t, c.leader(), create("w_"+names[i%3]+string(rune('a'+i)))).Index
			if got, err := who.Newest(t.Context()); err != nil || got < want {
				t.Errorf("node %d: %d, want at least %d: %v", i, got, want, err)
			}
		}
		c.net.isolate("e1", true)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		if n, err := f.Newest(ctx); !errors.Is(err, ErrUnavailable) || time.Since(began) > time.Second {
			t.Errorf("cut off: %d, %v after %v", n, err, time.Since(began))
		}
		f.end(t)
	})
}

func TestStreamsShareAHeartbeatThatIsOfNow(t *testing.T) {
	bubble(t, func(t *testing.T, c *cluster) {
		c.three(signs)
		v := c.leader()
		first := v.heartbeat()
		time.Sleep(beatFor - 1)
		if v.heartbeat() != first {
			t.Error("a stream a moment later got another one")
		}
		var b bytes.Buffer
		w := &watch{v: v.Voter, conn: discarding{w: &b}}
		if err := w.beat(first); err != nil {
			t.Fatal(err)
		}
		var m controlpb.WatchMessage
		if err := readMessage(&b, &m, maxMessage); err != nil || m.GetHeartbeat().GetAge() < int64(beatFor-1) {
			t.Errorf("it does not say how old it is: %v, %v", m.GetHeartbeat(), err)
		}
		time.Sleep(time.Nanosecond)
		if v.heartbeat() == first {
			t.Error("it is shared for too long")
		}
		other := c.voter("n2")
		if other == v {
			other = c.voter("n3")
		}
		old := other.heartbeat().pb.GetLeader()
		c.kill(v)
		for range 200 { // whoever hears of another leader tells the edges of that one
			if now := other.heartbeat().pb.GetLeader(); now != other.Leader() {
				t.Fatalf("a heartbeat of %q under %q", now, other.Leader())
			}
			time.Sleep(beatFor / 10)
		}
		if other.Leader() == old {
			t.Error("no other leader within a second")
		}
	})
}

// discarding is a stream whose other end reads all.
type discarding struct {
	net.Conn
	w io.Writer
}

func (d discarding) Write(b []byte) (int, error)      { return d.w.Write(b) }
func (d discarding) SetWriteDeadline(time.Time) error { return nil }

func TestAStreamKeepsNoPieceOfASnapshot(t *testing.T) {
	w := &watch{conn: discarding{w: io.Discard}}
	for _, size := range []int{100, chunk} {
		piece := &controlpb.WatchSnapshot{Data: make([]byte, size)}
		if err := w.write(&controlpb.WatchMessage{Kind: &controlpb.WatchMessage_Snapshot{Snapshot: piece}}); err != nil {
			t.Fatal(err)
		}
		if kept := cap(w.buffer); size < keepBuffer && kept == 0 || kept > keepBuffer {
			t.Errorf("%d bytes are kept after a piece of %d", kept, size)
		}
	}
	read := &messages{r: new(bytes.Buffer)}
	for _, size := range []int{100, chunk, 100} {
		var b bytes.Buffer
		sent := &controlpb.WatchMessage{Kind: &controlpb.WatchMessage_Snapshot{Snapshot: &controlpb.WatchSnapshot{Data: bytes.Repeat([]byte{byte(size)}, size)}}}
		if err := writeMessage(&b, sent); err != nil {
			t.Fatal(err)
		}
		read.r = &b
		var m controlpb.WatchMessage
		if err := read.next(&m, maxMessage); err != nil {
			t.Fatal(err)
		}
		clear(read.buffer[:cap(read.buffer)]) // what was read is the message's own
		if !proto.Equal(&m, sent) || cap(read.buffer) > keepBuffer {
			t.Errorf("a piece of %d bytes: %d are kept", size, cap(read.buffer))
		}
	}
}
