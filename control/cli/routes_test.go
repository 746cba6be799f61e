package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"testing"

	"stentor/control/client"
)

// bodies are what the API takes: for each request that has a body, the type of
// it; nil for those without.
var bodies = map[string]func() any{
	"POST /api/v1/webinars":                                            of[client.CreateWebinar],
	"GET /api/v1/webinars":                                             nil,
	"GET /api/v1/webinars/{id}":                                        nil,
	"PATCH /api/v1/webinars/{id}":                                      of[client.EditWebinar],
	"POST /api/v1/webinars/{id}/end":                                   nil,
	"POST /api/v1/webinars/{id}/link":                                  nil,
	"PUT /api/v1/webinars/{id}/pin":                                    of[client.SetPIN],
	"DELETE /api/v1/webinars/{id}/pin":                                 nil,
	"PUT /api/v1/webinars/{id}/registration":                           of[client.SetRegistration],
	"DELETE /api/v1/webinars/{id}/registration":                        nil,
	"POST /api/v1/webinars/{id}/registration/open":                     nil,
	"POST /api/v1/webinars/{id}/registration/close":                    nil,
	"GET /api/v1/webinars/{id}/registrants":                            nil,
	"GET /api/v1/webinars/{id}/registrants.csv":                        nil,
	"POST /api/v1/webinars/{id}/registrants/decide":                    of[client.DecideRegistrants],
	"POST /api/v1/webinars/{id}/invites":                               of[client.CreateInvite],
	"POST /api/v1/webinars/{id}/invites/batch":                         of[client.CreateInvites],
	"GET /api/v1/webinars/{id}/invites":                                nil,
	"DELETE /api/v1/webinars/{id}/invites/{invite}":                    nil,
	"GET /api/v1/webinars/{id}/participants":                           nil,
	"PATCH /api/v1/webinars/{id}/participants/{participant}":           of[client.EditParticipant],
	"POST /api/v1/webinars/{id}/participants/{participant}/disconnect": of[client.Disconnect],
	"POST /api/v1/webinars/{id}/participants/{participant}/reinvite":   nil,
	"GET /api/v1/webinars/{id}/unconnected":                            nil,
	"GET /api/v1/webinars/{id}/lobby":                                  nil,
	"POST /api/v1/webinars/{id}/lobby/admit":                           of[client.Admit],
	"GET /api/v1/webinars/{id}/bans":                                   nil,
	"DELETE /api/v1/webinars/{id}/bans/{ban}":                          nil,
	"GET /api/v1/webinars/{id}/attendance":                             nil,
	"GET /api/v1/webinars/{id}/attendance.csv":                         nil,
	"POST /api/v1/webinars/{id}/captions":                              of[client.WriteCaption],
	"GET /api/v1/webinars/{id}/chat.csv":                               nil,
	"POST /api/v1/webinars/{id}/recording/start":                       nil,
	"POST /api/v1/webinars/{id}/recording/stop":                        nil,
	"GET /api/v1/webinars/{id}/recordings":                             nil,
	"GET /api/v1/webinars/{id}/recordings/{recording}/{node}/{file}":   nil,
	"GET /api/v1/webinars/{id}/audit":                                  nil,
	"POST /api/v1/webinars/{id}/audit/{seq}/undo":                      nil,
	"GET /api/v1/audit":                                                nil,
	"GET /api/v1/audit/head":                                           nil,
	"GET /api/v1/webinars/{id}/events":                                 nil,
	"POST /api/v1/accounts":                                            of[client.CreateAccount],
	"GET /api/v1/accounts":                                             nil,
	"PATCH /api/v1/accounts/{account}":                                 of[client.EditAccount],
	"DELETE /api/v1/accounts/{account}":                                nil,
	"POST /api/v1/webhooks":                                            of[client.CreateWebhook],
	"GET /api/v1/webhooks":                                             nil,
	"DELETE /api/v1/webhooks/{webhook}":                                nil,
	"POST /api/v1/tokens":                                              of[client.CreateToken],
	"GET /api/v1/tokens":                                               nil,
	"DELETE /api/v1/tokens/{token}":                                    nil,
	"POST /api/v1/join-tokens":                                         of[client.CreateJoinToken],
	"DELETE /api/v1/nodes/{node}":                                      nil,
	"POST /api/v1/gossip-key/rotate":                                   nil,
	"PUT /api/v1/nodes/{node}/drain":                                   nil,
	"DELETE /api/v1/nodes/{node}/drain":                                nil,
	"GET /api/v1/status":                                               nil,
}

func of[T any]() any { return new(T) }

// checked lets a request pass that the API would take: one that it knows, with a
// body of its type and nothing else, and a key if it changes something.
func checked(t *testing.T, next http.Handler) http.Handler {
	mux := http.NewServeMux()
	for pattern, body := range bodies {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if key := r.Header.Get("Idempotency-Key"); (key != "") != (r.Method != "GET") {
				t.Errorf("%s comes with the key %q", pattern, key)
			}
			text, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(text))
			switch {
			case body == nil && len(text) > 0:
				t.Errorf("%s has a body: %s", pattern, text)
			case body != nil:
				dec := json.NewDecoder(bytes.NewReader(text))
				dec.DisallowUnknownFields()
				if err := dec.Decode(body()); err != nil {
					t.Errorf("%s: %s is not its body: %v", pattern, text, err)
				}
				if _, err := dec.Token(); !errors.Is(err, io.EOF) {
					t.Errorf("%s: more than a body: %s", pattern, text)
				}
			}
			next.ServeHTTP(w, r)
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		t.Errorf("no route of the API: %s %s", r.Method, r.URL)
		next.ServeHTTP(w, r)
	})
	return mux
}
