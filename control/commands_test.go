package control

import (
	"time"

	"stentor/control/controlpb"
	"stentor/control/webinar"
)

func create(id string) *controlpb.Command {
	return &controlpb.Command{Principal: "ada", Kind: &controlpb.Command_CreateWebinar{CreateWebinar: &controlpb.CreateWebinar{
		Id: id, Link: "link-" + id, Title: "About " + id, Owner: "ada",
		Pin: &controlpb.PIN{Verifier: webinar.Verifier(webinar.DeriveKey(clusterKey, id), "48151623")}}}}
}

func invite(w, id, role string) *controlpb.Command {
	return &controlpb.Command{Principal: "ada", Kind: &controlpb.Command_CreateInvite{CreateInvite: &controlpb.CreateInvite{
		Webinar: w, Id: id, Name: "Invited " + id, Role: role, Hash: hash(w + id)}}}
}

func disconnect(w, participant string, keys []string, ban *controlpb.NewBan) *controlpb.Command {
	return &controlpb.Command{Principal: "host", Kind: &controlpb.Command_Disconnect{Disconnect: &controlpb.Disconnect{
		Webinar: w, Participant: participant, Name: "Name of " + participant, Keys: &controlpb.Keys{Keys: keys}, Ban: ban}}}
}

func claim(w, name, node, participant string, epoch uint64, takeover bool) *controlpb.Command {
	return &controlpb.Command{Kind: &controlpb.Command_ClaimStream{ClaimStream: &controlpb.ClaimStream{
		Webinar: w, Name: name, Node: node, NodeEpoch: epoch, Participant: participant, Takeover: takeover}}}
}

func release(w, name string, epoch uint64) *controlpb.Command {
	return &controlpb.Command{Kind: &controlpb.Command_ReleaseStream{ReleaseStream: &controlpb.ReleaseStream{Webinar: w, Name: name, Epoch: epoch}}}
}

func end(w string) *controlpb.Command {
	return &controlpb.Command{Kind: &controlpb.Command_EndWebinar{EndWebinar: &controlpb.EndWebinar{Webinar: w}}}
}

func setPIN(w, pin string) *controlpb.Command {
	return &controlpb.Command{Kind: &controlpb.Command_SetPin{SetPin: &controlpb.SetPIN{
		Webinar: w, Verifier: webinar.Verifier(webinar.DeriveKey(clusterKey, w), pin)}}}
}

func clearPIN(w string) *controlpb.Command {
	return &controlpb.Command{Kind: &controlpb.Command_ClearPin{ClearPin: &controlpb.ClearPIN{Webinar: w}}}
}

func liftBan(w, id string) *controlpb.Command {
	return &controlpb.Command{Kind: &controlpb.Command_LiftBan{LiftBan: &controlpb.LiftBan{Webinar: w, Id: id}}}
}

func apiToken(id string, scopes ...string) *controlpb.Command {
	return &controlpb.Command{Principal: "ada", Kind: &controlpb.Command_CreateApiToken{CreateApiToken: &controlpb.CreateAPIToken{
		Id: id, Name: "token " + id, Hash: hash(id), Scopes: scopes}}}
}

func joinToken(id string, expires time.Time) *controlpb.Command {
	return &controlpb.Command{Kind: &controlpb.Command_CreateJoinToken{CreateJoinToken: &controlpb.CreateJoinToken{
		Id: id, Hash: hash(id), Role: "edge", Expires: expires.UnixNano()}}}
}

func redeem(id, node string) *controlpb.Command {
	return &controlpb.Command{Kind: &controlpb.Command_RedeemJoinToken{RedeemJoinToken: &controlpb.RedeemJoinToken{Hash: hash(id), Node: node}}}
}

func clusterInfo(id string) *controlpb.Command {
	return &controlpb.Command{Kind: &controlpb.Command_SetClusterInfo{SetClusterInfo: &controlpb.SetClusterInfo{Id: id, Name: "demo", CaCertificate: []byte("DER")}}}
}
