package api

import (
	"crypto/sha256"
	"net/http"
	"strconv"
	"strings"
	"time"

	"stentor/control/client"
	"stentor/control/controlpb"
	"stentor/control/webinar"
)

// signed is a webinar with registration, and its link.
func (w *world) signed(registration string) client.Webinar {
	w.t.Helper()
	return w.webinar(`{"title":"All hands","registration":` + registration + `}`)
}

// signUp signs somebody up.
func (w *world) signUp(link, email string) reply {
	w.t.Helper()
	return w.do(ask{method: "POST", path: "/api/v1/public/" + link + "/registrants",
		body: `{"first_name":"Ada","last_name":"Lovelace","email":"` + email + `"}`})
}

// more has a request for the kinds of refusals about registration, people and accounts.
func more() map[string]func(w *world, id string) reply {
	const webinars, accounts = "/api/v1/webinars/", "/api/v1/accounts"
	in := func(w *world, method, path, body string) reply {
		return w.do(ask{method: method, path: path, token: w.admin, body: body})
	}
	at := func(method, path, body string) func(*world, string) reply {
		return func(w *world, id string) reply { return in(w, method, strings.Replace(path, "ID", id, 1), body) }
	}
	const local = `{"login":"ada","name":"Ada","role":"member","password":"correct horse battery"}`
	return map[string]func(w *world, id string) reply{
		codeNotAllowed: func(w *world, id string) reply {
			token := w.session(id, webinar.Visitor{Participant: "p_1", Name: "Guest"})
			return w.do(ask{method: "GET", path: webinars + id, token: token})
		},
		codeCrossOrigin: func(w *world, id string) reply {
			_, cookie := w.account("admin", "administrator")
			return w.do(ask{method: "POST", path: webinars + id + "/end", cookie: cookie, header: http.Header{"Sec-Fetch-Site": {"cross-site"}}})
		},
		codeTooManyRequests: func(w *world, id string) reply {
			w.serve(Limits{Principal: Limit{1, time.Second}, Public: Limit{1, time.Second}})
			in(w, "GET", webinars+id, "").must(200)
			return in(w, "GET", webinars+id, "")
		},
		codeEmptyEdit: at("PATCH", webinars+"ID", `{}`),
		codeFeatureLevel: func(w *world, _ string) reply {
			w.store.spy = func(*controlpb.Command) error {
				return &webinar.Denial{Code: "feature_level", Detail: "Some nodes are too old for this."}
			}
			return in(w, "POST", "/api/v1/webinars", `{"title":"a"}`)
		},
		codeInvalidSchedule:     at("PATCH", webinars+"ID", `{"schedule":{"start":"2026-05-01T10:00:00Z","duration_seconds":3600,"rule":"FREQ=SOMETIMES"}}`),
		codeInvalidLastEventID:  func(w *world, id string) reply { return w.events(id, w.admin, "yesterday") },
		codeInviteNotFound:      at("DELETE", webinars+"ID/invites/i_x", ""),
		codeInvalidEmail:        at("POST", webinars+"ID/invites", `{"name":"Ada","email":"ada"}`),
		codeParticipantNotFound: at("POST", webinars+"ID/participants/p_x/reinvite", ""),
		codeStageFull: func(w *world, id string) reply {
			w.store.spy = func(*controlpb.Command) error { return webinar.ErrStageFull }
			return in(w, "PATCH", webinars+id+"/participants/p_1", `{"stage":true}`)
		},
		codeAccountInvited: func(w *world, id string) reply {
			w.account("ada", "member")
			in(w, "POST", webinars+id+"/invites", `{"name":"Ada","account":"a_ada"}`).must(201)
			return in(w, "POST", webinars+id+"/invites", `{"name":"Ada","account":"a_ada"}`)
		},
		codeEntryNotFound: at("POST", webinars+"ID/audit/4711/undo", ""),
		codeNotUndoable: func(w *world, id string) reply {
			return in(w, "POST", webinars+id+"/audit/"+last(w)+"/undo", "") // that it was made
		},
		codeWebhookNotFound:         at("DELETE", "/api/v1/webhooks/h_x", ""),
		codeInvalidRegistration:     at("PUT", webinars+"ID/registration", `{"window":"interval"}`),
		codeRegistrationOff:         at("POST", webinars+"ID/registration/open", ""),
		codeRegistrationUnavailable: func(w *world, _ string) reply { return in(w, "GET", "/api/v1/public/unknown", "") },
		codeRegistrationNotOpen: func(w *world, _ string) reply {
			made := w.signed(`{"window":"interval","opens_at":"2026-04-01T00:00:00Z"}`)
			return w.signUp(made.Link, "ada@example.org")
		},
		codeRegistrationFull: func(w *world, _ string) reply {
			made := w.signed(`{"maximum":1}`)
			w.signUp(made.Link, "ada@example.org").must(201)
			return w.signUp(made.Link, "bob@example.org")
		},
		codeRegistrantNotFound: at("GET", webinars+"ID/registrants/r_x", ""),
		codeAlreadyRegistered: func(w *world, _ string) reply {
			made := w.signed(`{}`)
			w.signUp(made.Link, "ada@example.org").must(201)
			return w.signUp(made.Link, " Ada@Example.ORG")
		},
		codeInvalidAnswers: func(w *world, _ string) reply { return w.signUp(w.signed(`{}`).Link, "ada") },
		codeAccountsOff: func(w *world, _ string) reply {
			w.accounts = nil
			w.serve(Limits{})
			return in(w, "POST", "/api/v1/sign-in", sample("sign-in"))
		},
		codeAccountNotFound: at("GET", accounts+"/a_x", ""),
		codeSignInFailed:    at("POST", "/api/v1/sign-in", sample("sign-in")),
		codeTooManyAttempts: func(w *world, _ string) reply {
			for range 100 {
				if out := in(w, "POST", "/api/v1/sign-in", sample("sign-in")); out.status != 401 {
					return out
				}
			}
			return in(w, "POST", "/api/v1/sign-in", sample("sign-in"))
		},
		codeInvalidLogin:    at("POST", accounts, strings.Replace(local, `"ada"`, `"ad a"`, 1)),
		codeInvalidPassword: at("POST", accounts, strings.Replace(local, "correct horse battery", "swordfish", 1)),
		codeLoginTaken: func(w *world, _ string) reply {
			w.account("ada", "member")
			return in(w, "POST", accounts, local)
		},
		codeIdentityTaken: func(w *world, _ string) reply {
			in(w, "POST", accounts, sample("create-account")).must(201)
			return in(w, "POST", accounts, strings.Replace(sample("create-account"), "x.y", "z.y", 1))
		},
		codeLastAdministrator: func(w *world, _ string) reply {
			id, _ := w.account("root", "administrator")
			return in(w, "DELETE", accounts+"/"+id, "")
		},
		codeTokenNotFound: at("DELETE", "/api/v1/tokens/t_x", ""),
		codeNodeNotFound:  at("DELETE", "/api/v1/nodes/n9", ""),
		codeNodeSilent: func(w *world, _ string) reply {
			w.mesh.status.Nodes = []NodeStatus{{Node: "n9", Role: "edge"}}
			return in(w, "PUT", "/api/v1/nodes/n9/drain", "")
		},
		codeRotationRunning: func(w *world, _ string) reply {
			in(w, "POST", "/api/v1/gossip-key/rotate", "").must(202)
			return in(w, "POST", "/api/v1/gossip-key/rotate", "")
		},
		codeNodeRemoved: func(w *world, _ string) reply {
			w.mesh.status.Nodes = []NodeStatus{{Node: "n9", Role: "edge"}}
			in(w, "DELETE", "/api/v1/nodes/n9", "").must(204)
			return in(w, "DELETE", "/api/v1/nodes/n9", "")
		},
	}
}

// last is the number of the newest entry of the audit log.
func last(w *world) string { return strconv.FormatUint(w.store.State().AuditHead().GetSeq(), 10) }

// invited makes an invite with that secret, past the API.
func (w *world) invited(id, invite, role, account, secret string) [32]byte {
	w.t.Helper()
	hash := sha256.Sum256([]byte(secret))
	w.command(&controlpb.Command{Kind: &controlpb.Command_CreateInvite{CreateInvite: &controlpb.CreateInvite{
		Webinar: id, Id: invite, Name: invite, Role: role, Hash: hash[:], Account: account,
	}}})
	return hash
}

func settingsTitled(title string) *controlpb.Settings { return &controlpb.Settings{Title: title} }
