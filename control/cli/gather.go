package cli

import (
	"errors"
	"fmt"

	"stentor/control/client"
)

// pageSize is how many entries one call asks for: the most that the API gives.
const pageSize = 200

// Listing are the flags of every list that has pages.
type Listing struct {
	Remote
	Limit int `default:"100" help:"At most so many."`
}

// view is how a list is printed: the heading of its columns, the sentence where
// there is nothing, and one entry.
type view[T any] struct {
	heading, empty string
	id             func(T) string
	row            func(T) []string
}

// listed is a list as --json prints it.
type listed[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty"`
}

// printList reads a list page by page and prints it.
func printList[T any, L client.List[T]](e *Env, l Listing, v view[T], page func(client.Page) (L, error)) error {
	list, more, err := gather(l.Limit, page)
	if err != nil {
		return err
	}
	defer e.tellMore(more, l.Limit)
	return v.print(e, l.Remote, list, listed[T]{Items: list, Next: more})
}

// print prints list as a table, as ids, or whole as JSON.
func (v view[T]) print(e *Env, r Remote, list []T, whole any) error {
	switch {
	case r.JSON:
		return printJSON(e.Stdout, whole)
	case r.Quiet:
		for _, item := range list {
			if _, err := fmt.Fprintln(e.Stdout, plain(v.id(item))); err != nil {
				return err
			}
		}
		return nil
	case len(list) == 0:
		return nothing(e.Stdout, v.empty)
	}
	rows := make([][]string, len(list))
	for i, item := range list {
		rows[i] = v.row(item)
	}
	return table(e.Stdout, v.heading, rows)
}

// gather reads a list page by page until it has limit entries, and returns the
// cursor of what was left, "" when that is nothing.
func gather[T any, L client.List[T]](limit int, page func(client.Page) (L, error)) ([]T, string, error) {
	if limit < 1 {
		return nil, "", Usage(errors.New("--limit has to be at least 1"))
	}
	all, cursor := []T{}, ""
	for {
		list, err := page(client.Page{Limit: min(limit-len(all), pageSize), Cursor: cursor})
		if err != nil {
			return nil, "", err
		}
		items, next := list.Entries()
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
		e.hint("there are more than %d; --limit shows them", limit)
	}
}

// hint writes a hint beside what a command prints.
func (e *Env) hint(format string, values ...any) {
	fmt.Fprintln(e.Stderr, "stentor: hint: "+plain(fmt.Sprintf(format, values...)))
}

// say prints what one call brought: as JSON, as the one text that a next command
// needs, or as lines of a name and a value.
func (r Remote) say(e *Env, whole any, needed string, pairs ...string) error {
	switch {
	case r.JSON:
		return printJSON(e.Stdout, whole)
	case r.Quiet && needed == "":
		return nil
	case r.Quiet:
		return nothing(e.Stdout, plain(needed))
	}
	return sheet(e.Stdout, pairs...)
}

// done prints a sentence about what a call did that answers with nothing.
func (r Remote) done(e *Env, err error, format string, values ...any) error {
	if err != nil || r.JSON || r.Quiet {
		return err
	}
	return nothing(e.Stdout, plain(fmt.Sprintf(format, values...)))
}
