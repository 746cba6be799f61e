package signal_test

import (
	"regexp"
	"strings"
	"testing"
)

const (
	eventsRel = "urn:ietf:params:whep:ext:core:server-sent-events"
	layerRel  = "urn:ietf:params:whep:ext:core:layer"
)

// linked is the address that a Link header with rel has, in full.
func (r reply) linked(t *testing.T, rel string) string {
	t.Helper()
	for _, l := range r.header.Values("Link") {
		if m := regexp.MustCompile(`^<([^>]+)>; rel="` + regexp.QuoteMeta(rel) + `"`).FindStringSubmatch(l); m != nil {
			return reply{at: r.at, header: map[string][]string{"Location": {m[1]}}}.location(t)
		}
	}
	return ""
}

var whepExtensions = []conformance{
	{"WHEP 4.9: the 201 links to the events, and names them", func(h *hall) {
		h.live()
		_, r := h.viewed()
		if r.linked(h.t, eventsRel) == "" || !strings.Contains(strings.Join(r.header.Values("Link"), "\n"), "active,inactive,") {
			h.t.Errorf("%q", r.header.Values("Link"))
		}
	}},
	{"WHEP 4.9: a publisher is told of no extension of players", func(h *hall) {
		_, r := h.live()
		if r.linked(h.t, eventsRel) != "" || r.linked(h.t, layerRel) != "" {
			h.t.Errorf("%q", r.header.Values("Link"))
		}
	}},
	{"WHEP 4.9.1: POST of the kinds of events answers 201 with the stream", func(h *hall) {
		h.live()
		_, r := h.viewed()
		f := h.do("POST", r.linked(h.t, eventsRel), `["active","viewercount","scte35"]`, "Content-Type", jsonType).want(h.t, 201, "")
		events := h.listen(f.location(h.t))
		if d := hear(h.t, events, "active"); d != "{}" {
			h.t.Error(d)
		}
		if d := hear(h.t, events, "viewercount"); d != `{"viewercount":1}` {
			h.t.Error(d)
		}
	}},
	{"WHEP 4.9.1: POST without a body asks for all events", func(h *hall) {
		h.live()
		_, r := h.viewed()
		hear(h.t, h.listen(h.do("POST", r.linked(h.t, eventsRel), "").want(h.t, 201, "").location(h.t)), "viewercount")
	}},
	{"WHEP 4.9.1: what was not asked for is not told", func(h *hall) {
		h.live()
		_, r := h.viewed()
		f := h.do("POST", r.linked(h.t, eventsRel), `["viewercount"]`, "Content-Type", jsonType).want(h.t, 201, "")
		if e := wait(h.t, h.listen(f.location(h.t)), "an event"); e.kind != "viewercount" {
			h.t.Errorf("%+v", e)
		}
	}},
	{"WHEP 4.9.1: a body that is no array of names is refused", func(h *hall) {
		h.live()
		_, r := h.viewed()
		for _, text := range []string{`{"active":true}`, `["active`, `[1]`} {
			h.do("POST", r.linked(h.t, eventsRel), text, "Content-Type", jsonType).want(h.t, 400, "body_malformed")
		}
		h.do("POST", r.linked(h.t, eventsRel), "active", "Content-Type", "text/plain").want(h.t, 415, "content_type")
	}},
	{"WHEP 4.9.1: DELETE ends a stream, which is 404 from then on", func(h *hall) {
		h.live()
		_, r := h.viewed()
		at := h.do("POST", r.linked(h.t, eventsRel), "").location(h.t)
		events := h.listen(at)
		hear(h.t, events, "active")
		h.do("DELETE", at, "").want(h.t, 200, "")
		for e := range events {
			_ = e
		}
		h.do("GET", at, "").want(h.t, 404, "feed_not_found")
		h.do("DELETE", at, "").want(h.t, 404, "feed_not_found")
	}},
	{"WHEP 4.9.1: the streams end with their session", func(h *hall) {
		h.live()
		_, r := h.viewed()
		at := h.do("POST", r.linked(h.t, eventsRel), "").location(h.t)
		events := h.listen(at)
		hear(h.t, events, "active")
		h.do("DELETE", r.location(h.t), "").want(h.t, 200, "")
		for e := range events {
			_ = e
		}
		h.do("GET", at, "").want(h.t, 404, "session_not_found")
		h.do("POST", r.linked(h.t, eventsRel), "").want(h.t, 404, "session_not_found")
	}},
	{"WHEP 4.9.1: a session has a few streams, and no more", func(h *hall) {
		h.live()
		_, r := h.viewed()
		for range 4 {
			h.do("POST", r.linked(h.t, eventsRel), "").want(h.t, 201, "")
		}
		h.do("POST", r.linked(h.t, eventsRel), "").want(h.t, 429, "too_many_feeds")
	}},
	{"WHEP 4.9.1: who comes back to a stream takes it over", func(h *hall) {
		h.live()
		_, r := h.viewed()
		at := h.do("POST", r.linked(h.t, eventsRel), "").location(h.t)
		first := h.listen(at)
		hear(h.t, first, "active")
		hear(h.t, h.listen(at), "active")
		for e := range first {
			_ = e
		}
	}},
	{"lenient: the address in the Link header is itself a stream of all events", func(h *hall) {
		h.live()
		_, r := h.viewed()
		hear(h.t, h.listen(r.linked(h.t, eventsRel)), "active")
	}},
	{"WHEP 4.9.1.1: active and inactive follow the stage, and inactive is never first", func(h *hall) {
		_, first := h.live()
		_, r := h.viewed()
		events := h.listen(h.do("POST", r.linked(h.t, eventsRel), `["active","inactive"]`, "Content-Type", jsonType).location(h.t))
		if e := wait(h.t, events, "an event"); e.kind != "active" {
			h.t.Errorf("%+v", e)
		}
		h.do("DELETE", first.location(h.t), "").want(h.t, 200, "")
		if d := hear(h.t, events, "inactive"); d != "{}" {
			h.t.Error(d)
		}
		h.live()
		hear(h.t, events, "active")
	}},
	{"WHEP 4.9.1.4: a node that drains tells its players where to begin anew", func(h *hall) {
		h.far()
		_, r := h.viewed()
		events := h.listen(h.do("POST", r.linked(h.t, eventsRel), `["reconnect"]`, "Content-Type", jsonType).location(h.t))
		h.drained("n2", func() {
			if d := hear(h.t, events, "reconnect"); d != `{"url":"`+h.voter+"/whep/"+h.link+`"}` {
				h.t.Error(d)
			}
		})
	}},
	{"WHEP 4.9.2: layers are chosen where there are some, and automatic is always right", layers},
	{"WHEP 4.9.1.3: players are told of the sizes that a publisher sends, and choose among them", realLayers},
}

func layers(h *hall) {
	h.live()
	_, r := h.viewed()
	at := r.location(h.t) + "/layer"
	h.do("POST", at, `{"mediaId":"0"}`, "Content-Type", jsonType).want(h.t, 200, "")
	h.do("DELETE", at, "").want(h.t, 200, "")
	h.do("POST", at, `[]`, "Content-Type", jsonType).want(h.t, 400, "body_malformed")
	h.do("POST", at, `{"mediaId":"no","rid":"x"}`, "Content-Type", jsonType).want(h.t, 422, "layer_unknown")
	h.do("POST", at, `{"mediaId":"0"}`, "Content-Type", sdpType).want(h.t, 415, "content_type")
	want := "layers_unsupported"
	if r.linked(h.t, layerRel) != "" { // then there are events of them (section 4.9.2)
		want = "layer_unknown"
		if !strings.Contains(strings.Join(r.header.Values("Link"), "\n"), "layers") {
			h.t.Errorf("%q", r.header.Values("Link"))
		}
	}
	h.do("POST", at, `{"rid":"no such layer"}`, "Content-Type", jsonType).want(h.t, 422, want)
}
