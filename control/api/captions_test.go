package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"stentor/control/client"
	"stentor/control/webinar"
)

// board is a talk that shows captions.
type board struct{ shown []string }

func (b *board) Caption(_ context.Context, id, by string, c client.WriteCaption) error {
	switch c.Language {
	case "xx-fast":
		return &webinar.Denial{Code: "too_fast"}
	case "xx-alone":
		return &webinar.Denial{Code: "cut_off", Detail: "This node cannot reach the others now."}
	case "no tag":
		return &webinar.Denial{Code: "caption_language", Detail: "No."}
	}
	if len(c.Text) > 200 {
		return &webinar.Denial{Code: "caption_invalid", Detail: "No."}
	}
	b.shown = append(b.shown, strings.Join([]string{id, by, c.Key, c.Language, c.Text}, " "))
	return nil
}

func TestSoftwareWritesCaptions(t *testing.T) {
	w := newWorld(t)
	c := newCast(w, "live", w.hostID)
	b := &w.board
	at := "/api/v1/webinars/" + c.id + "/captions"
	post := func(token, key string, in client.WriteCaption) reply {
		body, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		a := ask{method: "POST", path: at, token: token, body: string(body)}
		if key != "" {
			a.header = http.Header{"Idempotency-Key": {key}}
		}
		return w.do(a)
	}
	line := client.WriteCaption{Language: "de", Text: "Guten Tag.", Key: "17"}
	post(w.host, "", line).must(204)
	if len(b.shown) != 1 || b.shown[0] != c.id+" "+w.hostID+" 17 de Guten Tag." {
		t.Fatalf("%q", b.shown)
	}
	line.Key = ""
	post(w.host, "again-1", line).must(204)
	post(w.host, "again-1", line).must(204)
	post(w.host, "", line).must(204)
	if len(b.shown) != 4 || b.shown[1] != b.shown[2] || b.shown[3] == b.shown[2] {
		t.Errorf("a request that is repeated has the same key, and another a new one: %q", b.shown)
	}
	for _, test := range []struct {
		name  string
		token string
		in    client.WriteCaption
		code  string
	}{
		{"another host's token", w.other, line, codeWebinarNotFound},
		{"nobody", "", line, codeTokenRequired},
		{"no text", w.host, client.WriteCaption{Language: "de"}, codeInvalidRequest},
		{"a text that is too long", w.host, client.WriteCaption{Language: "de", Text: strings.Repeat("x", 201)}, codeCaptionInvalid},
		{"what is no language", w.host, client.WriteCaption{Language: "no tag", Text: "x"}, codeCaptionLanguage},
		{"too many", w.host, client.WriteCaption{Language: "xx-fast", Text: "x"}, codeTooManyRequests},
		{"a mesh in pieces", w.host, client.WriteCaption{Language: "xx-alone", Text: "x"}, codeNodeSilent},
	} {
		t.Run(test.name, func(t *testing.T) {
			post(test.token, "", test.in).refused(test.code)
		})
	}
	w.do(ask{method: "POST", path: "/api/v1/webinars/" + c.id + "/end", token: w.host}).must(200)
	post(w.host, "", line).refused(codeEnded)
}
