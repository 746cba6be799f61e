package node

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"google.golang.org/protobuf/proto"

	"stentor/cluster/mesh"
	"stentor/cluster/pki"
	"stentor/control"
	"stentor/control/controlpb"
	controlstore "stentor/control/store"
)

// callWithin bounds one call to another node. Nobody's picture waits for one.
const callWithin = 3 * time.Second

const (
	// maxCall bounds the body of a call.
	maxCall = 8 << 20
	// maxAnswer bounds the answer: the roster of an edge with a hundred thousand sessions.
	maxAnswer = 64 << 20
)

// calls is what other nodes ask of this one, over HTTP on the mesh port. Who asks
// is in the certificate of the connection.
func (n *Node) calls() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /propose", n.servePropose)
	mux.Handle("GET /sessions", votersOnly(func(w http.ResponseWriter, r *http.Request) {
		answer(w, n.sessions(r.URL.Query().Get("webinar"), r.URL.Query().Has("put-out")))
	}))
	mux.Handle("GET /status", votersOnly(func(w http.ResponseWriter, _ *http.Request) { answer(w, n.report()) }))
	mux.Handle("POST /drain", votersOnly(n.serveDrain))
	mux.Handle("DELETE /drain", votersOnly(n.serveDrain))
	mux.Handle("GET /recordings", votersOnly(n.serveRecordings))
	mux.Handle("GET /recordings/file", votersOnly(n.serveRecordedFile))
	mux.HandleFunc("POST /renew", n.serveRenew)
	mux.HandleFunc("GET /keys", n.serveKeys)
	mux.HandleFunc("POST /attendance", n.serveAttendance)
	mux.HandleFunc("POST /inside", n.serveInside)
	mux.HandleFunc("GET /name", n.serveName)
	mux.HandleFunc("GET /flows", n.serveFlows)
	mux.HandleFunc("POST /supersede", n.serveSupersede)
	mux.HandleFunc("POST /talk", n.serveTalk)
	mux.Handle("GET /said", votersOnly(n.serveSaid))
	if n.api != nil {
		mux.Handle("/api/", fromMesh(n.api)) // a host at an edge; its token is checked here
	}
	return mux
}

// votersOnly refuses edges what only the control API asks: who is inside is
// personal data, and the API is served by voters.
func votersOnly(h http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if peer, ok := mesh.PeerOf(r.Context()); !ok || peer.Role != pki.Voter {
			http.Error(w, "for voters only", http.StatusForbidden)
			return
		}
		h(w, r)
	})
}

// servePropose takes a command from another node. A voter may send any; an edge
// only speaks for its own publishers and guests, since a captured one must not rule.
func (n *Node) servePropose(w http.ResponseWriter, r *http.Request) {
	peer, ok := mesh.PeerOf(r.Context())
	if !ok || n.voter == nil {
		http.Error(w, "ask a voter", http.StatusMisdirectedRequest)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxCall))
	if err != nil {
		http.Error(w, "too large", http.StatusRequestEntityTooLarge)
		return
	}
	if !mayPropose(peer, body, n.store.State()) {
		n.log.Warn("proposal refused", "from", peer)
		http.Error(w, "an edge speaks only for itself: its streams, its seats, its guesses", http.StatusForbidden)
		return
	}
	out, err := n.voter.HandlePropose(r.Context(), body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/protobuf")
	w.Write(out)
}

// mayPropose reports whether a node may have this request put into the log.
func mayPropose(peer pki.Identity, body []byte, s *control.State) bool {
	var req controlpb.Request
	if proto.Unmarshal(body, &req) != nil {
		return false
	}
	if peer.Role == pki.Voter {
		return true
	}
	if req.GetBeat() != nil { // how far the log is; it has that every second anyhow
		return true
	}
	var c controlpb.Command
	if proto.Unmarshal(req.GetCommand(), &c) != nil {
		return false
	}
	switch k := c.Kind.(type) {
	case *controlpb.Command_ClaimStream:
		// The principal is for the audit log: an edge cannot speak as a host.
		return k.ClaimStream.GetNode() == peer.Node && c.GetPrincipal() == k.ClaimStream.GetParticipant()
	case *controlpb.Command_ReleaseStream:
		w := s.Webinar(k.ReleaseStream.GetWebinar())
		if w == nil {
			return false
		}
		held, ok := w.Stream(k.ReleaseStream.GetName())
		return ok && held.Origin == peer.Node
	case *controlpb.Command_RegisterNode:
		return k.RegisterNode.GetNode() == peer.Node && k.RegisterNode.GetRole() == string(peer.Role)
	case *controlpb.Command_RenewLease:
		return k.RenewLease.GetNode() == peer.Node
	case *controlpb.Command_AcquireSeats:
		return k.AcquireSeats.GetNode() == peer.Node
	case *controlpb.Command_ReturnSeats:
		return k.ReturnSeats.GetNode() == peer.Node
	case *controlpb.Command_ReportSeats:
		return k.ReportSeats.GetNode() == peer.Node
	case *controlpb.Command_TransferSeat:
		return k.TransferSeat.GetNode() == peer.Node
	case *controlpb.Command_AcquireGuesses:
		return k.AcquireGuesses.GetNode() == peer.Node
	}
	return false
}

// forward sends a proposal to another node. One that this node may not make is
// [controlstore.ErrForbidden], which no repetition changes: see mayPropose.
func (n *Node) forward(ctx context.Context, node string, body []byte) ([]byte, error) {
	out, err := n.request(ctx, n.electors, node, http.MethodPost, "/propose", body)
	if s := (*statusError)(nil); errors.As(err, &s) && s.status == http.StatusForbidden {
		err = fmt.Errorf("%w: %w", controlstore.ErrForbidden, err)
	}
	return out, err
}

// statusError is an answer other than 200.
type statusError struct {
	node   string
	status int
	said   string
}

// Error says who answered what.
func (e *statusError) Error() string {
	return fmt.Sprintf("node: %s answered %d %s: %s", e.node, e.status, http.StatusText(e.status), e.said)
}

// call asks another node and decodes its JSON answer into to.
func (n *Node) call(ctx context.Context, node, path string, to any) error {
	out, err := n.request(ctx, n.peers, node, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(out, to); err != nil {
		return fmt.Errorf("node: %s of %s: %w", path, node, err)
	}
	return nil
}

func (n *Node) request(ctx context.Context, by http.RoundTripper, node, method, path string, body []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, callWithin)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, "http://"+node+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("node: %w", err)
	}
	res, err := by.RoundTrip(req)
	if err != nil {
		return nil, fmt.Errorf("node: ask %s: %w", node, err)
	}
	defer res.Body.Close()
	out, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil {
		return nil, fmt.Errorf("node: ask %s: %w", node, err)
	}
	if len(out) > maxAnswer {
		return nil, fmt.Errorf("node: %s answers with more than %d MiB", node, maxAnswer>>20)
	}
	if res.StatusCode != http.StatusOK {
		return nil, &statusError{node: node, status: res.StatusCode, said: string(bytes.TrimSpace(out))}
	}
	return out, nil
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v) // the only error is a peer that has gone
}
