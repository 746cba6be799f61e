package api

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"time"

	"stentor/control"
	"stentor/control/client"
	"stentor/control/controlpb"
)

// joinTokenTTL is how long a join token can be used unless the operator says
// otherwise: an hour is enough to start a machine with it.
const joinTokenTTL = time.Hour

func (a *API) tokens() {
	add(a, "create-token", a.createToken)
	add(a, "list-tokens", a.listTokens)
	add(a, "revoke-token", a.revokeToken)
	add(a, "create-join-token", a.createJoinToken)
}

func viewToken(t control.APIToken) client.Token {
	return client.Token{
		ID: t.ID, Name: t.Name, Scopes: notNil(t.Scopes), CreatedAt: t.Created, ExpiresAt: happened(t.Expires), By: t.By,
	}
}

type createTokenInput struct {
	Keyed
	Body client.CreateToken
}

type createTokenAnswer struct{ Body client.Token }

func (a *API) createToken(ctx context.Context, in *createTokenInput) (*createTokenAnswer, error) {
	r, err := a.newRequest(principal(ctx), "create-token", in.IdempotencyKey, in.Body)
	if err != nil {
		return nil, err
	}
	id, token, hash, err := NewToken(r.rand)
	if err != nil {
		return nil, err
	}
	c := &controlpb.CreateAPIToken{Id: id, Name: strings.TrimSpace(in.Body.Name), Hash: hash[:], Scopes: in.Body.Scopes}
	if in.Body.TTL > 0 {
		c.Expires = a.Now().Add(time.Duration(in.Body.TTL) * time.Second).UnixNano()
	}
	_, state, err := a.propose(ctx, r, 0, &controlpb.Command{Kind: &controlpb.Command_CreateApiToken{CreateApiToken: c}})
	if err != nil {
		return nil, err
	}
	made, ok := state.APIToken(hash)
	if !ok { // revoked since
		return nil, refuse(codeConflict, "This token was revoked.")
	}
	v := viewToken(made)
	v.Token = token
	return &createTokenAnswer{v}, nil
}

type listTokensAnswer struct{ Body client.Tokens }

func (a *API) listTokens(_ context.Context, in *Paged) (*listTokensAnswer, error) {
	page, next, err := cutSeq(*in, "tokens", a.Store.State().APITokens(), func(t control.APIToken) string { return t.ID })
	if err != nil {
		return nil, err
	}
	items := make([]client.Token, len(page))
	for i, t := range page {
		items[i] = viewToken(t)
	}
	return &listTokensAnswer{client.Tokens{Items: items, Next: next}}, nil
}

type revokeTokenInput struct {
	Keyed
	Token string `path:"token" maxLength:"64" doc:"Id of the API token."`
}

func (a *API) revokeToken(ctx context.Context, in *revokeTokenInput) (*emptyAnswer, error) {
	r, err := a.newRequest(principal(ctx), "revoke-token", in.IdempotencyKey, in.Token)
	if err != nil {
		return nil, err
	}
	_, _, err = a.propose(ctx, r, 0, &controlpb.Command{Kind: &controlpb.Command_RevokeApiToken{RevokeApiToken: &controlpb.RevokeAPIToken{Id: in.Token}}})
	return &emptyAnswer{}, err
}

type createJoinTokenInput struct {
	Keyed
	Body client.CreateJoinToken
}

type createJoinTokenAnswer struct{ Body client.JoinToken }

func (a *API) createJoinToken(ctx context.Context, in *createJoinTokenInput) (*createJoinTokenAnswer, error) {
	r, err := a.newRequest(principal(ctx), "create-join-token", in.IdempotencyKey, in.Body)
	if err != nil {
		return nil, err
	}
	id, err := NewID(r.rand, joinTokenID)
	if err != nil {
		return nil, err
	}
	var secret [32]byte
	if _, err := io.ReadFull(r.rand, secret[:]); err != nil {
		return nil, fmt.Errorf("api: draw: %w", err)
	}
	ttl := joinTokenTTL
	if in.Body.TTL > 0 {
		ttl = time.Duration(in.Body.TTL) * time.Second
	}
	hash := sha256.Sum256(secret[:])
	_, state, err := a.propose(ctx, r, 0, &controlpb.Command{Kind: &controlpb.Command_CreateJoinToken{CreateJoinToken: &controlpb.CreateJoinToken{
		Id: id, Hash: hash[:], Role: in.Body.Role, Expires: a.Now().Add(ttl).UnixNano(),
	}}})
	if err != nil {
		return nil, err
	}
	made, _ := state.JoinToken(hash) // a repetition is answered with the first one's time
	return &createJoinTokenAnswer{client.JoinToken{
		Token: joinTokenText(secret, a.CA), Role: in.Body.Role, ExpiresAt: made.Expires,
	}}, nil
}

// joinTokenText writes a join token: the secret, and how the newcomer knows the
// cluster before it says the secret.
func joinTokenText(secret, ca [32]byte) string {
	enc := base64.RawURLEncoding.EncodeToString
	return joinTokenPrefix + enc(secret[:]) + "." + enc(ca[:])
}
