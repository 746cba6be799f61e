package control

import (
	"cmp"

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
	}
	return Key{}
}

func requestKey(principal, id string) string { return principal + "\x00" + id }
