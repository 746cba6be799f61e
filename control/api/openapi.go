package api

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"stentor/control/client"
)

// documentPath is where the OpenAPI document is.
const documentPath = "/api/v1/openapi.json"

// humaConfig is huma without what it would serve beside: no pages of
// documentation from elsewhere, no links to schemas, JSON alone.
func (a *API) humaConfig() huma.Config {
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title:       "Stentor control API",
				Version:     a.Version,
				Description: "Plan and run webinars, and look at the mesh. Every refusal is application/problem+json (RFC 9457) with a stable code; /api/v1/problems lists them.",
				License:     &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"},
			},
			Components: &huma.Components{
				Schemas: huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer),
				SecuritySchemes: map[string]*huma.SecurityScheme{
					"token":   {Type: "http", Scheme: "bearer", Description: "An API token, sta_..., with the scope host or admin."},
					"account": {Type: "apiKey", In: "cookie", Name: "__Host-stentor", Description: "The cookie of somebody who has signed in with an account."},
					"session": {Type: "http", Scheme: "bearer", Description: "The session token of a participant, sts1...., or the secret of a personal link, sti_..., for their own webinar."},
				},
			},
			Tags: []*huma.Tag{{Name: planning}, {Name: signUp}, {Name: people}, {Name: signIn}, {Name: record}, {Name: mesh}, {Name: about}},
		},
		Formats:                      map[string]huma.Format{"application/json": jsonFormat(), "json": jsonFormat()},
		DefaultFormat:                "application/json",
		RejectUnknownQueryParameters: true,
		Transformers:                 []huma.Transformer{problems},
	}
}

// jsonFormat writes JSON with < > & escaped, so that no browser ever takes an answer for
// a page, whatever people call themselves.
func jsonFormat() huma.Format {
	return huma.Format{
		Marshal:   func(w io.Writer, v any) error { return json.NewEncoder(w).Encode(v) },
		Unmarshal: json.Unmarshal,
	}
}

// operation is a route as OpenAPI says it.
func (a *API) operation(r Route) huma.Operation {
	op := huma.Operation{
		OperationID: r.Name, Method: r.Method, Path: r.Path, Summary: r.Summary, Tags: []string{r.Tag},
		DefaultStatus: r.Status, MaxBodyBytes: int64(r.maxBytes()) + 1, BodyReadTimeout: bodyTimeout,
		Responses: a.refusals(r), Description: "For " + r.Right.Name + ".",
	}
	if !r.Right.open() {
		op.Security = []map[string][]string{{"token": {}}, {"account": {}}, {"session": {}}}
	}
	if r.Media != "" {
		op.Responses[strconv.Itoa(r.Status)] = &huma.Response{
			Description: "OK", Content: map[string]*huma.MediaType{r.Media: {Schema: &huma.Schema{Type: huma.TypeString}}},
		}
		if r.Media == mediaEvents {
			schema := a.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[client.Event](), true, "Event")
			op.Responses[strconv.Itoa(r.Status)].Description = "A stream of events (WHATWG HTML, server-sent events). The data of each is " + schema.Ref + "."
		}
	}
	return op
}

// refusals are the responses of a route that say no, by their status.
func (a *API) refusals(r Route) map[string]*huma.Response {
	schema := a.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[client.Problem](), true, "Problem")
	byStatus := map[string][]string{}
	for _, code := range codesOf(r) {
		k, _ := kindOf(code)
		status := strconv.Itoa(k.Status)
		if !slices.Contains(byStatus[status], code) {
			byStatus[status] = append(byStatus[status], code)
		}
	}
	responses := map[string]*huma.Response{}
	for status, codes := range byStatus {
		responses[status] = &huma.Response{
			Description: "code: " + strings.Join(codes, ", "),
			Content:     map[string]*huma.MediaType{"application/problem+json": {Schema: schema}},
		}
	}
	return responses
}

// finish checks that every route has a handler, and serves the document.
func (a *API) finish() error {
	for _, r := range Routes() {
		if !a.routed[r.Name] {
			return fmt.Errorf("api: the route %s has no handler", r.Name)
		}
	}
	a.boundMaps()
	doc := a.huma.OpenAPI()
	delete(doc.Components.Schemas.Map(), "ErrorModel") // huma's own, which never leaves
	delete(doc.Components.Schemas.Map(), "ErrorDetail")
	a.mux.HandleFunc("GET "+documentPath, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/openapi+json")
		_, _ = w.Write(a.Document()) // a client that is gone does not want it
	})
	return nil
}

// The bounds of one answer in a form, beside those that webinar.Registration has.
const (
	maxAnswers    = 50
	maxAnswer     = 20
	maxAnswerText = 4000
)

// boundMaps bounds the answers of a form, which tags of Go cannot say.
func (a *API) boundMaps() {
	register := a.huma.OpenAPI().Components.Schemas.Map()["Register"]
	fields := register.Properties["fields"]
	most, values, length := maxAnswers, maxAnswer, maxAnswerText
	fields.MaxProperties = &most
	list := fields.AdditionalProperties.(*huma.Schema)
	list.Nullable, list.MaxItems, list.Items.MaxLength = false, &values, &length
	list.Items.PrecomputeMessages()
	list.PrecomputeMessages()
	fields.PrecomputeMessages()
}

// Document returns the OpenAPI document, as JSON.
func (a *API) Document() []byte { return a.document() }

// written is the document, once somebody wants it: nodes start faster without.
func (a *API) written() []byte {
	b, err := json.Marshal(a.huma.OpenAPI())
	if err != nil {
		panic("api: openapi: " + err.Error()) // of what is in the code alone: a test has it written
	}
	return b
}
