package api

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// Principal is who makes a request: the API token that it came with.
type Principal struct {
	ID     string // of the token; what commands and webinars name as their author
	Scopes []string
}

// admin reports whether p reaches every webinar.
func (p Principal) admin() bool { return slices.Contains(p.Scopes, string(Admin)) }

type principalKey struct{}

// principal returns who makes the request of ctx.
func principal(ctx context.Context) Principal {
	p, _ := ctx.Value(principalKey{}).(Principal)
	return p
}

// Hash is what the state keeps of a secret ("sta_...", "sti_..."): the SHA-256 of
// its text. A secret has 256 random bits, so that nothing slower is needed.
func Hash(secret string) [32]byte { return sha256.Sum256([]byte(secret)) }

// secretLength is how long the random part of a secret is: 32 bytes in
// base64url.
const secretLength = 43

// bearerToken returns the API token of an Authorization header. found says that
// there was one, ok that it looks like one of ours.
func bearerToken(header string) (token string, found, ok bool) {
	scheme, token, cut := strings.Cut(header, " ")
	if !cut || !strings.EqualFold(scheme, "Bearer") {
		return "", false, false
	}
	token = strings.TrimSpace(token)
	secret, ours := strings.CutPrefix(token, tokenPrefix)
	if !ours || len(secret) != secretLength {
		return "", true, false
	}
	_, err := base64.RawURLEncoding.Strict().DecodeString(secret)
	return token, true, err == nil
}

// authenticate returns who sends a request with that Authorization header, or
// the code of the refusal.
func (a *API) authenticate(header string) (Principal, string) {
	token, found, ok := bearerToken(header)
	switch {
	case !found:
		return Principal{}, codeTokenRequired
	case !ok:
		return Principal{}, codeTokenUnknown
	}
	t, ok := a.Store.State().APIToken(Hash(token))
	if !ok || !t.Valid(a.Now()) {
		return Principal{}, codeTokenUnknown
	}
	return Principal{ID: t.ID, Scopes: t.Scopes}, ""
}

// authorize is the middleware of one route: it lets a request on only with a
// token that the table allows, before anything of the body is read.
func (a *API) authorize(r Route) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		p, code := a.authenticate(ctx.Header("Authorization"))
		switch {
		case code != "":
			ctx.SetHeader("WWW-Authenticate", `Bearer realm="stentor"`)
			a.write(ctx, refuse(code, ""))
		case !r.allows(p.Scopes):
			ctx.SetHeader("WWW-Authenticate", `Bearer realm="stentor", error="insufficient_scope", scope="`+scopeText(r)+`"`)
			a.write(ctx, refuse(codeScopeMissing, "This needs an API token with the scope "+scopeText(r)+"."))
		default:
			next(huma.WithValue(ctx, principalKey{}, p))
		}
	}
}

func scopeText(r Route) string {
	names := make([]string, len(r.Scopes))
	for i, s := range r.Scopes {
		names[i] = string(s)
	}
	return strings.Join(names, " ")
}
