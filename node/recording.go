package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"time"

	"stentor/control/api"
	"stentor/control/client"
	"stentor/control/webinar"
	"stentor/node/record"
	"stentor/node/talk"
)

// openRecorder makes what writes publishers' streams into files, as long as their hosts want that.
func (n *Node) openRecorder(Parts) (err error) {
	n.recorder, err = record.New(record.Config{
		Dir: filepath.Join(n.cfg.Data, "recordings"), Node: n.cfg.Name, Wanted: n.toRecord, Changed: n.store.Changed,
		Subscribe: n.relay.Subscribe, Captions: n.spoken, Expired: n.expired, Floor: uint64(n.cfg.Recording.KeepFree) << 20,
		Now: n.now, Logger: n.log, Registerer: n.reg,
	})
	return err
}

// toRecord are the streams that enter the mesh here and that are to be recorded.
func (n *Node) toRecord() []record.Stream {
	var out []record.Stream
	for w := range n.store.State().Webinars() {
		if w.Recording.ID == "" || w.State == webinar.Ended {
			continue
		}
		for s := range w.Streams() {
			if s.Name == webinar.TalkStream || s.Origin != n.cfg.Name || s.NodeEpoch != n.epoch {
				continue
			}
			out = append(out, record.Stream{Webinar: w.ID, Recording: w.Recording.ID, Name: s.Name, Epoch: s.Epoch, Participant: s.Participant})
		}
	}
	return out
}

// spoken tells the recorder what is spoken in a webinar, at whatever node somebody writes it.
func (n *Node) spoken(ctx context.Context, webinar string, hear func([]record.Caption)) {
	n.talk.Listen(ctx, webinar, func(some []talk.Spoken) {
		captions := make([]record.Caption, len(some))
		for i, s := range some {
			captions[i] = record.Caption(s)
		}
		hear(captions)
	})
}

// expired reports whether what is known of a webinar's people is to be forgotten: its time is over, or the webinar itself
// has gone, which this node says only while it hears from the voters.
func (n *Node) expired(id string) bool {
	s := n.store.State()
	if w := s.Webinar(id); w != nil {
		return w.Expired
	}
	return s.Cluster().ID != "" && n.store.Status().Staleness < time.Minute
}

// Recordings is what all nodes have of a webinar's recordings, and the nodes that did not say.
func (n *Node) Recordings(ctx context.Context, id string) (all []client.Recorded, unreachable []string, err error) {
	own, err := n.recorder.List(id)
	if err != nil {
		return nil, nil, err
	}
	lists, unreachable := ask(ctx, n, "/recordings?webinar="+url.QueryEscape(id), own)
	for _, list := range lists {
		for _, r := range list {
			all = append(all, viewRecording(r))
		}
	}
	slices.SortFunc(all, func(a, b client.Recorded) int {
		return cmp.Or(firstOf(a).Compare(firstOf(b)), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Node, b.Node))
	})
	return all, unreachable, nil
}

func firstOf(r client.Recorded) time.Time {
	if len(r.Files) == 0 {
		return time.Time{}
	}
	return r.Files[0].Zero
}

func viewRecording(r record.Recording) client.Recorded {
	out := client.Recorded{ID: r.ID, Node: r.Node, Running: r.Running, Problem: r.Failed.Sentence(), Files: []client.RecordedFile{}}
	for _, f := range r.Files {
		out.Files = append(out.Files, client.RecordedFile{
			Name: f.Name, Stream: f.Stream, Track: f.Track, Participant: f.Participant, Codec: f.Codec, Language: f.Language, Width: f.Width, Height: f.Height,
			Zero: f.Zero, First: f.First.Milliseconds(), Last: f.Last.Milliseconds(), Bytes: f.Bytes, Dropped: f.Dropped, State: f.State,
		})
	}
	return out
}

// serveRecordings tells a voter what this node has of a webinar's recordings.
func (n *Node) serveRecordings(w http.ResponseWriter, r *http.Request) {
	list, err := n.recorder.List(r.URL.Query().Get("webinar"))
	if err != nil {
		n.log.Warn("recordings cannot be listed", "err", err)
		http.Error(w, "recordings cannot be listed", http.StatusInternalServerError)
		return
	}
	answer(w, list)
}

// serveRecordedFile gives a voter a file, which passes it on to whom the API has let in.
func (n *Node) serveRecordedFile(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if err := n.serveOwn(w, r, q.Get("webinar"), q.Get("recording"), q.Get("file")); errors.Is(err, api.ErrNoRecording) {
		http.Error(w, "no such recording", http.StatusNotFound)
	} else if err != nil {
		n.log.Warn("a recorded file cannot be read", "err", err)
		http.Error(w, "the file cannot be read", http.StatusInternalServerError)
	}
}

// serveOwn answers with a file of this node.
func (n *Node) serveOwn(w http.ResponseWriter, r *http.Request, webinar, recording, file string) error {
	f, err := n.recorder.Open(webinar, recording, file)
	if errors.Is(err, record.ErrNoFile) {
		return api.ErrNoRecording
	} else if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("node: %w", err)
	}
	w.Header().Set("Content-Type", client.MediaOf(file))
	http.ServeContent(w, r, "", info.ModTime(), f)
	return nil
}

// ServeRecording answers with a recorded file of any node, or a part of it.
func (n *Node) ServeRecording(w http.ResponseWriter, r *http.Request, webinar, recording, node, file string) error {
	if node == n.cfg.Name {
		return n.serveOwn(w, r, webinar, recording, file)
	}
	if m, ok := n.gossip.Member(node); !ok || !m.Alive {
		return errNotAlive
	}
	q := url.Values{"webinar": {webinar}, "recording": {recording}, "file": {file}}
	req, err := http.NewRequestWithContext(r.Context(), r.Method, "http://"+node+"/recordings/file?"+q.Encode(), nil)
	if err != nil {
		return fmt.Errorf("node: %w", err)
	}
	for _, name := range []string{"Range", "If-Range", "If-Modified-Since", "If-Unmodified-Since"} {
		if v := r.Header.Get(name); v != "" {
			req.Header.Set(name, v)
		}
	}
	res, err := n.peers.RoundTrip(req)
	if err != nil {
		return fmt.Errorf("node: ask %s: %w", node, err)
	}
	defer res.Body.Close()
	switch {
	case res.StatusCode == http.StatusNotFound:
		return api.ErrNoRecording
	case res.StatusCode >= 500 || res.StatusCode == http.StatusForbidden:
		return &statusError{node: node, status: res.StatusCode}
	}
	for _, name := range []string{"Accept-Ranges", "Content-Length", "Content-Range", "Content-Type", "Last-Modified"} {
		if v := res.Header.Get(name); v != "" {
			w.Header().Set(name, v)
		}
	}
	w.WriteHeader(res.StatusCode)
	if _, err := io.Copy(w, res.Body); err != nil {
		n.log.Debug("a download has ended early", "err", err)
	}
	return nil
}

var _ api.Recordings = (*Node)(nil)
