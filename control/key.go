package control

import (
	"cmp"
	"fmt"

	"stentor/control/controlpb"
)

// Kind is the kind of a record: the number of its field in controlpb.Record.
type Kind uint32

// The kinds of records.
const (
	KindWebinar   Kind = 1
	KindInvite    Kind = 2
	KindBan       Kind = 3
	KindRemoval   Kind = 4
	KindStream    Kind = 5
	KindAPIToken  Kind = 6
	KindJoinToken Kind = 7
	KindCluster   Kind = 8
	KindRequest   Kind = 9

	KindRegistrant  Kind = 10
	KindParticipant Kind = 11
	KindLease       Kind = 12
	KindSeat        Kind = 13
	KindBudget      Kind = 14
	KindAttendance  Kind = 15
	KindAccount     Kind = 16
	KindNode        Kind = 17
	KindAudit       Kind = 18
	KindAuditHead   Kind = 19
	KindWebhook     Kind = 20
	KindMail        Kind = 21

	KindGossipKeys Kind = 22
	KindSealedKeys Kind = 23
)

// Key names a record. Webinar is the topic that it belongs to: empty for what belongs
// to the whole cluster.
type Key struct {
	Kind    Kind
	Webinar string
	ID      string
}

// Compare orders keys so that a webinar's own record comes before what belongs to it.
func (k Key) Compare(o Key) int {
	return cmp.Or(cmp.Compare(k.Webinar, o.Webinar), cmp.Compare(k.Kind, o.Kind), cmp.Compare(k.ID, o.ID))
}

// KeyOf returns the key of r. It is the zero Key if r is of no kind that this version
// knows.
func KeyOf(r *controlpb.Record) Key {
	switch r := r.GetKind().(type) {
	case *controlpb.Record_Webinar:
		return Key{KindWebinar, r.Webinar.GetId(), ""}
	case *controlpb.Record_Invite:
		return Key{KindInvite, r.Invite.GetWebinar(), r.Invite.GetId()}
	case *controlpb.Record_Ban:
		return Key{KindBan, r.Ban.GetWebinar(), r.Ban.GetId()}
	case *controlpb.Record_Removal:
		return Key{KindRemoval, r.Removal.GetWebinar(), r.Removal.GetParticipant()}
	case *controlpb.Record_Stream:
		return Key{KindStream, r.Stream.GetWebinar(), r.Stream.GetName()}
	case *controlpb.Record_ApiToken:
		return Key{KindAPIToken, "", r.ApiToken.GetId()}
	case *controlpb.Record_JoinToken:
		return Key{KindJoinToken, "", string(r.JoinToken.GetHash())}
	case *controlpb.Record_Cluster:
		return Key{KindCluster, "", ""}
	case *controlpb.Record_Request:
		return Key{KindRequest, "", requestKey(r.Request.GetPrincipal(), r.Request.GetRequestId())}
	case *controlpb.Record_Registrant:
		return Key{KindRegistrant, r.Registrant.GetWebinar(), r.Registrant.GetId()}
	case *controlpb.Record_Participant:
		return Key{KindParticipant, r.Participant.GetWebinar(), r.Participant.GetParticipant()}
	case *controlpb.Record_Lease:
		return Key{KindLease, r.Lease.GetWebinar(), r.Lease.GetNode()}
	case *controlpb.Record_Seat:
		return Key{KindSeat, r.Seat.GetWebinar(), r.Seat.GetParticipant()}
	case *controlpb.Record_Budget:
		return Key{KindBudget, r.Budget.GetWebinar(), ""}
	case *controlpb.Record_Attendance:
		return Key{KindAttendance, r.Attendance.GetWebinar(), r.Attendance.GetAttendance().GetId()}
	case *controlpb.Record_Account:
		return Key{KindAccount, "", r.Account.GetId()}
	case *controlpb.Record_Node:
		return Key{KindNode, "", r.Node.GetNode()}
	case *controlpb.Record_Audit:
		return Key{KindAudit, "", auditID(r.Audit.GetSeq())}
	case *controlpb.Record_AuditHead:
		return Key{KindAuditHead, "", ""}
	case *controlpb.Record_Webhook:
		return Key{KindWebhook, "", r.Webhook.GetId()}
	case *controlpb.Record_Mail:
		return Key{KindMail, "", r.Mail.GetId()}
	case *controlpb.Record_GossipKeys:
		return Key{KindGossipKeys, "", ""}
	case *controlpb.Record_SealedKeys:
		return Key{KindSealedKeys, "", ""}
	}
	return Key{}
}

func requestKey(principal, id string) string { return principal + "\x00" + id }

// auditID is the ID of an entry of the audit log, in the order of the log.
func auditID(seq uint64) string { return fmt.Sprintf("%020d", seq) }
