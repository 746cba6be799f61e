package signal

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// An ICEServer is a STUN or TURN server that clients are told of.
type ICEServer struct {
	URLs []string // "stun:stun.example.org", "turn:turn.example.org:3478?transport=udp"

	// Username and Credential are those of a TURN server that has one account.
	Username, Credential string

	// Secret is shared with the TURN server instead, and makes an account for each client
	// (draft-uberti-behave-turn-rest-00; coturn's use-auth-secret).
	Secret string
}

// Check reports what keeps a server from being named in a header.
func (i ICEServer) Check() error {
	if len(i.URLs) == 0 {
		return errors.New("signal: an ICE server without a URL")
	}
	for _, u := range i.URLs {
		scheme, _, _ := strings.Cut(u, ":")
		switch scheme {
		case "stun", "stuns":
		case "turn", "turns":
			if i.Secret == "" && (i.Username == "" || i.Credential == "") {
				return fmt.Errorf("signal: %s needs a username and a credential, or a secret", u)
			}
		default:
			return fmt.Errorf("signal: %q is not a stun: or turn: URL", u)
		}
		if unquotable(u) || strings.ContainsAny(u, "<> ") {
			return fmt.Errorf("signal: %q cannot stand in a header", u)
		}
	}
	if unquotable(i.Username) || unquotable(i.Credential) {
		return errors.New("signal: an ICE server's username and credential are without commas, semicolons, quotes and control characters")
	}
	return nil
}

// unquotable reports whether clients would misread a value in a Link header: some split
// it at every comma or semicolon, quoted or not.
func unquotable(v string) bool {
	return strings.ContainsFunc(v, func(c rune) bool { return c < ' ' || c > '~' || strings.ContainsRune(`,;"'\`, c) })
}

// turnFor is how long an account lasts that was made for one client: a webinar.
const turnFor = 12 * time.Hour

// links are the values of Link headers, one for each URL (RFC 9725, section 4.6). who is
// part of the account's name, so that the TURN server can tell clients apart.
func (i ICEServer) links(who string, now time.Time) []string {
	user, credential := i.Username, i.Credential
	if i.Secret != "" {
		user = strconv.FormatInt(now.Add(turnFor).Unix(), 10) + ":" + who
		mac := hmac.New(sha1.New, []byte(i.Secret))
		mac.Write([]byte(user))
		credential = base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	var out []string
	for _, u := range i.URLs {
		l := "<" + u + `>; rel="ice-server"`
		if strings.HasPrefix(u, "turn") {
			l += `; username="` + user + `"; credential="` + credential + `"; credential-type="password"`
		}
		out = append(out, l)
	}
	return out
}

// The extensions of WHEP (draft-ietf-wish-whep-03, section 4.9).
const (
	relEvents = "urn:ietf:params:whep:ext:core:server-sent-events"
	relLayer  = "urn:ietf:params:whep:ext:core:layer"
)

// link adds the Link headers of a new session, each a header of its own. extensions is
// for viewers: publishers' programs are simpler, and one of them splits at commas.
func (s *Server) link(h http.Header, r *resource, extensions bool) {
	for _, i := range s.cfg.ICEServers {
		for _, l := range i.links(r.sess.Participant, time.Now()) {
			h.Add("Link", l)
		}
	}
	if !extensions {
		return
	}
	h.Add("Link", fmt.Sprintf(`<%s/sse>; rel="%s"; events="%s"`, r.at, relEvents, strings.Join(r.tells(), ",")))
	if _, ok := r.conn.(layered); ok {
		h.Add("Link", fmt.Sprintf(`<%s/layer>; rel="%s"`, r.at, relLayer))
	}
}
