package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"strconv"
	"time"
)

// shell is what the service worker keeps: the page for when there is no network, and what it
// is made of. Nothing of it knows a webinar or a session.
var shell = []string{"style.css", "icon.svg", "icon-192.png", "registration.js"}

// newWorker is the service worker's script: its code, behind the list of what it keeps and the
// name that it keeps it under. Both change with the files, which is how browsers learn that
// there is another shell.
func newWorker(a *assets) []byte {
	code, err := files.ReadFile("dist/worker.js")
	if err != nil {
		panic(fmt.Errorf("web: %w", err))
	}
	paths := []string{"/offline"}
	for _, name := range shell {
		p, err := a.path(name)
		if err != nil {
			panic(err)
		}
		paths = append(paths, p)
	}
	list, err := json.Marshal(paths)
	if err != nil {
		panic(fmt.Errorf("web: worker: %w", err))
	}
	offline, err := templateFiles.ReadFile("templates/offline.html")
	if err != nil {
		panic(fmt.Errorf("web: worker: %w", err))
	}
	sum := sha256.Sum256(bytes.Join([][]byte{list, offline, code}, nil))
	name := "stentor-shell-" + base64.RawURLEncoding.EncodeToString(sum[:9])
	return fmt.Appendf(nil, "self.shell=%s;self.shellName=%q;\n%s", list, name, code)
}

// serveWorker sends the service worker. It is looked at again each time, so that a page
// that was opened once does not keep an old shell.
func (s *site) serveWorker(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/javascript; charset=utf-8")
	h.Set("Cache-Control", "no-cache")
	h.Set("Content-Length", strconv.Itoa(len(s.worker)))
	_, _ = w.Write(s.worker)
}

// offline is what the service worker shows where there is no network.
func (s *site) offline(w http.ResponseWriter, r *http.Request) {
	s.render(w, r, http.StatusOK, func(p *pages) *template.Template { return p.offline }, view{Version: s.guestVersion()})
}

// maxProbe bounds what a preflight sends to find out how much goes up: 4 MiB are two seconds of
// 16 Mbit/s, which is what 4K takes.
const maxProbe = 4 << 20

// probeWithin bounds how long that may take. Who sends less than 4 Mbit/s knows enough then.
const probeWithin = 8 * time.Second

// probe takes what a preflight sends, keeps nothing, and says how much it was.
func (s *site) probe(w http.ResponseWriter, r *http.Request) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(probeWithin)) // not every server has deadlines
	n, err := io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, maxProbe))
	w.Header().Set("Cache-Control", "no-store")
	if err != nil {
		http.Error(w, "too much, or too slow", http.StatusRequestEntityTooLarge)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = fmt.Fprintln(w, n)
}
