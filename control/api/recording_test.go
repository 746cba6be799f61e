package api

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"stentor/control/client"
)

// shelf is a node with one recorded file.
type shelf struct{}

func (shelf) Recordings(context.Context, string) ([]client.Recorded, []string, error) {
	return []client.Recorded{{ID: "rec_1", Node: "n1", Files: []client.RecordedFile{{Name: "0001-main-video.webm", Track: "video", State: "whole"}}}}, []string{"n2"}, nil
}

func (shelf) ServeRecording(w http.ResponseWriter, r *http.Request, _, recording, node, file string) error {
	switch {
	case node != "n1":
		return http.ErrHandlerTimeout
	case recording != "rec_1" || file != "0001-main-video.webm":
		return ErrNoRecording
	}
	http.ServeContent(w, r, "", time.Time{}, strings.NewReader("0123456789"))
	return nil
}

func TestAHostRecordsListsAndDownloads(t *testing.T) {
	w := newWorld(t)
	c := newCast(w, "live", w.hostID)
	at := "/api/v1/webinars/" + c.id
	host := func(method, path string) reply { return w.do(ask{method: method, path: at + path, token: w.host}) }

	on := decode[client.Webinar](host("POST", "/recording/start").must(200))
	if on.Recording == nil || !strings.HasPrefix(on.Recording.ID, "rec_") {
		t.Fatalf("it is recorded as %+v", on.Recording)
	}
	again := decode[client.Webinar](host("POST", "/recording/start").must(200))
	if again.Recording == nil || again.Recording.ID != on.Recording.ID {
		t.Errorf("begun again, it is %+v, and was %+v", again.Recording, on.Recording)
	}
	if again.Version != c.version(w) || again.Version != on.Version {
		t.Errorf("the version went from %d to %d", on.Version, again.Version)
	}
	if off := decode[client.Webinar](host("POST", "/recording/stop").must(200)); off.Recording != nil {
		t.Errorf("it is still recorded: %+v", off.Recording)
	}
	list := decode[client.Recordings](host("GET", "/recordings").must(200))
	if len(list.Items) != 1 || len(list.Unreachable) != 1 || list.Items[0].Files[0].Path != at+"/recordings/rec_1/n1/0001-main-video.webm" {
		t.Fatalf("the list is %+v", list)
	}
	whole := host("GET", "/recordings/rec_1/n1/0001-main-video.webm")
	if whole.status != 200 || string(whole.body) != "0123456789" || whole.header.Get("Content-Disposition") != `attachment; filename="rec_1-0001-main-video.webm"` {
		t.Errorf("the file is %d %q, %v", whole.status, whole.body, whole.header)
	}
	host("GET", "/recordings/rec_1/n1/0002-main-video.webm").refused(codeRecordingNotFound)
	host("GET", "/recordings/rec_1/n3/0001-main-video.webm").refused(codeNodeSilent)
	host("GET", "/recordings/rec_1/n1/index.jsonl").refused(codeInvalidRequest)
}

// version is the webinar's version in the state.
func (c *cast) version(w *world) uint64 { return w.store.State().Webinar(c.id).Version }
