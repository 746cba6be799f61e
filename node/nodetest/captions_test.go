package nodetest

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"stentor/control/client"
	"stentor/node/record/vtt"
)

// TestCaptionsAreRecordedWhereThePublisherIs: the publisher is at one edge, and captions are written at another, and at a voter.
func TestCaptionsAreRecordedWhereThePublisherIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New(t)
		defer m.Stop()
		w := m.startWithWebinar()
		m.Eventually("recordings are known to all", func() bool { return m.Node("n1").State().Cluster().FeatureLevel >= 3 })
		at := "/api/v1/webinars/" + w.ID
		hush := m.speaks(t, "n4", w.ID)
		defer hush()
		m.Call("n2", "POST", at+"/recording/start", nil, nil)
		files := func() []client.RecordedFile {
			var r client.Recordings
			m.Call("n1", "GET", at+"/recordings", nil, &r)
			if len(r.Items) == 0 {
				return nil
			}
			return r.Items[0].Files
		}
		m.Eventually("n4 records", func() bool { f := files(); return len(f) == 1 && f[0].Bytes > 2000 })

		writes := func(key, text string, draft bool) {
			if err := m.Node("n3").Caption(bg, w.ID, "t_1", client.WriteCaption{Key: key, Language: "de", Text: text, Draft: draft}); err != nil {
				t.Errorf("at n3 %q: %v", text, err)
			}
		}
		writes("1", "Die Flut", true)
		time.Sleep(2 * time.Second)
		writes("1", "Die Flut kommt & geht.", false)
		m.Call("n1", "POST", at+"/captions", client.WriteCaption{Key: "s1", Language: "en", Text: "The tide comes & goes."}, nil)
		time.Sleep(time.Second)
		writes("2", "Heute um", true)
		m.Eventually("both languages are there", func() bool { return len(files()) == 3 })
		m.Call("n1", "POST", at+"/recording/stop", nil, nil)
		m.Eventually("the files are whole", func() bool {
			for _, f := range files() {
				if f.State != "whole" {
					return false
				}
			}
			return true
		})
		want := map[string][]string{"de": {"Die Flut kommt & geht.", "Heute um"}, "en": {"The tide comes & goes."}}
		for _, f := range files()[1:] {
			if f.Track != "captions" || !f.Zero.Equal(files()[0].Zero) {
				t.Errorf("the list has %+v", f)
			}
			body, kind := m.download("n1", f.Path)
			var texts []string
			var spoken int64
			for _, c := range vtt.Parse([]byte(body)) {
				texts = append(texts, c.Text)
				spoken = max(spoken, c.End-c.Start)
			}
			if fmt.Sprint(texts) != fmt.Sprint(want[f.Language]) || kind != "text/vtt; charset=utf-8" {
				t.Errorf("%s is %s:\n%s", f.Name, kind, body)
			}
			if f.Language == "de" && spoken < 2000 {
				t.Errorf("what was spoken for two seconds is there for %d ms", spoken)
			}
		}
	})
}

// download gets a file with the admin's token.
func (m *Mesh) download(name, path string) (body, kind string) {
	m.t.Helper()
	r := httptest.NewRequest("GET", path, nil)
	r.Header.Set("Authorization", "Bearer "+m.token)
	w := httptest.NewRecorder()
	m.nodes[name].Handler().ServeHTTP(w, r)
	if w.Code != 200 || !strings.Contains(w.Header().Get("Content-Disposition"), ".vtt") {
		m.t.Errorf("GET %s: %d %v", path, w.Code, w.Header())
	}
	return w.Body.String(), w.Header().Get("Content-Type")
}
