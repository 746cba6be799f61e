package control

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"

	"stentor/control/controlpb"
	"stentor/control/webinar"
)

// Result is the answer to a command.
type Result struct {
	// Index is the command's index in the log; for one that was answered before, the
	// index of that first one. It is also the epoch of a stream that was claimed.
	Index uint64
	// Subject is the ID of what the command made or found: of the webinar, invite, ban or
	// token; for a redeemed join token, its role.
	Subject  string
	Replayed bool   // the request ID was answered before
	Change   Change // what it did; never empty of Index
	Err      error  // a [*webinar.Denial]: the command is refused, and changed nothing
	// Halt is why this node must not go on: it cannot know what the others made of the
	// command, so its state would be another one.
	Halt error
}

// Apply returns the state after c, which is at index in the log, and the answer to it.
// A refused command changes nothing but what is remembered of requests.
func (s *State) Apply(index uint64, c *controlpb.Command) (*State, Result) {
	if index <= s.index {
		return s, Result{Index: index, Halt: fmt.Errorf("%w: command %d after %d", errOrder, index, s.index)}
	}
	d := &draft{next: *s, c: c, at: moment(c.GetProposedAt()), change: Change{Index: index, Time: moment(c.GetProposedAt())}}
	r := Result{Index: index}
	kind := kindOf(c)
	level := levelOf(c)
	switch unknown := kind == 0 || level > FeatureLevel; {
	case unknown && !c.GetIgnorable():
		r.Halt = fmt.Errorf("control: command %d needs feature level %d, this version knows %d", index, level, FeatureLevel)
		return s, r
	case unknown:
		r.Err = ErrUnknownCommand
	case level > s.cluster.FeatureLevel:
		r.Err = ErrFeatureLevel
	default:
		d.answer(kind, &r)
	}
	if r.Halt != nil {
		return s, r
	}
	d.next.advance(index, d.at)
	r.Change = d.settle()
	return &d.next, r
}

// answer answers from the table of requests, or runs the command.
func (d *draft) answer(kind uint32, r *Result) {
	if r.Err = checkEnvelope(d.c); r.Err != nil {
		return
	}
	if d.c.GetRequestId() != "" && !sequenced(kind) {
		if old, ok := d.next.requests.At(requestKey(d.c.GetPrincipal(), d.c.GetRequestId())); ok {
			replay(old, kind, d.c.GetRequestDigest(), r)
			return
		}
	}
	before := d.next
	subject, err := d.run()
	var denial *webinar.Denial
	switch {
	case err == nil:
		r.Subject = subject
	case errors.As(err, &denial):
		d.next, d.steps, r.Err = before, nil, denial
		if errors.Is(err, webinar.ErrAlreadyRegistered) { // who asks may be told which one
			r.Subject = subject
		}
	default: // a record of our own that put refuses: a bug, the same on every node
		r.Halt = fmt.Errorf("control: command %d: %w", r.Index, err)
		return
	}
	if err := d.remember(kind, r, denial); err != nil {
		r.Halt = err
	}
}

// sequenced reports whether commands of that kind carry a sequence, or are the same twice
// as once: what nodes say of their leases and of stays. They come by the thousand, and
// would push the answers out that hosts may ask for again.
func sequenced(kind uint32) bool {
	switch kind {
	case 44, 46, 47, 48, 49, 50, 51, 52: // RegisterNode, AcquireSeats to ReportAttendance
		return true
	}
	return false
}

func replay(old *controlpb.RequestRecord, kind uint32, digest []byte, r *Result) {
	r.Replayed = true
	switch {
	case old.GetKind() != kind || !bytes.Equal(old.GetDigest(), digest):
		r.Err = ErrRequestReused
	case old.GetCode() != "":
		r.Err = &webinar.Denial{Code: old.GetCode(), Detail: old.GetDetail()}
	}
	r.Index, r.Subject = old.GetIndex(), old.GetSubject()
}

// remember notes the answer under the request's ID, and forgets the oldest ones.
func (d *draft) remember(kind uint32, r *Result, denial *webinar.Denial) error {
	if d.c.GetRequestId() == "" || sequenced(kind) {
		return nil
	}
	for d.next.requests.Len() >= maxRequests {
		for _, key := range d.next.byAge.All() {
			if err := d.remove(Key{Kind: KindRequest, ID: key}); err != nil {
				return err
			}
			break
		}
	}
	answer := &controlpb.RequestRecord{
		Principal: d.c.GetPrincipal(), RequestId: d.c.GetRequestId(), Kind: kind,
		Digest: d.c.GetRequestDigest(), Index: r.Index, Subject: r.Subject,
	}
	if denial != nil {
		answer.Code, answer.Detail = denial.Code, denial.Detail
	}
	return d.put(requestRecord(answer))
}

// kindOf returns the number of the command's field in controlpb.Command, or 0 for a
// kind that this version does not know.
func kindOf(c *controlpb.Command) uint32 {
	m := c.ProtoReflect()
	field := m.WhichOneof(commandKind)
	if field == nil || !m.Get(field).Message().IsValid() {
		return 0
	}
	return uint32(field.Number())
}

var commandKind protoreflect.OneofDescriptor = (*controlpb.Command)(nil).ProtoReflect().Descriptor().Oneofs().ByName("kind")

// draft is the next state while a command makes it.
type draft struct {
	next   State
	c      *controlpb.Command
	at     time.Time
	mails  int // that the command has put into the queue
	change Change
	steps  []step
}

func (d *draft) put(r *controlpb.Record) error {
	d.steps = append(d.steps, step{KeyOf(r), r})
	return d.next.put(r)
}

func (d *draft) remove(k Key) error {
	d.steps = append(d.steps, step{key: k})
	return d.next.remove(k)
}

// step is one thing that the command did: it put a record, or without one deleted it.
type step struct {
	key    Key
	record *controlpb.Record
}

// settle returns what the steps come to: of each key what was done last, since whoever
// applies a change deletes first and puts then. A record stands where it was first put,
// so that a webinar's own comes before what belongs to it.
func (d *draft) settle() Change {
	c, last := d.change, make(map[Key]int, len(d.steps))
	for i, s := range d.steps {
		first, again := last[s.key]
		switch {
		case !again || (d.steps[first].record == nil) != (s.record == nil):
			if again {
				d.steps[first].key = Key{} // undone
			}
			last[s.key] = i
		default:
			d.steps[first].record, d.steps[i].key = s.record, Key{}
		}
	}
	for _, s := range d.steps {
		switch {
		case s.key == (Key{}):
		case s.record == nil:
			c.Deletes = append(c.Deletes, s.key)
		default:
			c.Puts = append(c.Puts, s.record)
		}
	}
	return c
}

// run carries out the command. The error is a [*webinar.Denial], or a bug.
func (d *draft) run() (subject string, err error) {
	switch k := d.c.GetKind().(type) {
	case *controlpb.Command_CreateWebinar:
		return d.createWebinar(k.CreateWebinar)
	case *controlpb.Command_EndWebinar:
		return d.endWebinar(k.EndWebinar)
	case *controlpb.Command_SetPin:
		return d.setPIN(k.SetPin)
	case *controlpb.Command_ClearPin:
		return d.clearPIN(k.ClearPin)
	case *controlpb.Command_CreateInvite:
		return d.createInvite(k.CreateInvite)
	case *controlpb.Command_Disconnect:
		return d.disconnect(k.Disconnect)
	case *controlpb.Command_LiftBan:
		return d.liftBan(k.LiftBan)
	case *controlpb.Command_ClaimStream:
		return d.claimStream(k.ClaimStream)
	case *controlpb.Command_ReleaseStream:
		return d.releaseStream(k.ReleaseStream)
	case *controlpb.Command_CreateApiToken:
		return d.createAPIToken(k.CreateApiToken)
	case *controlpb.Command_RevokeApiToken:
		return d.revokeAPIToken(k.RevokeApiToken)
	case *controlpb.Command_CreateJoinToken:
		return d.createJoinToken(k.CreateJoinToken)
	case *controlpb.Command_RedeemJoinToken:
		return d.redeemJoinToken(k.RedeemJoinToken)
	case *controlpb.Command_SetClusterInfo:
		return d.setClusterInfo(k.SetClusterInfo)
	case *controlpb.Command_SetFeatureLevel:
		return d.setFeatureLevel(k.SetFeatureLevel)
	}
	return d.runPeople()
}

// runPeople is run for the kinds of feature level 2 that are about people.
func (d *draft) runPeople() (subject string, err error) {
	switch k := d.c.GetKind().(type) {
	case *controlpb.Command_EditWebinar:
		return d.editWebinar(k.EditWebinar)
	case *controlpb.Command_RotateLink:
		return d.rotateLink(k.RotateLink)
	case *controlpb.Command_RevokeInvite:
		return d.revokeInvite(k.RevokeInvite)
	case *controlpb.Command_CreateInvites:
		return d.createInvites(k.CreateInvites)
	case *controlpb.Command_Register:
		return d.register(k.Register)
	case *controlpb.Command_DecideRegistrants:
		return d.decideRegistrants(k.DecideRegistrants)
	case *controlpb.Command_OpenRegistration:
		return d.openRegistration(k.OpenRegistration)
	case *controlpb.Command_Reinvite:
		return d.reinvite(k.Reinvite)
	case *controlpb.Command_SetParticipant:
		return d.setParticipant(k.SetParticipant)
	case *controlpb.Command_AdmitVisitors:
		return d.admitVisitors(k.AdmitVisitors)
	case *controlpb.Command_CreateAccount:
		return d.createAccount(k.CreateAccount)
	case *controlpb.Command_EditAccount:
		return d.editAccount(k.EditAccount)
	case *controlpb.Command_DeleteAccount:
		return d.deleteAccount(k.DeleteAccount)
	case *controlpb.Command_ReportAttendance:
		return d.reportAttendance(k.ReportAttendance)
	}
	return d.runNodes()
}

// runNodes is run for the kinds of feature level 2 and 3 that nodes propose by themselves.
func (d *draft) runNodes() (subject string, err error) {
	switch k := d.c.GetKind().(type) {
	case *controlpb.Command_RegisterNode:
		return d.registerNode(k.RegisterNode)
	case *controlpb.Command_RemoveNode:
		return d.removeNode(k.RemoveNode)
	case *controlpb.Command_AcquireSeats:
		return d.acquireSeats(k.AcquireSeats)
	case *controlpb.Command_ReturnSeats:
		return d.returnSeats(k.ReturnSeats)
	case *controlpb.Command_ReportSeats:
		return d.reportSeats(k.ReportSeats)
	case *controlpb.Command_TransferSeat:
		return d.transferSeat(k.TransferSeat)
	case *controlpb.Command_AcquireGuesses:
		return d.acquireGuesses(k.AcquireGuesses)
	case *controlpb.Command_RenewLease:
		return d.renewLease(k.RenewLease)
	case *controlpb.Command_SignAudit:
		return d.signAudit(k.SignAudit)
	case *controlpb.Command_CreateWebhook:
		return d.createWebhook(k.CreateWebhook)
	case *controlpb.Command_DeleteWebhook:
		return d.deleteWebhook(k.DeleteWebhook)
	case *controlpb.Command_AdvanceWebhook:
		return d.advanceWebhook(k.AdvanceWebhook)
	case *controlpb.Command_SettleMail:
		return d.settleMail(k.SettleMail)
	case *controlpb.Command_Tick:
		return d.tick()
	case *controlpb.Command_Checkpoint:
		return d.checkpoint(k.Checkpoint)
	case *controlpb.Command_ExtendOccurrences:
		return d.extendOccurrences(k.ExtendOccurrences)
	case *controlpb.Command_BeginKeyRotation:
		return d.beginKeyRotation(k.BeginKeyRotation)
	case *controlpb.Command_AdvanceKeyRotation:
		return d.advanceKeyRotation(k.AdvanceKeyRotation)
	case *controlpb.Command_SetRecording:
		return d.setRecording(k.SetRecording)
	}
	return "", fmt.Errorf("control: no rule for a known kind of command")
}

// Acceptable returns an error, a [*webinar.Denial], for a command that must not get
// into the log, since it would halt this node or older ones. Whoever proposes asks it.
func (s *State) Acceptable(c *controlpb.Command) error {
	switch {
	case kindOf(c) == 0:
		return ErrUnknownCommand
	case levelOf(c) > s.cluster.FeatureLevel, c.GetSetFeatureLevel().GetLevel() > FeatureLevel:
		return ErrFeatureLevel
	}
	return nil
}
