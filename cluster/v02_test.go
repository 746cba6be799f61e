package cluster

import (
	"bytes"
	"crypto/x509"
	"encoding/hex"
	"io"
	"math"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"stentor/cluster/pki"
)

// testdata/v0.2 was recorded from v0.2.0 (commit 4a6819f): what its nodes write.

func recorded(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "v0.2", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestMetadataOfV02IsRead(t *testing.T) {
	b := recorded(t, "meta.bin")
	s, err := parseSaid("n1", b)
	want := Meta{Node: "n1", Role: pki.Voter, Region: "eu-1", Version: "v0.2.0", Mesh: "192.0.2.1:7946", Watch: "192.0.2.1:7947", HTTP: "https://n1.example.org", Epoch: 1_770_000_000_000_000_000, Load: 0.25, Draining: true}
	if err != nil || s.Meta != want || s.sealed || s.signed {
		t.Errorf("read as %+v, %v", s, err)
	}
	// And the other way round: v0.2 reads the first bytes and ignores the rest.
	if again, err := want.append(nil); err != nil || !bytes.Equal(again, b) {
		t.Errorf("written as %x, %v", again, err)
	}
}

func TestAnnouncementsOfV02AreRead(t *testing.T) {
	for name, want := range map[string]record{
		"carries.bin": {Announcement: Announcement{Node: "n1", Track: "w_x/main/video", Epoch: 300, Path: []string{"n3", "n1"}, Delay: 42 * time.Millisecond}, incarnation: 1_770_000_000_000_000_000, seq: 7},
		"gone.bin":    {Announcement: Announcement{Node: "n1", Track: "w_x/main/audio"}, incarnation: math.MaxUint64, seq: 8, gone: true},
	} {
		b := recorded(t, name)
		w, ok := parseRecord(b)
		if !ok || !w.equal(want.Announcement) || w.incarnation != want.incarnation || w.seq != want.seq || w.gone != want.gone {
			t.Errorf("%s: read as %+v, %v", name, w, ok)
		}
		if again := want.append(nil); !bytes.Equal(again, b) {
			t.Errorf("%s: written as %x", name, again)
		}
		signed := want
		signed.signature = make([]byte, 64)
		if again := signed.unsigned().append(nil); !bytes.Equal(again, b) {
			t.Errorf("%s: a signed word is told to v0.2 as %x", name, again)
		}
	}
}

func TestAStateOfV02IsRead(t *testing.T) {
	ca, err := x509.ParseCertificate(recorded(t, "ca.der"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := parseState(recorded(t, "state.bin"), &pki.Credentials{CA: ca}, noon)
	if err != nil || s.version != 1 || s.sender != "n1" || s.seq != 8 || len(s.list) != 3 || !s.list[2].gone || s.list[1].Path[1] != "n2" {
		t.Errorf("read as %+v, %v", s, err)
	}
}

// A node of v0.2 refuses a state of version 2, and who joins cannot know whom it tells.
func TestWhoJoinsTellsAStateThatV02Reads(t *testing.T) {
	inWorld(t, func(w *world) {
		n1 := w.start(1, time.Millisecond, 1)
		if b := n1.LocalState(); b[0] != 1 {
			t.Errorf("a node that knows nobody tells version %d", b[0])
		}
		n1.Announce(Announcement{Track: "w/s/video", Epoch: 1, Path: []string{"n1"}})
		if b := n1.LocalState(); b[0] != 2 {
			t.Errorf("with something to say, and nobody of v0.2 there, version %d", b[0])
		}
	})
}

// v02 is the gossip key of the recording.
var v02 = slices.Repeat([]byte{7}, 32)

func TestPacketsOfV02AreOpened(t *testing.T) {
	var k keyring
	if err := k.set([][]byte{slices.Repeat([]byte{9}, 32), v02}); err != nil {
		t.Fatal(err)
	}
	var user, alive int
	for _, line := range strings.Fields(string(recorded(t, "packets.hex"))) {
		b, err := hex.DecodeString(line)
		if err != nil {
			t.Fatal(err)
		}
		plain, first, err := k.open(b, nil)
		if err != nil || first {
			t.Fatalf("%s: %v, by the first key: %v", line, err, first)
		}
		user += bytes.Count(plain, []byte("w_x/main/video"))
		alive += bytes.Count(plain, []byte("https://n2"))
	}
	if user == 0 || alive == 0 {
		t.Errorf("%d announcements and %d metadata seen in the recording", user, alive)
	}
}

func TestStreamsOfV02AreOpenedAndWritten(t *testing.T) {
	b := recorded(t, "stream-dialled.bin")
	var k keyring
	if err := k.set([][]byte{v02}); err != nil {
		t.Fatal(err)
	}
	opened := 0
	c := &sealedConn{Conn: readWriter{Reader: bytes.NewReader(b)}, keys: &k, opened: func(bool) { opened++ }}
	plain, err := io.ReadAll(c)
	if err != nil || opened == 0 || !bytes.Contains(plain, []byte("https://n2")) {
		t.Fatalf("%d messages opened, %d bytes, %v", opened, len(plain), err)
	}
	var out bytes.Buffer
	w := &sealedConn{Conn: readWriter{Writer: &out}, keys: &k, opened: func(bool) {}}
	if n, err := w.Write(plain); n != len(plain) || err != nil {
		t.Fatal(n, err)
	}
	back, err := io.ReadAll(&sealedConn{Conn: readWriter{Reader: &out}, keys: &k, opened: func(bool) {}})
	if err != nil || !bytes.Equal(back, plain) {
		t.Errorf("%d bytes came back as %d, %v", len(plain), len(back), err)
	}
}

func TestWhatIsNoSealedMessageEndsTheStream(t *testing.T) {
	good := recorded(t, "stream-dialled.bin")
	first := 5 + int(good[3])<<8 + int(good[4])
	good = good[:first]
	changed := func(at int, to byte) []byte {
		b := bytes.Clone(good)
		b[at] = to
		return b
	}
	for name, b := range map[string][]byte{
		"another kind of message":              changed(0, 6),
		"a length of gigabytes":                changed(1, 0x7f),
		"a length that was not sealed with it": append(changed(4, good[4]+1), 0),
		"a changed byte":                       changed(40, good[40]^1),
		"a byte less":                          good[:len(good)-1],
		"nothing inside":                       {10, 0, 0, 0, 0},
	} {
		var k keyring
		if err := k.set([][]byte{v02}); err != nil {
			t.Fatal(err)
		}
		c := &sealedConn{Conn: readWriter{Reader: bytes.NewReader(b)}, keys: &k, opened: func(bool) {}}
		if _, err := io.ReadAll(c); err == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

type readWriter struct {
	net.Conn
	io.Reader
	io.Writer
}

func (r readWriter) Read(b []byte) (int, error)  { return r.Reader.Read(b) }
func (r readWriter) Write(b []byte) (int, error) { return r.Writer.Write(b) }
