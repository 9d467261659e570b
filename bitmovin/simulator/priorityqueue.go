package simulator

// priorityQueue is a binary heap. before reports whether a leaves it before b.
type priorityQueue[T any] struct {
	items  []T
	before func(a, b T) bool
}

func (q *priorityQueue[T]) push(v T) {
	q.items = append(q.items, v)
	for i := len(q.items) - 1; i > 0; {
		parent := (i - 1) / 2
		if !q.before(q.items[i], q.items[parent]) {
			return
		}
		q.items[i], q.items[parent] = q.items[parent], q.items[i]
		i = parent
	}
}

// pop removes the first item. The queue must not be empty.
func (q *priorityQueue[T]) pop() T {
	var zero T
	first, last := q.items[0], len(q.items)-1
	q.items[0], q.items[last] = q.items[last], zero
	q.items = q.items[:last]
	for i := 0; ; {
		next := 2*i + 1
		if next >= last {
			return first
		}
		if next+1 < last && q.before(q.items[next+1], q.items[next]) {
			next++
		}
		if !q.before(q.items[next], q.items[i]) {
			return first
		}
		q.items[i], q.items[next] = q.items[next], q.items[i]
		i = next
	}
}
