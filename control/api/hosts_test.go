package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"stentor/control/client"
	"stentor/control/controlpb"
	"stentor/control/webinar"
)

func TestAWebinarIsMadeLookedAtAndEnded(t *testing.T) {
	w := newWorld(t)
	made := w.webinar(`{"title":"  All hands ","mode":"all-on-screen"}`)
	if !regexp.MustCompile(`^w_[a-z2-7]{16}$`).MatchString(made.ID) || len(made.Link) != 22 || made.JoinPath != "/w/"+made.Link {
		t.Errorf("made %+v", made)
	}
	want := client.Webinar{
		ID: made.ID, Title: "All hands", Mode: "all-on-screen", Link: made.Link, JoinPath: made.JoinPath,
		State: "planned", CreatedAt: w.now, Version: 1, Owner: w.hostID,
		Guests: client.Permissions{Audio: true, Video: true, Messages: true, Files: true, Images: true},
		Lobby:  "off", Partition: "keep", RetentionDays: 30, OpenDoor: true, Ceilings: []client.Ceiling{}, EmbedOrigins: []string{},
	}
	if !reflect.DeepEqual(made, want) {
		t.Errorf("made %+v, want %+v", made, want)
	}
	one := ask{method: "GET", path: "/api/v1/webinars/" + made.ID, token: w.host}
	if got := decode[client.Webinar](w.do(one).must(200)); !reflect.DeepEqual(got, want) {
		t.Errorf("looked at %+v, want %+v", got, want)
	}
	ended := w.do(ask{method: "POST", path: "/api/v1/webinars/" + made.ID + "/end", token: w.host}).must(200)
	if got := decode[client.Webinar](ended); got.State != "ended" || got.Version != 2 || ended.header.Get("ETag") != `"2"` {
		t.Errorf("ended %+v with ETag %s", got, ended.header.Get("ETag"))
	}
	if err := w.admit(made.ID, webinar.Visitor{Participant: "p_1", Name: "Ada"}); !errors.Is(err, webinar.ErrEnded) {
		t.Errorf("the door says %v", err)
	}
}

func TestETags(t *testing.T) {
	w := newWorld(t)
	id := w.webinar(`{"title":"All hands"}`).ID
	look := func(tag string) reply {
		return w.do(ask{method: "GET", path: "/api/v1/webinars/" + id, token: w.host, header: http.Header{"If-None-Match": {tag}}})
	}
	for tag, status := range map[string]int{`"1"`: 304, `W/"1"`: 304, `*`: 304, `"7", "1"`: 304, `"2"`: 200, `1`: 200} {
		if out := look(tag).must(status); out.header.Get("ETag") != `"1"` || status == 304 && len(out.body) > 0 {
			t.Errorf("If-None-Match %s: ETag %s, %s", tag, out.header.Get("ETag"), out.body)
		}
	}
	set := func(tag string) reply {
		return w.do(ask{method: "PUT", path: "/api/v1/webinars/" + id + "/pin", token: w.host, body: `{"generate":true}`, header: http.Header{"If-Match": {tag}}})
	}
	if out := set(`"1"`).must(200); out.header.Get("ETag") != `"2"` || decode[client.PIN](out).Version != 2 {
		t.Errorf("the PIN is set, ETag %s: %s", out.header.Get("ETag"), out.body)
	}
	set(`"1"`).refused(codeVersionMismatch)
	set(`*`).must(200)
	for _, tag := range []string{`2`, `W/"3"`, `"x"`, `"3", "4"`, `""`, `"0"`} {
		set(tag).refused(codeInvalidIfMatch)
	}
	w.do(ask{method: "DELETE", path: "/api/v1/webinars/" + id + "/pin", token: w.host, header: http.Header{"If-Match": {`"1"`}}}).refused(codeVersionMismatch)
}

func TestS31AGeneratedPINOpensTheDoor(t *testing.T) {
	w := newWorld(t)
	made := w.webinar(`{"title":"All hands","generate_pin":true}`)
	if !regexp.MustCompile(`^\d{8}$`).MatchString(made.PIN) || !made.HasPIN {
		t.Fatalf("made %+v", made)
	}
	if err := w.admit(made.ID, webinar.Visitor{Participant: "p_1", Name: "Ada", PIN: made.PIN}); err != nil {
		t.Errorf("the door says %v", err)
	}
	if err := w.admit(made.ID, webinar.Visitor{Participant: "p_1", Name: "Ada", PIN: "x" + made.PIN}); !errors.Is(err, webinar.ErrWrongPIN) {
		t.Errorf("the door says %v", err)
	}
}

func TestS32APINSetByHand(t *testing.T) {
	for _, c := range []struct {
		value string
		weak  bool
	}{{"1234", true}, {"12345678", true}, {"correct horse", false}, {"49275018", false}} {
		w := newWorld(t)
		id := w.webinar(`{"title":"All hands"}`).ID
		got := decode[client.PIN](w.do(ask{method: "PUT", path: "/api/v1/webinars/" + id + "/pin", token: w.host, body: `{"value":"` + c.value + `"}`}).must(200))
		if got.PIN != c.value || got.Weak != c.weak {
			t.Errorf("set %q: %+v", c.value, got)
		}
		if err := w.admit(id, webinar.Visitor{Participant: "p_1", Name: "Ada", PIN: c.value}); err != nil {
			t.Errorf("%q: the door says %v", c.value, err)
		}
		w.do(ask{method: "DELETE", path: "/api/v1/webinars/" + id + "/pin", token: w.host}).must(204)
		if err := w.admit(id, webinar.Visitor{Participant: "p_1", Name: "Ada"}); err != nil {
			t.Errorf("without a PIN the door says %v", err)
		}
	}
}

func TestS34AnInviteOpensTheDoorWithoutThePIN(t *testing.T) {
	w := newWorld(t)
	made := w.webinar(`{"title":"All hands","generate_pin":true}`)
	invites := "/api/v1/webinars/" + made.ID + "/invites"
	i := decode[client.Invite](w.do(ask{method: "POST", path: invites, token: w.host, body: `{"name":"Ada","role":"presenter"}`}).must(201))
	if !regexp.MustCompile(`^sti_[A-Za-z0-9_-]{43}$`).MatchString(i.Secret) ||
		i.LinkPath != made.JoinPath+"#invite="+i.Secret || i.WHIPPath != "/whip/"+made.Link+"/main" || i.Role != "presenter" {
		t.Errorf("made %+v", i)
	}
	if err := w.admit(made.ID, webinar.Visitor{Participant: "p_1", Name: "Ada", Invite: Hash(i.Secret)}); err != nil {
		t.Errorf("the door says %v", err)
	}
	if got := decode[client.Invite](w.do(ask{method: "POST", path: invites, token: w.host, body: `{"name":"Bob"}`}).must(201)); got.Role != "attendee" {
		t.Errorf("made %+v", got)
	}
	list := decode[client.Invites](w.do(ask{method: "GET", path: invites, token: w.host}).must(200))
	for _, v := range list.Items {
		if v.Secret != "" || v.LinkPath != "" {
			t.Errorf("a secret is shown again: %+v", v)
		}
	}
	if len(list.Items) != 2 {
		t.Errorf("listed %+v", list.Items)
	}
}

func TestSecretsLeaveOnceAndAreNeverLogged(t *testing.T) {
	w := newWorld(t)
	var secrets []string
	made := w.webinar(`{"title":"All hands","pin":"open-sesame-9"}`)
	in := "/api/v1/webinars/" + made.ID
	secrets = append(secrets, "open-sesame-9", w.admin, w.host)
	secrets = append(secrets, decode[client.PIN](w.do(ask{method: "PUT", path: in + "/pin", token: w.host, body: `{"generate":true}`}).must(200)).PIN)
	secrets = append(secrets, decode[client.Invite](w.do(ask{method: "POST", path: in + "/invites", token: w.host, body: `{"name":"Ada"}`}).must(201)).Secret)
	secrets = append(secrets, decode[client.Token](w.do(ask{method: "POST", path: "/api/v1/tokens", token: w.admin, body: sample("create-token")}).must(201)).Token)
	secrets = append(secrets, decode[client.JoinToken](w.do(ask{method: "POST", path: "/api/v1/join-tokens", token: w.admin, body: `{"role":"edge"}`}).must(201)).Token)
	// Refusals quote nothing that was sent either.
	said := w.do(ask{method: "PUT", path: in + "/pin", token: w.host, body: `{"value":7,"open-sesame-9":"open-sesame-9"}`}).body
	said = append(said, w.do(ask{method: "PUT", path: in + "/pin", token: w.host, body: `{"value":"open-sesame-9`}).body...)
	w.store.fail = fmt.Errorf("the leader went away")
	said = append(said, w.do(ask{method: "PUT", path: in + "/pin", token: w.host, body: `{"value":"open-sesame-9"}`}).body...)
	for _, r := range Routes() {
		if !r.Writes() {
			said = append(said, w.do(ask{method: "GET", path: concrete(r, made.ID), token: w.admin}).body...)
		}
	}
	state := fmt.Sprintf("%+v", w.store.State())
	for _, s := range secrets {
		value := strings.Replace(string(said), `body.open-sesame-9`, "", 1) // a field's name is no value
		if strings.Contains(value, s) || strings.Contains(w.log.String(), s) || strings.Contains(state, s) {
			t.Errorf("%s is told, logged or kept", s)
		}
	}
}

func TestARepetitionWithTheSameKey(t *testing.T) {
	for _, c := range []struct{ name, method, path, body, other string }{
		{"a webinar", "POST", "", `{"title":"a","generate_pin":true}`, `{"title":"b","generate_pin":true}`},
		{"a PIN", "PUT", "/ID/pin", `{"generate":true}`, `{"value":"49275018"}`},
		{"an invite", "POST", "/ID/invites", `{"name":"Ada"}`, `{"name":"Bob"}`},
		{"a disconnect", "POST", "/ID/participants/p_1/disconnect", `{"ban":true}`, `{}`},
	} {
		t.Run(c.name+" is answered the same and acts once", func(t *testing.T) {
			w := newWorld(t)
			id := w.webinar(`{"title":"All hands"}`).ID
			a := ask{method: c.method, path: "/api/v1/webinars" + strings.Replace(c.path, "ID", id, 1), token: w.host, body: c.body, header: http.Header{"Idempotency-Key": {"try-1"}}}
			first := w.do(a)
			once := w.store.State().Hash()
			second := w.do(a)
			if first.status >= 300 || second.status != first.status || !bytes.Equal(first.body, second.body) {
				t.Errorf("first %d %s, then %d %s", first.status, first.body, second.status, second.body)
			}
			if w.store.State().Hash() != once {
				t.Error("it acted twice")
			}
			a.body = c.other
			w.do(a).refused(codeKeyReused)
			a.body, a.token = c.body, w.admin
			if out := w.do(a); out.status >= 300 || c.name != "a disconnect" && bytes.Equal(out.body, first.body) {
				t.Errorf("someone else's key: %d %s", out.status, out.body)
			}
		})
	}
	for _, c := range []struct{ name, path, body string }{
		{"an API token", "/api/v1/tokens", `{"name":"a","scopes":["host"]}`},
		{"a join token", "/api/v1/join-tokens", `{"role":"voter"}`},
	} {
		t.Run(c.name+" is answered the same and acts once", func(t *testing.T) {
			w := newWorld(t)
			a := ask{method: "POST", path: c.path, token: w.admin, body: c.body, header: http.Header{"Idempotency-Key": {"try-1"}}}
			first := w.do(a).must(201)
			w.now = w.now.Add(time.Minute)
			if second := w.do(a).must(201); !bytes.Equal(first.body, second.body) {
				t.Errorf("first %s, then %s", first.body, second.body)
			}
			a.header = nil
			if third := w.do(a).must(201); bytes.Equal(first.body, third.body) {
				t.Error("without a key it is not made anew")
			}
		})
	}
}

func TestThePINIsNotInTheDigestOfARequest(t *testing.T) {
	// The digest is replicated: with a plain hash, whoever has a log would try
	// all PINs.
	w := newWorld(t)
	body := `{"title":"a","pin":"12345678"}`
	var digest []byte
	w.store.spy = func(c *controlpb.Command) error { digest = c.GetRequestDigest(); return nil }
	w.do(ask{method: "POST", path: "/api/v1/webinars", token: w.host, body: body, header: http.Header{"Idempotency-Key": {"k"}}}).must(201)
	if plain := sha256.Sum256([]byte("[" + body + "]")); len(digest) != 32 || bytes.Equal(digest, plain[:]) {
		t.Errorf("the digest is %x", digest)
	}
}

func TestPages(t *testing.T) {
	w := newWorld(t)
	var want []string
	for i := range 7 {
		if i != 3 { // two of the same moment
			w.now = w.now.Add(time.Second)
		}
		want = append(want, w.webinar(fmt.Sprintf(`{"title":"Number %d"}`, i)).ID)
	}
	slices.Reverse(want)
	if same := want[3:5]; same[0] > same[1] { // in the order of their ids
		same[0], same[1] = same[1], same[0]
	}
	var got []string
	path := "/api/v1/webinars?limit=3"
	for pages := 0; pages < 4; pages++ {
		l := decode[client.Webinars](w.do(ask{method: "GET", path: path, token: w.host}).must(200))
		for _, v := range l.Items {
			got = append(got, v.ID)
		}
		if pages == 0 { // what comes in between is new, and stands before
			w.now = w.now.Add(time.Second)
			w.webinar(`{"title":"Late"}`)
		}
		if l.Next == "" {
			break
		}
		path = "/api/v1/webinars?limit=3&cursor=" + l.Next
	}
	if !slices.Equal(got, want) {
		t.Errorf("the pages hold %v, want %v", got, want)
	}
	id := want[0]
	of := decode[client.Webinars](w.do(ask{method: "GET", path: "/api/v1/webinars?limit=1", token: w.host}).must(200)).Next
	w.do(ask{method: "GET", path: "/api/v1/webinars/" + id + "/bans?cursor=" + of, token: w.host}).refused(codeInvalidCursor)
	for _, bad := range []string{"x", "%00", base64.RawURLEncoding.EncodeToString([]byte("bans:"))} {
		w.do(ask{method: "GET", path: "/api/v1/webinars/" + id + "/bans?cursor=" + bad, token: w.host}).refused(codeInvalidCursor)
	}
}

func TestPagesOfInvitesAndBans(t *testing.T) {
	w := newWorld(t)
	id := w.webinar(`{"title":"All hands"}`).ID
	for i := range 5 {
		w.do(ask{method: "POST", path: "/api/v1/webinars/" + id + "/invites", token: w.host, body: `{"name":"Ada"}`}).must(201)
		w.do(ask{method: "POST", path: fmt.Sprintf("/api/v1/webinars/%s/participants/p_%d/disconnect", id, i), token: w.host, body: `{"ban":true}`}).must(200)
	}
	for _, list := range []string{"invites", "bans"} {
		seen := map[string]bool{}
		next := ""
		for pages := 1; ; pages++ {
			path := "/api/v1/webinars/" + id + "/" + list + "?limit=2" + next
			l := decode[struct {
				Items []map[string]any
				Next  string
			}](w.do(ask{method: "GET", path: path, token: w.host}).must(200))
			for _, v := range l.Items {
				seen[v["id"].(string)] = true
			}
			if l.Next == "" {
				if pages != 3 || len(seen) != 5 {
					t.Errorf("%s: %d pages with %d entries", list, pages, len(seen))
				}
				break
			}
			next = "&cursor=" + l.Next
		}
	}
}

func TestTokens(t *testing.T) {
	w := newWorld(t)
	made := decode[client.Token](w.do(ask{method: "POST", path: "/api/v1/tokens", token: w.admin, body: `{"name":" CI ","scopes":["host","admin"]}`}).must(201))
	if !regexp.MustCompile(`^sta_[A-Za-z0-9_-]{43}$`).MatchString(made.Token) || made.Name != "CI" {
		t.Errorf("made %+v", made)
	}
	w.do(ask{method: "POST", path: "/api/v1/tokens", token: made.Token, body: sample("create-token")}).must(201)
	kept, ok := w.store.State().APIToken(Hash(made.Token))
	if !ok || kept.ID != made.ID || !slices.Equal(kept.Scopes, made.Scopes) {
		t.Errorf("kept %+v", kept)
	}
}

func TestJoinTokens(t *testing.T) {
	w := newWorld(t)
	for body, ttl := range map[string]time.Duration{`{"role":"edge"}`: time.Hour, `{"role":"voter","ttl_seconds":60}`: time.Minute} {
		made := decode[client.JoinToken](w.do(ask{method: "POST", path: "/api/v1/join-tokens", token: w.admin, body: body}).must(201))
		parts := strings.Split(made.Token, ".")
		if len(parts) != 3 || parts[0] != "stj1" || !made.ExpiresAt.Equal(w.now.Add(ttl)) {
			t.Fatalf("made %+v", made)
		}
		secret, err1 := base64.RawURLEncoding.Strict().DecodeString(parts[1])
		ca, err2 := base64.RawURLEncoding.Strict().DecodeString(parts[2])
		if err1 != nil || err2 != nil || len(secret) != 32 || !bytes.Equal(ca, testCA[:]) {
			t.Errorf("made %+v", made)
		}
		kept, ok := w.store.State().JoinToken(sha256.Sum256(secret))
		if !ok || kept.Role != made.Role || !kept.Expires.Equal(made.ExpiresAt) {
			t.Errorf("kept %+v", kept)
		}
	}
}

func TestStatusHasNoNulls(t *testing.T) {
	w := newWorld(t)
	w.mesh.status = Status{Node: "n1", Nodes: []NodeStatus{{Node: "n1", Role: "voter"}}, Tracks: []Track{{Webinar: "w_1", Hops: []Hop{{Node: "n1", Role: "origin"}}}, {}}}
	out := w.do(ask{method: "GET", path: "/api/v1/status", token: w.host}).must(200)
	if strings.Contains(string(out.body), "null") {
		t.Errorf("answered %s", out.body)
	}
	if got := decode[client.Status](out); got.Tracks[0].Hops[0].Role != "origin" || got.Nodes[0].Node != "n1" {
		t.Errorf("answered %+v", got)
	}
}

func TestConfigIsChecked(t *testing.T) {
	good := newWorld(t).api.Config
	good.Registerer = nil
	for name, spoil := range map[string]func(*Config){
		"no store": func(c *Config) { c.Store = nil }, "no roster": func(c *Config) { c.Roster = nil }, "no mesh": func(c *Config) { c.Mesh = nil },
		"no PIN key": func(c *Config) { c.PINKey = nil }, "a short PIN key": func(c *Config) { c.PINKey = make([]byte, 31) },
		"no CA": func(c *Config) { c.CA = [32]byte{} }, "no clock": func(c *Config) { c.Now = nil }, "no randomness": func(c *Config) { c.Rand = nil },
	} {
		c := good
		spoil(&c)
		if _, err := New(c); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	if _, err := New(good); err != nil {
		t.Error(err)
	}
}
