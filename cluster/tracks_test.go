package cluster

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/serf/coordinate"
	"pgregory.net/rapid"

	"stentor/cluster/pki"
)

var noon = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func everyone(string) bool              { return true }
func anyEpoch(string) (uint64, bool)    { return 0, true }
func nobodyKnown(string) (uint64, bool) { return 0, false }

func carries(node, track string, incarnation, seq uint64) record {
	return record{Announcement: Announcement{Node: node, Track: track, Epoch: seq, Path: []string{"o", node}}, incarnation: incarnation, seq: seq}
}

func gone(node, track string, incarnation, seq uint64) record {
	return record{Announcement: Announcement{Node: node, Track: track}, incarnation: incarnation, seq: seq, gone: true}
}

// In whatever order, however often: those who heard the same words know the same.
func TestWordsConverge(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var said []record
		seq := map[string]uint64{}
		for range rapid.IntRange(1, 30).Draw(t, "words") {
			node := rapid.SampledFrom([]string{"a", "b"}).Draw(t, "node")
			inc := rapid.Uint64Range(1, 3).Draw(t, "incarnation")
			track := rapid.SampledFrom([]string{"t", "u", "v"}).Draw(t, "track")
			key := fmt.Sprint(node, inc)
			seq[key]++
			if rapid.Bool().Draw(t, "gone") {
				said = append(said, gone(node, track, inc, seq[key]))
			} else {
				said = append(said, carries(node, track, inc, seq[key]))
			}
		}
		known := func(order []record) string {
			k := newTracks("me", 1)
			for _, w := range order {
				k.hear(w, anyEpoch, noon)
			}
			return fmt.Sprint(k.all(everyone))
		}
		want := known(said)
		twice := rapid.Permutation(append(slices.Clone(said), said...)).Draw(t, "order")
		if got := known(twice); got != want {
			t.Fatalf("in another order:\n%s\nnot\n%s", got, want)
		}
	})
}

func TestOnlyANodeItselfSaysWhatItCarries(t *testing.T) {
	k := newTracks("me", 5)
	k.say(Announcement{Track: "mine", Path: []string{"me"}}, false, noon)

	if changed, answers := k.hear(carries("me", "old", 4, 99), anyEpoch, noon); changed || answers != nil {
		t.Errorf("a word from an earlier start: %v, %v", changed, answers)
	}
	changed, answers := k.hear(carries("me", "forged", 5, 7), anyEpoch, noon)
	if changed || len(answers) != 1 || !answers[0].gone || answers[0].Track != "forged" || answers[0].seq <= 7 {
		t.Errorf("a forged track: %v, %+v", changed, answers)
	}
	changed, answers = k.hear(gone("me", "mine", 5, 50), anyEpoch, noon)
	if changed || len(answers) != 1 || answers[0].gone || answers[0].seq <= 50 || len(answers[0].Path) != 1 {
		t.Errorf("a forged end: %v, %+v", changed, answers)
	}
	// The clock went back: others hold words of a later start.
	_, answers = k.hear(carries("me", "x", 9, 1), anyEpoch, noon)
	if len(answers) != 1 || answers[0].incarnation != 10 || answers[0].Track != "mine" {
		t.Errorf("a later start: %+v", answers)
	}
	if got := k.carriers("mine", everyone); len(got) != 1 {
		t.Errorf("after all that: %v", got)
	}
	other := newTracks("n2", 1)
	for _, w := range append([]record{carries("me", "x", 9, 1)}, answers...) {
		other.hear(w, anyEpoch, noon)
	}
	if len(other.carriers("mine", everyone)) != 1 || len(other.carriers("x", everyone)) != 0 {
		t.Error("another node does not believe the correction")
	}
}

func TestWhatIsHeardIsBounded(t *testing.T) {
	k := newTracks("me", 1)
	for i := range uint64(2 * maxTracks) {
		k.hear(carries("a", fmt.Sprint(i), 1, i+1), anyEpoch, noon)
	}
	if _, n := k.counts(); n != maxTracks {
		t.Errorf("%d tracks of one node", n)
	}
	k = newTracks("me", 1)
	for i := range 2 * strangers {
		k.hear(carries(fmt.Sprint("x", i), "t", 1, 1), nobodyKnown, noon)
	}
	if n := len(k.nodes); n != strangers {
		t.Errorf("%d strangers", n)
	}
	k.prune(nobodyKnown, noon.Add(strangerTime+time.Second))
	if n := len(k.nodes); n != 0 {
		t.Errorf("%d strangers a minute later", n)
	}
	k.hear(gone("a", "t", 1, 2), anyEpoch, noon)
	if k.hear(carries("a", "t", 1, 1), anyEpoch, noon); len(k.carriers("t", everyone)) != 0 {
		t.Error("an old word brought a track back")
	}
	k.prune(anyEpoch, noon.Add(tombstone+time.Second))
	if n := len(k.nodes["a"].tracks); n != 0 {
		t.Errorf("%d tombstones are left", n)
	}
}

func TestSmallChangesOfTheDelayAreHeldBack(t *testing.T) {
	k := newTracks("me", 1)
	say := func(d time.Duration) bool {
		_, ok := k.say(Announcement{Track: "t", Path: []string{"me"}, Delay: d}, false, noon)
		return ok
	}
	for _, test := range []struct {
		delay time.Duration
		told  bool
	}{{100 * time.Millisecond, true}, {100 * time.Millisecond, false}, {104 * time.Millisecond, false}, {109 * time.Millisecond, false}, {111 * time.Millisecond, true}, {20 * time.Millisecond, true}, {24 * time.Millisecond, false}, {25 * time.Millisecond, true}} {
		if say(test.delay) != test.told {
			t.Errorf("%v: told is not %v", test.delay, test.told)
		}
	}
	if _, ok := k.say(Announcement{Track: "never"}, true, noon); ok {
		t.Error("the end of what never was is told")
	}
}

func TestASignedListIsTheWholeTruth(t *testing.T) {
	k := newTracks("me", 1)
	for i, track := range []string{"t", "u", "late"} {
		k.hear(carries("a", track, 1, uint64(i)*5+1), anyEpoch, noon)
	}
	if !k.whole("a", 1, 10, []record{carries("a", "t", 1, 1)}) {
		t.Error("nothing changed")
	}
	for track, want := range map[string]int{"t": 1, "u": 0, "late": 1} {
		if got := len(k.carriers(track, everyone)); got != want {
			t.Errorf("%s has %d carriers", track, got)
		}
	}
	if k.whole("a", 2, 99, nil) || k.whole("b", 1, 1, nil) {
		t.Error("a list of another start, or of a node that said nothing, changed something")
	}
}

func newCredentials(t testing.TB, ca *pki.Authority, node string) *pki.Credentials {
	t.Helper()
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := ca.Sign(pub, pki.Identity{Node: node, Role: pki.Edge}, noon)
	if err != nil {
		t.Fatal(err)
	}
	c, err := pki.NewCredentials(der, key, ca.Cert, noon)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAStateIsFromWhomItSays(t *testing.T) {
	ca, err := pki.NewAuthority("test", noon)
	if err != nil {
		t.Fatal(err)
	}
	other, _ := pki.NewAuthority("test", noon)
	me, a := newCredentials(t, ca, "me"), newCredentials(t, ca, "a")
	for version := byte(1); version <= 2; version++ {
		testState(t, version, me, a, newCredentials(t, other, "a"))
	}
}

func testState(t *testing.T, version byte, me, a, foreign *pki.Credentials) {
	signed := carries("b", "u", 2, 9)
	if version > 1 {
		signed.sign(me.Key)
		signed.proven = false
	}
	s := state{version: version, sender: "a", incarnation: 3, seq: 4, list: []record{carries("a", "t", 3, 4), gone("b", "t", 1, 1), signed}}
	b, left := s.append(nil, a)
	if left != 0 {
		t.Errorf("%d words do not fit", left)
	}
	got, err := parseState(b, me, noon)
	if err != nil || fmt.Sprint(got) != fmt.Sprint(s) {
		t.Fatalf("%+v, %v", got, err)
	}
	as := func(s state, c *pki.Credentials) []byte {
		b, _ := s.append(nil, c)
		return b
	}
	liar := s
	liar.sender = "me"
	for name, b := range map[string][]byte{
		"another name than the certificate's": as(liar, a),
		"another cluster's certificate":       as(s, foreign),
		"a byte more":                         append(bytes.Clone(b), 0),
		"a byte less":                         b[:len(b)-1],
		"nothing":                             nil,
		"a later version":                     append([]byte{3}, b[1:]...),
	} {
		if _, err := parseState(b, me, noon); err == nil {
			t.Errorf("%s: believed", name)
		}
	}
	for i := range b {
		c := bytes.Clone(b)
		c[i] ^= 0x40
		if _, err := parseState(c, me, noon); err == nil {
			t.Fatalf("believed with byte %d changed", i)
		}
	}
	if _, err := parseState(b, me, noon.Add(25*time.Hour)); err == nil {
		t.Error("believed an expired node")
	}
}

func TestMetaRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringN(0, 20, 50)
		m := Meta{
			Node: "n1", Role: rapid.SampledFrom([]pki.Role{pki.Voter, pki.Edge}).Draw(t, "role"), Region: text.Draw(t, "region"), Version: text.Draw(t, "version"),
			Mesh: "x" + text.Draw(t, "mesh"), Watch: text.Draw(t, "watch"), HTTP: text.Draw(t, "http"), Epoch: rapid.Uint64().Draw(t, "epoch"),
			Load: rapid.Float32Range(0, 10).Draw(t, "load"), Full: rapid.Bool().Draw(t, "full"), Draining: rapid.Bool().Draw(t, "draining"), leaving: rapid.Bool().Draw(t, "leaving"),
		}
		b, err := m.append(nil)
		if err != nil || len(b) > maxMeta {
			t.Fatal(len(b), err)
		}
		if got, err := parseSaid("n1", b); err != nil || got.Meta != m || got.sealed {
			t.Fatalf("%+v came out as %+v, %v", m, got, err)
		}
	})
}

func newVivaldi(t *testing.T) *coordinate.Client {
	t.Helper()
	c, err := coordinate.NewClient(coordinate.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCoordinatesThatWouldDragOthersAlongAreRefused(t *testing.T) {
	good := appendCoordinate(nil, newVivaldi(t).GetCoordinate())
	if c, ok := parseCoordinate(good); !ok || !bytes.Equal(appendCoordinate(nil, c), good) {
		t.Fatal("a coordinate does not come back")
	}
	for _, f := range []float64{math.NaN(), math.Inf(1), -61, 1e9} {
		c := newVivaldi(t).GetCoordinate()
		c.Vec[3] = f
		if _, ok := parseCoordinate(appendCoordinate(nil, c)); ok {
			t.Errorf("believed %v", f)
		}
	}
	for _, b := range [][]byte{nil, good[:10], append(good, 0), append([]byte{2}, good[1:]...)} {
		if _, ok := parseCoordinate(b); ok {
			t.Errorf("believed %d bytes", len(b))
		}
	}
}

// What parses is written again byte for byte.
func FuzzRecord(f *testing.F) {
	f.Add(carries("n1", "w_x/main/video", 1, 300).append(nil))
	f.Add(gone("n1", "w_x/main/video", 1, 2).append(nil))
	signed := carries("n1", "w_x/main/video", 1, 300)
	signed.signature = make([]byte, 64)
	f.Add(signed.append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		w, ok := parseRecord(b)
		if !ok {
			return
		}
		if again := w.append(nil); !bytes.Equal(again, b) {
			t.Fatalf("%x came out as %x", b, again)
		}
		if len(b) > 1064 {
			t.Fatalf("a record of %d bytes fits no packet", len(b))
		}
	})
}

func FuzzMeta(f *testing.F) {
	m := Meta{Node: "n1", Role: pki.Voter, Mesh: "1.2.3.4:5", HTTP: "https://x"}
	b, _ := m.append(nil)
	f.Add(b)
	ca, _ := pki.NewAuthority("test", noon)
	sealed, err := said{Meta: m, seq: 300, keys: []KeyID{{1, 2, 3, 4}}}.seal(newCredentials(f, ca, "n1"), netip.MustParseAddrPort("1.2.3.4:5"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed)
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := parseSaid("n1", b)
		if err != nil {
			return
		}
		again, err := s.append(nil)
		if len(again) > maxMeta && err != nil {
			return // v0.2 may say more than this version writes
		}
		if err != nil {
			t.Fatal(err)
		}
		again = append(again, s.signature...)
		if len(again) > len(b) || !sameBut(again, b[:len(again)], 2) {
			t.Fatalf("%x came out as %x", b, again)
		}
	})
}

// A list of words is written again byte for byte. (A state has a signature around it
// that a fuzzer cannot make.)
func FuzzGroups(f *testing.F) {
	signed := carries("n2", "w_x/main/video", 1, 300)
	signed.signature = make([]byte, 64)
	b, n, _ := state{list: []record{carries("n1", "t", 1, 1), gone("n1", "u", 1, 2), carries("n1", "t", 2, 1), signed}}.groups(1 << 20)
	f.Add(append(binary.AppendUvarint(nil, uint64(n)), b...))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := reader{b: b}
		list := r.groups()
		if r.bad || len(r.b) > 0 {
			return
		}
		if len(list) > len(b) {
			t.Fatalf("%d words out of %d bytes", len(list), len(b))
		}
		again, n, left := state{list: list}.groups(1 << 30)
		if again = append(binary.AppendUvarint(nil, uint64(n)), again...); left > 0 || !bytes.Equal(again, b) {
			t.Fatalf("%x came out as %x", b, again)
		}
	})
}

func FuzzCoordinate(f *testing.F) {
	c, _ := coordinate.NewClient(coordinate.DefaultConfig())
	f.Add(appendCoordinate(nil, c.GetCoordinate()))
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, ok := parseCoordinate(b); ok && !bytes.Equal(appendCoordinate(nil, c), b) {
			t.Fatalf("%x came out as %x", b, appendCoordinate(nil, c))
		}
	})
}

// What does not fit one exchange fits the next ones: every node gets its turn.
func TestAStateThatIsTooLargeTellsEveryWordInTurn(t *testing.T) {
	ca, err := pki.NewAuthority("test", noon)
	if err != nil {
		t.Fatal(err)
	}
	me := newCredentials(t, ca, "me")
	var list []record
	list = append(list, carries("me", "mine", 1, 1))
	for node := range 24 {
		for track := range 1000 {
			list = append(list, carries(fmt.Sprintf("n%02d", node), fmt.Sprintf("%s%d", strings.Repeat("t", 190), track), 1, 1))
		}
	}
	told := map[string]bool{}
	for range 100 {
		s := state{version: 2, sender: "me", incarnation: 1, seq: 1, list: slices.Clone(list)}
		s.shuffle()
		b, left := s.append(nil, me)
		if len(b) > maxState || left == 0 {
			t.Fatalf("%d bytes, %d left", len(b), left)
		}
		got, err := parseState(b, me, noon)
		if err != nil || len(got.list)+left != len(list) || got.list[0].Track != "mine" {
			t.Fatalf("%d words read, %d left: %v", len(got.list), left, err)
		}
		for _, w := range got.list {
			told[w.Node+w.Track] = true
		}
		if len(told) == len(list) {
			return
		}
	}
	t.Errorf("%d of %d words told", len(told), len(list))
}

// sameBut compares all but one byte: the flags, of which this version knows three.
func sameBut(a, b []byte, flags int) bool {
	return bytes.Equal(a[:flags], b[:flags]) && bytes.Equal(a[flags+1:], b[flags+1:])
}

func TestTheLongestRecordFitsAPacket(t *testing.T) {
	w := record{Announcement: Announcement{Node: strings.Repeat("n", 63), Track: strings.Repeat("t", maxTrack), Epoch: math.MaxUint64, Delay: time.Minute}, incarnation: math.MaxUint64, seq: math.MaxUint64}
	for range maxPath {
		w.Path = append(w.Path, w.Node)
	}
	w.signature = make([]byte, 64)
	if n := len(w.append(nil)); n > 1000 {
		t.Errorf("%d bytes", n)
	}
}
