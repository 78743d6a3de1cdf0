package guard

import "container/list"

// lru is a table of at most max entries, of which the one that was not used for the longest time goes for a new one.
type lru[K comparable, V any] struct {
	max   int
	m     map[K]*list.Element
	order list.List // of *lruEntry[K, V], the latest used at the back
}

type lruEntry[K comparable, V any] struct {
	key   K
	value V
}

func newLRU[K comparable, V any](max int) *lru[K, V] {
	return &lru[K, V]{max: max, m: map[K]*list.Element{}}
}

// get is the value for k, the zero one where there is none.
func (l *lru[K, V]) get(k K) (v V) {
	if e := l.m[k]; e != nil {
		l.order.MoveToBack(e)
		return e.Value.(*lruEntry[K, V]).value
	}
	return v
}

// put makes v the value for k.
func (l *lru[K, V]) put(k K, v V) {
	if e := l.m[k]; e != nil {
		e.Value.(*lruEntry[K, V]).value = v
		l.order.MoveToBack(e)
		return
	}
	if len(l.m) >= l.max {
		oldest := l.order.Front()
		l.order.Remove(oldest)
		delete(l.m, oldest.Value.(*lruEntry[K, V]).key)
	}
	l.m[k] = l.order.PushBack(&lruEntry[K, V]{k, v})
}
