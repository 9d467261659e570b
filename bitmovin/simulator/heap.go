package simulator

// heap is a binary heap; before reports whether a leaves it before b.
type heap[T any] struct {
	items  []T
	before func(a, b T) bool
}

func (h *heap[T]) push(v T) {
	h.items = append(h.items, v)
	for i := len(h.items) - 1; i > 0; {
		parent := (i - 1) / 2
		if !h.before(h.items[i], h.items[parent]) {
			return
		}
		h.items[i], h.items[parent] = h.items[parent], h.items[i]
		i = parent
	}
}

// pop removes the first item; the heap must not be empty.
func (h *heap[T]) pop() T {
	var zero T
	first, last := h.items[0], len(h.items)-1
	h.items[0], h.items[last] = h.items[last], zero
	h.items = h.items[:last]
	for i := 0; ; {
		next := 2*i + 1
		if next >= last {
			return first
		}
		if next+1 < last && h.before(h.items[next+1], h.items[next]) {
			next++
		}
		if !h.before(h.items[next], h.items[i]) {
			return first
		}
		h.items[i], h.items[next] = h.items[next], h.items[i]
		i = next
	}
}
