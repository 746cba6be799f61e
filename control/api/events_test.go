package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"stentor/control/client"
	"stentor/control/controlpb"
	"stentor/control/webinar"
)

// events asks for the events of a webinar, up to the moment.
func (w *world) events(id, token, last string) reply {
	w.t.Helper()
	a := ask{method: "GET", path: "/api/v1/webinars/" + id + "/events", token: token}
	if last != "" {
		a.header = http.Header{"Last-Event-Id": {last}}
	}
	return w.do(a)
}

// message is one event as it was written.
type message struct {
	id, event string
	client.Event
}

func messages(t testing.TB, body []byte) []message {
	t.Helper()
	var all []message
	for block := range strings.SplitSeq(string(body), "\n\n") {
		var m message
		for line := range strings.SplitSeq(block, "\n") {
			key, value, _ := strings.Cut(line, ": ")
			switch key {
			case "id":
				m.id = value
			case "event":
				m.event = value
			case "data":
				if err := json.Unmarshal([]byte(value), &m.Event); err != nil {
					t.Fatalf("%s: %v", value, err)
				}
			}
		}
		if m.event != "" {
			all = append(all, m)
			if m.event != m.Type {
				t.Errorf("an event is called %s and is %s", m.event, m.Type)
			}
		}
	}
	return all
}

func kinds(all []message) []string {
	out := make([]string, len(all))
	for i, m := range all {
		out[i] = m.event
	}
	return out
}

func TestEventsBeginWithTheWebinarAndGoOnWhereTheyEnded(t *testing.T) {
	w := newWorld(t)
	id := w.webinar(`{"title":"a"}`).ID
	first := messages(t, w.events(id, w.host, "").must(200).body)
	if len(first) != 1 || first[0].event != "webinar" || first[0].Webinar.ID != id || first[0].id != fmt.Sprint(w.store.State().Index()) {
		t.Fatalf("it begins with %+v", first)
	}
	last := first[0].id
	if got := messages(t, w.events(id, w.host, last).must(200).body); len(got) != 0 {
		t.Errorf("nothing has happened: %+v", got)
	}
	w.webinar(`{"title":"another"}`)
	w.edit(id, `{"locked":true}`)
	w.crowd.inside[id] = []Present{present("p_1", "n1", "device:abc")}
	w.post(id, "/participants/p_1/disconnect", `{"ban":true}`).must(200)
	got := messages(t, w.events(id, w.host, last).must(200).body)
	if want := []string{"webinar", "audit", "participant", "ban", "unconnected", "audit"}; !slices.Equal(kinds(got), want) {
		t.Fatalf("told are %v, want %v", kinds(got), want)
	}
	if !got[0].Webinar.Locked || got[3].Ban.Participant != "p_1" || !got[4].Unconnected.Banned || got[5].Audit.Action != "participant.banned" {
		t.Errorf("told are %+v", got)
	}
	for i, m := range got { // an id only where everything that a command did was told
		if wants := i == 1 || i == 5; (m.id != "") != wants {
			t.Errorf("the %s has the id %q", m.event, m.id)
		}
	}
	rest := messages(t, w.events(id, w.host, got[1].id).must(200).body)
	if !slices.Equal(kinds(rest), kinds(got[2:])) {
		t.Errorf("after the first one come %v", kinds(rest))
	}
}

func TestEventsTellOfEverythingThatHostsSee(t *testing.T) {
	w := newWorld(t)
	made := w.webinar(`{"title":"a","registration":{"approval":true}}`)
	id := made.ID
	since := func(do func()) []message {
		before := fmt.Sprint(w.store.State().Index())
		do()
		return messages(t, w.events(id, w.host, before).must(200).body)
	}
	var registrant, invite string
	for _, c := range []struct {
		name string
		do   func()
		want string
		of   func(m message) bool
	}{
		{"somebody signs up", func() { registrant = decode[client.Registered](w.signUp(made.Link, "a@example.org")).ID }, "registrant",
			func(m message) bool { return m.Registrant.Status == "pending" && m.ID == registrant }},
		{"S58 a decision", func() {
			w.post(id, "/registrants/decide", `{"ids":["`+registrant+`"],"decision":"approve"}`).must(200)
		}, "registrant", func(m message) bool { return m.Registrant.Status == "approved" }},
		{"an invite", func() { invite = decode[client.Invite](w.post(id, "/invites", `{"name":"Ada"}`)).ID }, "invite",
			func(m message) bool { return m.Invite.Name == "Ada" && m.Invite.Secret == "" }},
		{"no invite any more", func() {
			w.do(ask{method: "DELETE", path: "/api/v1/webinars/" + id + "/invites/" + invite, token: w.host}).must(204)
		}, "invite", func(m message) bool { return m.Removed && m.ID == invite }},
		{"S70 audio is stopped", func() {
			w.do(ask{method: "PATCH", path: "/api/v1/webinars/" + id + "/participants/p_1", token: w.host, body: `{"stop_audio":true}`}).must(200)
		}, "participant", func(m message) bool { return m.Participant.StopAudio && m.ID == "p_1" }},
		{"S62 a removal", func() { w.post(id, "/participants/p_1/disconnect", `{}`).must(200) }, "unconnected",
			func(m message) bool { return m.Unconnected.Participant == "p_1" && !m.Unconnected.Banned }},
		{"S67 a re-invitation", func() { w.post(id, "/participants/p_1/reinvite", "").must(200) }, "unconnected",
			func(m message) bool { return m.Removed }},
		{"the registration closes", func() { w.post(id, "/registration/close", "").must(200) }, "webinar",
			func(m message) bool { return m.Webinar.Registration.Closed }},
		{"S7 another link", func() { w.post(id, "/link", "").must(200) }, "webinar", func(m message) bool { return m.Webinar.Link != made.Link }},
		{"stays, within an hour", func() {
			w.attend(id, "s1", "Ada", w.now, w.now)
			w.now = w.now.Add(time.Hour)
			w.command(&controlpb.Command{Kind: &controlpb.Command_Tick{Tick: &controlpb.Tick{}}})
		}, "audit", func(m message) bool { return m.Audit.Action == "attendance.recorded" }},
		{"the end", func() { w.post(id, "/end", "").must(200) }, "webinar", func(m message) bool { return m.Webinar.State == "ended" }},
	} {
		got := since(c.do)
		if i := slices.IndexFunc(got, func(m message) bool { return m.event == c.want }); i < 0 || !c.of(got[i]) {
			t.Errorf("%s: told are %+v", c.name, got)
		}
	}
}

func TestEventsThatAreNotKeptAnyMoreAreAReset(t *testing.T) {
	w := newWorld(t)
	id := w.webinar(`{"title":"a"}`).ID
	far := fmt.Sprint(w.store.State().Index() + 100)
	got := messages(t, w.events(id, w.host, far).must(200).body)
	if len(got) != 1 || got[0].event != "reset" || got[0].id != fmt.Sprint(w.store.State().Index()) {
		t.Errorf("of the future: %+v", got)
	}
	before := fmt.Sprint(w.store.State().Index())
	for i := range maxBehind + 1 {
		w.command(editOf(id, settingsTitled(fmt.Sprint(i)), "title"))
	}
	if got := messages(t, w.events(id, w.host, before).must(200).body); len(got) != 1 || got[0].event != "reset" {
		t.Errorf("too far behind: %d", len(got))
	}
	for _, bad := range []string{"x", "-1", "1e3", "99999999999999999999"} {
		w.events(id, w.host, bad).refused(codeInvalidLastEventID)
	}
}

// wire is the connection of one client that reads as a test says. It is a ResponseWriter.
type wire struct {
	header http.Header
	reader *io.PipeReader
	writer *io.PipeWriter

	deadline time.Time
}

func newWire() *wire {
	r, w := io.Pipe()
	return &wire{header: http.Header{}, reader: r, writer: w}
}

func (c *wire) Header() http.Header                { return c.header }
func (c *wire) WriteHeader(int)                    {}
func (c *wire) FlushError() error                  { return nil }
func (c *wire) SetWriteDeadline(t time.Time) error { c.deadline = t; return nil }

// Write waits until the client has read, or the deadline is over.
func (c *wire) Write(b []byte) (int, error) {
	timer := time.AfterFunc(time.Until(c.deadline), func() { _ = c.reader.CloseWithError(context.DeadlineExceeded) })
	defer timer.Stop()
	return c.writer.Write(b)
}

// stream opens a stream in a bubble. ended is closed when the server has let go of it.
func (w *world) stream(ctx context.Context, id, token string) (c *wire, ended chan struct{}) {
	w.t.Helper()
	request := httptest.NewRequest("GET", "/api/v1/webinars/"+id+"/events", nil).WithContext(ctx)
	request.Header.Set("Authorization", "Bearer "+token)
	c, ended = newWire(), make(chan struct{})
	go func() {
		defer close(ended)
		w.handler.ServeHTTP(c, request)
		_ = c.writer.Close()
	}()
	return c, ended
}

// lines reads what the client is told, as it comes.
func lines(c *wire) <-chan string {
	out := make(chan string)
	go func() {
		defer close(out)
		for s := bufio.NewScanner(c.reader); s.Scan(); {
			if s.Text() != "" {
				out <- s.Text()
			}
		}
	}()
	return out
}

// living is a world in a bubble, whose streams go on.
func living(t *testing.T) *world {
	w := newWorld(t)
	w.done = make(chan struct{})
	w.serve(Limits{Streams: 2})
	return w
}

func TestAStreamTellsAtOnceAndBeatsWhileNothingHappens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := living(t)
		id := w.webinar(`{"title":"a"}`).ID
		ctx, cancel := context.WithCancel(t.Context())
		c, ended := w.stream(ctx, id, w.host)
		told := lines(c)
		for range 3 { // id, event, data of the webinar
			<-told
		}
		begin := time.Now()
		w.webinar(`{"title":"another"}`)
		synctest.Wait()
		head := fmt.Sprint("id: ", w.store.State().Index()) // of what was looked at, although none of it was about this one
		if got, then := <-told, <-told; got != head || then != ": alive" || time.Since(begin) != heartbeat {
			t.Errorf("after %v: %s, %s, want %s", time.Since(begin), got, then, head)
		}
		begin = time.Now()
		w.edit(id, `{"locked":true}`)
		for _, want := range []string{"event: webinar", "data: {", "id: ", "event: audit", "data: {"} {
			if got := <-told; !strings.HasPrefix(got, want) || time.Since(begin) != 0 {
				t.Errorf("after %v: %s, want %s", time.Since(begin), got, want)
			}
		}
		if c.header.Get("Content-Type") != "text/event-stream" || c.header.Get("X-Accel-Buffering") != "no" || c.header.Get("Cache-Control") != "no-store" {
			t.Errorf("the header is %v", c.header)
		}
		cancel()
		<-ended
		for range told {
		}
	})
}

func TestAStreamEndsWithTheRightToIt(t *testing.T) {
	for name, end := range map[string]func(w *world, id, token string){
		"the token is revoked": func(w *world, _, _ string) {
			w.do(ask{method: "DELETE", path: "/api/v1/tokens/" + w.hostID, token: w.admin}).must(204)
		},
		"the node stops": func(w *world, _, _ string) { close(w.done) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := living(t)
				id := w.webinar(`{"title":"a"}`).ID
				c, ended := w.stream(t.Context(), id, w.host)
				go func() { _, _ = io.Copy(io.Discard, c.reader) }()
				synctest.Wait()
				begin := time.Now()
				end(w, id, w.host)
				if <-ended; time.Since(begin) != 0 {
					t.Errorf("it ended after %v", time.Since(begin))
				}
			})
		})
	}
	for name, end := range map[string]string{
		"a moderator is one no more": `{"role":"attendee"}`, "a moderator is disconnected": "",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := living(t)
				id := w.webinar(`{"title":"a"}`).ID
				token := w.session(id, webinar.Visitor{Name: "Mod", Invite: w.invited(id, "i_m", "moderator", "", "mod")})
				c, ended := w.stream(t.Context(), id, token)
				go func() { _, _ = io.Copy(io.Discard, c.reader) }()
				synctest.Wait()
				p := w.sessions[token].Standing.Participant
				if end == "" {
					w.post(id, "/participants/"+p+"/disconnect", `{}`).must(200)
				} else {
					w.do(ask{method: "PATCH", path: "/api/v1/webinars/" + id + "/participants/" + p, token: w.host, body: end}).must(200)
				}
				<-ended
			})
		})
	}
}

func TestASlowClientIsLetGoAndKeepsNothingWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := living(t)
		id := w.webinar(`{"title":"a"}`).ID
		c, ended := w.stream(t.Context(), id, w.host) // nobody reads
		synctest.Wait()
		begin := time.Now()
		for i := range 100 {
			w.edit(id, fmt.Sprintf(`{"title":"a%d"}`, i))
		}
		if took := time.Since(begin); took != 0 {
			t.Errorf("changes took %v", took)
		}
		<-ended
		if took := time.Since(begin); took != writeTimeout {
			t.Errorf("it was let go after %v", took)
		}
		_ = c.reader.Close()
	})
}

func TestAHeadOfEventsIsNoStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := living(t)
		id := w.webinar(`{"title":"a"}`).ID
		request := httptest.NewRequest("HEAD", "/api/v1/webinars/"+id+"/events", nil)
		request.Header.Set("Authorization", "Bearer "+w.host)
		out := httptest.NewRecorder()
		w.handler.ServeHTTP(out, request)
		if out.Body.Len() != 0 || out.Code != 200 || len(w.api.streams.by) != 0 {
			t.Errorf("answered %d %s", out.Code, out.Body)
		}
	})
}

func TestStreamsAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := living(t)
		id := w.webinar(`{"title":"a"}`).ID
		ctx, cancel := context.WithCancel(t.Context())
		var ends []chan struct{}
		for range 2 {
			c, ended := w.stream(ctx, id, w.host)
			go func() { _, _ = io.Copy(io.Discard, c.reader) }()
			ends = append(ends, ended)
		}
		synctest.Wait()
		if out := w.events(id, w.host, ""); out.refused(codeTooManyRequests) == nil || out.header.Get("Retry-After") != "15" {
			t.Errorf("the header is %v", out.header)
		}
		cancel()
		for _, ended := range ends {
			<-ended
		}
		if n := len(w.api.streams.by); n != 0 {
			t.Errorf("%d principals are still counted", n)
		}
		close(w.done)
		if got := messages(t, w.events(id, w.host, "").must(200).body); len(got) != 1 {
			t.Errorf("told are %v", got)
		}
	})
}

func TestEventsHaveNoPersonalDataOfRegistrants(t *testing.T) {
	w := newWorld(t)
	made := w.signed(`{}`)
	before := fmt.Sprint(w.store.State().Index())
	w.signUp(made.Link, "ada@example.org").must(201)
	out := w.events(made.ID, w.host, before).must(200)
	if bytes.Contains(out.body, []byte("ada@")) || bytes.Contains(out.body, []byte("Lovelace")) || !bytes.Contains(out.body, []byte("approved")) {
		t.Errorf("told is %s", out.body)
	}
}

// TestEventsTellOfHands is what the audit log does not have: a hand that goes up, and down again.
func TestEventsTellOfHands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := living(t)
		id := w.webinar(`{"title":"a"}`).ID
		ctx, cancel := context.WithCancel(t.Context())
		c, ended := w.stream(ctx, id, w.host)
		told := lines(c)
		for range 3 {
			<-told
		}
		set := func(participant, body string) {
			w.do(ask{method: "PATCH", path: "/api/v1/webinars/" + id + "/participants/" + participant, token: w.host, body: body}).must(200)
		}
		next := func() message {
			var text strings.Builder
			for !strings.Contains(text.String(), "data: ") {
				text.WriteString(<-told + "\n")
			}
			return messages(t, []byte(text.String()))[0]
		}
		set("p_1", `{"hand":true}`)
		up := next()
		if up.event != "participant" || up.Event.ID != "p_1" || up.Participant.Hand == nil || up.id != fmt.Sprint(w.store.State().Index()) {
			t.Errorf("a hand went up: %+v", up)
		}
		set("p_1", `{"hand":false}`) // nothing else was decided about them
		if down := next(); down.event != "participant" || down.Event.ID != "p_1" || down.Participant.Hand != nil {
			t.Errorf("a hand went down: %+v", down)
		}
		set("p_2", `{"hand":true,"stop_audio":true}`) // which the log has
		if both := next(); both.event != "participant" || both.Participant.Hand == nil || !both.Participant.StopAudio {
			t.Errorf("both: %+v", both)
		}
		if entry := next(); entry.event != "audit" {
			t.Errorf("then %+v", entry)
		}
		w.edit(id, `{"locked":true}`)
		if only := next(); only.event != "webinar" {
			t.Errorf("a hand is told again: %+v", only)
		}
		cancel()
		<-ended
		for range told {
		}
	})
}

// TestAStreamThatGoesOnTellsOfHandsThatWentUp is about one that broke off before.
func TestAStreamThatGoesOnTellsOfHandsThatWentUp(t *testing.T) {
	w := newWorld(t)
	id := w.webinar(`{"title":"a"}`).ID
	before := fmt.Sprint(w.store.State().Index())
	for _, p := range []string{"p_2", "p_1"} {
		w.do(ask{method: "PATCH", path: "/api/v1/webinars/" + id + "/participants/" + p, token: w.host, body: `{"hand":true}`}).must(200)
	}
	got := messages(t, w.events(id, w.host, before).must(200).body)
	if want := []string{"participant", "participant"}; !slices.Equal(kinds(got), want) || got[0].Event.ID != "p_2" || got[0].id != "" || got[1].id != fmt.Sprint(w.store.State().Index()) {
		t.Errorf("told are %+v", got)
	}
	if again := messages(t, w.events(id, w.host, got[1].id).must(200).body); len(again) != 0 {
		t.Errorf("told again: %+v", again)
	}
}
