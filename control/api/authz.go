package api

import (
	"slices"
	"sync"

	"stentor/control/webinar"
)

// The actors of the authorization table beside those that package webinar knows: what
// somebody is where no webinar is meant.
const (
	ActorHost        webinar.Actor = "host"        // may make webinars
	ActorParticipant webinar.Actor = "participant" // holds the session token of some webinar
)

// Right says who may make a request.
type Right struct {
	Name   string          // as the document calls it
	Actors []webinar.Actor // one of them; none: everybody, whether they say who they are or not
	Ways   []Way           // and in one of these ways; none: in any
}

// The rights. Where a request is about a webinar they name what somebody is to it, and
// else what somebody is at all.
func rightEverybody() Right { return Right{Name: "everybody"} }

func rightAdministrators() Right {
	return Right{Name: "administrators", Actors: []webinar.Actor{webinar.ActorAdministrator}}
}

func rightMakers() Right {
	return Right{Name: "makers", Actors: []webinar.Actor{webinar.ActorAdministrator, ActorHost}}
}

func rightSignedIn() Right {
	return Right{Name: "signed in", Actors: []webinar.Actor{webinar.ActorAdministrator, ActorHost, webinar.ActorAccount, ActorParticipant}}
}

func rightListers() Right {
	return Right{Name: "listers", Actors: []webinar.Actor{webinar.ActorAdministrator, ActorHost, webinar.ActorAccount}}
}

func rightAccounts() Right {
	r := rightListers()
	r.Name, r.Ways = "accounts", []Way{ByAccount}
	return r
}

func rightPlanners() Right {
	return Right{Name: "planners", Actors: []webinar.Actor{webinar.ActorAdministrator, webinar.ActorOwner}}
}

func rightHosts() Right {
	return Right{Name: "hosts", Actors: []webinar.Actor{webinar.ActorAdministrator, webinar.ActorOwner, webinar.ActorModerator}}
}

func rightStage() Right {
	r := rightHosts()
	r.Name, r.Actors = "stage", append(r.Actors, webinar.ActorPresenter)
	return r
}

func rightInside() Right {
	return Right{Name: "inside", Actors: []webinar.Actor{
		webinar.ActorOwner, webinar.ActorModerator, webinar.ActorPresenter, webinar.ActorInvited,
		webinar.ActorRegistrant, webinar.ActorAccount, webinar.ActorGuest,
	}, Ways: []Way{BySession, ByEdge, ByInvite}}
}

// open reports whether everybody may.
func (r Right) open() bool { return len(r.Actors) == 0 }

func (r Right) has(actor webinar.Actor, way Way) bool {
	return slices.Contains(r.Actors, actor) && (len(r.Ways) == 0 || slices.Contains(r.Ways, way))
}

// Row is one line of the authorization table: a request, or a part of what it may ask
// for, and who may.
type Row struct {
	Route Route
	Part  string // empty: the request; else what of it needs another right
	Right Right
}

// The parts of requests that need another right than the rest.
const (
	partPlan = "what is planned" // of edit-webinar: all but guests, lobby, locked and slow_mode_seconds
	partRole = "role"            // of edit-participant
)

// Rows returns the authorization table. It is the only place that says who may do what;
// the tests try every cell of it, and AUTHORIZATION.md is written from it.
func Rows() []Row { return slices.Clone(table().rows) }

// authorization is the table, and where each line of it is found.
type authorization struct {
	rows []Row
	at   map[[2]string]Row // by route and part
}

// table is made once: each request asks it, and each stream at each change of the state.
var table = sync.OnceValue(func() *authorization {
	t := &authorization{rows: makeRows(), at: map[[2]string]Row{}}
	for _, r := range t.rows {
		t.at[[2]string{r.Route.Name, r.Part}] = r
	}
	return t
})

func makeRows() []Row {
	var rows []Row
	for _, r := range Routes() {
		rows = append(rows, Row{Route: r, Right: r.Right})
		switch r.Name {
		case "edit-webinar":
			rows = append(rows, Row{Route: r, Part: partPlan, Right: rightPlanners()})
		case "edit-participant":
			rows = append(rows, Row{Route: r, Part: partRole, Right: rightPlanners()})
		}
	}
	return rows
}

// rowOf returns one line of the table. One that is not there is a mistake in this
// package.
func rowOf(route, part string) Row {
	r, ok := table().at[[2]string{route, part}]
	if !ok {
		panic("api: no row " + route + " " + part)
	}
	return r
}

// Verdict is one cell: the code of the refusal of an actor who comes that way, to a
// webinar in that state (empty where none is meant); empty: they may.
//
// Who is nobody to a webinar is told that there is none. Who is inside knows better, and
// is told that it is not for them.
func (r Row) Verdict(actor webinar.Actor, way Way, state webinar.State) string {
	if r.Part != "" { // of what may be asked for at all
		if code := rowOf(r.Route.Name, "").Verdict(actor, way, state); code != "" {
			return code
		}
	}
	ended := state == webinar.Ended
	switch {
	case r.Right.open():
		return ""
	case actor == webinar.ActorNobody && way == "":
		return codeTokenRequired
	case ended && way.inside(): // which ended with the webinar
		return codeEnded
	case !r.Right.has(actor, way) && !r.Route.inWebinar():
		return codeScopeMissing
	case actor == webinar.ActorNobody, actor == webinar.ActorAccount && !way.inside():
		if !r.Route.inWebinar() {
			return ""
		}
		return codeWebinarNotFound
	case !r.Right.has(actor, way):
		return codeNotAllowed
	case ended && (r.Route.Writes() && !r.Route.Later || r.Route.Living):
		return codeEnded
	}
	return ""
}
