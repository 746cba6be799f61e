package control

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"stentor/control/controlpb"
	"stentor/control/webinar"
)

var (
	start      = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	clusterKey = []byte("0123456789abcdef0123456789abcdef")
)

func hash(s string) []byte { h := sha256.Sum256([]byte(s)); return h[:] }

// log is a state and what was applied to it.
type log struct {
	t        testing.TB
	s        *State
	changes  []Change
	commands []*controlpb.Command
}

func newLog(t testing.TB) *log { return &log{t: t, s: NewState()} }

// apply applies c a second after the command before.
func (l *log) apply(c *controlpb.Command) Result {
	l.t.Helper()
	if c.ProposedAt == 0 {
		c.ProposedAt = start.Add(time.Duration(l.s.Index()) * time.Second).UnixNano()
	}
	before := l.s.Hash()
	next, r := l.s.Apply(l.s.Index()+1, c)
	if r.Halt != nil {
		l.t.Fatalf("halt: %v", r.Halt)
	}
	if l.s.Hash() != before {
		l.t.Fatal("the state before has changed")
	}
	if r.Change.Index != next.Index() {
		l.t.Fatalf("change of %d in %d", r.Change.Index, next.Index())
	}
	l.s = next
	l.changes, l.commands = append(l.changes, r.Change), append(l.commands, c)
	return r
}

func (l *log) must(c *controlpb.Command) Result {
	l.t.Helper()
	r := l.apply(c)
	if r.Err != nil {
		l.t.Fatalf("refused: %v", r.Err)
	}
	return r
}

func TestRefusals(t *testing.T) {
	pb := func(c *controlpb.Command, change func(*controlpb.Command)) *controlpb.Command { change(c); return c }
	registered := create("w_r")
	registered.GetCreateWebinar().Pin, registered.GetCreateWebinar().Registration = nil, &controlpb.Registration{}
	base := []*controlpb.Command{create("w_1"), registered, invite("w_1", "i_1", "presenter"), create("w_old"), end("w_old"),
		claim("w_1", "main", "n1", "p_1", 1, false), apiToken("t_1"), joinToken("j_1", start.Add(time.Hour)),
		joinToken("j_used", start.Add(time.Hour)), redeem("j_used", "n3"), clusterInfo("c_1"),
		disconnect("w_1", "p_bad", []string{"device:x"}, &controlpb.NewBan{Id: "b_1"})}
	tests := []struct {
		name string
		c    *controlpb.Command
		code string
	}{
		{"an ID twice", create("w_1"), "exists"},
		{"a link twice", pb(create("w_2"), func(c *controlpb.Command) { c.GetCreateWebinar().Link = "link-w_1" }), "exists"},
		{"no title", pb(create("w_2"), func(c *controlpb.Command) { c.GetCreateWebinar().Title = " " }), "invalid_title"},
		{"a title of 201 characters", pb(create("w_2"), func(c *controlpb.Command) { c.GetCreateWebinar().Title = strings.Repeat("x", 201) }), "invalid_title"},
		{"an ID with a slash", create("w/2"), "invalid_id"},
		{"an unknown mode", pb(create("w_2"), func(c *controlpb.Command) { c.GetCreateWebinar().Mode = "circus" }), "invalid_mode"},
		{"a verifier that is none", pb(create("w_2"), func(c *controlpb.Command) { c.GetCreateWebinar().Pin.Verifier = []byte("short") }), "invalid_pin_verifier"},
		{"S30 a PIN and registration at once", pb(create("w_2"), func(c *controlpb.Command) { c.GetCreateWebinar().Registration = &controlpb.Registration{} }), "pin_with_registration"},
		{"S30 a PIN where registration is on", setPIN("w_r", "48151623"), "pin_with_registration"},
		{"a webinar that is not there", setPIN("w_none", "48151623"), "not_found"},
		{"a PIN for an ended one", setPIN("w_old", "48151623"), "ended"},
		{"to end it twice", end("w_old"), "ended"},
		{"a stream in an ended one", claim("w_old", "main", "n1", "p", 1, false), "ended"},
		{"a version that has changed", pb(clearPIN("w_1"), func(c *controlpb.Command) { c.ExpectedVersion = 7 }), "version_mismatch"},
		{"an invite's ID twice", invite("w_1", "i_1", "attendee"), "exists"},
		{"an invite as an unknown role", invite("w_1", "i_2", "king"), "invalid_role"},
		{"a second publisher", claim("w_1", "main", "n2", "p_2", 1, false), "stream_taken"},
		{"the same publisher again, without saying so", claim("w_1", "main", "n1", "p_1", 1, false), "stream_taken"},
		{"S64 a stream for someone banned", claim("w_1", "other", "n2", "p_bad", 1, false), "banned"},
		{"a release of nothing", release("w_1", "other", 6), "stream_not_found"},
		{"a release of another's", release("w_1", "main", 5), "stale_epoch"},
		{"a ban that is not there", liftBan("w_1", "b_none"), "ban_not_found"},
		{"a ban's ID twice", disconnect("w_1", "p_7", nil, &controlpb.NewBan{Id: "b_1"}), "exists"},
		{"an identity key of an unknown kind", disconnect("w_1", "p_7", []string{"face:x"}, nil), "invalid_keys"},
		{"33 identity keys", disconnect("w_1", "p_7", slices.Repeat([]string{"device:x"}, 33), nil), "invalid_keys"},
		{"an API token twice", apiToken("t_1"), "exists"},
		{"33 scopes", apiToken("t_2", slices.Repeat([]string{"x"}, 33)...), "invalid_scopes"},
		{"to revoke a token that is not there", &controlpb.Command{Kind: &controlpb.Command_RevokeApiToken{RevokeApiToken: &controlpb.RevokeAPIToken{Id: "t_none"}}}, "token_not_found"},
		{"a join token that has expired already", joinToken("j_2", start), "invalid_expires"},
		{"a join token that is not there", redeem("j_none", "n9"), "token_not_found"},
		{"a join token used before", redeem("j_used", "n9"), "token_used"},
		{"a join token too late", pb(redeem("j_1", "n9"), func(c *controlpb.Command) { c.ProposedAt = start.Add(time.Hour).UnixNano() }), "token_expired"},
		{"another cluster", clusterInfo("c_2"), "other_cluster"},
		{"a feature level of the past", &controlpb.Command{Kind: &controlpb.Command_SetFeatureLevel{SetFeatureLevel: &controlpb.SetFeatureLevel{}}}, "invalid_level"},
		{"a request ID of 201 characters", pb(create("w_2"), func(c *controlpb.Command) { c.RequestId = strings.Repeat("x", 201) }), "invalid_request_id"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := newLog(t)
			for _, c := range base {
				l.must(proto.CloneOf(c))
			}
			before := l.s.Hash()
			r := l.apply(tt.c)
			var d *webinar.Denial
			if !errors.As(r.Err, &d) || d.Code != tt.code || d.Detail == "" {
				t.Fatalf("got %v, want %s", r.Err, tt.code)
			}
			if l.s.Hash() != before || len(r.Change.Puts)+len(r.Change.Deletes) != 0 {
				t.Error("a refused command changed something")
			}
		})
	}
}

func TestALifeOfAWebinar(t *testing.T) {
	l := newLog(t)
	if r := l.must(create("w_1")); r.Subject != "w_1" {
		t.Errorf("subject %q", r.Subject)
	}
	w := l.s.WebinarByLink("link-w_1")
	if w == nil || w.State != webinar.Planned || w.Version != 1 || w.Mode != webinar.RoleBased || w.Guests != webinar.AllPermissions {
		t.Fatalf("made %+v", w)
	}
	l.must(setPIN("w_1", "another1"))
	if v := l.s.Webinar("w_1").Version; v != 2 {
		t.Errorf("version %d", v)
	}
	c := clearPIN("w_1")
	c.ExpectedVersion = 2
	l.must(c)
	l.must(invite("w_1", "i_1", "presenter"))
	first := l.must(claim("w_1", "main", "n1", "p_1", 1, false))
	w = l.s.Webinar("w_1")
	if st, _ := w.Stream("main"); w.State != webinar.Live || st.Epoch != first.Index || w.Version != 3 || w.Started.IsZero() || w.PIN != nil {
		t.Fatalf("live %+v %+v", w, st)
	}
	l.must(end("w_1"))
	w = l.s.Webinar("w_1")
	if w.State != webinar.Ended || w.StreamCount() != 0 || w.InviteCount() != 1 {
		t.Errorf("ended %+v", w)
	}
}

func TestStreamsAreNeverMixed(t *testing.T) {
	l := newLog(t)
	l.must(create("w_1"))
	first := l.must(claim("w_1", "main", "n1", "p_1", 1, false))
	second := l.must(claim("w_1", "main", "n2", "p_2", 1, true))
	if second.Index <= first.Index {
		t.Errorf("epochs %d, %d", first.Index, second.Index)
	}
	if r := l.apply(release("w_1", "main", first.Index)); !errors.Is(r.Err, ErrStaleEpoch) {
		t.Errorf("the first publisher ended the second: %v", r.Err)
	}
	t.Run("a node takes over from its own dead incarnation", func(t *testing.T) {
		l.must(claim("w_1", "main", "n2", "p_3", 2, false))
	})
	last, _ := l.s.Webinar("w_1").Stream("main")
	l.must(release("w_1", "main", last.Epoch))
	if again := l.must(claim("w_1", "main", "n1", "p_1", 1, false)); again.Index <= last.Epoch {
		t.Error("an epoch was used again")
	}
	t.Run("S62 a disconnected publisher's streams end", func(t *testing.T) {
		l.must(disconnect("w_1", "p_1", nil, nil))
		if l.s.Webinar("w_1").StreamCount() != 0 {
			t.Error("the stream is still there")
		}
	})
}

func TestS64DisconnectWithBan(t *testing.T) {
	l := newLog(t)
	l.must(create("w_1"))
	dev := sha256.Sum256([]byte("laptop"))
	key := webinar.DeviceKey(dev).String()
	l.must(disconnect("w_1", "p_1", []string{key}, nil)) // only disconnected
	visitor := webinar.Visitor{Device: dev, PIN: "48151623"}
	enter := func() error {
		_, err := l.s.Webinar("w_1").Admit(visitor, webinar.DeriveKey(clusterKey, "w_1"), l.s.Time())
		return err
	}
	if err := enter(); err != nil {
		t.Errorf("S62 a disconnected participant may come back, but: %v", err)
	}
	seen := []*controlpb.Keys{{Keys: []string{key, "account:bo"}}}
	r := l.must(disconnect("w_1", "p_2", []string{"account:bo"}, &controlpb.NewBan{Id: "b_1", Seen: seen}))
	if err := enter(); !errors.Is(err, webinar.ErrBanned) {
		t.Errorf("the device of a banned account: %v", err)
	}
	if b, _ := l.s.Webinar("w_1").Ban(r.Subject); b.Strength != webinar.StrongBan || b.By != "host" || b.Name != "Name of p_2" {
		t.Errorf("ban %+v", b)
	}
	t.Run("S66 both are among the unconnected", func(t *testing.T) {
		if n := l.s.Webinar("w_1").RemovalCount(); n != 2 {
			t.Errorf("%d of them", n)
		}
	})
	t.Run("banned again, the same ban grows", func(t *testing.T) {
		r := l.must(disconnect("w_1", "p_2", []string{"device:phone"}, &controlpb.NewBan{Id: "b_2"}))
		b, _ := l.s.Webinar("w_1").Ban("b_1")
		if r.Subject != "b_1" || l.s.Webinar("w_1").BanCount() != 1 || !slices.Contains(b.Keys, webinar.Key{Kind: "device", Value: "phone"}) || !slices.Contains(b.Keys, webinar.Key{Kind: "account", Value: "bo"}) {
			t.Errorf("%s: %v", r.Subject, b.Keys)
		}
	})
	l.must(liftBan("w_1", "b_1"))
	if err := enter(); err != nil {
		t.Errorf("after the ban was lifted: %v", err)
	}
}

func TestARequestIsAnsweredOnce(t *testing.T) {
	with := func(c *controlpb.Command, principal, id string) *controlpb.Command {
		c.Principal, c.RequestId = principal, id
		return c
	}
	l := newLog(t)
	first := l.must(with(create("w_1"), "ada", "r1"))
	again := l.must(with(create("w_other"), "ada", "r1"))
	if !again.Replayed || again.Index != first.Index || again.Subject != "w_1" || l.s.Webinar("w_other") != nil {
		t.Errorf("replayed %+v", again)
	}
	refused := l.apply(with(create("w_1"), "ada", "r2"))
	l.must(end("w_1"))
	if r := l.apply(with(create("w_1"), "ada", "r2")); !errors.Is(r.Err, ErrExists) || r.Err.Error() != refused.Err.Error() || !r.Replayed {
		t.Errorf("a refusal is remembered, got %v", r.Err)
	}
	if r := l.apply(with(end("w_1"), "ada", "r1")); !errors.Is(r.Err, ErrRequestReused) {
		t.Errorf("another kind under the same ID: %v", r.Err)
	}
	digest := with(create("w_1"), "ada", "r1")
	digest.RequestDigest = []byte("other")
	if r := l.apply(digest); !errors.Is(r.Err, ErrRequestReused) {
		t.Errorf("another request under the same ID: %v", r.Err)
	}
	if r := l.must(with(create("w_3"), "bo", "r1")); r.Replayed {
		t.Error("one principal's IDs are another's")
	}
}

func TestRequestsAreForgottenInOrder(t *testing.T) {
	l := newLog(t)
	l.must(create("w_1"))
	for i := range maxRequests + 5 {
		c := release("w_1", "none", 1)
		c.RequestId = string(rune('a'+i%26)) + strings.Repeat("x", i/26%150) + fmt.Sprint(i)
		c.ProposedAt = start.UnixNano()
		next, r := l.s.Apply(l.s.Index()+1, c)
		if r.Halt != nil || r.Replayed {
			t.Fatalf("%d: %+v", i, r)
		}
		l.s = next
	}
	if l.s.requests.Len() != maxRequests || l.s.byAge.Len() != maxRequests {
		t.Errorf("%d requests, %d by age", l.s.requests.Len(), l.s.byAge.Len())
	}
	oldest := uint64(0)
	for _, key := range l.s.byAge.All() {
		r, _ := l.s.requests.At(key)
		oldest = r.GetIndex()
		break
	}
	if oldest != 7 { // index 1 made the webinar, and five requests were forgotten
		t.Errorf("the oldest is of %d", oldest)
	}
}

func TestWhatThisVersionDoesNotKnow(t *testing.T) {
	unknown := &controlpb.Command{}
	unknown.ProtoReflect().SetUnknown(protowire.AppendBytes(protowire.AppendTag(nil, 999, protowire.BytesType), []byte("new kind")))
	s := NewState()
	t.Run("an unknown kind halts", func(t *testing.T) {
		if next, r := s.Apply(1, unknown); r.Halt == nil || next != s {
			t.Errorf("%+v", r)
		}
	})
	t.Run("unless it is marked ignorable", func(t *testing.T) {
		c := proto.CloneOf(unknown)
		c.Ignorable = true
		next, r := s.Apply(1, c)
		if r.Halt != nil || next.Index() != 1 || next.Hash() != s.Hash() {
			t.Errorf("%+v", r)
		}
	})
	t.Run("a higher level than this version's halts", func(t *testing.T) {
		c := create("w_1")
		c.MinFeatureLevel = FeatureLevel + 1
		if _, r := s.Apply(1, c); r.Halt == nil {
			t.Errorf("%+v", r)
		}
	})
	t.Run("a cluster at a higher level halts", func(t *testing.T) {
		c := &controlpb.Command{Kind: &controlpb.Command_SetFeatureLevel{SetFeatureLevel: &controlpb.SetFeatureLevel{Level: FeatureLevel + 1}}}
		if _, r := s.Apply(1, c); r.Halt == nil {
			t.Errorf("%+v", r)
		}
		if err := s.Acceptable(c); !errors.Is(err, ErrFeatureLevel) {
			t.Errorf("it gets into the log: %v", err)
		}
	})
	t.Run("an index that was applied halts", func(t *testing.T) {
		l := newLog(t)
		l.must(create("w_1"))
		if _, r := l.s.Apply(1, create("w_2")); r.Halt == nil {
			t.Errorf("%+v", r)
		}
	})
	if err := s.Acceptable(unknown); !errors.Is(err, ErrUnknownCommand) {
		t.Errorf("an unknown kind gets into the log: %v", err)
	}
}

func TestTimeDoesNotGoBack(t *testing.T) {
	l := newLog(t)
	c := create("w_1")
	c.ProposedAt = start.Add(time.Hour).UnixNano()
	l.must(c)
	c = create("w_2")
	c.ProposedAt = start.UnixNano()
	l.must(c)
	if !l.s.Time().Equal(start.Add(time.Hour)) {
		t.Errorf("it is %v", l.s.Time())
	}
}

func TestRemovalsMakeRoom(t *testing.T) {
	l := newLog(t)
	l.must(create("w_1"))
	for i := range maxRemovals + 2 {
		next, r := l.s.Apply(l.s.Index()+1, disconnect("w_1", fmt.Sprint("p_", i), nil, nil))
		if r.Err != nil || r.Halt != nil {
			t.Fatal(r.Err, r.Halt)
		}
		l.s = next
	}
	w := l.s.Webinar("w_1")
	if _, ok := w.Removal("p_1"); ok || w.RemovalCount() != maxRemovals {
		t.Errorf("%d removals, the oldest still there: %t", w.RemovalCount(), ok)
	}
	if _, ok := w.Removal("p_2"); !ok {
		t.Error("the oldest but two is gone")
	}
}

func TestJoinTokensAreForgottenADayAfterTheyExpired(t *testing.T) {
	l := newLog(t)
	l.must(joinToken("j_1", start.Add(time.Hour)))
	c := joinToken("j_2", start.Add(100*time.Hour))
	c.ProposedAt = start.Add(26 * time.Hour).UnixNano()
	l.must(c)
	if _, ok := l.s.JoinToken(sha256.Sum256([]byte("j_1"))); ok {
		t.Error("still there")
	}
	r := l.apply(redeem("j_2", "n4"))
	tok, _ := l.s.JoinToken(sha256.Sum256([]byte("j_2")))
	if r.Subject != "edge" || tok.Node != "n4" {
		t.Errorf("redeemed: %+v, %+v", r, tok)
	}
}

func TestEdgesGetNoSecrets(t *testing.T) {
	l := newLog(t)
	for _, c := range []*controlpb.Command{clusterInfo("c_1"), create("w_1"), create("w_2"), clearPIN("w_2"), apiToken("t_secret", "admin"), joinToken("j_secret", start.Add(time.Hour)),
		disconnect("w_1", "p_1", []string{"device:x", "account:bo"}, &controlpb.NewBan{Id: "b_1"})} {
		c.RequestId = fmt.Sprint("r", l.s.Index())
		l.must(c)
	}
	e := l.s.Edge(clusterKey, nil)
	var b bytes.Buffer
	if err := e.Snapshot(&b); err != nil {
		t.Fatal(err)
	}
	for _, secret := range [][]byte{[]byte("t_secret"), hash("t_secret"), []byte("j_secret"), hash("j_secret"), clusterKey, []byte("Name of p_1"), []byte("host")} {
		if bytes.Contains(b.Bytes(), secret) {
			t.Errorf("an edge holds %q", secret)
		}
	}
	if !bytes.Equal(e.EdgeKey("w_1"), webinar.DeriveKey(clusterKey, "w_1")) || e.EdgeKey("w_2") != nil || l.s.EdgeKey("w_1") != nil {
		t.Error("an edge holds the keys of the PINs that it checks, and voters none")
	}
	if _, err := e.Webinar("w_1").Admit(webinar.Visitor{Account: "bo", PIN: "48151623"}, e.EdgeKey("w_1"), l.s.Time()); !errors.Is(err, webinar.ErrBanned) {
		t.Errorf("an edge knows the ban, but: %v", err)
	}
	if _, err := e.Webinar("w_1").Admit(webinar.Visitor{PIN: "48151623"}, e.EdgeKey("w_1"), l.s.Time()); err != nil {
		t.Errorf("an edge checks the PIN by itself, but: %v", err)
	}
	if only := l.s.Edge(clusterKey, Topics{"w_2"}); only.Webinar("w_1") != nil || only.Webinar("w_2") == nil || only.Cluster().ID != "c_1" {
		t.Error("an edge that follows w_2 has something else")
	}
}
