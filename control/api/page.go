package api

import (
	"encoding/base64"
	"iter"
	"strings"

	"stentor/control/client"
)

// Paged are the parameters of a list.
type Paged struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"At most so many."`
	Cursor string `query:"cursor" maxLength:"200" doc:"next of the page before."`
}

// after returns the place where the page before ended, "" on the first one.
// list names the list, so that a cursor of another one is refused.
func (p Paged) after(list string) (string, error) {
	if p.Cursor == "" {
		return "", nil
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(p.Cursor)
	place, ok := strings.CutPrefix(string(b), list+":")
	if err != nil || !ok || place == "" {
		return "", refuse(codeInvalidCursor, "", client.FieldError{Location: "query.cursor", Message: "does not come from this list"})
	}
	return place, nil
}

// cursor is the place in a list after which the next page begins.
func cursor(list, place string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(list + ":" + place))
}

// cut returns the page of items, which are in the order of place, and the cursor
// of the next one.
func cut[T any](p Paged, list string, items []T, place func(T) string) ([]T, string, error) {
	after, err := p.after(list)
	if err != nil {
		return nil, "", err
	}
	begin := 0
	for after != "" && begin < len(items) && place(items[begin]) <= after {
		begin++
	}
	items = items[begin:]
	if len(items) <= p.Limit {
		return items, "", nil
	}
	items = items[:p.Limit]
	return items, cursor(list, place(items[len(items)-1])), nil
}

// cutSeq is cut for what comes one after the other, in the order of place.
func cutSeq[T any](p Paged, list string, items iter.Seq[T], place func(T) string) ([]T, string, error) {
	after, err := p.after(list)
	if err != nil {
		return nil, "", err
	}
	var page []T
	for item := range items {
		if after != "" && place(item) <= after {
			continue
		}
		if len(page) == p.Limit {
			return page, cursor(list, place(page[len(page)-1])), nil
		}
		page = append(page, item)
	}
	return page, "", nil
}
