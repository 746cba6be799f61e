package mesh

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go"

	"stentor/cluster/pki"
)

// redeemer is what node's handler does, in a few lines: tokens are good once.
type redeemer struct {
	w      *world
	mu     sync.Mutex
	tokens map[[32]byte]pki.Role
	calls  int
}

func (r *redeemer) handle(_ context.Context, req JoinRequest) (JoinReply, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls++
	h := pki.HashSecret(req.Secret)
	role, ok := r.tokens[h]
	if !ok {
		return JoinReply{}, &JoinError{"wrong_token", "This token is not known, or was used."}
	}
	delete(r.tokens, h)
	der, err := r.w.ca.Sign(req.Public, pki.Identity{Node: req.Node, Role: role}, time.Now())
	if err != nil {
		return JoinReply{}, err
	}
	return JoinReply{Certificate: der, CA: r.w.ca.Cert.Raw, GossipKey: bytes.Repeat([]byte{1}, 32), Members: []JoinMember{{"n1", pki.Voter, "1.0.0.1:4000"}}}, nil
}

// door is a node that serves joins, and one token for it.
func (w *world) door() (*redeemer, pki.JoinToken, *node) {
	n := w.node("n1", "1.0.0.1:4000", pki.Voter)
	token, err := pki.NewJoinToken(w.ca.Digest(), nil)
	if err != nil {
		w.Fatal(err)
	}
	r := &redeemer{w: w, tokens: map[[32]byte]pki.Role{token.Hash(): pki.Edge}}
	w.wg.Go(func() { n.ServeJoin(w.ctx, r.handle) })
	synctest.Wait()
	return r, token, n
}

func (w *world) join(from string, token pki.JoinToken, name string, key ed25519.PrivateKey) (JoinReply, error) {
	s := w.socket(from)
	defer s.Close()
	conn, release, err := DialJoinOn(w.ctx, s, "1.0.0.1:4000", token.CA, time.Now)
	if err != nil {
		return JoinReply{}, err
	}
	defer release()
	return JoinOver(w.ctx, conn, token, name, key, time.Now)
}

func newKey(t *testing.T) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestJoin(t *testing.T) {
	inWorld(t, func(w *world) {
		r, token, _ := w.door()
		key := newKey(t)
		reply, err := w.join("1.0.0.9:1", token, "n4", key)
		if err != nil {
			t.Fatal(err)
		}
		cred, err := reply.Credentials(key, time.Now())
		if err != nil || cred.Identity != (pki.Identity{Node: "n4", Role: pki.Edge}) || len(reply.GossipKey) != 32 || len(reply.Members) != 1 {
			t.Fatalf("%+v, %v", reply, err)
		}
		// It is a node now.
		n4 := w.nodeWith("1.0.0.4:4000", cred, nil)
		n4.Listen(ALPNRelay)
		other := w.node("n2", "1.0.0.2:4000", pki.Edge)
		if _, err := other.Dial(w.ctx, "n4", ALPNRelay); err != nil {
			t.Error(err)
		}
		var refusal *JoinError
		if _, err := w.join("1.0.0.9:2", token, "n5", newKey(t)); !errors.As(err, &refusal) || refusal.Code != "wrong_token" {
			t.Errorf("a used token: %v", err)
		}
		if r.calls != 2 {
			t.Errorf("%d calls", r.calls)
		}
	})
}

func TestJoinRefused(t *testing.T) {
	tests := []struct {
		name string
		code string // "" when the secret must not even be sent
		with func(token *pki.JoinToken, node *string)
	}{
		{"the pinned authority is another", "", func(token *pki.JoinToken, _ *string) { token.CA[0] ^= 1 }},
		{"the secret is wrong", "wrong_token", func(token *pki.JoinToken, _ *string) { token.Secret[31] ^= 1 }},
		{"the name is none for a node", "bad_name", func(_ *pki.JoinToken, node *string) { *node = "N 4/../n1" }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				r, token, _ := w.door()
				node := "n4"
				test.with(&token, &node)
				_, err := w.join("1.0.0.9:1", token, node, newKey(t))
				var refusal *JoinError
				switch {
				case test.code == "":
					if err == nil || !strings.Contains(err.Error(), ErrWrongCluster.Error()) || r.calls != 0 {
						t.Errorf("got %v after %d calls", err, r.calls)
					}
				case !errors.As(err, &refusal) || refusal.Code != test.code:
					t.Errorf("got %v", err)
				}
			})
		})
	}
}

// A node of another cluster that has somehow the CA's certificate cannot pass for
// the cluster: it does not lead to it.
func TestJoinRefusesAServerThatOnlyShowsTheAuthority(t *testing.T) {
	inWorld(t, func(w *world) {
		other := authority(t)
		cred := credentials(t, other, pki.Identity{Node: "n1", Role: pki.Voter}, time.Now())
		fake := *cred
		n := w.nodeWith("1.0.0.1:4000", cred, nil)
		fake.CA = w.ca.Cert // shown, but it did not sign
		n.cred.Store(&fake)
		n.Listen(ALPNJoin)
		token, _ := pki.NewJoinToken(w.ca.Digest(), nil)
		if _, err := w.join("1.0.0.9:1", token, "n4", newKey(t)); err == nil {
			t.Error("it passed")
		}
	})
}

func TestJoinProvesTheKey(t *testing.T) {
	inWorld(t, func(w *world) {
		r, token, _ := w.door()
		s := w.socket("1.0.0.9:1")
		defer s.Close()
		conn, release, err := DialJoinOn(w.ctx, s, "1.0.0.1:4000", token.CA, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer release()
		stolen := newKey(t)
		bound := make([]byte, 32) // of another connection
		st, _ := conn.OpenStreamSync(w.ctx)
		writeMessage(st, maxRequest, JoinRequest{Secret: token.Secret[:], Node: "n4", Public: stolen.Public().(ed25519.PublicKey), Proof: ed25519.Sign(stolen, bound)})
		var a joinAnswer
		if err := readMessage(st, maxReply, &a); err != nil || a.Error == nil || a.Error.Code != "bad_proof" || r.calls != 0 {
			t.Errorf("%+v, %v, %d calls", a, err, r.calls)
		}
	})
}

func TestJoinBoundsWhatItReads(t *testing.T) {
	inWorld(t, func(w *world) {
		r, token, n := w.door()
		for i, raw := range [][]byte{
			binary.BigEndian.AppendUint32(nil, maxRequest+1),
			append(binary.BigEndian.AppendUint32(nil, 4), "null"...),
			append(binary.BigEndian.AppendUint32(nil, 2), "{}"...),
			append(binary.BigEndian.AppendUint32(nil, 3), "???"...),
			{0, 0},
			nil,
		} {
			s := w.socket("1.0.0.9:" + string(rune('1'+i)))
			conn, release, err := DialJoinOn(w.ctx, s, n.addr, token.CA, nil)
			if err != nil {
				t.Fatal(err)
			}
			st, _ := conn.OpenStreamSync(w.ctx)
			st.Write(raw)
			start := time.Now()
			var a joinAnswer
			readMessage(st, maxReply, &a)
			if a.Reply != nil || time.Since(start) > joinTimeout+time.Second {
				t.Errorf("message %d: %+v after %v", i, a, time.Since(start))
			}
			release()
			s.Close()
		}
		if r.calls != 0 {
			t.Errorf("the handler saw %d of them", r.calls)
		}
		if _, err := w.join("1.0.0.8:1", token, "n4", newKey(t)); err != nil {
			t.Errorf("after all that: %v", err)
		}
	})
}

func TestJoinsAtOnceAreBounded(t *testing.T) {
	inWorld(t, func(w *world) {
		_, token, n := w.door()
		var held []*quic.Conn
		for i := range joining {
			s := w.socket("1.0.0.9:" + string(rune('1'+i)))
			defer s.Close()
			conn, release, err := DialJoinOn(w.ctx, s, n.addr, token.CA, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer release()
			held = append(held, conn) // and says nothing
		}
		if _, err := w.join("1.0.0.8:1", token, "n4", newKey(t)); err == nil {
			t.Error("one too many was served")
		}
		time.Sleep(joinTimeout + time.Second) // virtual: the silent ones are sent away
		for _, c := range held {
			if c.Context().Err() == nil {
				t.Error("a silent newcomer still holds its place")
			}
		}
		if _, err := w.join("1.0.0.8:2", token, "n4", newKey(t)); err != nil {
			t.Errorf("after they were gone: %v", err)
		}
	})
}

func TestAFailureOfTheHandlerTellsNothing(t *testing.T) {
	inWorld(t, func(w *world) {
		n := w.node("n1", "1.0.0.1:4000", pki.Voter)
		w.wg.Go(func() {
			n.ServeJoin(w.ctx, func(context.Context, JoinRequest) (JoinReply, error) {
				return JoinReply{}, errors.New("disk /secret/path is full")
			})
		})
		synctest.Wait()
		token, _ := pki.NewJoinToken(w.ca.Digest(), nil)
		_, err := w.join("1.0.0.9:1", token, "n4", newKey(t))
		var refusal *JoinError
		if !errors.As(err, &refusal) || refusal.Code != "internal" || strings.Contains(err.Error(), "secret") {
			t.Errorf("got %v", err)
		}
	})
}

// The one test over real sockets: the dial that newcomers use.
func TestJoinOverRealSockets(t *testing.T) {
	ca := authority(t)
	cred := credentials(t, ca, pki.Identity{Node: "n1", Role: pki.Voter}, time.Now())
	socket, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Skip("no UDP on loopback:", err)
	}
	defer socket.Close()
	p, err := New(Config{Conn: socket, Credentials: func() *pki.Credentials { return cred }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	token, _ := pki.NewJoinToken(ca.Digest(), nil)
	r := &redeemer{w: &world{ca: ca}, tokens: map[[32]byte]pki.Role{token.Hash(): pki.Voter}}
	p.Listen(ALPNJoin)
	wg.Go(func() { p.Run(ctx) })
	wg.Go(func() { p.ServeJoin(ctx, r.handle) })
	key := newKey(t)
	reply, err := Join(ctx, socket.LocalAddr().String(), token, "n2", key)
	if err != nil {
		t.Fatal(err)
	}
	if c, err := reply.Credentials(key, time.Now()); err != nil || c.Identity.Role != pki.Voter {
		t.Error(c, err)
	}
}

func FuzzReadMessage(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x02{}"))
	f.Add([]byte("\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var r JoinRequest
		if err := readMessage(bytes.NewReader(b), maxRequest, &r); err != nil {
			return
		}
		var again JoinRequest
		pr, pw := io.Pipe()
		go func() { writeMessage(pw, 1<<20, r); pw.Close() }()
		if err := readMessage(pr, 1<<20, &again); err != nil || again.Node != r.Node || !bytes.Equal(again.Secret, r.Secret) {
			t.Fatalf("%+v came out as %+v, %v", r, again, err)
		}
	})
}
