package control

import (
	"encoding/binary"
	"fmt"

	"stentor/control/controlpb"
)

func apiTokenRecord(t APIToken) *controlpb.Record {
	return &controlpb.Record{Kind: &controlpb.Record_ApiToken{ApiToken: &controlpb.APITokenRecord{
		Id: t.ID, Name: t.Name, Hash: t.Hash[:], Scopes: t.Scopes,
		Created: nanos(t.Created), Expires: nanos(t.Expires), By: t.By,
	}}}
}

func (s *State) putAPIToken(r *controlpb.APITokenRecord) error {
	hash, ok := hash32(r.GetHash())
	if other, taken := s.apiHashes.At(string(hash[:])); !ok || r.GetId() == "" || taken && other != r.GetId() {
		return fmt.Errorf("%w: API token %q", errRecord, r.GetId())
	}
	if old, ok := s.apiTokens.At(r.GetId()); ok {
		s.apiHashes = s.apiHashes.Without(string(old.Hash[:]))
	}
	s.apiTokens = s.apiTokens.With(r.GetId(), APIToken{
		ID: r.GetId(), Name: r.GetName(), Hash: hash, Scopes: r.GetScopes(),
		Created: moment(r.GetCreated()), Expires: moment(r.GetExpires()), By: r.GetBy(),
	})
	s.apiHashes = s.apiHashes.With(string(hash[:]), r.GetId())
	return nil
}

func joinTokenRecord(t JoinToken) *controlpb.Record {
	return &controlpb.Record{Kind: &controlpb.Record_JoinToken{JoinToken: &controlpb.JoinTokenRecord{
		Id: t.ID, Hash: t.Hash[:], Role: t.Role, Created: nanos(t.Created), Expires: nanos(t.Expires),
		Node: t.Node, Redeemed: nanos(t.Redeemed),
	}}}
}

func (s *State) putJoinToken(r *controlpb.JoinTokenRecord) error {
	hash, ok := hash32(r.GetHash())
	if !ok {
		return fmt.Errorf("%w: join token %q", errRecord, r.GetId())
	}
	s.joinTokens = s.joinTokens.With(string(hash[:]), JoinToken{
		ID: r.GetId(), Hash: hash, Role: r.GetRole(), Created: moment(r.GetCreated()), Expires: moment(r.GetExpires()),
		Node: r.GetNode(), Redeemed: moment(r.GetRedeemed()),
	})
	return nil
}

func clusterRecord(c Cluster) *controlpb.Record {
	return &controlpb.Record{Kind: &controlpb.Record_Cluster{Cluster: &controlpb.ClusterRecord{
		Id: c.ID, Name: c.Name, CaCertificate: c.CA, FeatureLevel: c.FeatureLevel,
	}}}
}

func (s *State) putCluster(r *controlpb.ClusterRecord) error {
	if r.GetFeatureLevel() > FeatureLevel {
		return fmt.Errorf("control: the cluster is at feature level %d, this version knows %d", r.GetFeatureLevel(), FeatureLevel)
	}
	s.cluster = Cluster{
		ID: r.GetId(), Name: r.GetName(), CA: r.GetCaCertificate(), FeatureLevel: max(r.GetFeatureLevel(), 1),
	}
	return nil
}

func requestRecord(r *controlpb.RequestRecord) *controlpb.Record {
	return &controlpb.Record{Kind: &controlpb.Record_Request{Request: r}}
}

func (s *State) putRequest(r *controlpb.RequestRecord) {
	key := requestKey(r.GetPrincipal(), r.GetRequestId())
	if old, ok := s.requests.At(key); ok {
		s.byAge = s.byAge.Without(ageKey(old.GetIndex()))
	}
	s.requests = s.requests.With(key, r)
	s.byAge = s.byAge.With(ageKey(r.GetIndex()), key)
}

func ageKey(index uint64) string { return string(binary.BigEndian.AppendUint64(nil, index)) }
