package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"stentor/control/client"
	"stentor/control/controlpb"
	"stentor/control/webinar"
)

// stuck is a body that stops arriving.
type stuck struct{}

func (stuck) Read([]byte) (int, error) { return 0, os.ErrDeadlineExceeded }

// refusals has a request for every kind of refusal.
func refusals() map[string]func(w *world, id string) reply {
	const webinars = "/api/v1/webinars"
	create := func(w *world, body string) reply {
		return w.do(ask{method: "POST", path: webinars, token: w.host, body: body})
	}
	refusedBy := func(denial *webinar.Denial) func(*world, string) reply {
		return func(w *world, _ string) reply {
			w.store.spy = func(*controlpb.Command) error { return denial }
			return create(w, `{"title":"All hands"}`)
		}
	}
	all := more()
	for code, request := range map[string]func(w *world, id string) reply{
		codeTokenRequired: func(w *world, _ string) reply { return w.do(ask{method: "GET", path: webinars}) },
		codeTokenUnknown:  func(w *world, _ string) reply { return w.do(ask{method: "GET", path: webinars, token: "x"}) },
		codeScopeMissing: func(w *world, _ string) reply {
			return w.do(ask{method: "POST", path: "/api/v1/tokens", token: w.host, body: sample("create-token")})
		},
		codeRouteNotFound: func(w *world, _ string) reply { return w.do(ask{method: "GET", path: "/api/v1/rooms", token: w.host}) },
		codeMethod: func(w *world, id string) reply {
			return w.do(ask{method: "PUT", path: webinars + "/" + id, token: w.host})
		},
		codeBodyTooLarge: func(w *world, _ string) reply { return create(w, `{"title":"`+strings.Repeat("a", largeBody)+`"}`) },
		codeBodyTooSlow: func(w *world, _ string) reply {
			return w.do(ask{method: "POST", path: webinars, token: w.host, reader: stuck{}})
		},
		codeMalformedBody: func(w *world, _ string) reply { return create(w, `{"title":`) },
		codeMediaType: func(w *world, _ string) reply {
			return w.do(ask{method: "POST", path: webinars, token: w.host, reader: strings.NewReader("title=x"),
				header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}})
		},
		codeInvalidRequest: func(w *world, _ string) reply { return create(w, `{"title":"a","colour":"red"}`) },
		codeInvalidCursor: func(w *world, _ string) reply {
			return w.do(ask{method: "GET", path: webinars + "?cursor=x", token: w.host})
		},
		codeInvalidIfMatch: func(w *world, id string) reply {
			return w.do(ask{method: "POST", path: webinars + "/" + id + "/end", token: w.host, header: http.Header{"If-Match": {"3"}}})
		},
		codeInvalidName: func(w *world, _ string) reply { return create(w, `{"title":"a\nb"}`) },
		codeInvalidPIN:  func(w *world, _ string) reply { return create(w, `{"title":"a","pin":"123"}`) },
		codePINConflict: func(w *world, _ string) reply { return create(w, `{"title":"a","pin":"12345","generate_pin":true}`) },
		codePINMissing: func(w *world, id string) reply {
			return w.do(ask{method: "PUT", path: webinars + "/" + id + "/pin", token: w.host, body: `{}`})
		},
		codePINRegistration: func(w *world, _ string) reply {
			w.command(&controlpb.Command{Kind: &controlpb.Command_CreateWebinar{CreateWebinar: &controlpb.CreateWebinar{
				Id: "w_registered", Link: "registered", Title: "a", Owner: w.hostID, Registration: &controlpb.Registration{},
			}}})
			return w.do(ask{method: "PUT", path: webinars + "/w_registered/pin", token: w.host, body: `{"generate":true}`})
		},
		codeWebinarNotFound: func(w *world, _ string) reply {
			return w.do(ask{method: "GET", path: webinars + "/w_x", token: w.host})
		},
		codeBanNotFound: func(w *world, id string) reply {
			return w.do(ask{method: "DELETE", path: webinars + "/" + id + "/bans/b_x", token: w.host})
		},
		codeRecordingNotFound: func(w *world, id string) reply {
			return w.do(ask{method: "GET", path: webinars + "/" + id + "/recordings/rec_2/n1/0001-main-video.webm", token: w.host})
		},
		codeCaptionInvalid: func(w *world, id string) reply {
			return w.do(ask{method: "POST", path: webinars + "/" + id + "/captions", token: w.host, body: `{"language":"de","text":"` + strings.Repeat("x", 201) + `"}`})
		},
		codeCaptionLanguage: func(w *world, id string) reply {
			return w.do(ask{method: "POST", path: webinars + "/" + id + "/captions", token: w.host, body: `{"language":"no tag","text":"x"}`})
		},
		codeProblemNotFound: func(w *world, _ string) reply { return w.do(ask{method: "GET", path: "/api/v1/problems/x"}) },
		codeEnded: func(w *world, id string) reply {
			w.do(ask{method: "POST", path: webinars + "/" + id + "/end", token: w.host}).must(200)
			return w.do(ask{method: "PUT", path: webinars + "/" + id + "/pin", token: w.host, body: `{"generate":true}`})
		},
		codeVersionMismatch: func(w *world, id string) reply {
			return w.do(ask{method: "POST", path: webinars + "/" + id + "/end", token: w.host, header: http.Header{"If-Match": {`"9"`}}})
		},
		codeKeyReused: func(w *world, _ string) reply {
			again := ask{method: "POST", path: webinars, token: w.host, body: `{"title":"a"}`, header: http.Header{"Idempotency-Key": {"k"}}}
			w.do(again).must(201)
			again.body = `{"title":"b"}`
			return w.do(again)
		},
		codeTooMany:  refusedBy(&webinar.Denial{Code: "too_many_webinars", Detail: "There are already 100000 webinars."}),
		codeConflict: refusedBy(&webinar.Denial{Code: "exists", Detail: "There is already one of that ID."}),
		codeOutcomeUnknown: func(w *world, _ string) reply {
			w.store.fail = errors.New("the leader went away")
			return create(w, `{"title":"a"}`)
		},
		codeBehind: func(w *world, _ string) reply {
			w.store.behind = true
			return create(w, `{"title":"a"}`)
		},
		codeInternal: func(w *world, _ string) reply {
			w.mesh.fail = errors.New("the password is swordfish")
			return w.do(ask{method: "GET", path: "/api/v1/status", token: w.host})
		},
	} {
		all[code] = request
	}
	return all
}

func TestEveryRefusalOfTheTableCanBeHad(t *testing.T) {
	had := refusals()
	for _, k := range Kinds() {
		t.Run(k.Code, func(t *testing.T) {
			request := had[k.Code]
			if request == nil {
				t.Fatal("no request is answered so: add one, or take the code out")
			}
			delete(had, k.Code)
			synctest.Test(t, func(t *testing.T) { // one of them waits for five seconds
				w := newWorld(t)
				out := request(w, w.webinar(`{"title":"All hands"}`).ID)
				out.must(k.Status).refused(k.Code)
				if strings.Contains(string(out.body), "swordfish") {
					t.Errorf("an internal error is told to strangers: %s", out.body)
				}
			})
		})
	}
	for code := range had {
		t.Errorf("%s is not in the table", code)
	}
}

func TestCodesAreUniqueAndExplained(t *testing.T) {
	var codes []string
	for _, k := range Kinds() {
		if slices.Contains(codes, k.Code) {
			t.Errorf("%s is there twice", k.Code)
		}
		codes = append(codes, k.Code)
		if k.Title == "" || !strings.HasSuffix(strings.TrimSuffix(k.About, `"`), ".") && !strings.HasSuffix(k.About, "...") {
			t.Errorf("%s is not explained: %q", k.Code, k.About)
		}
	}
	for _, r := range Routes() {
		for _, code := range codesOf(r) {
			if !slices.Contains(codes, code) {
				t.Errorf("%s names %s, which is not in the table", r.Name, code)
			}
		}
	}
}

func TestTheTableOfRefusalsIsServed(t *testing.T) {
	w := newWorld(t)
	list := decode[struct{ Items []Kind }](w.do(ask{method: "GET", path: "/api/v1/problems"}).must(200))
	if !slices.Equal(list.Items, Kinds()) {
		t.Errorf("served are %v", list.Items)
	}
	one := decode[Kind](w.do(ask{method: "GET", path: "/api/v1/problems/" + codeEnded}).must(200))
	if one.Code != codeEnded || one.Status != 409 {
		t.Errorf("served is %v", one)
	}
}

func TestACodeThatTheTableLacksIsInternal(t *testing.T) {
	if p := refuse("no_such_code", "the password is swordfish"); p.Code != codeInternal || strings.Contains(p.Detail, "swordfish") {
		t.Errorf("refused with %v", p)
	}
}

func TestAPanicIsAnsweredAndLogged(t *testing.T) {
	w := newWorld(t)
	w.store.spy = func(*controlpb.Command) error { panic("a bug") }
	w.do(ask{method: "POST", path: "/api/v1/webinars", token: w.host, body: `{"title":"a"}`}).refused(codeInternal)
	if !strings.Contains(w.log.String(), "a bug") {
		t.Errorf("the log says %s", w.log)
	}
}

func TestANodeThatIsBehindCatchesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.store.behind = true
		go func() {
			time.Sleep(time.Second) // of the bubble
			w.store.mu.Lock()
			w.store.behind = false
			w.store.mu.Unlock()
			w.token("anything that changes the state", Host)
		}()
		begin := time.Now()
		r, err := w.api.newRequest(Principal{ID: w.hostID}, "x", "")
		if err != nil {
			t.Fatal(err)
		}
		_, state, err := w.api.propose(t.Context(), r, 0, &controlpb.Command{Kind: &controlpb.Command_CreateApiToken{
			CreateApiToken: &controlpb.CreateAPIToken{Id: "t_x", Name: "x", Hash: make([]byte, 31, 32)},
		}})
		var p *client.Problem
		if !errors.As(err, &p) || p.Code != codeInvalidRequest || state != nil {
			t.Fatalf("a hash of 31 bytes: %v", err)
		}
		if state, err = w.api.applied(t.Context(), w.store.index+1); err != nil || state.Index() != w.store.index {
			t.Fatalf("applied: %v", err)
		}
		if waited := time.Since(begin); waited != time.Second {
			t.Errorf("waited %v", waited)
		}
	})
}

func TestBadInput(t *testing.T) {
	const webinars = "/api/v1/webinars"
	for _, c := range []struct {
		name, method, path, body, code, location string
	}{
		{"no body", "POST", webinars, ``, codeMalformedBody, ""},
		{"not an object", "POST", webinars, `[]`, codeInvalidRequest, "body"},
		{"null", "POST", webinars, `null`, codeInvalidRequest, "body"},
		{"two values", "POST", webinars, `{"title":"a"} {}`, codeMalformedBody, "body"},
		{"no title", "POST", webinars, `{}`, codeInvalidRequest, "body"},
		{"an empty title", "POST", webinars, `{"title":""}`, codeInvalidRequest, "body.title"},
		{"a blank title", "POST", webinars, `{"title":"   "}`, codeInvalidName, ""},
		{"a title too long", "POST", webinars, `{"title":"` + strings.Repeat("é", 201) + `"}`, codeInvalidRequest, "body.title"},
		{"a title that turns the text around", "POST", webinars, `{"title":"a\u202eb"}`, codeInvalidName, ""},
		{"a title that is a number", "POST", webinars, `{"title":7}`, codeInvalidRequest, "body.title"},
		{"an unknown mode", "POST", webinars, `{"title":"a","mode":"party"}`, codeInvalidRequest, "body.mode"},
		{"a PIN of control characters", "POST", webinars, `{"title":"a","pin":"\u0000\u0001\u0002\u0003"}`, codeInvalidPIN, ""},
		{"a PIN too long", "POST", webinars, `{"title":"a","pin":"` + strings.Repeat("1", 33) + `"}`, codeInvalidPIN, ""},
		{"an unknown parameter", "GET", webinars + "?colour=red", ``, codeInvalidRequest, "query.colour"},
		{"a limit of nothing", "GET", webinars + "?limit=0", ``, codeInvalidRequest, "query.limit"},
		{"a limit of everything", "GET", webinars + "?limit=201", ``, codeInvalidRequest, "query.limit"},
		{"a limit that is a word", "GET", webinars + "?limit=all", ``, codeInvalidRequest, "query.limit"},
		{"an unknown role of an invite", "POST", webinars + "/ID/invites", `{"name":"a","role":"king"}`, codeInvalidRequest, "body.role"},
		{"a nameless invite", "POST", webinars + "/ID/invites", `{"name":" "}`, codeInvalidName, ""},
		{"a participant id with a slash", "POST", webinars + "/ID/participants/a%2Fb/disconnect", `{}`, codeInvalidRequest, "path.participant"},
		{"a ban that is a word", "POST", webinars + "/ID/participants/p_1/disconnect", `{"ban":"yes"}`, codeInvalidRequest, "body.ban"},
		{"no scopes", "POST", "/api/v1/tokens", `{"name":"a","scopes":[]}`, codeInvalidRequest, "body.scopes"},
		{"an unknown scope", "POST", "/api/v1/tokens", `{"name":"a","scopes":["root"]}`, codeInvalidRequest, "body.scopes[0]"},
		{"a scope twice", "POST", "/api/v1/tokens", `{"name":"a","scopes":["host","host"]}`, codeInvalidRequest, "body.scopes"},
		{"an unknown role of a node", "POST", "/api/v1/join-tokens", `{"role":"king"}`, codeInvalidRequest, "body.role"},
		{"a join token for a second", "POST", "/api/v1/join-tokens", `{"role":"edge","ttl_seconds":1}`, codeInvalidRequest, "body.ttl_seconds"},
		{"a join token for a year", "POST", "/api/v1/join-tokens", `{"role":"edge","ttl_seconds":31536000}`, codeInvalidRequest, "body.ttl_seconds"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			id := w.webinar(`{"title":"All hands"}`).ID
			before := w.store.State().Hash()
			p := w.do(ask{method: c.method, path: strings.Replace(c.path, "ID", id, 1), token: w.admin, body: c.body}).refused(c.code)
			if c.location != "" && (len(p.Fields) == 0 || p.Fields[0].Location != c.location) {
				t.Errorf("the fields are %v, want %s", p.Fields, c.location)
			}
			if c.code != codeInvalidName && w.store.State().Hash() != before {
				t.Error("the state has changed")
			}
		})
	}
}

func TestAnUnreadBodyIsNotParsed(t *testing.T) {
	// Without a Content-Length, reading stops at the bound.
	w := newWorld(t)
	body := &counted{}
	w.do(ask{method: "PUT", path: "/api/v1/webinars/" + w.webinar(`{"title":"a"}`).ID + "/pin", token: w.host, reader: body}).must(413).refused(codeBodyTooLarge)
	if body.n > 4*maxBody {
		t.Errorf("read %d bytes", body.n)
	}
}

func TestMethodsAreNamed(t *testing.T) {
	w := newWorld(t)
	out := w.do(ask{method: "PATCH", path: "/api/v1/webinars", token: w.host})
	out.must(405)
	if got := out.header.Get("Allow"); got != "GET, POST, HEAD" {
		t.Errorf("Allow is %q", got)
	}
}

func FuzzBodies(f *testing.F) {
	for _, r := range Routes() {
		if body := sample(r.Name); body != "" {
			f.Add(body)
		}
	}
	for _, body := range []string{
		`{"title":"a","mode":"all-on-screen","generate_pin":true}`, `{"value":"12345678"}`, `{"title":"\ud800"}`, `{"title":1e999}`,
		`{"a":{"a":{"a":[[[[]]]]}}}`, "\xff\xfe", `{"title":"a","title":"b"}`, `{"name":"<b>","role":null}`, `{"scopes":{"0":"admin"}}`,
	} {
		f.Add(body)
	}
	w := newWorld(f)
	id := w.webinar(`{"title":"All hands"}`).ID
	f.Fuzz(func(t *testing.T, body string) {
		w.t = t
		for _, r := range Routes() {
			if sample(r.Name) == "" || body == "" {
				continue
			}
			out := w.do(ask{method: r.Method, path: concrete(r, id), token: w.admin, body: body})
			if out.status >= 500 || out.status != http.StatusNoContent && !json.Valid(out.body) || out.status == http.StatusNoContent && len(out.body) > 0 {
				t.Errorf("%s answers %d %s", r.Name, out.status, out.body)
			}
		}
	})
}
