package session

import (
	"crypto/x509"
	"errors"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"stentor/cluster/pki"
	"stentor/control/webinar"
)

// tokenPrefix begins every session token; sign.go draws the rest.
const tokenPrefix = "sts1."

// tokenLife is how long a token opens the door. A removed participant is refused
// by the ban and not by expiry, so this only bounds what a stolen token is worth.
const tokenLife = 5 * time.Minute

// admittedFor is how long tokens can be refreshed after one admission: longer than
// any webinar, so that only a stolen token notices.
const admittedFor = 24 * time.Hour

// claims are what a token says: who was admitted where, as whom, and by which
// proofs. They are also what the roster and bans know of a session.
type claims struct {
	Webinar      string       `json:"w"`
	Participant  string       `json:"p"`
	Name         string       `json:"n"`
	Role         webinar.Role `json:"r"` // when admitted; the rules say what it is now
	Guest        bool         `json:"g,omitempty"`
	Waiting      bool         `json:"l,omitempty"`  // admitted to the lobby
	ByEdge       bool         `json:"be,omitempty"` // an edge admitted them, or refreshed the token: nobody else has checked it
	ByPIN        bool         `json:"b,omitempty"`
	InviteID     string       `json:"i,omitempty"`
	Registration string       `json:"x,omitempty"`
	Account      string       `json:"u,omitempty"`
	Keys         []string     `json:"k,omitempty"` // identity keys, without network prefixes
	Since        uint64       `json:"s"`           // [webinar.Admission.Since]
	Index        uint64       `json:"v,omitempty"` // of the state by which this token was made
	Admission    string       `json:"j,omitempty"` // names this admission among those of the participant
	TookOver     bool         `json:"o,omitempty"` // from another device of the same person
	Alone        bool         `json:"f,omitempty"` // asked for the end of what is on other devices
	Admitted     int64        `json:"a"`           // unix milliseconds; a refreshed token keeps it
	Expires      int64        `json:"e"`           // unix milliseconds
}

// keys returns the identity keys that stand behind the claims, seen from remote:
// a person who changes the network is known by the new prefix.
func (c claims) keys(remote netip.Addr) webinar.Keys {
	keys, _ := webinar.ParseKeys(c.Keys)
	if p := webinar.Prefix(remote); p.IsValid() {
		keys = append(keys, webinar.Key{Kind: webinar.KindPrefix, Value: p.String()})
	}
	return keys
}

// standing is what the rules know the participant by, seen from remote.
func (c claims) standing(remote netip.Addr) webinar.Standing {
	return webinar.Standing{
		Participant: c.Participant, Keys: c.keys(remote), Since: c.Since, Role: c.Role, Guest: c.Guest,
		Waiting: c.Waiting, ByPIN: c.ByPIN, InviteID: c.InviteID, Registration: c.Registration, Account: c.Account,
	}
}

// device is the key of the browser that was admitted; empty for a program.
func (c claims) device() string {
	for _, k := range c.Keys {
		if key, ok := webinar.ParseKey(k); ok && key.Kind == webinar.KindDevice {
			return key.Value
		}
	}
	return ""
}

// admission names the admission, also of a token from before admissions had names.
func (c claims) admission() string {
	if c.Admission != "" {
		return c.Admission
	}
	return strconv.FormatInt(c.Admitted, 36)
}

// lasting returns keys without the network prefixes, which are looked at anew for
// each connection.
func lasting(keys webinar.Keys) webinar.Keys {
	return slices.DeleteFunc(slices.Clone(keys), func(k webinar.Key) bool { return k.Kind == webinar.KindPrefix })
}

// errToken is the one answer to every token that does not hold, whatever is
// wrong with it; the log has the reason.
var errToken = &webinar.Denial{Code: "token_invalid", Detail: "Your session has run out. Please join again."}

// mint signs c with the node's credentials.
func mint(c claims, cred *pki.Credentials) (string, error) { return sign(tokenPrefix, c, cred) }

// verify returns the claims of a token that a node of the cluster under ca signed
// and that has not expired at now. The error is for the log.
func (i *issuers) verify(token string, ca *x509.Certificate, now time.Time) (claims, error) {
	var c claims
	by, err := i.unsign(tokenPrefix, token, ca, now, &c)
	if err != nil {
		return claims{}, err
	}
	c.ByEdge = c.ByEdge || by.Role != pki.Voter
	keys, ok := webinar.ParseKeys(c.Keys)
	if !ok {
		return claims{}, errors.New("unknown identity key")
	}
	if err := inForce(c.Expires, tokenLife, now); err != nil {
		return claims{}, err
	}
	if c.Admission == "" && c.InviteID == "" { // an older node's token names the invite by its key alone
		for _, k := range keys {
			if k.Kind == webinar.KindInvite {
				c.InviteID = k.Value
			}
		}
	}
	return c, nil
}
