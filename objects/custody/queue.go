package custody

import "container/heap"

// Queue holds extents that wait for repair, the most urgent first; of equals
// the one that came first. The zero value is empty.
type Queue[ID comparable] struct {
	items waiting[ID]
	at    map[ID]*item[ID]
	next  uint64
}

type item[ID comparable] struct {
	id      ID
	verdict Verdict
	came    uint64
	index   int
}

// Len returns how many wait.
func (q *Queue[ID]) Len() int { return len(q.items) }

// Set puts an extent in its place, or moves it there if it waits already. One
// that is at rest, or beyond repair, is taken out.
func (q *Queue[ID]) Set(id ID, v Verdict) {
	it := q.at[id]
	wants := v.Class == Permanent || v.Class == Transient
	switch {
	case it == nil && wants:
		if q.at == nil {
			q.at = make(map[ID]*item[ID])
		}
		it = &item[ID]{id: id, verdict: v, came: q.next}
		q.next++
		q.at[id] = it
		heap.Push(&q.items, it)
	case it != nil && wants:
		it.verdict = v
		heap.Fix(&q.items, it.index)
	case it != nil:
		q.Remove(id)
	}
}

// Remove takes an extent out, if it waits.
func (q *Queue[ID]) Remove(id ID) {
	if it := q.at[id]; it != nil {
		heap.Remove(&q.items, it.index)
		delete(q.at, id)
	}
}

// Pop takes out the most urgent; ok is false if none waits.
func (q *Queue[ID]) Pop() (id ID, v Verdict, ok bool) {
	if len(q.items) == 0 {
		return id, v, false
	}
	it := heap.Pop(&q.items).(*item[ID])
	delete(q.at, it.id)
	return it.id, it.verdict, true
}

// waiting implements heap.Interface.
type waiting[ID comparable] []*item[ID]

func (w waiting[ID]) Len() int { return len(w) }

func (w waiting[ID]) Less(i, j int) bool {
	a, b := w[i], w[j]
	if a.verdict.Before(b.verdict) || b.verdict.Before(a.verdict) {
		return a.verdict.Before(b.verdict)
	}
	return a.came < b.came
}

func (w waiting[ID]) Swap(i, j int) {
	w[i], w[j] = w[j], w[i]
	w[i].index, w[j].index = i, j
}

func (w *waiting[ID]) Push(x any) {
	it := x.(*item[ID])
	it.index = len(*w)
	*w = append(*w, it)
}

func (w *waiting[ID]) Pop() any {
	old := *w
	it := old[len(old)-1]
	old[len(old)-1] = nil
	*w = old[:len(old)-1]
	return it
}
