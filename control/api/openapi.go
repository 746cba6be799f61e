package api

import (
	"encoding/json"
	"fmt"
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
					"token": {Type: "http", Scheme: "bearer", Description: "An API token, sta_..., with the scope that the operation names."},
				},
			},
			Tags: []*huma.Tag{{Name: planning}, {Name: people}, {Name: operation}, {Name: "About"}},
		},
		Formats:                      map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat},
		DefaultFormat:                "application/json",
		RejectUnknownQueryParameters: true,
		Transformers:                 []huma.Transformer{problems},
	}
}

// operation is a line of the table as OpenAPI says it.
func (a *API) operation(r Route) huma.Operation {
	op := huma.Operation{
		OperationID: r.Name, Method: r.Method, Path: r.Path, Summary: r.Summary, Tags: []string{r.Tag},
		DefaultStatus: r.Status, MaxBodyBytes: maxBody + 1, BodyReadTimeout: bodyTimeout,
		Responses: a.refusals(r),
	}
	if len(r.Scopes) > 0 {
		op.Security = []map[string][]string{{"token": {}}}
		op.Description = "Needs an API token with the scope " + strings.Join(strings.Fields(scopeText(r)), " or ") + "."
	}
	return op
}

// codesOf are the codes that a route can answer with.
func codesOf(r Route) []string {
	codes := slices.Clone(r.Refuses)
	if len(r.Scopes) > 0 {
		codes = append(codes, general()...)
	}
	if r.Method == http.MethodPost || r.Method == http.MethodPut {
		codes = append(codes, bodies()...)
	} else {
		codes = append(codes, codeInvalidRequest)
	}
	if r.Writes() {
		codes = append(codes, changes()...)
	}
	if strings.HasPrefix(r.Name, "list-") {
		codes = append(codes, codeInvalidCursor)
	}
	if slices.Contains(r.Refuses, codeVersionMismatch) {
		codes = append(codes, codeInvalidIfMatch)
	}
	return codes
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

// finish checks that every line of the table has a handler, and writes the
// document.
func (a *API) finish() error {
	for _, r := range Routes() {
		if !a.routed[r.Name] {
			return fmt.Errorf("api: the route %s has no handler", r.Name)
		}
	}
	doc := a.huma.OpenAPI()
	delete(doc.Components.Schemas.Map(), "ErrorModel") // huma's own, which never leaves
	delete(doc.Components.Schemas.Map(), "ErrorDetail")
	b, err := json.Marshal(doc)
	if err != nil {
		return fmt.Errorf("api: openapi: %w", err)
	}
	a.document = b
	a.mux.HandleFunc("GET "+documentPath, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/openapi+json")
		_, _ = w.Write(a.document) // a client that is gone does not want it
	})
	return nil
}

// Document returns the OpenAPI document, as JSON.
func (a *API) Document() []byte { return a.document }
