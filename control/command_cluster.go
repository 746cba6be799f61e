package control

import (
	"time"

	"stentor/control/controlpb"
)

// keepTokens is how long a join token that opens nothing any more can still be looked
// at, by an operator who wonders why a node did not get in.
const keepTokens = 24 * time.Hour

func (d *draft) createAPIToken(c *controlpb.CreateAPIToken) (string, error) {
	err := first(checkID("id", c.GetId()), checkText("name", c.GetName(), true), checkHash("hash", c.GetHash()))
	for _, s := range c.GetScopes() {
		err = first(err, checkID("scope", s))
	}
	if err != nil {
		return "", err
	}
	hash, _ := hash32(c.GetHash())
	_, takenHash := d.next.APIToken(hash)
	_, takenID := d.next.apiTokens.At(c.GetId())
	switch {
	case takenHash || takenID:
		return "", ErrExists
	case len(c.GetScopes()) > maxScopes:
		return "", invalid("scopes", "A token has up to 32 scopes.")
	case d.next.apiTokens.Len() >= maxAPITokens:
		return "", tooMany("api_tokens", maxAPITokens)
	}
	err = d.put(apiTokenRecord(APIToken{
		ID: c.GetId(), Name: c.GetName(), Hash: hash, Scopes: c.GetScopes(),
		Created: d.at, Expires: moment(c.GetExpires()), By: d.c.GetPrincipal(),
	}))
	return c.GetId(), first(err, d.audit("token.created", "", c.GetId(), facts{"kind": "api", "scopes": c.GetScopes()}))
}

func (d *draft) revokeAPIToken(c *controlpb.RevokeAPIToken) (string, error) {
	if _, ok := d.next.apiTokens.At(c.GetId()); !ok {
		return "", ErrNoSuchToken
	}
	return c.GetId(), first(d.remove(Key{Kind: KindAPIToken, ID: c.GetId()}), d.audit("token.revoked", "", c.GetId(), nil))
}

func (d *draft) createJoinToken(c *controlpb.CreateJoinToken) (string, error) {
	err := first(checkID("id", c.GetId()), checkHash("hash", c.GetHash()), checkID("role", c.GetRole()))
	if err != nil {
		return "", err
	}
	hash, _ := hash32(c.GetHash())
	var stale []JoinToken
	for t := range d.next.JoinTokens() {
		switch {
		case t.ID == c.GetId() || t.Hash == hash:
			return "", ErrExists
		case d.at.After(t.Expires.Add(keepTokens)):
			stale = append(stale, t)
		}
	}
	for _, t := range stale {
		if err := d.remove(Key{Kind: KindJoinToken, ID: string(t.Hash[:])}); err != nil {
			return "", err
		}
	}
	if d.next.joinTokens.Len() >= maxJoinTokens {
		return "", tooMany("join_tokens", maxJoinTokens)
	}
	if c.GetExpires() <= nanos(d.at) {
		return "", invalid("expires", "A join token expires in the future.")
	}
	err = d.put(joinTokenRecord(JoinToken{
		ID: c.GetId(), Hash: hash, Role: c.GetRole(), Created: d.at, Expires: moment(c.GetExpires()),
	}))
	return c.GetId(), first(err, d.audit("token.created", "", c.GetId(), facts{"kind": "join", "role": c.GetRole()}))
}

func (d *draft) redeemJoinToken(c *controlpb.RedeemJoinToken) (string, error) {
	hash, ok := hash32(c.GetHash())
	t, found := d.next.JoinToken(hash)
	switch err := checkID("node", c.GetNode()); {
	case err != nil:
		return "", err
	case !ok || !found:
		return "", ErrNoSuchToken
	case t.Node != "":
		return "", ErrTokenUsed
	case !d.at.Before(t.Expires):
		return "", ErrTokenExpired
	}
	t.Node, t.Redeemed = c.GetNode(), d.at
	return t.Role, first(d.put(joinTokenRecord(t)), d.audit("token.redeemed", "", t.ID, facts{"node": t.Node}))
}

func (d *draft) setClusterInfo(c *controlpb.SetClusterInfo) (string, error) {
	err := first(checkID("id", c.GetId()), checkText("name", c.GetName(), false))
	now := d.next.cluster
	switch {
	case err != nil:
		return "", err
	case len(c.GetCaCertificate()) > maxCA:
		return "", invalid("ca_certificate", "A CA certificate has up to 8 KiB.")
	case now.ID != "" && now.ID != c.GetId():
		return "", ErrOtherCluster
	}
	return c.GetId(), d.put(clusterRecord(Cluster{
		ID: c.GetId(), Name: c.GetName(), CA: c.GetCaCertificate(), FeatureLevel: now.FeatureLevel,
	}))
}

func (d *draft) setFeatureLevel(c *controlpb.SetFeatureLevel) (string, error) {
	now := d.next.cluster
	if c.GetLevel() < now.FeatureLevel {
		return "", invalid("level", "A feature level does not go back.")
	}
	before := now.FeatureLevel
	now.FeatureLevel = c.GetLevel() // put refuses one that this version does not know, which halts it
	err := d.put(clusterRecord(now))
	if err == nil && before < rotationLevel && now.FeatureLevel >= rotationLevel {
		err = d.countFromNow()
	}
	return "", err
}
