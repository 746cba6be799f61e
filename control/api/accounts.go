package api

import (
	"context"
	"slices"
	"strings"
	"time"

	"stentor/control/api/account"
	"stentor/control/client"
	"stentor/control/controlpb"
)

func (a *API) accounts() {
	add(a, "create-account", a.createAccount)
	add(a, "list-accounts", a.listAccounts)
	add(a, "get-account", a.getAccount)
	add(a, "edit-account", a.editAccount)
	add(a, "delete-account", a.deleteAccount)
}

func viewAccount(r *controlpb.AccountRecord) client.Account {
	return client.Account{
		ID: r.GetId(), Login: r.GetLogin(), Name: r.GetName(), Role: r.GetRole(), Password: r.GetPassword() != "",
		OIDC: r.GetSubject() != "", Disabled: r.GetDisabled(), CreatedAt: time.Unix(0, r.GetCreated()).UTC(),
	}
}

// accountAnswer is the answer with one account.
type accountAnswer struct{ Body client.Account }

type createAccountInput struct {
	Keyed
	Body client.CreateAccount
}

func (a *API) createAccount(ctx context.Context, in *createAccountInput) (*accountAnswer, error) {
	r, err := a.newRequest(principal(ctx), "create-account", in.IdempotencyKey, in.Body)
	if err != nil {
		return nil, err
	}
	id, err := NewID(r.rand, accountID)
	if err != nil {
		return nil, err
	}
	c := &controlpb.CreateAccount{
		Id: id, Login: account.NormalLogin(in.Body.Login), Name: strings.TrimSpace(in.Body.Name), Role: in.Body.Role,
		Issuer: in.Body.Issuer, Subject: in.Body.Subject,
	}
	if c.Password, err = a.hashed(in.Body.Password); err != nil {
		return nil, err
	}
	_, state, err := a.propose(ctx, r, 0, &controlpb.Command{Kind: &controlpb.Command_CreateAccount{CreateAccount: c}})
	if err != nil {
		return nil, err
	}
	made := state.Account(id)
	if made == nil { // deleted since
		return nil, refuse(codeAccountNotFound, "")
	}
	return &accountAnswer{viewAccount(made)}, nil
}

// hashed is what the state keeps of a password; nothing of none.
func (a *API) hashed(password string) (string, error) {
	switch {
	case password == "":
		return "", nil
	case a.Accounts == nil:
		return "", refuse(codeAccountsOff, "")
	}
	return a.Accounts.Hash(password)
}

type accountsAnswer struct{ Body client.Accounts }

func (a *API) listAccounts(_ context.Context, in *Paged) (*accountsAnswer, error) {
	page, next, err := cutSeq(*in, "accounts", a.Store.State().Accounts(), (*controlpb.AccountRecord).GetId)
	if err != nil {
		return nil, err
	}
	items := make([]client.Account, len(page))
	for i, r := range page {
		items[i] = viewAccount(r)
	}
	return &accountsAnswer{client.Accounts{Items: items, Next: next}}, nil
}

// InAccount is the account that a request is about.
type InAccount struct {
	Account string `path:"account" maxLength:"64" doc:"Id of the account."`
}

func (a *API) getAccount(_ context.Context, in *InAccount) (*accountAnswer, error) {
	r := a.Store.State().Account(in.Account)
	if r == nil {
		return nil, refuse(codeAccountNotFound, "")
	}
	return &accountAnswer{viewAccount(r)}, nil
}

type editAccountInput struct {
	InAccount
	Keyed
	Body client.EditAccount
}

func (a *API) editAccount(ctx context.Context, in *editAccountInput) (*accountAnswer, error) {
	if in.Body == (client.EditAccount{}) {
		return nil, refuse(codeEmptyEdit, "")
	}
	r, err := a.newRequest(principal(ctx), "edit-account", in.IdempotencyKey, in.Account, in.Body)
	if err != nil {
		return nil, err
	}
	c := &controlpb.EditAccount{
		Id: in.Account, Name: in.Body.Name, Role: in.Body.Role, Disabled: in.Body.Disabled, SignOut: in.Body.SignOut,
		Issuer: in.Body.Issuer, Subject: in.Body.Subject,
	}
	if in.Body.Password != nil {
		hash, err := a.hashed(*in.Body.Password)
		if err != nil {
			return nil, err
		}
		c.Password = &hash
	}
	_, state, err := a.propose(ctx, r, 0, &controlpb.Command{Kind: &controlpb.Command_EditAccount{EditAccount: c}})
	if err != nil {
		return nil, err
	}
	now := state.Account(in.Account)
	if now == nil {
		return nil, refuse(codeAccountNotFound, "")
	}
	return &accountAnswer{viewAccount(now)}, nil
}

type deleteAccountInput struct {
	InAccount
	Keyed
}

func (a *API) deleteAccount(ctx context.Context, in *deleteAccountInput) (*emptyAnswer, error) {
	r, err := a.newRequest(principal(ctx), "delete-account", in.IdempotencyKey, in.Account)
	if err != nil {
		return nil, err
	}
	_, _, err = a.propose(ctx, r, 0, &controlpb.Command{Kind: &controlpb.Command_DeleteAccount{DeleteAccount: &controlpb.DeleteAccount{Id: in.Account}}})
	return &emptyAnswer{}, err
}

// reached is what somebody may list: those of which they are the owner, or all.
func reached[T any](p Principal, all []T, owner func(T) string) []T {
	if p.admin() {
		return all
	}
	return slices.DeleteFunc(all, func(v T) bool { return owner(v) != p.ID })
}
