package client

import "time"

// Account is somebody who can sign in.
type Account struct {
	ID        string    `json:"id"`
	Login     string    `json:"login"`
	Name      string    `json:"name"`
	Role      string    `json:"role" enum:"administrator,host,member"`
	Password  bool      `json:"password" doc:"It can sign in with a password."`
	OIDC      bool      `json:"oidc" doc:"It can sign in with an identity provider."`
	Disabled  bool      `json:"disabled"`
	CreatedAt time.Time `json:"created_at"`
}

// Accounts is one page of accounts, in the order of their ids.
type Accounts struct {
	Items []Account `json:"items" nullable:"false"`
	Next  string    `json:"next,omitempty" doc:"The cursor of the next page; absent on the last one."`
}

// CreateAccount is a new account.
type CreateAccount struct {
	Login    string `json:"login" minLength:"3" maxLength:"128" doc:"What one signs in with; capitals do not count."`
	Name     string `json:"name" minLength:"1" maxLength:"100"`
	Role     string `json:"role" enum:"administrator,host,member"`
	Password string `json:"password,omitempty" maxLength:"200" doc:"At least 12 characters. Absent: it signs in with an identity provider alone."`
	Issuer   string `json:"issuer,omitempty" maxLength:"500" doc:"Of an identity at an OpenID provider, together with subject."`
	Subject  string `json:"subject,omitempty" maxLength:"255"`
}

// EditAccount changes an account: what is absent stays.
type EditAccount struct {
	Name     *string `json:"name,omitempty" minLength:"1" maxLength:"100"`
	Role     *string `json:"role,omitempty" enum:"administrator,host,member"`
	Password *string `json:"password,omitempty" minLength:"1" maxLength:"200" doc:"A new one ends every sign-in of the account."`
	Disabled *bool   `json:"disabled,omitempty"`
	SignOut  bool    `json:"sign_out,omitempty" doc:"End every sign-in of the account."`
	Issuer   *string `json:"issuer,omitempty" maxLength:"500"`
	Subject  *string `json:"subject,omitempty" maxLength:"255"`
}

// SignIn begins a sign-in with a local account. The answer sets a cookie.
type SignIn struct {
	Login    string `json:"login" minLength:"1" maxLength:"128"`
	Password string `json:"password" minLength:"1" maxLength:"200"`
}

// SignIns are the ways to sign in beside an API token.
type SignIns struct {
	Password bool `json:"password" doc:"With a local account, by sign-in."`
	OIDC     bool `json:"oidc" doc:"With an identity provider, by /api/v1/oidc/start?next=PATH in a browser."`
}

// Me is who makes the request.
type Me struct {
	Kind        string   `json:"kind" enum:"token,account,participant"`
	ID          string   `json:"id"`
	Name        string   `json:"name"`
	Role        string   `json:"role,omitempty" doc:"Of an account, or of a participant in their webinar."`
	Scopes      []string `json:"scopes" nullable:"false" doc:"What it reaches: admin, host."`
	Login       string   `json:"login,omitempty" doc:"Of an account."`
	Webinar     string   `json:"webinar,omitempty" doc:"Of a participant."`
	Participant string   `json:"participant,omitempty"`
}

// Pass is a short-lived proof of an account for the door of any node.
type Pass struct {
	Pass string `json:"pass" doc:"stp1...., good for five minutes."`
}

// CreateToken is a new API token.
type CreateToken struct {
	Name   string   `json:"name" minLength:"1" maxLength:"100" doc:"Who or what holds it; the audit log names it."`
	Scopes []string `json:"scopes" minItems:"1" maxItems:"2" uniqueItems:"true" nullable:"false" enum:"admin,host"`
	TTL    int64    `json:"ttl_seconds,omitempty" minimum:"60" maximum:"315360000" doc:"How long it is good; for ever unless given."`
}

// Token is an API token. Token is there only in the answer that made it.
type Token struct {
	ID        string     `json:"id"`
	Token     string     `json:"token,omitempty"`
	Name      string     `json:"name"`
	Scopes    []string   `json:"scopes" nullable:"false" enum:"admin,host"`
	CreatedAt time.Time  `json:"created_at"`
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
	By        string     `json:"by,omitempty" doc:"Who made it."`
}

// Tokens is one page of API tokens, in the order of their ids, without what they
// are known by.
type Tokens struct {
	Items []Token `json:"items" nullable:"false"`
	Next  string  `json:"next,omitempty" doc:"The cursor of the next page; absent on the last one."`
}

// CreateJoinToken is a new join token, which lets one node into the mesh.
type CreateJoinToken struct {
	Role string `json:"role" enum:"voter,edge"`
	TTL  int64  `json:"ttl_seconds,omitempty" minimum:"60" maximum:"604800" doc:"3600 unless given."`
}

// JoinToken is a join token, shown once.
type JoinToken struct {
	Token     string    `json:"token"`
	Role      string    `json:"role" enum:"voter,edge"`
	ExpiresAt time.Time `json:"expires_at"`
}
