package api

import (
	"net/http"
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
