package cli

import (
	"errors"
	"fmt"

	"stentor/control/client"
)

// pageSize is how many entries one call asks for: the most that the API gives.
const pageSize = 200

// gather reads a list page by page until it has limit entries, and returns the
// cursor of what was left, "" when that is nothing.
func gather[T any](limit int, page func(client.Page) ([]T, string, error)) ([]T, string, error) {
	if limit < 1 {
		return nil, "", Usage(errors.New("--limit has to be at least 1"))
	}
	all, cursor := []T{}, ""
	for {
		items, next, err := page(client.Page{Limit: min(limit-len(all), pageSize), Cursor: cursor})
		if err != nil {
			return nil, "", err
		}
		all = append(all, items...)
		if next == "" || len(items) == 0 || len(all) >= limit {
			return all, next, nil
		}
		cursor = next
	}
}

// tellMore says that a list went on after limit.
func (e *Env) tellMore(next string, limit int) {
	if next != "" {
		fmt.Fprintf(e.Stderr, "stentor: hint: there are more than %d; --limit shows them\n", limit)
	}
}
