package webinar

import (
	"iter"

	"github.com/benbjohnson/immutable"
)

// table is a sorted persistent map from strings. The zero table is empty; a changed
// one shares what is the same with the one it came from.
type table[V any] struct {
	m *immutable.SortedMap[string, V]
}

func (t table[V]) get(key string) (V, bool) {
	if t.m == nil {
		var none V
		return none, false
	}
	return t.m.Get(key)
}

func (t table[V]) with(key string, v V) table[V] {
	m := t.m
	if m == nil {
		m = immutable.NewSortedMap[string, V](nil)
	}
	return table[V]{m.Set(key, v)}
}

func (t table[V]) without(key string) table[V] {
	if t.m == nil {
		return t
	}
	return table[V]{t.m.Delete(key)}
}

func (t table[V]) len() int {
	if t.m == nil {
		return 0
	}
	return t.m.Len()
}

func (t table[V]) values() iter.Seq[V] {
	return func(yield func(V) bool) {
		if t.m == nil {
			return
		}
		for i := t.m.Iterator(); !i.Done(); {
			_, v, _ := i.Next()
			if !yield(v) {
				return
			}
		}
	}
}
