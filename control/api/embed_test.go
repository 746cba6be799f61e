package api

import (
	"slices"
	"strings"
	"testing"

	"stentor/control/client"
	"stentor/control/webinar"
)

func TestAHostNamesTheSitesThatMayShowAWebinar(t *testing.T) {
	w := newWorld(t)
	if none := w.webinar(`{"title":"Nowhere else"}`); none.EmbedOrigins == nil || len(none.EmbedOrigins) != 0 {
		t.Errorf("sites of a webinar that has none: %v", none.EmbedOrigins)
	}
	made := w.webinar(`{"title":"Everywhere","embed_origins":["HTTPS://WWW.Example.org:443/","https://www.example.org","http://localhost:3000"]}`)
	if want := []string{"https://www.example.org", "http://localhost:3000"}; !slices.Equal(made.EmbedOrigins, want) {
		t.Errorf("sites are %v, want %v", made.EmbedOrigins, want)
	}
	path := "/api/v1/webinars/" + made.ID
	if got := decode[client.Webinar](w.do(ask{method: "GET", path: path, token: w.host}).must(200)); !slices.Equal(got.EmbedOrigins, made.EmbedOrigins) {
		t.Errorf("told are %v", got.EmbedOrigins)
	}
	if got := w.edit(made.ID, `{"title":"Anywhere"}`); !slices.Equal(got.EmbedOrigins, made.EmbedOrigins) {
		t.Errorf("after an edit of the title they are %v", got.EmbedOrigins)
	}
	if got := w.edit(made.ID, `{"embed_origins":["https://other.example"]}`); !slices.Equal(got.EmbedOrigins, []string{"https://other.example"}) {
		t.Errorf("after an edit they are %v", got.EmbedOrigins)
	}
	if got := w.edit(made.ID, `{"embed_origins":[]}`); len(got.EmbedOrigins) != 0 {
		t.Errorf("taken back, they are %v", got.EmbedOrigins)
	}
	t.Run("a moderator does not plan", func(t *testing.T) {
		token := w.session(made.ID, webinar.Visitor{Name: "Mod", Invite: w.invited(made.ID, "i_m", "moderator", "", "mod")})
		w.do(ask{method: "PATCH", path: path, token: token, body: `{"embed_origins":["https://evil.example"]}`}).refused(codeNotAllowed)
	})
}

func TestSitesThatAreRefused(t *testing.T) {
	w := newWorld(t)
	id := w.webinar(`{"title":"Nowhere else"}`).ID
	tests := []struct{ name, sites, field string }{
		{"everybody", `["*"]`, "body.embed_origins[0]"},
		{"all names of a domain", `["https://*.example.org"]`, "body.embed_origins[0]"},
		{"plain HTTP", `["https://www.example.org","http://www.example.org"]`, "body.embed_origins[1]"},
		{"a path", `["https://www.example.org/webinars"]`, "body.embed_origins[0]"},
		{"another directive", `["https://www.example.org; script-src *"]`, "body.embed_origins[0]"},
		{"eleven", `[` + strings.Repeat(`"https://www.example.org",`, 10) + `"https://www.example.org"]`, "body.embed_origins"},
		{"no list", `"https://www.example.org"`, "body.embed_origins"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w.do(ask{method: "POST", path: "/api/v1/webinars", token: w.host, body: `{"title":"x","embed_origins":` + tt.sites + `}`}).refused(codeInvalidRequest)
			p := w.do(ask{method: "PATCH", path: "/api/v1/webinars/" + id, token: w.host, body: `{"embed_origins":` + tt.sites + `}`}).refused(codeInvalidRequest)
			if len(p.Fields) == 0 || p.Fields[0].Location != tt.field {
				t.Errorf("fields are %+v, want %s", p.Fields, tt.field)
			}
		})
	}
	if got := w.store.State().Webinar(id).EmbedOrigins; len(got) != 0 {
		t.Errorf("kept %v", got)
	}
}
