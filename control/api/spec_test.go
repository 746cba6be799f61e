package api

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"stentor/control/client"
)

// spec is the OpenAPI document, read by a library that did not write it.
type spec struct {
	doc    *openapi3.T
	router routers.Router
}

// parsed keeps the document once it was read, which takes longer than most tests.
var parsed struct {
	sync.Mutex
	document string
	spec     *spec
}

func newSpec(t testing.TB, document []byte) *spec {
	t.Helper()
	parsed.Lock()
	defer parsed.Unlock()
	if parsed.document == string(document) {
		return parsed.spec
	}
	doc, err := openapi3.NewLoader().LoadFromData(document)
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	router, err := legacy.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	parsed.document, parsed.spec = string(document), &spec{doc, router}
	return parsed.spec
}

// check holds an answer against the document, and a refusal against the tables.
func (s *spec) check(t testing.TB, r *http.Request, out reply) {
	t.Helper()
	if got := out.header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("%s %s: Cache-Control is %q", r.Method, r.URL.Path, got)
	}
	found, params, err := s.router.FindRoute(r)
	if out.status >= 400 {
		checkProblem(t, out, found)
	}
	if err != nil {
		if out.status < 400 && r.URL.Path != documentPath {
			t.Errorf("%s %s: answered %d, and is not in the document", r.Method, r.URL.Path, out.status)
		}
		return
	}
	err = openapi3filter.ValidateResponse(t.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: found},
		Status:                 out.status,
		Header:                 out.header,
		Body:                   io.NopCloser(bytes.NewReader(out.body)),
		Options:                &openapi3filter.Options{IncludeResponseStatus: out.status != http.StatusNotModified},
	})
	if err != nil {
		t.Errorf("%s %s: the answer is not what the document says: %v", r.Method, r.URL.Path, err)
	}
}

// checkProblem holds a refusal against the table of refusals and against the
// codes of its route.
func checkProblem(t testing.TB, out reply, found *routers.Route) {
	t.Helper()
	var p client.Problem
	if err := json.Unmarshal(out.body, &p); err != nil {
		t.Errorf("a refusal is not a problem: %s", out.body)
		return
	}
	k, ok := kindOf(p.Code)
	if !ok || k.Status != out.status || p.Status != out.status || k.Title != p.Title || p.Type != "/api/v1/problems/"+p.Code || p.Detail == "" {
		t.Errorf("a refusal that is not in the table: %d %s", out.status, out.body)
	}
	if got := out.header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("a refusal is %q", got)
	}
	if found != nil && !slices.Contains(codesOf(route(found.Operation.OperationID)), p.Code) {
		t.Errorf("%s is refused with %s, which is not among its codes", found.Operation.OperationID, p.Code)
	}
}

func TestTheDocumentIsOpenAPI31AndHasEveryRoute(t *testing.T) {
	w := newWorld(t)
	out := w.do(ask{method: "GET", path: documentPath}).must(200)
	if !bytes.Equal(out.body, w.api.Document()) {
		t.Error("another document is served")
	}
	if !strings.HasPrefix(w.spec.doc.OpenAPI, "3.1.") {
		t.Errorf("the document is OpenAPI %s", w.spec.doc.OpenAPI)
	}
	documented := map[string]bool{}
	for path, item := range w.spec.doc.Paths.Map() {
		for method, op := range item.Operations() {
			documented[method+" "+path+" "+op.OperationID] = true
		}
	}
	for _, r := range Routes() {
		key := r.Method + " " + r.Path + " " + r.Name
		if !documented[key] {
			t.Errorf("the document lacks %s", key)
		}
		delete(documented, key)
	}
	for key := range documented {
		t.Errorf("the document has %s, the table has not", key)
	}
}

func TestTheDocumentIsTheSameEachTime(t *testing.T) {
	if a, b := newWorld(t).api.Document(), newWorld(t).api.Document(); !bytes.Equal(a, b) {
		t.Error("two documents of the same API differ")
	}
}

func TestTheDocumentBoundsEveryText(t *testing.T) {
	// What the document does not bound, nobody does: a client could send 16 KiB.
	w := newWorld(t)
	for _, name := range []string{"CreateWebinar", "SetPIN", "CreateInvite", "Disconnect", "CreateToken", "CreateJoinToken"} {
		schema := w.spec.doc.Components.Schemas[name].Value
		if schema.AdditionalProperties.Has == nil || *schema.AdditionalProperties.Has {
			t.Errorf("%s takes unknown fields", name)
		}
		for field, p := range schema.Properties {
			if p.Value.Type.Is("string") && p.Value.MaxLength == nil && len(p.Value.Enum) == 0 {
				t.Errorf("%s.%s has no bound", name, field)
			}
		}
	}
}
