package web_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"stentor/control/api"
	"stentor/control/client"
	"stentor/control/web"
	"stentor/control/webinar"
)

// hostile are three hundred strings that would run, open, close or turn round something where a
// page took them for anything but text. Each carries its number, to be found again.
func hostile() []string {
	const run = "window.pwned=1"
	bases := []string{
		`<script>` + run + `</script>`, `<ScRiPt>` + run + `</sCrIpT>`, `<script src=data:,` + run + `>`, `<img src=x onerror=` + run + `>`, `<svg onload=` + run + `>`,
		`<svg><script>` + run + `</script></svg>`, `<template><img src=x onerror=` + run + `></template>`, `<iframe srcdoc="<script>` + run + `</script>">`, `<iframe src=javascript:` + run + `>`,
		`<a href="javascript:` + run + `">x</a>`, `<details open ontoggle=` + run + `>`, `<body onload=` + run + `>`, `<input autofocus onfocus=` + run + `>`, `<video><source onerror=` + run + `>`,
		`<math><mtext></form><style></math><img src onerror=` + run + `>`, `<style>@import'javascript:` + run + `'</style>`, `<link rel=stylesheet href=//evil.example>`, `<base href=//evil.example/>`,
		`<meta http-equiv=refresh content=0;url=//evil.example>`, `<object data=javascript:` + run + `>`, `<embed src=javascript:` + run + `>`, `<form action=//evil.example><button>go`, `<marquee onstart=` + run + `>x`,
		`" onmouseover="` + run, `' onfocus='` + run + `' autofocus='`, `"><script>` + run + `</script>`, `</title><script>` + run + `</script>`, `</textarea><script>` + run + `</script>`, `</script><script>` + run + `</script>`,
		`--><script>` + run + `</script>`, `]]><script>` + run + `</script>`, `{{constructor.constructor('` + run + `')()}}`, `${` + run + `}`, `#{` + run + `}`, `<%=` + run + `%>`, `{{.Title}}{{template "main" .}}`,
		`&lt;script&gt;` + run + `&lt;/script&gt;`, `\u003cscript\u003e` + run, `%3Cscript%3E` + run, `javascript:` + run + `//`, `=HYPERLINK("http://evil.example","x")`, `=cmd|'/c calc'!A1`, `+1+cmd|'/c calc'!A1`,
		`-2+3+cmd|'/c calc'!A1`, `@SUM(1+1)*cmd|'/c calc'!A1`, "x\u202Egnp.exe", "\u2066a\u2069\u2067b\u2069", "\u200Bzero\u200Bwidth", "Z\u0335\u0321a\u0334l\u0336g\u0335o", "\U0001F468\u200D\U0001F469\u200D\U0001F467",
	}
	var out []string
	for i := range 300 {
		out = append(out, fmt.Sprintf("%s %03d", bases[i%len(bases)], i))
	}
	return out
}

// post makes a request that may be refused, and reports whether it was not.
func (p *planner) post(path string, in any) ([]byte, bool) {
	p.t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		p.t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(p.t.Context(), "POST", p.url+"/api/v1"+path, strings.NewReader(string(body)))
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if !strings.HasPrefix(path, "/public/") {
		r.Header.Set("Authorization", "Bearer "+p.token)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode >= 500 || answer.StatusCode == 429 {
		p.t.Fatalf("%s: %d %v %s", path, answer.StatusCode, err, b)
	}
	return b, answer.StatusCode < 300
}

// shows waits until the page has every one of the texts, as text or in a field, and then looks that
// nothing of them was taken for more.
func (tab *tab) shows(what string, texts []string) {
	tab.t.Helper()
	list, _ := json.Marshal(texts)
	tab.until(what, `(() => {
		const plain = (s) => s.replace(/\s+/g, " ");
		const all = plain([document.body.textContent, ...[...document.querySelectorAll("input, textarea, option")].map((e) => e.value + " " + e.textContent)].join(" "));
		window.missing = `+string(list)+`.filter((s) => !all.includes(plain(s)));
		return window.missing.length === 0;
	})()`)
	tab.until(what+": nothing ran", `window.pwned === undefined && window.violated.length === 0 && location.host === `+fmt.Sprintf("%q", strings.TrimPrefix(tab.origin(), "http://")))
	tab.until(what+": no element came of them", `document.querySelectorAll("script:not([src]), iframe, object, embed, base, marquee, math, template, svg script, main style, main link, main meta, [onerror], [onload], [onfocus], [onmouseover]").length === 0`)
}

func (tab *tab) origin() string {
	s, err := chromedp.Run(tab.ctx, chromedp.Evaluate[string](`location.origin`))
	if err != nil {
		tab.t.Fatal(err)
	}
	return s
}

// TestNoTextIsEverMarkup puts three hundred hostile strings through every text that hosts and
// guests write, and looks at each page that shows them: none runs, all stand there as they are.
func TestNoTextIsEverMarkup(t *testing.T) {
	often := api.Limit{Burst: 10_000, Every: time.Microsecond}
	p := servePlannedBy(t, func(c *api.Config, _ string) { c.Limits = api.Limits{Public: often, Principal: often} })
	all := hostile()
	take := func(n int) (some []string) { some, all = all[:n], all[n:]; return some }
	unseen := func(s string) bool { return strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) } // which labels and options may not have
	titles, labels, options, names, invited, inside := take(60), take(50), take(50), take(70), take(40), take(30)

	labels, options = slices.DeleteFunc(labels, unseen), slices.DeleteFunc(options, unseen)
	var shown []string
	for _, s := range titles {
		if _, ok := p.post("/webinars", map[string]any{"title": s}); ok {
			shown = append(shown, s)
		}
	}
	fields := []map[string]any{{"id": "pick", "label": "Pick", "type": "choices", "options": options}}
	for i, s := range labels[1:] {
		fields = append(fields, map[string]any{"id": fmt.Sprintf("f%d", i), "label": s, "type": "text"})
	}
	made, ok := p.post("/webinars", map[string]any{"title": "Last " + labels[0], "description": strings.Join(labels[:20], "\n"), "registration": map[string]any{"window": "always", "approval": true, "fields": fields}})
	if !ok {
		t.Fatalf("the registration was refused: %s", made)
	}
	var w client.Webinar
	if err := json.Unmarshal(made, &w); err != nil {
		t.Fatal(err)
	}
	var signed, came []string
	for i, s := range names {
		if _, ok := p.post("/public/"+w.Link+"/registrants", map[string]any{"first_name": s, "last_name": "X", "email": fmt.Sprintf("g%d@example.org", i), "fields": map[string][]string{"f0": {s}}}); ok {
			signed = append(signed, s)
		}
	}
	for _, s := range invited {
		if _, ok := p.post("/webinars/"+w.ID+"/invites", map[string]any{"name": s}); ok {
			came = append(came, s)
		}
	}
	p.mu.Lock()
	for i, s := range inside {
		p.inside = append(p.inside, api.Present{ID: fmt.Sprintf("p_%d", i), Name: s, Role: webinar.Attendee, Guest: true, Node: "n1", Since: time.Now(), Uses: []string{"watch"}})
	}
	p.mu.Unlock()
	if got := len(shown) + len(signed) + len(came); got < 140 {
		t.Errorf("only %d of 170 were taken: the rest of this test would see little", got)
	}
	t.Logf("taken: %d of 60 titles, %d of 70 names of registrants, %d of 40 of the invited", len(shown), len(signed), len(came))

	host := newBrowser(t).open("markup")
	if err := chromedp.Listen(host.ctx, func(event any) {
		if _, ok := event.(*page.EventJavascriptDialogOpening); ok {
			t.Error("a dialog opened")
		}
	}); err != nil {
		t.Fatal(err)
	}
	watch := func() {
		host.until("policies are watched", `(window.violated ??= (addEventListener("securitypolicyviolation", (e) => window.violated.push(e.violatedDirective)), []), true)`)
	}
	host.do("open", chromedp.Navigate(p.url+"/host#token="+p.token))
	watch()
	host.shows("titles in the list", append(shown, "Last "+labels[0]))
	show := func(view string) {
		host.until("to "+view, fmt.Sprintf(`(location.hash = %q, true)`, "#/webinars/"+w.ID+view))
	}
	show("")
	host.shows("names of those inside and invited", append(inside, came...))
	show("/plan")
	host.shows("labels and options in the form", append(labels[1:len(labels):len(labels)], options...))
	show("/registrants")
	host.shows("names and answers of those who registered", signed)

	guests := onLoopback(t, web.New(web.Config{API: apiOf(p), Door: func(link string) (web.Webinar, error) {
		w := p.State().WebinarByLink(link)
		return web.Webinar{Title: w.Title, Description: w.Description, Mode: "role-based", State: "planned", Registration: true}, nil
	}}))
	host.do("the guest page", chromedp.Navigate(guests+"/w/"+w.Link))
	watch()
	host.shows("title on the guest page", []string{labels[0]})
	host.do("the registration page", chromedp.Navigate(guests+"/w/"+w.Link+"/register"))
	watch()
	host.shows("labels and options on the registration page", append(labels[1:len(labels):len(labels)], options...))

	r, err := http.NewRequestWithContext(t.Context(), "GET", p.url+"/api/v1/webinars/"+w.ID+"/registrants.csv", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+p.token)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	file, err := io.ReadAll(answer.Body)
	if err != nil || len(file) < 1000 {
		t.Fatal(err, len(file))
	}
	for _, formula := range []string{",=", ",+", ",@", ",\"=", ",\"+", ",\"@", "\n=", "\n+", "\n@", "\n\"="} {
		if strings.Contains(string(file), formula) {
			t.Errorf("the file has a cell that begins a formula: %q", formula)
		}
	}
}

// apiOf passes what the pages ask on to the planner's control API.
func apiOf(p *planner) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		out, err := http.NewRequestWithContext(r.Context(), r.Method, p.url+r.URL.Path, r.Body)
		if err != nil {
			p.t.Error(err)
			return
		}
		out.Header = r.Header.Clone()
		answer, err := http.DefaultClient.Do(out)
		if err != nil {
			p.t.Error(err)
			return
		}
		defer answer.Body.Close()
		w.WriteHeader(answer.StatusCode)
		_, _ = io.Copy(w, answer.Body)
	})
}
