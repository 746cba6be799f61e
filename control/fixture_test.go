package control

import (
	"bytes"
	"encoding/hex"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protodelim"

	"stentor/control/controlpb"
)

// What version 1 wrote. These files are never written again: a version that reads them
// otherwise would lose or change the webinars of those who upgrade to it. A later
// version records files of its own beside them.
const (
	commandsV1 = "testdata/commands-v1.binpb"
	snapshotV1 = "testdata/snapshot-v1.bin"
	hashV1     = "testdata/hash-v1.txt"
)

var record = flag.Bool("record", false, "record the fixtures of this version, where there are none")

// recorded has each kind of command, and leaves each kind of record behind.
func recorded() []*controlpb.Command {
	registered := create("w_3")
	registered.GetCreateWebinar().Pin = nil
	registered.GetCreateWebinar().Registration = &controlpb.Registration{}
	registered.GetCreateWebinar().Mode = "all-on-screen"
	registered.GetCreateWebinar().Guests = &controlpb.Permissions{Audio: true, Messages: true}
	expiring := apiToken("t_2", "webinars:read")
	expiring.GetCreateApiToken().Expires = start.Add(24 * time.Hour).UnixNano()
	cs := []*controlpb.Command{
		clusterInfo("c_1"), create("w_1"), create("w_2"), registered,
		setPIN("w_1", "31415926"), clearPIN("w_2"), invite("w_1", "i_1", "presenter"), invite("w_1", "i_2", "moderator"),
		claim("w_1", "main", "n1", "p_1", 3, false), claim("w_1", "main", "n2", "p_2", 1, true), claim("w_1", "screen", "n1", "p_1", 3, false),
		disconnect("w_1", "p_3", []string{"device:abc"}, nil),
		disconnect("w_1", "p_4", []string{"device:abc", "prefix:192.0.2.1/32"}, &controlpb.NewBan{Id: "b_1", Prefix: true, Seen: []*controlpb.Keys{{Keys: []string{"device:abc", "invite:i_2"}}}}),
		disconnect("w_1", "p_5", nil, &controlpb.NewBan{Id: "b_2"}), liftBan("w_1", "b_2"),
		release("w_1", "screen", 11), release("w_1", "screen", 11), // the second is refused
		apiToken("t_1", "admin"), expiring, apiToken("t_3"),
		{Kind: &controlpb.Command_RevokeApiToken{RevokeApiToken: &controlpb.RevokeAPIToken{Id: "t_3"}}},
		joinToken("j_1", start.Add(time.Hour)), joinToken("j_2", start.Add(time.Hour)), redeem("j_1", "n4"),
		{Kind: &controlpb.Command_SetFeatureLevel{SetFeatureLevel: &controlpb.SetFeatureLevel{Level: 1}}}, end("w_2"),
	}
	for i, c := range cs {
		c.RequestId = strings.Repeat("r", i+1)
		c.ProposedAt = start.Add(time.Duration(i) * time.Second).UnixNano()
	}
	return cs
}

func TestRecordedCommandsAndSnapshotsStayReadable(t *testing.T) {
	if *record {
		recordFixtures(t)
	}
	b, err := os.ReadFile(commandsV1)
	if err != nil {
		t.Fatal(err)
	}
	s := NewState()
	kinds := map[uint32]bool{}
	for r := bytes.NewReader(b); r.Len() > 0; {
		var c controlpb.Command
		if err := protodelim.UnmarshalFrom(r, &c); err != nil {
			t.Fatal(err)
		}
		next, res := s.Apply(s.Index()+1, &c)
		if res.Halt != nil {
			t.Fatal(res.Halt)
		}
		kinds[kindOf(&c)] = true
		s = next
	}
	if n := commandKind.Fields().Len(); len(kinds) < 15 || len(kinds) > n {
		t.Errorf("%d kinds recorded of %d", len(kinds), n)
	}
	snap, err := os.ReadFile(snapshotV1)
	if err != nil {
		t.Fatal(err)
	}
	restored, err := Restore(bytes.NewReader(snap))
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(hashV1)
	if err != nil {
		t.Fatal(err)
	}
	for what, got := range map[string]*State{"commands": s, "snapshot": restored} {
		h := got.Hash()
		if hex.EncodeToString(h[:]) != strings.TrimSpace(string(want)) {
			t.Errorf("the %s of version 1 give another state: %x", what, h)
		}
	}
	if restored.Index() != s.Index() || !restored.Time().Equal(s.Time()) {
		t.Errorf("at %d %v, want %d %v", restored.Index(), restored.Time(), s.Index(), s.Time())
	}
}

func recordFixtures(t *testing.T) {
	var commands, snap bytes.Buffer
	l := newLog(t)
	for _, c := range recorded() {
		l.apply(c)
		if _, err := protodelim.MarshalTo(&commands, c); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.s.Snapshot(&snap); err != nil {
		t.Fatal(err)
	}
	h := l.s.Hash()
	for name, b := range map[string][]byte{commandsV1: commands.Bytes(), snapshotV1: snap.Bytes(), hashV1: []byte(hex.EncodeToString(h[:]) + "\n")} {
		f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(b); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
