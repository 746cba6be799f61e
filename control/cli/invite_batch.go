package cli

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"stentor/control/client"
)

// Bounds of a list of people.
const (
	maxList  = 4 << 20 // bytes
	maxBatch = 500     // invites in a call
)

// InviteBatch makes personal links for a list of people.
type InviteBatch struct {
	Remote
	Webinar string `arg:"" help:"Id of the webinar."`
	File    string `arg:"" optional:"" default:"-" help:"A list of people, one a line: name[,email[,role]], as CSV; standard input unless given."`
	Role    string `enum:"owner,moderator,presenter,attendee" default:"attendee" help:"What it makes of those whose line says no role: ${enum}."`
	Mail    bool   `help:"Send each link to the address."`
}

// Run makes and prints the links. The whole list is read before the first one is
// made, so that a mistake in it costs nothing.
func (c *InviteBatch) Run(ctx context.Context, e *Env) error {
	people, err := c.people(e)
	if err != nil {
		return err
	}
	api, err := c.open(e)
	if err != nil {
		return err
	}
	made := client.CreatedInvites{Items: []client.Invite{}}
	var failed error
	for some := range slices.Chunk(people, maxBatch) {
		part, err := api.InviteAll(ctx, c.Webinar, client.CreateInvites{Invites: some})
		if err != nil {
			failed = err
			break
		}
		made.Items = append(made.Items, part.Items...)
	}
	if n := len(made.Items); failed != nil && n == 0 {
		return failed
	} else if failed != nil { // what was made is shown this once
		failed = Hint(failed, fmt.Sprintf("the first %d of %d were made; the rest begins with %q", n, len(people), people[n].Name))
	}
	link := func(i client.Invite) string { return api.Server() + i.LinkPath }
	err = view[client.Invite]{
		heading: "INVITE ROLE NAME LINK", id: link,
		row: func(i client.Invite) []string { return []string{i.ID, i.Role, i.Name, link(i)} },
	}.print(e, c.Remote, made.Items, made)
	return errors.Join(failed, err)
}

// people reads the list.
func (c *InviteBatch) people(e *Env) ([]client.CreateInvite, error) {
	from, name := e.Stdin, "standard input"
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return nil, Usage(err)
		}
		defer f.Close()
		from, name = f, c.File
	}
	text, err := io.ReadAll(io.LimitReader(from, maxList+1))
	if err != nil {
		return nil, fmt.Errorf("cli: %s: %w", name, err)
	}
	if len(text) > maxList {
		return nil, Usage(fmt.Errorf("%s is larger than %d MiB", name, maxList>>20))
	}
	people, err := parsePeople(string(text), c.Role)
	if err != nil {
		return nil, Usage(fmt.Errorf("%s: %w", name, err))
	}
	for i := range people {
		people[i].Mail = c.Mail
		if err := needsAddress(c.Mail, people[i].Email); err != nil {
			return nil, Usage(fmt.Errorf("%s: %q: %w", name, people[i].Name, err))
		}
	}
	return people, nil
}

// parsePeople reads lines of name[,email[,role]]. A first line that names these
// columns is a heading; empty lines and what follows a # are left out.
func parsePeople(text, role string) ([]client.CreateInvite, error) {
	lines := csv.NewReader(strings.NewReader(strings.TrimPrefix(text, "\ufeff")))
	lines.FieldsPerRecord, lines.TrimLeadingSpace, lines.Comment = -1, true, '#'
	var people []client.CreateInvite
	for begin := true; ; begin = false {
		cells, err := lines.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if begin && strings.EqualFold(cells[0], "name") {
			continue
		}
		at, _ := lines.FieldPos(0)
		if len(cells) > 3 {
			return nil, fmt.Errorf("line %d has %d columns; name, email and role are expected", at, len(cells))
		}
		cells = append(cells, "", "")
		person := client.CreateInvite{Name: cells[0], Email: cells[1], Role: first(strings.ToLower(cells[2]), role)}
		if person.Name == "" {
			return nil, fmt.Errorf("line %d has no name", at)
		}
		if person.Email != "" && !strings.Contains(person.Email, "@") {
			return nil, fmt.Errorf("line %d: %q is no e-mail address", at, person.Email)
		}
		if !slices.Contains(roles, person.Role) {
			return nil, Hint(fmt.Errorf("line %d: %q is no role; there are %s", at, person.Role, strings.Join(roles, ", ")), DidYouMean(person.Role, roles))
		}
		people = append(people, person)
	}
	if len(people) == 0 {
		return nil, errors.New("nobody is on the list")
	}
	return people, nil
}

// needsAddress refuses to send a link nowhere.
func needsAddress(mail bool, address string) error {
	if mail && address == "" {
		return Usage(errors.New("--mail needs an e-mail address"))
	}
	return nil
}
