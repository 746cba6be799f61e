package store

import (
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// Raft tells the other voters that an entry is committed with the entry after it, or else
// when CommitTimeout is over: an edge that follows one of them hears of a ban that much
// later than one that follows the leader, 15 to 50 ms on a busy machine. A leader that has
// applied its newest entry therefore says so at once, by the message that Raft itself
// would send then: an AppendEntries (Raft, section 5.3) without entries. It names an entry
// that is committed and the term in which this voter was surely the leader, so a voter that
// takes it does nothing that it would not do at the next one, and one whose log has not
// that entry, or that knows of a later term, refuses it.

// A voter may get that word before the entry itself, which comes by another stream. It is
// told again after heraldAgain, and then in twice the time, heraldTries times in all; after
// that Raft's own word is due anyhow.
const (
	heraldAgain = 2 * time.Millisecond
	heraldTries = 4
)

// mark is an entry of the log.
type mark struct{ index, term uint64 }

// herald tells the other voters what is committed.
type herald struct {
	node  string
	trans raft.Transport
	wg    sync.WaitGroup

	mu     sync.Mutex // guards the following
	newest mark       // that is committed
	leads  uint64     // the term of whoever says so
	busy   map[raft.ServerID]bool
}

// tell tells everybody else that e is committed. It waits for nobody: who is being told
// hears of e after that.
func (h *herald) tell(e mark, term uint64, servers []raft.Server) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.newest, h.leads = e, term
	for _, s := range servers {
		if string(s.ID) == h.node || h.busy[s.ID] {
			continue
		}
		if h.busy == nil {
			h.busy = make(map[raft.ServerID]bool)
		}
		h.busy[s.ID] = true
		h.wg.Go(func() { h.serve(s) })
	}
}

// serve tells one voter until it has heard the newest.
func (h *herald) serve(s raft.Server) {
	told := mark{}
	for {
		h.mu.Lock()
		e, term := h.newest, h.leads
		if e == told {
			delete(h.busy, s.ID)
			h.mu.Unlock()
			return
		}
		h.mu.Unlock()
		h.insist(s, e, term)
		told = e
	}
}

// insist tells one voter of one entry, again if it has not got that yet.
func (h *herald) insist(s raft.Server, e mark, term uint64) {
	req := &raft.AppendEntriesRequest{
		RPCHeader: raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: []byte(h.node),
			Addr: h.trans.EncodePeer(raft.ServerID(h.node), raft.ServerAddress(h.node))},
		Term: term, PrevLogEntry: e.index, PrevLogTerm: e.term, LeaderCommitIndex: e.index,
	}
	pause := heraldAgain
	for range heraldTries {
		var resp raft.AppendEntriesResponse
		if err := h.trans.AppendEntries(s.ID, s.Address, req, &resp); err != nil || resp.Success || resp.Term > term {
			return // Raft itself finds out what is wrong with a voter that does not answer
		}
		time.Sleep(pause)
		pause *= 2
	}
}

// announce has the other voters told of an entry that this voter has applied, if it leads.
func (v *Voter) announce(e mark) {
	r, h := v.raft.Load(), v.herald.Load()
	if r == nil || h == nil || !v.leads(r) {
		return
	}
	term := v.leading.Load()
	if f := r.GetConfiguration(); f.Error() == nil {
		h.tell(e, term, f.Configuration().Servers)
	}
}
