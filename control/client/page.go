package client

import (
	"iter"
	"net/url"
	"strconv"
)

// Page asks for a part of a list. The zero Page is the first one, of the
// server's own size.
type Page struct {
	Limit  int
	Cursor string
}

func (p Page) query() string { return p.with(url.Values{}) }

// with is the query of the page and of what else narrows the list.
func (p Page) with(q url.Values) string {
	if p.Limit > 0 {
		q.Set("limit", strconv.Itoa(p.Limit))
	}
	if p.Cursor != "" {
		q.Set("cursor", p.Cursor)
	}
	if len(q) == 0 {
		return ""
	}
	return "?" + q.Encode()
}

// List is a page of a list: what is on it, and the cursor of the next one ("":
// there is none).
type List[T any] interface {
	Entries() (items []T, next string)
}

// Each goes through a list from its beginning, page by page, until its end or the
// first error, which is the last that it yields:
//
//	for b, err := range client.Each(func(p client.Page) (client.Bans, error) { return c.Bans(ctx, id, p) }) {
func Each[T any, L List[T]](page func(Page) (L, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		for p := (Page{Limit: largestPage}); ; {
			list, err := page(p)
			if err != nil {
				yield(none, err)
				return
			}
			items, next := list.Entries()
			for _, item := range items {
				if !yield(item, nil) {
					return
				}
			}
			if next == "" || next == p.Cursor {
				return
			}
			p.Cursor = next
		}
	}
}

// largestPage is the most that the server puts on a page.
const largestPage = 200

// Entries returns the page and the cursor of the next one.
func (l Webinars) Entries() ([]Webinar, string) { return l.Items, l.Next }

// Entries returns the page and the cursor of the next one.
func (l Registrants) Entries() ([]Registrant, string) { return l.Items, l.Next }

// Entries returns the page and the cursor of the next one.
func (l Invites) Entries() ([]Invite, string) { return l.Items, l.Next }

// Entries returns the page and the cursor of the next one.
func (l Bans) Entries() ([]Ban, string) { return l.Items, l.Next }

// Entries returns the page and the cursor of the next one.
func (l UnconnectedList) Entries() ([]Unconnected, string) { return l.Items, l.Next }

// Entries returns the page and the cursor of the next one.
func (l AttendanceList) Entries() ([]Attendance, string) { return l.Items, l.Next }

// Entries returns the page and the cursor of the next one.
func (l Audit) Entries() ([]AuditEntry, string) { return l.Items, l.Next }

// Entries returns the page and the cursor of the next one.
func (l Accounts) Entries() ([]Account, string) { return l.Items, l.Next }

// Entries returns the page and the cursor of the next one.
func (l Tokens) Entries() ([]Token, string) { return l.Items, l.Next }

// Entries returns the page and the cursor of the next one.
func (l Webhooks) Entries() ([]Webhook, string) { return l.Items, l.Next }
