package api

import (
	"fmt"
	"slices"
	"strings"

	"stentor/control/webinar"
)

//go:generate go test -run TestTheAuthorizationDocumentIsFresh -update

// AuthorizationDocument writes the authorization table for people, as Markdown.
func AuthorizationDocument() string {
	var b strings.Builder
	b.WriteString(`# Who may do what

Written by ` + "`go generate ./control/api`" + ` from the one table in the code (` + "`Rows`" + `, authz.go), which is what the control API asks.
The test TestS13S14S15S16S17S18S19S20EveryCellOfTheAuthorizationTable sends a request for every cell, in every state of the webinar.

- *yes*: the request is carried out. A code: the request is refused with it (` + "`/api/v1/problems/CODE`" + ` explains it).
- ` + "`webinar_not_found`" + `: who is nobody to a webinar is told that there is none.
- What changes something is refused with ` + "`ended`" + ` once the webinar has ended, but where the cell says *also ended*.
- A session token ends with its webinar: then each request with it is refused with ` + "`ended`" + `.
- Owner, moderator and presenter are so by their account, by an invite, or by what the host made of them in the webinar; *account* is somebody
  signed in who is on no list of this webinar, and *account inside* the same with a session token of it.
- A session token gives the role of whoever is inside only if a voter signed it. One that an edge signed (*by an edge*) gives what a guest may,
  whatever account, invite or participant it names: an edge stands where others may get at its key.
- *by invite* is the secret of a personal link as the bearer: it gives what its holder is inside, until it is revoked or its holder is banned.

## Requests about one webinar

`)
	columns := webinarColumns()
	writeTable(&b, columns, func(r Route) bool { return r.inWebinar() }, func(r Row, c column) string {
		live, ended := r.Verdict(c.actor, c.way, webinar.Live), r.Verdict(c.actor, c.way, webinar.Ended)
		if live == "" && ended == "" && r.Route.Writes() {
			return "yes, also ended"
		}
		return cell(live)
	})
	b.WriteString("\n## Other requests\n\n")
	writeTable(&b, generalColumns(), func(r Route) bool { return !r.inWebinar() }, func(r Row, c column) string {
		return cell(r.Verdict(c.actor, c.way, ""))
	})
	return b.String()
}

// column is an actor in one way.
type column struct {
	name  string
	actor webinar.Actor
	way   Way
}

// webinarColumns are the actors of a webinar, with an account or an invite where that is
// what makes them so, and inside it.
func webinarColumns() []column {
	columns := []column{{"administrator", webinar.ActorAdministrator, ByAccount}}
	for _, a := range []webinar.Actor{webinar.ActorOwner, webinar.ActorModerator, webinar.ActorPresenter, webinar.ActorInvited, webinar.ActorRegistrant, webinar.ActorAccount} {
		columns = append(columns, column{string(a), a, ByAccount}, column{string(a) + " inside", a, BySession})
	}
	columns = append(columns, column{"guest", webinar.ActorGuest, BySession}, column{"anybody inside by an edge", webinar.ActorGuest, ByEdge})
	for _, a := range []webinar.Actor{webinar.ActorModerator, webinar.ActorPresenter, webinar.ActorInvited} {
		columns = append(columns, column{string(a) + " by invite", a, ByInvite})
	}
	return append(columns, column{"nobody", webinar.ActorNobody, ""})
}

func generalColumns() []column {
	return []column{
		{"administrator", webinar.ActorAdministrator, ByAccount}, {"admin token", webinar.ActorAdministrator, ByToken},
		{"host", ActorHost, ByAccount}, {"host token", ActorHost, ByToken},
		{"member", webinar.ActorAccount, ByAccount}, {"participant", ActorParticipant, BySession}, {"nobody", webinar.ActorNobody, ""},
	}
}

func cell(code string) string {
	if code == "" {
		return "yes"
	}
	return "`" + code + "`"
}

// writeTable writes the rows that are wanted. Columns that say the same in each of them
// are one.
func writeTable(b *strings.Builder, columns []column, want func(Route) bool, text func(Row, column) string) {
	var rows []Row
	for _, r := range Rows() {
		if want(r.Route) {
			rows = append(rows, r)
		}
	}
	var heads []string
	var bodies [][]string
	for _, c := range columns {
		body := make([]string, len(rows))
		for i, r := range rows {
			body[i] = text(r, c)
		}
		same := slices.IndexFunc(bodies, func(other []string) bool { return slices.Equal(other, body) })
		if same >= 0 {
			heads[same] += ", " + c.name
			continue
		}
		heads, bodies = append(heads, c.name), append(bodies, body)
	}
	fmt.Fprintf(b, "| operation | request | %s |\n|---|---|%s\n", strings.Join(heads, " | "), strings.Repeat("---|", len(heads)))
	for i, r := range rows {
		name := r.Route.Name
		if r.Part != "" {
			name += ": " + r.Part
		}
		fmt.Fprintf(b, "| %s | `%s %s` |", name, r.Route.Method, strings.TrimPrefix(r.Route.Path, "/api/v1"))
		for _, body := range bodies {
			fmt.Fprintf(b, " %s |", body[i])
		}
		b.WriteString("\n")
	}
}
