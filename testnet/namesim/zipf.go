package namesim

import (
	"math"
	"math/rand/v2"
)

// zipf draws ranks from 0 on with a probability proportional to (rank+1)^-s,
// for any s, by the alias method (Walker, 1977). math/rand has it for s > 1
// only.
type zipf struct {
	keep  []float32
	alias []int32
}

func newZipf(n int, s float64) *zipf {
	weights, sum := make([]float64, n), 0.
	for i := range weights {
		weights[i] = math.Pow(float64(i+1), -s)
		sum += weights[i]
	}
	z := &zipf{make([]float32, n), make([]int32, n)}
	var small, large []int32
	for i := range weights {
		weights[i] *= float64(n) / sum
		if weights[i] < 1 {
			small = append(small, int32(i))
		} else {
			large = append(large, int32(i))
		}
	}
	for len(small) > 0 && len(large) > 0 {
		s, l := small[len(small)-1], large[len(large)-1]
		small = small[:len(small)-1]
		z.keep[s], z.alias[s] = float32(weights[s]), l
		if weights[l] -= 1 - weights[s]; weights[l] < 1 {
			large = large[:len(large)-1]
			small = append(small, l)
		}
	}
	for _, i := range append(small, large...) {
		z.keep[i] = 1
	}
	return z
}

func (z *zipf) draw(r *rand.Rand) int {
	i := r.IntN(len(z.keep))
	if r.Float32() < z.keep[i] {
		return i
	}
	return int(z.alias[i])
}
