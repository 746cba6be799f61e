package api

import (
	"bytes"
	"encoding/json"
	"errors"
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
	spec *spec
}

func newSpec(t testing.TB, a *API) *spec {
	t.Helper()
	parsed.Lock()
	defer parsed.Unlock()
	if parsed.spec != nil { // of the same code, it is the same
		return parsed.spec
	}
	doc, err := openapi3.NewLoader().LoadFromData(a.Document())
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
	plain := func(body io.Reader, _ http.Header, _ *openapi3.SchemaRef, _ openapi3filter.EncodingFn) (any, error) {
		b, err := io.ReadAll(body)
		return string(b), err
	}
	for _, media := range []string{mediaCSV, mediaEvents, mediaFile} {
		openapi3filter.RegisterBodyDecoder(media, plain)
	}
	parsed.spec = &spec{doc, router}
	return parsed.spec
}

// check holds an answer against the document, and a refusal against the tables.
func (s *spec) check(t testing.TB, r *http.Request, out reply) {
	t.Helper()
	if got := out.header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("%s %s: Cache-Control is %q", r.Method, r.URL.Path, got)
	}
	found, params, err := s.router.FindRoute(r)
	if out.status == http.StatusMethodNotAllowed { // which the library takes for another route
		found, err = nil, errors.New("no route")
	}
	if out.status >= 400 {
		checkProblem(t, out, found)
	}
	if err != nil {
		if out.status < 400 && r.URL.Path != documentPath {
			t.Errorf("%s %s: answered %d, and is not in the document", r.Method, r.URL.Path, out.status)
		}
		return
	}
	if out.status < 300 {
		carriedOut.Lock()
		carriedOut.by[found.Operation.OperationID] = true
		carriedOut.Unlock()
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

// carriedOut are the operations that were carried out in some test.
var carriedOut = struct {
	sync.Mutex
	by map[string]bool
}{by: map[string]bool{}}

func TestTheDocumentIsTheSameEachTime(t *testing.T) {
	if a, b := newWorld(t).api.Document(), newWorld(t).api.Document(); !bytes.Equal(a, b) {
		t.Error("two documents of the same API differ")
	}
}

func TestTheDocumentBoundsEveryText(t *testing.T) {
	// What the document does not bound, nobody does: a client could send 16 KiB.
	w := newWorld(t)
	bodies := 0
	for _, item := range w.spec.doc.Paths.Map() {
		for _, op := range item.Operations() {
			for _, p := range op.Parameters {
				bounded(t, op.OperationID+" "+p.Value.Name, p.Value.Schema)
			}
			if op.RequestBody != nil {
				bodies++
				bounded(t, op.OperationID, op.RequestBody.Value.Content.Get("application/json").Schema)
			}
		}
	}
	if bodies != 20 {
		t.Errorf("%d operations have a body", bodies)
	}
}

// bounded fails the test for whatever of a schema can have any size.
func bounded(t *testing.T, at string, ref *openapi3.SchemaRef) {
	s := ref.Value
	switch {
	case s.Type.Is("object") && s.AdditionalProperties.Schema != nil:
		if s.MaxProps == nil {
			t.Errorf("%s takes any number of fields", at)
		}
		bounded(t, at+".*", s.AdditionalProperties.Schema)
	case s.Type.Is("object"):
		if s.AdditionalProperties.Has == nil || *s.AdditionalProperties.Has {
			t.Errorf("%s takes unknown fields", at)
		}
		for name, p := range s.Properties {
			if name != "$schema" {
				bounded(t, at+"."+name, p)
			}
		}
	case s.Type.Is("array"):
		if s.MaxItems == nil {
			t.Errorf("%s is a list of any length", at)
		}
		bounded(t, at+"[]", s.Items)
	case s.Type.Is("string"):
		if s.MaxLength == nil && len(s.Enum) == 0 && s.Format != "date-time" {
			t.Errorf("%s is a text of any length", at)
		}
	case s.Type.Is("integer"), s.Type.Is("number"):
		if s.Max == nil || s.Min == nil {
			t.Errorf("%s is any number", at)
		}
	case !s.Type.Is("boolean"):
		t.Errorf("%s is of any type", at)
	}
}
