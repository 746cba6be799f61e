package cli

import (
	"context"
	"errors"
	"strings"

	"stentor/control/client"
)

// AccountCommands keep the accounts of people who sign in.
type AccountCommands struct {
	Create   AccountCreate   `cmd:"" help:"Make an account."`
	List     AccountList     `cmd:"" help:"List the accounts."`
	Edit     AccountEdit     `cmd:"" help:"Change an account, or end its sign-ins."`
	Delete   AccountDelete   `cmd:"" help:"Delete an account, and end its sign-ins."`
	Password AccountPassword `cmd:"" help:"Set the password of an account, which ends its sign-ins."`
}

// AccountCreate makes an account.
type AccountCreate struct {
	Remote
	Login        string `arg:"" help:"What one signs in with; capitals do not count."`
	Name         string `help:"The name of the person; the login unless given." placeholder:"NAME"`
	Role         string `enum:"administrator,host,member" default:"member" help:"What it may do: ${enum}."`
	PasswordFile string `help:"File with the password; else a prompt or standard input." placeholder:"FILE"`
	Issuer       string `help:"OpenID provider that it signs in with, in place of a password." placeholder:"URL"`
	Subject      string `help:"Who it is at that provider." placeholder:"ID"`
}

// Run makes the account.
func (c *AccountCreate) Run(ctx context.Context, e *Env) error {
	if (c.Issuer == "") != (c.Subject == "") {
		return Usage(errors.New("--issuer and --subject go together"))
	}
	api, err := c.open(e)
	if err != nil {
		return err
	}
	in := client.CreateAccount{Login: c.Login, Name: first(c.Name, c.Login), Role: c.Role, Issuer: c.Issuer, Subject: c.Subject}
	if c.Issuer == "" || c.PasswordFile != "" {
		if in.Password, err = e.password(c.PasswordFile); err != nil {
			return err
		}
	}
	a, err := api.CreateAccount(ctx, in)
	if err != nil {
		return err
	}
	return c.printAccount(e, a)
}

// password reads a password from a file, a prompt or standard input.
func (e *Env) password(file string) (string, error) {
	if file == "" {
		return e.newSecret("Password: ")
	}
	text, err := secretFile("--password-file", file)
	if err != nil {
		return "", err
	}
	text = strings.TrimRight(text, "\r\n")
	if text == "" || strings.ContainsAny(text, "\r\n") {
		return "", Usage(errors.New("--password-file: " + file + " does not hold one line"))
	}
	return text, nil
}

func (r Remote) printAccount(e *Env, a client.Account) error {
	return r.say(e, a, a.ID, "account", a.ID, "login", a.Login, "name", a.Name, "role", a.Role, "signs in with", signsIn(a), "created", when(a.CreatedAt))
}

func signsIn(a client.Account) string {
	switch {
	case a.Disabled:
		return "nothing: it is disabled"
	case a.Password && a.OIDC:
		return "password, OpenID"
	case a.OIDC:
		return "OpenID"
	case a.Password:
		return "password"
	}
	return "nothing"
}

// AccountList lists accounts.
type AccountList struct{ Listing }

// Run prints the list.
func (c *AccountList) Run(ctx context.Context, e *Env) error {
	api, err := c.open(e)
	if err != nil {
		return err
	}
	return printList(e, c.Listing, view[client.Account]{
		heading: "ACCOUNT LOGIN ROLE SIGN-IN CREATED NAME", empty: "No accounts.",
		id: func(a client.Account) string { return a.ID },
		row: func(a client.Account) []string {
			return []string{a.ID, a.Login, a.Role, signsIn(a), when(a.CreatedAt), a.Name}
		},
	}, func(p client.Page) (client.Accounts, error) { return api.Accounts(ctx, p) })
}

// AccountEdit changes an account.
type AccountEdit struct {
	Remote
	ID       string  `arg:"" name:"account" help:"Id of the account."`
	Name     *string `help:"The name of the person."`
	Role     *string `enum:"administrator,host,member" help:"What it may do: ${enum}." placeholder:"ROLE"`
	Disabled *bool   `name:"disable" negatable:"enable" help:"Let it sign in no more."`
	SignOut  bool    `help:"End its sign-ins."`
	Issuer   *string `help:"OpenID provider that it signs in with." placeholder:"URL"`
	Subject  *string `help:"Who it is at that provider." placeholder:"ID"`
}

// Run changes the account.
func (c *AccountEdit) Run(ctx context.Context, e *Env) error {
	in := client.EditAccount{Name: c.Name, Role: c.Role, Disabled: c.Disabled, SignOut: c.SignOut, Issuer: c.Issuer, Subject: c.Subject}
	if in == (client.EditAccount{}) {
		return Hint(Usage(errors.New("nothing is to be changed")), "stentor account edit --help shows what can be, and stentor account password sets the password")
	}
	return c.change(ctx, e, c.ID, in)
}

func (r Remote) change(ctx context.Context, e *Env, id string, in client.EditAccount) error {
	api, err := r.open(e)
	if err != nil {
		return err
	}
	a, err := api.EditAccount(ctx, id, in)
	if err != nil {
		return err
	}
	return r.printAccount(e, a)
}

// AccountDelete deletes an account.
type AccountDelete struct {
	Remote
	ID string `arg:"" name:"account" help:"Id of the account."`
}

// Run deletes the account.
func (c *AccountDelete) Run(ctx context.Context, e *Env) error {
	api, err := c.open(e)
	if err != nil {
		return err
	}
	return c.done(e, api.DeleteAccount(ctx, c.ID), "The account %s is deleted.", c.ID)
}

// AccountPassword sets a password.
type AccountPassword struct {
	Remote
	ID           string `arg:"" name:"account" help:"Id of the account."`
	PasswordFile string `help:"File with the password; else a prompt or standard input." placeholder:"FILE"`
}

// Run reads and sets the password.
func (c *AccountPassword) Run(ctx context.Context, e *Env) error {
	password, err := e.password(c.PasswordFile)
	if err != nil {
		return err
	}
	return c.change(ctx, e, c.ID, client.EditAccount{Password: &password})
}
