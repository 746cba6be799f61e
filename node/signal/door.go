package signal

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"

	"stentor/control/webinar"
	"stentor/node/session"
)

// maxJSON bounds a JSON body in bytes: a name, a PIN, an invite and a device key
// come to a few hundred.
const maxJSON = 8 << 10

// describe says what anyone with the link may know.
func (s *Server) describe(w http.ResponseWriter, r *http.Request) error {
	p, err := s.cfg.Door.Webinar(r.PathValue("link"))
	if err != nil {
		return err
	}
	return writeJSON(w, struct {
		ID           string        `json:"id"`
		Title        string        `json:"title"`
		Link         string        `json:"link"`
		Mode         webinar.Mode  `json:"mode"`
		State        webinar.State `json:"state"`
		PINRequired  bool          `json:"pin_required"`
		Registration bool          `json:"registration"`
		Accounts     bool          `json:"accounts"`
		Live         bool          `json:"live"`
		Node         string        `json:"node"`
		Version      string        `json:"version,omitempty"`
	}{p.ID, p.Title, p.Link, p.Mode, p.State, p.PINRequired, p.Registration, p.Accounts, p.Live, s.cfg.Node, s.cfg.Version})
}

// join lets a visitor in.
func (s *Server) join(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Name       string `json:"name"`
		PIN        string `json:"pin"`
		Invite     string `json:"invite"`
		Registrant string `json:"registrant"`
		Pass       string `json:"pass"`
		Device     string `json:"device"`
		Takeover   bool   `json:"takeover"`
	}
	text, err := body(w, r, maxJSON, typeJSON)
	if err != nil {
		return err
	}
	if err := readJSON(text, &in); err != nil {
		return err
	}
	g, err := s.cfg.Door.Join(r.Context(), r.PathValue("link"), session.Knock{
		Name: in.Name, PIN: in.PIN, Invite: in.Invite, Registrant: in.Registrant, Pass: in.Pass,
		Device: in.Device, Takeover: in.Takeover, Remote: remote(r),
	})
	if err != nil {
		return err
	}
	return writeGrant(w, g)
}

// refresh gives a new token for one that still holds. The token names its webinar; the
// link can have been rotated.
func (s *Server) refresh(w http.ResponseWriter, r *http.Request) error {
	token := bearer(r)
	if token == "" {
		return problem{Status: http.StatusUnauthorized, Code: "credentials_required", Detail: "Send the session token as a bearer."}
	}
	g, err := s.cfg.Door.Refresh(r.Context(), token, remote(r))
	if err != nil {
		return err
	}
	return writeGrant(w, g)
}

func writeGrant(w http.ResponseWriter, g session.Grant) error {
	return writeJSON(w, struct {
		Token       string       `json:"token"`
		Participant string       `json:"participant"`
		Name        string       `json:"name"`
		Role        webinar.Role `json:"role"`
		Waiting     bool         `json:"waiting"`
		Unlooked    bool         `json:"pin_unchecked,omitempty"`
		Webinar     string       `json:"webinar"`
		Link        string       `json:"link,omitempty"`
		Expires     time.Time    `json:"expires_at"`
	}{g.Token, g.Participant, g.Name, g.Role, g.Waiting, g.Unlooked, g.Webinar, g.Link, g.Expires.UTC()})
}

// readJSON reads one object and nothing else; a field that is not known is
// refused, since it is a misspelt one or an attempt.
func readJSON(text string, into any) error {
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return problem{Status: http.StatusBadRequest, Code: "body_malformed", Detail: "The body cannot be read: " + err.Error() + "."}
	}
	if _, err := d.Token(); err != io.EOF {
		return problem{Status: http.StatusBadRequest, Code: "body_malformed", Detail: "The body is more than one JSON object."}
	}
	return nil
}

func writeJSON(w http.ResponseWriter, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", typeJSON)
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(b) // the client has gone, or has it
	return nil
}
