package api

import (
	"bytes"
	"crypto/rand"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"stentor/control/client"
	"stentor/control/controlpb"
)

// concrete fills the path of a route.
func concrete(r Route, webinar string) string {
	return strings.NewReplacer("{id}", webinar, "{participant}", "p_1", "{ban}", "b_1", "{code}", codeEnded).Replace(r.Path)
}

// sample is a body that the route takes.
func sample(name string) string {
	return map[string]string{
		"create-webinar":    `{"title":"All hands"}`,
		"set-pin":           `{"generate":true}`,
		"create-invite":     `{"name":"Ada","role":"presenter"}`,
		"disconnect":        `{"ban":true}`,
		"create-token":      `{"name":"x","scopes":["host"]}`,
		"create-join-token": `{"role":"edge"}`,
	}[name]
}

func TestTheAuthorizationTable(t *testing.T) {
	// Written out once more, so that nobody opens a route by accident.
	needAdmin := []string{"create-token", "create-join-token"}
	open := []string{"list-problems", "get-problem"}
	for _, r := range Routes() {
		t.Run(r.Name, func(t *testing.T) {
			w := newWorld(t)
			id := w.webinar(`{"title":"All hands"}`).ID
			_, both := w.token("both", Host, Admin)
			_, neither := w.token("neither", "reader")
			unknown := "sta_" + strings.Repeat("A", secretLength)
			for _, c := range []struct {
				who, token string
				allowed    bool
				code       string
			}{
				{"nobody", "", slices.Contains(open, r.Name), codeTokenRequired},
				{"an unknown token", unknown, slices.Contains(open, r.Name), codeTokenUnknown},
				{"an invite's secret", "sti_" + strings.Repeat("A", secretLength), slices.Contains(open, r.Name), codeTokenUnknown},
				{"a token without a scope of ours", neither, slices.Contains(open, r.Name), codeScopeMissing},
				{"a host", w.host, !slices.Contains(needAdmin, r.Name), codeScopeMissing},
				{"an operator", w.admin, true, ""},
				{"both", both, true, ""},
			} {
				out := w.do(ask{method: r.Method, path: concrete(r, id), token: c.token, body: sample(r.Name)})
				if !c.allowed {
					out.refused(c.code)
					if out.header.Get("WWW-Authenticate") == "" {
						t.Errorf("%s is not told how to sign in", c.who)
					}
				} else if out.status == 401 || out.status == 403 {
					t.Errorf("%s is refused: %s", c.who, out.body)
				}
			}
		})
	}
}

func TestARefusedRequestChangesNothingAndReadsNoBody(t *testing.T) {
	w := newWorld(t)
	before := w.store.State().Hash()
	for _, r := range Routes() {
		if !r.Writes() {
			continue
		}
		body := &counted{}
		w.do(ask{method: r.Method, path: concrete(r, "w_1"), reader: body}).refused(codeTokenRequired)
		if body.n > 0 {
			t.Errorf("%s read %d bytes of a stranger", r.Name, body.n)
		}
	}
	if w.store.State().Hash() != before {
		t.Error("the state has changed")
	}
}

// counted is an endless body that counts what is read of it.
type counted struct{ n int }

func (c *counted) Read(b []byte) (int, error) {
	c.n += len(b)
	return copy(b, bytes.Repeat([]byte{' '}, len(b))), nil
}

func TestATokenThatExpired(t *testing.T) {
	w := newWorld(t)
	id, token, hash, err := NewToken(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	w.command(&controlpb.Command{Kind: &controlpb.Command_CreateApiToken{CreateApiToken: &controlpb.CreateAPIToken{
		Id: id, Name: "for a minute", Hash: hash[:], Scopes: []string{"host"}, Expires: w.now.Add(time.Minute).UnixNano(),
	}}})
	look := ask{method: "GET", path: "/api/v1/webinars", token: token}
	w.do(look).must(200)
	w.now = w.now.Add(time.Minute)
	w.do(look).refused(codeTokenUnknown)
}

func TestATokenThatWasRevoked(t *testing.T) {
	w := newWorld(t)
	w.command(&controlpb.Command{Kind: &controlpb.Command_RevokeApiToken{RevokeApiToken: &controlpb.RevokeAPIToken{Id: w.hostID}}})
	w.do(ask{method: "GET", path: "/api/v1/webinars", token: w.host}).refused(codeTokenUnknown)
}

func TestUnknownAndForbiddenWebinarsAreTheSame(t *testing.T) {
	for _, r := range Routes() {
		if !strings.Contains(r.Path, "{id}") {
			continue
		}
		t.Run(r.Name, func(t *testing.T) {
			w := newWorld(t)
			id := w.webinar(`{"title":"All hands"}`).ID
			before := w.store.State().Hash()
			for _, header := range []http.Header{nil, {"If-Match": {`"77"`}}} {
				forbidden := w.do(ask{method: r.Method, path: concrete(r, id), token: w.other, body: sample(r.Name), header: header})
				unknown := w.do(ask{method: r.Method, path: concrete(r, "w_aaaaaaaaaaaaaaaa"), token: w.other, body: sample(r.Name), header: header})
				unknown.must(404).refused(codeWebinarNotFound)
				if forbidden.status != unknown.status || !bytes.Equal(forbidden.body, unknown.body) {
					t.Errorf("one can tell %s from %s", forbidden.body, unknown.body)
				}
			}
			if w.store.State().Hash() != before {
				t.Error("the state has changed")
			}
			if out := w.do(ask{method: r.Method, path: concrete(r, id), token: w.admin, body: sample(r.Name)}); out.status == 404 && r.Name != "lift-ban" {
				t.Errorf("the operator does not reach it: %s", out.body)
			}
		})
	}
}

func TestAHostSeesItsOwnWebinarsAlone(t *testing.T) {
	w := newWorld(t)
	mine := w.webinar(`{"title":"Mine"}`).ID
	count := func(token string) int {
		return len(decode[client.Webinars](w.do(ask{method: "GET", path: "/api/v1/webinars", token: token}).must(200)).Items)
	}
	if got := w.store.State().Webinar(mine).Owner; got != w.hostID {
		t.Errorf("the owner is %q", got)
	}
	if count(w.host) != 1 || count(w.other) != 0 || count(w.admin) != 1 {
		t.Errorf("host %d, other %d, operator %d", count(w.host), count(w.other), count(w.admin))
	}
}
