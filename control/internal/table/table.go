// Package table is a sorted persistent map from strings, which the state of the
// control plane is made of. It is not for concurrent building: each change gives a new
// Table, and whoever holds an old one goes on with that.
package table

import (
	"iter"

	"github.com/benbjohnson/immutable"
)

// Table is a sorted persistent map from strings. The zero Table is empty; a changed
// one shares what is the same with the one it came from.
type Table[V any] struct {
	m *immutable.SortedMap[string, V]
}

// At returns what is stored under key.
func (t Table[V]) At(key string) (V, bool) {
	if t.m == nil {
		var none V
		return none, false
	}
	return t.m.Get(key)
}

// With returns t with v under key.
func (t Table[V]) With(key string, v V) Table[V] {
	m := t.m
	if m == nil {
		m = immutable.NewSortedMap[string, V](nil)
	}
	return Table[V]{m.Set(key, v)}
}

// Without returns t with nothing under key.
func (t Table[V]) Without(key string) Table[V] {
	if t.m == nil {
		return t
	}
	return Table[V]{t.m.Delete(key)}
}

// Len is the number of keys.
func (t Table[V]) Len() int {
	if t.m == nil {
		return 0
	}
	return t.m.Len()
}

// All yields keys and values, sorted by key.
func (t Table[V]) All() iter.Seq2[string, V] { return t.From("") }

// From yields keys and values, sorted by key, from the first key that is not before key.
func (t Table[V]) From(key string) iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		if t.m == nil {
			return
		}
		i := t.m.Iterator()
		if key != "" {
			i.Seek(key)
		}
		for !i.Done() {
			k, v, _ := i.Next()
			if !yield(k, v) {
				return
			}
		}
	}
}

// Values yields the values, sorted by key.
func (t Table[V]) Values() iter.Seq[V] {
	return func(yield func(V) bool) {
		for _, v := range t.All() {
			if !yield(v) {
				return
			}
		}
	}
}
