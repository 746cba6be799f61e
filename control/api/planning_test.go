package api

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"stentor/control/client"
	"stentor/control/controlpb"
	"stentor/control/webinar"
)

// edit changes a webinar with the host's token.
func (w *world) edit(id, body string) client.Webinar {
	w.t.Helper()
	return decode[client.Webinar](w.do(ask{method: "PATCH", path: "/api/v1/webinars/" + id, token: w.host, body: body}).must(200))
}

func TestS22AWebinarIsPlannedByItsHostOrAnAdministrator(t *testing.T) {
	w := newWorld(t)
	_, admin := w.account("root", "administrator")
	_, host := w.account("ada", "host")
	_, member := w.account("bob", "member")
	create := func(cookie *http.Cookie) reply {
		return w.do(ask{method: "POST", path: "/api/v1/webinars", cookie: cookie, body: `{"title":"Planned"}`})
	}
	create(member).refused(codeScopeMissing)
	create(admin).must(201)
	made := decode[client.Webinar](create(host).must(201))
	if made.Owner != "a_ada" {
		t.Errorf("the owner is %s", made.Owner)
	}
	edit := func(cookie *http.Cookie, title string) reply {
		return w.do(ask{method: "PATCH", path: "/api/v1/webinars/" + made.ID, cookie: cookie, body: `{"title":"` + title + `"}`})
	}
	edit(host, "By the host").must(200)
	edit(admin, "By the administrator").must(200)
	edit(member, "By nobody").refused(codeWebinarNotFound)
	if got := w.store.State().Webinar(made.ID).Title; got != "By the administrator" {
		t.Errorf("the title is %s", got)
	}
}

func TestS26AWebinarTakesPlaceOnce(t *testing.T) {
	w := newWorld(t)
	made := w.webinar(`{"title":"Once","schedule":{"start":"2026-03-29T10:00:00+02:00","duration_seconds":3600}}`)
	s := made.Schedule
	if s == nil || len(s.Next) != 1 || !s.Next[0].Equal(time.Date(2026, 3, 29, 8, 0, 0, 0, time.UTC)) || s.Zone != "UTC" || s.EndsAt == nil {
		t.Fatalf("planned %+v", s)
	}
	if got := s.EndsAt.Sub(s.Start); got != time.Hour {
		t.Errorf("it ends after %v", got)
	}
	if cleared := w.edit(made.ID, `{"clear_schedule":true}`); cleared.Schedule != nil {
		t.Errorf("planned %+v", cleared.Schedule)
	}
}

func TestS27ARecurringWebinarKeepsItsTimeZone(t *testing.T) {
	w := newWorld(t)
	made := w.webinar(`{"title":"Weekly","schedule":{"start":"2026-03-22T10:00:00+01:00","duration_seconds":1800,"zone":"Europe/Berlin","rule":"FREQ=WEEKLY;COUNT=3"}}`)
	if made.Schedule == nil || len(made.Schedule.Next) != 3 || made.Schedule.Rule != "FREQ=WEEKLY;COUNT=3" {
		t.Fatalf("planned %+v", made.Schedule)
	}
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range made.Schedule.Next { // the clock changes on the 29th
		if got := at.In(berlin).Format("15:04"); got != "10:00" {
			t.Errorf("%v is at %s in Berlin", at, got)
		}
	}
	w.now = time.Date(2026, 3, 25, 0, 0, 0, 0, time.UTC)
	got := decode[client.Webinar](w.do(ask{method: "GET", path: "/api/v1/webinars/" + made.ID, token: w.host}).must(200))
	if len(got.Schedule.Next) != 2 {
		t.Errorf("after the first one next are %v", got.Schedule.Next)
	}
}

func TestS28AWebinarIsEditedBeforeAndDuring(t *testing.T) {
	w := newWorld(t)
	id := w.webinar(`{"title":"Before","description":"Line\nby line"}`).ID
	before := w.edit(id, `{"title":" After ","mode":"all-on-screen","guest_limit":50,"lobby":"guests","retention_days":7,"slow_mode_seconds":5,`+
		`"auto_end":true,"partition":"strict","ceilings":[{"role":"presenter","height":2160},{"role":"attendee","height":720,"bitrate_kbps":2500}]}`)
	if before.Title != "After" || before.Mode != "all-on-screen" || before.GuestLimit != 50 || before.Lobby != "guests" || before.RetentionDays != 7 ||
		before.SlowModeSeconds != 5 || !before.AutoEnd || before.Partition != "strict" || len(before.Ceilings) != 2 || before.Description != "Line\nby line" || before.Version != 2 {
		t.Errorf("edited to %+v", before)
	}
	w.command(&controlpb.Command{Kind: &controlpb.Command_ClaimStream{ClaimStream: &controlpb.ClaimStream{Webinar: id, Name: "main", Node: "n1", NodeEpoch: 1, Participant: "p_1"}}})
	during := w.edit(id, `{"locked":true,"ceilings":[]}`)
	if during.State != "live" || !during.Locked || len(during.Ceilings) != 0 || during.StartedAt == nil || during.Title != "After" {
		t.Errorf("edited to %+v", during)
	}
	again := w.edit(id, `{"locked":true}`) // which changes nothing
	if again.Version != during.Version {
		t.Errorf("the version went from %d to %d", during.Version, again.Version)
	}
}

func TestS21AModeratorHasLiveControlAndDoesNotPlan(t *testing.T) {
	w := newWorld(t)
	id := w.webinar(`{"title":"All hands"}`).ID
	token := w.session(id, webinar.Visitor{Name: "Mod", Invite: w.invited(id, "i_m", "moderator", "", "mod")})
	in := func(method, path, body string) reply {
		return w.do(ask{method: method, path: "/api/v1/webinars/" + id + path, token: token, body: body})
	}
	in("PATCH", "", `{"locked":true,"guests":{"messages":false},"lobby":"guests","slow_mode_seconds":3}`).must(200)
	for _, plan := range []string{`{"title":"x"}`, `{"description":"x"}`, `{"guest_limit":3}`, `{"mode":"all-on-screen"}`, `{"locked":true,"title":"x"}`, `{"clear_schedule":true}`} {
		in("PATCH", "", plan).refused(codeNotAllowed)
	}
	in("PATCH", "/participants/p_1", `{"stage":true,"stop_audio":true}`).must(200)
	in("PATCH", "/participants/p_1", `{"role":"presenter"}`).refused(codeNotAllowed)
	in("POST", "/participants/p_1/disconnect", `{"ban":true}`).must(200)
	for _, body := range []string{`{}`, `{"ban":true}`} { // the owner, who is not inside
		in("POST", "/participants/p_"+w.hostID+"/disconnect", body).refused(codeNotAllowed)
	}
	me := decode[client.Me](w.do(ask{method: "GET", path: "/api/v1/me", token: token}).must(200))
	in("POST", "/participants/"+me.ID+"/disconnect", `{}`).refused(codeNotAllowed)
	if me.Kind != "participant" || me.Webinar != id || me.Role != "moderator" || me.Participant != me.ID {
		t.Errorf("the moderator is %+v", me)
	}
	in("POST", "/end", "").must(200)
	in("GET", "", "").refused(codeEnded)
}

func TestS35AnAdministratorSetsAPINAndPassesItOn(t *testing.T) {
	w := newWorld(t)
	id := w.webinar(`{"title":"All hands"}`).ID
	pin := decode[client.PIN](w.do(ask{method: "PUT", path: "/api/v1/webinars/" + id + "/pin", token: w.admin, body: `{"generate":true}`}).must(200))
	if err := w.admit(id, webinar.Visitor{Participant: "p_1", Name: "Ada", PIN: pin.PIN}); err != nil {
		t.Errorf("the door says %v", err)
	}
	w.do(ask{method: "PUT", path: "/api/v1/webinars/" + id + "/pin", token: w.admin, body: `{"value":"another one","ask_again":true}`}).must(200)
	if got := w.store.State().Webinar(id).AskedAgain; got != w.store.State().Index() {
		t.Errorf("everyone is asked again since %d", got)
	}
}

func TestS42GuestPermissionsArePreset(t *testing.T) {
	w := newWorld(t)
	made := w.webinar(`{"title":"Quiet","guests":{"audio":false,"video":false}}`)
	want := client.Permissions{Messages: true, Files: true, Images: true}
	if made.Guests != want {
		t.Errorf("guests may %+v, want %+v", made.Guests, want)
	}
}

func TestS43GuestPermissionsAreChangedLive(t *testing.T) {
	w := newWorld(t)
	id := w.webinar(`{"title":"All hands"}`).ID
	w.edit(id, `{"guests":{"audio":false}}`)
	got := w.edit(id, `{"guests":{"images":false}}`)
	if want := (client.Permissions{Video: true, Messages: true, Files: true}); got.Guests != want {
		t.Errorf("S36-S40: guests may %+v, want %+v", got.Guests, want)
	}
	t.Run("S43 two hosts at once lose nothing of each other", func(t *testing.T) {
		raced := false
		w.store.spy = func(c *controlpb.Command) error {
			if c.GetEditWebinar() == nil || raced {
				return nil
			}
			raced = true // another host is faster
			return &webinar.Denial{Code: "version_mismatch", Detail: "Someone else has changed the webinar in the meantime."}
		}
		header := http.Header{"Idempotency-Key": {"k"}}
		a := ask{method: "PATCH", path: "/api/v1/webinars/" + id, token: w.host, body: `{"guests":{"files":false}}`, header: header}
		first := w.do(a).must(200)
		if second := w.do(a).must(200); string(first.body) != string(second.body) {
			t.Errorf("first %s, then %s", first.body, second.body)
		}
	})
	t.Run("S43 but with If-Match the host decides", func(t *testing.T) {
		w.store.spy = nil
		w.do(ask{method: "PATCH", path: "/api/v1/webinars/" + id, token: w.host, body: `{"guests":{"files":true}}`, header: http.Header{"If-Match": {`"1"`}}}).refused(codeVersionMismatch)
	})
}

func TestS73MessagesAreOffForGuestsLive(t *testing.T) {
	w := newWorld(t)
	id := w.webinar(`{"title":"All hands"}`).ID
	guest := w.sessions[w.session(id, webinar.Visitor{Participant: "p_1", Name: "Ada"})].Standing
	if !w.store.State().Webinar(id).May(guest, webinar.Messages) {
		t.Fatal("a guest may not write from the beginning")
	}
	w.edit(id, `{"guests":{"messages":false}}`)
	if w.store.State().Webinar(id).May(guest, webinar.Messages) {
		t.Error("a guest may still write")
	}
}

func TestS41AllOffMakesPassiveListeners(t *testing.T) {
	w := newWorld(t)
	made := w.webinar(`{"title":"Quiet","mode":"all-on-screen","guests":{"audio":false,"video":false,"messages":false,"files":false,"images":false}}`)
	one := w.store.State().Webinar(made.ID)
	guest := w.sessions[w.session(made.ID, webinar.Visitor{Participant: "p_1", Name: "Ada"})].Standing
	for _, what := range []webinar.What{webinar.Audio, webinar.Video, webinar.Messages, webinar.Files, webinar.Images} {
		if one.May(guest, what) {
			t.Errorf("a guest may send %s", what)
		}
	}
	if !one.May(guest, webinar.Watch) {
		t.Error("a guest may not even watch")
	}
}

func TestS7ALeakedLinkIsRotatedAndAnOpenDoorIsPointedOut(t *testing.T) {
	w := newWorld(t)
	for body, open := range map[string]bool{
		`{"title":"a"}`: true, `{"title":"a","generate_pin":true}`: false, `{"title":"a","registration":{}}`: false,
		`{"title":"a","lobby":"guests"}`: false, `{"title":"a","locked":true}`: false,
	} {
		if got := w.webinar(body).OpenDoor; got != open {
			t.Errorf("%s: open door %v", body, got)
		}
	}
	made := w.webinar(`{"title":"a"}`)
	rotated := decode[client.Webinar](w.do(ask{method: "POST", path: "/api/v1/webinars/" + made.ID + "/link", token: w.host}).must(200))
	if rotated.Link == made.Link || rotated.JoinPath != "/w/"+rotated.Link || rotated.Version != 2 || w.store.State().WebinarByLink(made.Link) != nil {
		t.Errorf("rotated to %+v", rotated)
	}
}

func TestS60TheNumberOfGuestsIsLimited(t *testing.T) {
	w := newWorld(t)
	made := w.webinar(`{"title":"a","guest_limit":3}`)
	one := w.store.State().Webinar(made.ID)
	if made.GuestLimit != 3 || !one.NeedsSeat(webinar.Admission{Guest: true}) || one.NeedsSeat(webinar.Admission{}) {
		t.Errorf("made %+v; S61 the limit counts guests only", made)
	}
	if got := w.edit(made.ID, `{"guest_limit":0}`); got.GuestLimit != 0 {
		t.Errorf("edited to %+v", got)
	}
}

func TestS30APINAndARegistrationNameEachOther(t *testing.T) {
	w := newWorld(t)
	for name, request := range map[string]func(id string) reply{
		"at once": func(string) reply {
			return w.do(ask{method: "POST", path: "/api/v1/webinars", token: w.host, body: `{"title":"a","generate_pin":true,"registration":{}}`})
		},
		"a PIN where registration is on": func(id string) reply {
			w.do(ask{method: "PUT", path: "/api/v1/webinars/" + id + "/registration", token: w.host, body: `{}`}).must(200)
			return w.do(ask{method: "PUT", path: "/api/v1/webinars/" + id + "/pin", token: w.host, body: `{"generate":true}`})
		},
		"registration where there is a PIN": func(id string) reply {
			w.do(ask{method: "PUT", path: "/api/v1/webinars/" + id + "/pin", token: w.host, body: `{"generate":true}`}).must(200)
			return w.do(ask{method: "PUT", path: "/api/v1/webinars/" + id + "/registration", token: w.host, body: `{}`})
		},
	} {
		p := request(w.webinar(`{"title":"a"}`).ID).must(409).refused(codePINRegistration)
		if !strings.Contains(p.Detail, "PIN") || !strings.Contains(p.Detail, "registration") {
			t.Errorf("%s: %s", name, p.Detail)
		}
	}
}

func TestBadSettings(t *testing.T) {
	at := func(schedule string) string { return `{"schedule":` + schedule + `}` }
	w := newWorld(t)
	id := w.webinar(`{"title":"All hands"}`).ID
	for _, c := range []struct{ name, body, code string }{
		{"nothing", `{}`, codeEmptyEdit},
		{"an unknown field", `{"colour":"red"}`, codeInvalidRequest},
		{"null, which is nothing", `{"title":null}`, codeEmptyEdit},
		{"null for an object", `{"guests":null}`, codeEmptyEdit},
		{"an unknown permission", `{"guests":{"dancing":true}}`, codeInvalidRequest},
		{"an unknown lobby", `{"lobby":"bar"}`, codeInvalidRequest},
		{"a negative limit", `{"guest_limit":-1}`, codeInvalidRequest},
		{"a limit of everybody", `{"guest_limit":1000001}`, codeInvalidRequest},
		{"half a second", `{"slow_mode_seconds":0.5}`, codeInvalidRequest},
		{"retention for ever", `{"retention_days":3651}`, codeInvalidRequest},
		{"a role twice", `{"ceilings":[{"role":"attendee"},{"role":"attendee"}]}`, codeInvalidRequest},
		{"five ceilings", `{"ceilings":[{"role":"attendee"},{"role":"owner"},{"role":"moderator"},{"role":"presenter"},{"role":"owner"}]}`, codeInvalidRequest},
		{"a description too long", `{"description":"` + strings.Repeat("a", 4001) + `"}`, codeInvalidRequest},
		{"a title that is a bell", `{"title":"\u0007"}`, codeInvalidName},
		{"schedule given and cleared", `{"clear_schedule":true,"schedule":{"start":"2026-05-01T10:00:00Z","duration_seconds":3600}}`, codeInvalidSchedule},
		{"a start that is a word", at(`{"start":"soon","duration_seconds":3600}`), codeInvalidRequest},
		{"a start without a zone", at(`{"start":"2026-05-01T10:00:00","duration_seconds":3600}`), codeInvalidRequest},
		{"a start in the stone age", at(`{"start":"0001-05-01T10:00:00Z","duration_seconds":3600}`), codeInvalidSchedule},
		{"a start in another millennium", at(`{"start":"9999-05-01T10:00:00Z","duration_seconds":3600}`), codeInvalidSchedule},
		{"a second", at(`{"start":"2026-05-01T10:00:00Z","duration_seconds":1}`), codeInvalidRequest},
		{"a month", at(`{"start":"2026-05-01T10:00:00Z","duration_seconds":2678400}`), codeInvalidRequest},
		{"a zone that is none", at(`{"start":"2026-05-01T10:00:00Z","duration_seconds":3600,"zone":"Mars/Olympus"}`), codeInvalidSchedule},
		{"a zone that is a path", at(`{"start":"2026-05-01T10:00:00Z","duration_seconds":3600,"zone":"../../etc/passwd"}`), codeInvalidSchedule},
		{"the zone of the server", at(`{"start":"2026-05-01T10:00:00Z","duration_seconds":3600,"zone":"Local"}`), codeInvalidSchedule},
		{"each second", at(`{"start":"2026-05-01T10:00:00Z","duration_seconds":3600,"rule":"FREQ=SECONDLY"}`), codeInvalidSchedule},
		{"a rule of nonsense", at(`{"start":"2026-05-01T10:00:00Z","duration_seconds":3600,"rule":"every now and then"}`), codeInvalidSchedule},
		{"a rule too long", at(`{"start":"2026-05-01T10:00:00Z","duration_seconds":3600,"rule":"` + strings.Repeat("A", 501) + `"}`), codeInvalidRequest},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.t = t
			before := w.store.State().Hash()
			w.do(ask{method: "PATCH", path: "/api/v1/webinars/" + id, token: w.host, body: c.body}).refused(c.code)
			if c.code == codeInvalidRequest && w.store.State().Webinar(id).Version != 1 || c.code == codeInvalidSchedule && w.store.State().Hash() != before {
				t.Error("the state has changed")
			}
		})
	}
}

func TestARuleThatNeverMatchesDoesNotHang(t *testing.T) {
	w := newWorld(t)
	begin := time.Now()
	made := w.webinar(`{"title":"Never","schedule":{"start":"2026-05-01T10:00:00Z","duration_seconds":3600,"rule":"FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"}}`)
	if len(made.Schedule.Next) != 1 { // the start itself
		t.Errorf("planned %+v", made.Schedule)
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestALevelOneClusterMakesPlainWebinars(t *testing.T) {
	w := newWorld(t)
	w.store.state, w.store.index = newMemory().state, 0
	_, host := w.token("host", Host)
	create := func(body string) reply {
		return w.do(ask{method: "POST", path: "/api/v1/webinars", token: host, body: body})
	}
	create(`{"title":"Old","generate_pin":true,"mode":"all-on-screen"}`).must(201)
	create(`{"title":"New","lobby":"guests"}`).refused(codeFeatureLevel)
}

func TestSettingsRoundTrip(t *testing.T) {
	w := newWorld(t)
	for i, field := range []string{
		`"title":"T%d"`, `"description":"D%d"`, `"guest_limit":1%d`, `"retention_days":1%d`, `"slow_mode_seconds":1%d`,
	} {
		id := w.webinar(`{"title":"All hands"}`).ID
		edited := w.do(ask{method: "PATCH", path: "/api/v1/webinars/" + id, token: w.host, body: "{" + fmt.Sprintf(field, i) + "}"}).must(200)
		name, value, _ := strings.Cut(fmt.Sprintf(field, i), ":")
		if !strings.Contains(string(edited.body), name+":"+value) {
			t.Errorf("%s: edited to %s", field, edited.body)
		}
		if edited.header.Get("ETag") != `"2"` {
			t.Errorf("the ETag is %s", edited.header.Get("ETag"))
		}
	}
	if err := w.admit(w.webinar(`{"title":"a","locked":true}`).ID, webinar.Visitor{Participant: "p_1", Name: "Ada"}); !errors.Is(err, webinar.ErrLocked) {
		t.Errorf("the door says %v", err)
	}
}
