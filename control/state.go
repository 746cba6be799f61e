// Package control is the state that every node agrees on: webinars and their rules,
// tokens, and what the cluster is. Commands change it, one after the other, in the
// order of a log.
//
// It is pure: Apply reads no clock, randomness, file or network, so every node that
// applied the same commands holds the same state, which [State.Hash] shows. What
// differs between nodes comes in through the command, stamped by the leader. How
// commands are ordered and carried is package store's work; who may propose which one
// is decided by whoever proposes.
package control

import (
	"iter"
	"time"

	"stentor/control/controlpb"
	"stentor/control/internal/table"
	"stentor/control/webinar"
)

// FeatureLevel is the newest feature level that this build understands. A cluster is
// at the level that a SetFeatureLevel command brought it to, at first 1.
const FeatureLevel = 3

// State is one version of everything. It is never changed: Apply returns the next one,
// which shares what is the same, so readers need no lock.
type State struct {
	index   uint64
	time    time.Time
	cluster Cluster

	webinars   table.Table[*webinar.Webinar] // by ID
	links      table.Table[string]           // link -> ID
	apiTokens  table.Table[APIToken]         // by ID
	apiHashes  table.Table[string]           // hash -> ID
	joinTokens table.Table[JoinToken]        // by hash
	requests   table.Table[*controlpb.RequestRecord]
	byAge      table.Table[string] // index, as 8 bytes -> key of requests
	plain      plain
	logins     table.Table[string] // login of an account -> ID
	identities table.Table[string] // OIDC identity of an account -> ID

	due   table.Table[Key] // time and key -> what a Tick has to look at
	stays table.Table[int] // webinar -> number of its attendance records

	sum sum // of all records
}

// Cluster is what the cluster is called and whom its nodes trust.
type Cluster struct {
	ID           string
	Name         string
	CA           []byte // DER
	FeatureLevel uint32
}

// APIToken lets a program use the control API.
type APIToken struct {
	ID      string
	Name    string
	Hash    [32]byte // SHA-256 of the token, which nobody keeps
	Scopes  []string
	Created time.Time
	Expires time.Time // zero: never
	By      string
}

// Valid reports whether the token opens anything at now.
func (t APIToken) Valid(now time.Time) bool { return t.Expires.IsZero() || now.Before(t.Expires) }

// JoinToken lets one node into the cluster, once.
type JoinToken struct {
	ID       string
	Hash     [32]byte // SHA-256 of its secret, which nobody keeps
	Role     string
	Created  time.Time
	Expires  time.Time
	Node     string // who redeemed it; empty: nobody yet
	Redeemed time.Time
}

// NewState returns the state before the first command.
func NewState() *State { return &State{cluster: Cluster{FeatureLevel: 1}} }

// Index is the index of the last command in s.
func (s *State) Index() uint64 { return s.index }

// Time is when the newest command in s was proposed, by the leader's clock.
func (s *State) Time() time.Time { return s.time }

// Cluster returns what the cluster is. Its ID is empty before a SetClusterInfo command.
func (s *State) Cluster() Cluster { return s.cluster }

// Webinar returns the webinar of that ID, or nil.
func (s *State) Webinar(id string) *webinar.Webinar {
	w, _ := s.webinars.At(id)
	return w
}

// WebinarByLink returns the webinar of that link, or nil.
func (s *State) WebinarByLink(link string) *webinar.Webinar {
	id, ok := s.links.At(link)
	if !ok {
		return nil
	}
	return s.Webinar(id)
}

// Webinars yields all webinars in the order of their IDs.
func (s *State) Webinars() iter.Seq[*webinar.Webinar] { return s.webinars.Values() }

// EdgeKey returns the PIN key of a webinar, which only an edge's replica holds; nil
// elsewhere, and for a webinar without a PIN.
func (s *State) EdgeKey(id string) []byte {
	if w := s.Webinar(id); w != nil && w.PIN != nil {
		return w.PIN.EdgeKey
	}
	return nil
}

// APIToken returns the token with that hash.
func (s *State) APIToken(hash [32]byte) (APIToken, bool) {
	id, ok := s.apiHashes.At(string(hash[:]))
	if !ok {
		return APIToken{}, false
	}
	return s.apiTokens.At(id)
}

// APITokens yields the tokens in the order of their IDs.
func (s *State) APITokens() iter.Seq[APIToken] { return s.apiTokens.Values() }

// JoinToken returns the token whose secret has that hash.
func (s *State) JoinToken(hash [32]byte) (JoinToken, bool) { return s.joinTokens.At(string(hash[:])) }

// JoinTokens yields the tokens in the order of their hashes.
func (s *State) JoinTokens() iter.Seq[JoinToken] { return s.joinTokens.Values() }
