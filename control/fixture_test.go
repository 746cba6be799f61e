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

// fixture is what a version wrote: commands, the snapshot after them, and its hash. These
// files are never written again: a version that reads them otherwise would lose or
// change the webinars of those who upgrade to it. A later version records files of its
// own beside them.
type fixture struct {
	version string
	kinds   int // of commands in it
	make    func(*log)
}

var fixtures = []fixture{{"v1", 15, recordV1}, {"v2", 45, recordV2}, {"v3", 47, recordV3}, {"v3.1", 48, recordV31}, {"v3.2", 48, recordV32}}

func (f fixture) commands() string { return "testdata/commands-" + f.version + ".binpb" }
func (f fixture) snapshot() string { return "testdata/snapshot-" + f.version + ".bin" }
func (f fixture) hash() string     { return "testdata/hash-" + f.version + ".txt" }

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

func recordV1(l *log) {
	for _, c := range recorded() {
		l.apply(c)
	}
}

func TestRecordedCommandsAndSnapshotsStayReadable(t *testing.T) {
	for _, f := range fixtures {
		t.Run(f.version, func(t *testing.T) {
			if *record {
				f.record(t)
			}
			s, kinds := NewState(), map[uint32]bool{}
			for _, c := range f.read(t) {
				next, res := s.Apply(s.Index()+1, c)
				if res.Halt != nil {
					t.Fatal(res.Halt)
				}
				kinds[kindOf(c)] = true
				s = next
			}
			if len(kinds) < f.kinds {
				t.Errorf("%d kinds recorded of %d", len(kinds), f.kinds)
			}
			f.compare(t, s)
		})
	}
}

// compare holds s against the recorded snapshot and hash.
func (f fixture) compare(t *testing.T, s *State) {
	snap, err := os.ReadFile(f.snapshot())
	if err != nil {
		t.Fatal(err)
	}
	restored, err := Restore(bytes.NewReader(snap))
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(f.hash())
	if err != nil {
		t.Fatal(err)
	}
	for what, got := range map[string]*State{"commands": s, "snapshot": restored} {
		h := got.Hash()
		if hex.EncodeToString(h[:]) != strings.TrimSpace(string(want)) {
			t.Errorf("the %s give another state: %x", what, h)
		}
	}
	if restored.Index() != s.Index() || !restored.Time().Equal(s.Time()) {
		t.Errorf("at %d %v, want %d %v", restored.Index(), restored.Time(), s.Index(), s.Time())
	}
}

func (f fixture) read(t testing.TB) []*controlpb.Command {
	b, err := os.ReadFile(f.commands())
	if err != nil {
		t.Fatal(err)
	}
	var cs []*controlpb.Command
	for r := bytes.NewReader(b); r.Len() > 0; {
		var c controlpb.Command
		if err := protodelim.UnmarshalFrom(r, &c); err != nil {
			t.Fatal(err)
		}
		cs = append(cs, &c)
	}
	return cs
}

// record writes the files of f, if there are none.
func (f fixture) record(t *testing.T) {
	if _, err := os.Stat(f.commands()); err == nil {
		return
	}
	var commands, snap bytes.Buffer
	l := newLog(t)
	f.make(l)
	for _, c := range l.commands {
		if _, err := protodelim.MarshalTo(&commands, c); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.s.Snapshot(&snap); err != nil {
		t.Fatal(err)
	}
	h := l.s.Hash()
	for name, b := range map[string][]byte{f.commands(): commands.Bytes(), f.snapshot(): snap.Bytes(), f.hash(): []byte(hex.EncodeToString(h[:]) + "\n")} {
		if err := os.WriteFile(name, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestEachKindIsRecorded(t *testing.T) {
	last := fixtures[len(fixtures)-1]
	kinds := map[uint32]bool{}
	s := NewState()
	for _, c := range last.read(t) {
		kinds[kindOf(c)] = true
		s, _ = s.Apply(s.Index()+1, c)
	}
	fields := commandKind.Fields()
	for i := range fields.Len() {
		if f := fields.Get(i); !kinds[uint32(f.Number())] {
			t.Errorf("no %s is recorded", f.Name())
		}
	}
	found := map[Kind]bool{}
	for r := range s.Records() {
		found[KeyOf(r).Kind] = true
	}
	for k := KindWebinar; k <= KindSealedKeys; k++ {
		if !found[k] {
			t.Errorf("no record of kind %d is left behind", k)
		}
	}
}
