package api

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"time"

	"stentor/control/client"
	"stentor/control/controlpb"
)

// joinTokenTTL is how long a join token can be used unless the operator says
// otherwise: an hour is enough to start a machine with it.
const joinTokenTTL = time.Hour

func (a *API) tokens() {
	add(a, "create-token", a.createToken)
	add(a, "create-join-token", a.createJoinToken)
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
	name := strings.TrimSpace(in.Body.Name)
	_, _, err = a.propose(ctx, r, 0, &controlpb.Command{Kind: &controlpb.Command_CreateApiToken{CreateApiToken: &controlpb.CreateAPIToken{
		Id: id, Name: name, Hash: hash[:], Scopes: in.Body.Scopes,
	}}})
	if err != nil {
		return nil, err
	}
	return &createTokenAnswer{client.Token{ID: id, Token: token, Name: name, Scopes: in.Body.Scopes}}, nil
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
