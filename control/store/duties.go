package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/raft"
	"google.golang.org/protobuf/proto"

	"stentor/control"
	"stentor/control/controlpb"
	"stentor/control/webinar"
)

const (
	// dutyEvery is how often a leader looks for what it has to do. Everything is looked
	// up in the state, so another leader goes on where this one ended.
	dutyEvery = 500 * time.Millisecond
	// plansEvery is how often it looks at recurring webinars, all of them.
	plansEvery = time.Minute
	// knownAhead is how many occurrences a recurring webinar has ahead of it.
	knownAhead = 4
	// dutyLevel is the feature level at which there are commands for the duties.
	dutyLevel = 2
	// system is the principal of what the cluster itself does.
	system = "system"
)

// lead looks after what a leader has to do, until ctx is done. It always listens: Raft
// waits for it.
func (v *Voter) lead(ctx context.Context, leading <-chan bool) {
	var wg sync.WaitGroup
	defer wg.Wait()
	stop := func() {}
	defer func() { stop() }()
	for {
		select {
		case <-ctx.Done():
			return
		case leads := <-leading:
			v.log.Info("leadership", "leads", leads)
			stop()
			if leads {
				term, cancel := context.WithCancel(ctx)
				stop = cancel
				wg.Go(func() { v.serve(term) })
			}
		}
	}
}

// serve does a leader's duties until ctx is done.
func (v *Voter) serve(ctx context.Context) {
	r := v.raft.Load()
	for !v.begin(r) {
		select {
		case <-ctx.Done():
			return
		case <-time.After(dutyEvery):
		}
	}
	if v.cfg.Bootstrap {
		v.propose1st(ctx)
	}
	tick := time.NewTicker(dutyEvery)
	defer tick.Stop()
	var plans time.Time // when they were looked at
	for ctx.Err() == nil {
		v.removeServers(r)
		for _, c := range v.due(&plans) {
			if err := v.decree(r, c); err != nil && ctx.Err() == nil {
				v.log.Warn("a leader's duty failed", "command", fmt.Sprintf("%T", c.GetKind()), "err", err)
			}
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// begin applies what earlier leaders have committed, and reports whether it could:
// only then does this leader know the newest state.
func (v *Voter) begin(r *raft.Raft) bool {
	term := r.CurrentTerm()
	if r.State() != raft.Leader || v.gate.wait(func() raft.Future { return r.Barrier(tryFor) }) != nil {
		return false
	}
	if r.State() != raft.Leader || r.CurrentTerm() != term { // another one may have led in that term
		return false
	}
	v.leading.Store(term)
	return true
}

// due returns the commands that it is time for.
func (v *Voter) due(plans *time.Time) []*controlpb.Command {
	s := v.State()
	if s.Cluster().FeatureLevel < dutyLevel {
		return nil
	}
	var out []*controlpb.Command
	now := v.stamp()
	if s.Due(now) {
		out = append(out, &controlpb.Command{Kind: &controlpb.Command_Tick{Tick: &controlpb.Tick{}}})
	}
	if m := v.machine.marks.unchecked(); m != nil {
		out = append(out, &controlpb.Command{Kind: &controlpb.Command_Checkpoint{Checkpoint: m}})
	}
	if c := v.signAudit(s.AuditHead()); c != nil {
		out = append(out, c)
	}
	if c := rotate(s, now, v.cfg.Rotation); c != nil {
		out = append(out, c)
	}
	if v.cfg.Occurrences != nil && time.Since(*plans) >= plansEvery {
		*plans = time.Now()
		for w := range s.Webinars() {
			if c := v.extend(w, now); c != nil {
				out = append(out, c)
			}
		}
	}
	return out
}

// signAudit signs the audit log's head, unless that is signed already.
func (v *Voter) signAudit(head *controlpb.AuditHeadRecord) *controlpb.Command {
	signed := head.GetSigned()
	if v.cfg.Sign == nil || head.GetSeq() == 0 || signed.GetSeq() == head.GetSeq() && bytes.Equal(signed.GetHash(), head.GetHash()) {
		return nil
	}
	signature, certificate := v.cfg.Sign(head.GetHash())
	if len(signature) == 0 {
		return nil
	}
	return &controlpb.Command{Kind: &controlpb.Command_SignAudit{SignAudit: &controlpb.SignAudit{
		Seq: head.GetSeq(), Hash: head.GetHash(), Signature: signature, Certificate: certificate}}}
}

// extend works out more occurrences of a webinar that runs out of them.
func (v *Voter) extend(w *webinar.Webinar, now time.Time) *controlpb.Command {
	p := w.Schedule
	if p == nil || p.Rule == "" || p.Complete || w.State == webinar.Ended {
		return nil
	}
	ahead := 0
	for _, start := range p.Occurrences {
		if start.After(now) {
			ahead++
		}
	}
	if ahead >= knownAhead {
		return nil
	}
	starts, complete := v.cfg.Occurrences(w, now)
	if len(starts) == 0 && !complete {
		return nil
	}
	out := &controlpb.ExtendOccurrences{Webinar: w.ID, Complete: complete}
	for _, start := range starts {
		out.Occurrences = append(out.Occurrences, start.UnixNano())
	}
	if !complete && sameStarts(starts, p.Occurrences) {
		return nil
	}
	return &controlpb.Command{Kind: &controlpb.Command_ExtendOccurrences{ExtendOccurrences: out}}
}

func sameStarts(a, b []time.Time) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !a[i].Equal(b[i]) {
			return false
		}
	}
	return true
}

// decree has a command of the leader's own committed. It has no request ID: the state
// says whether it is still to be done, and it takes no place in the table of requests.
func (v *Voter) decree(r *raft.Raft, c *controlpb.Command) error {
	c.Principal = system
	b, err := proto.Marshal(c)
	if err != nil {
		return fmt.Errorf("store: encode command: %w", err)
	}
	resp, err := v.handleCommand(r, b)
	switch {
	case err != nil:
		return err
	case resp.GetNotLeader():
		return errNotLeader
	case resp.GetFailure() != "":
		return errors.New(resp.GetFailure())
	}
	_, err = result(c, resp)
	return err
}

// removeServers takes removed nodes out of the voters. A leader that was removed itself
// hands over first, and the next one does it.
//
// Nobody else leaves: a voter that is dead may come back with what it has acknowledged,
// and with three or five voters there is none to spare. That is why raft-autopilot is not
// used, which removes those that it thinks dead; and voters ask to be counted by
// themselves once they have the log.
func (v *Voter) removeServers(r *raft.Raft) {
	f := r.GetConfiguration()
	if f.Error() != nil {
		return
	}
	s, servers := v.State(), f.Configuration().Servers
	for _, server := range servers {
		id := string(server.ID)
		if !s.Node(id).GetRemoved() || len(servers) == 1 {
			continue
		}
		var err error
		if id == v.cfg.Node {
			err = r.LeadershipTransfer().Error()
		} else {
			err = r.RemoveServer(server.ID, 0, tryFor).Error()
		}
		v.log.Info("a removed node leaves the voters", "node", id, "err", err)
		return // the next one in half a second: one change at a time
	}
}

// propose1st proposes the commands of Init, the one that names the cluster last: it
// marks that all of them are there.
func (v *Voter) propose1st(ctx context.Context) {
	if _, err := v.Read(ctx); err != nil || v.State().Cluster().ID != "" {
		return
	}
	var last []*controlpb.Command
	for _, c := range v.cfg.Init {
		if c.GetSetClusterInfo() != nil {
			last = append(last, c)
			continue
		}
		v.proposeInit(ctx, c)
	}
	for _, c := range last {
		v.proposeInit(ctx, c)
	}
}

func (v *Voter) proposeInit(ctx context.Context, c *controlpb.Command) {
	_, err := v.Propose(ctx, c)
	var denial *webinar.Denial
	if err != nil && !(errors.As(err, &denial) && denial.Code == control.ErrExists.Code) {
		v.log.Error("first command failed", "err", err)
	}
}
