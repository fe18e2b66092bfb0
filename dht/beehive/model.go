package beehive

import "math"

// Model is a network whose records are asked for by Zipf's law: the record of
// rank r with a probability proportional to r^-Alpha.
type Model struct {
	Base    int     // values of a digit
	Peers   float64 // N
	Records float64 // M
	Alpha   float64
	Hops    float64 // C, the mean that is wanted
}

// alphaOne is how near to 1 an exponent counts as 1: beyond it the general form
// still has seven digits.
const alphaOne = 1e-6

// Fractions returns for each level i below k' the fraction of the records, the
// most popular ones, that lie at level i or a lower one; all others lie at level
// k', which is the length of the result. It is the closed form of Beehive,
// section 3: the least copies per peer with a mean of Hops, where a lookup of
// what lies at level i takes i hops. k' begins at log N and is lowered until no
// fraction exceeds 1; it is 0 if the mean holds without copies.
func (m Model) Fractions() []float64 {
	if m.Peers <= 1 || m.Records < 1 {
		return nil
	}
	const slack = 1e-9 // log_16 256 is 2
	k := int(math.Ceil(math.Log(m.Peers)/math.Log(float64(m.Base)) - slack))
	for ; k > 0 && m.Hops < float64(k); k-- {
		if x := m.fractions(k); x[k-1] <= 1 {
			return x
		}
	}
	return nil
}

func (m Model) fractions(k int) []float64 {
	b, x := float64(m.Base), make([]float64, k)
	if math.Abs(1-m.Alpha) < alphaOne {
		for i := range x {
			x[i] = math.Pow(m.Records, -m.Hops/float64(k)) * math.Pow(b, float64(i)-float64(k-1)/2)
		}
		return x
	}
	d, sum := math.Pow(b, (1-m.Alpha)/m.Alpha), 0.
	for i := range x {
		sum += math.Pow(d, float64(i))
	}
	c := m.Hops * (1 - math.Pow(m.Records, m.Alpha-1))
	for i := range x {
		x[i] = math.Pow(math.Pow(d, float64(i))*(float64(k)-c)/sum, 1/(1-m.Alpha))
	}
	return x
}

// Storage returns the fraction of all records that lie on a peer if Fractions
// is followed.
func (m Model) Storage() float64 {
	x, b := m.Fractions(), float64(m.Base)
	sum := 0.
	for i, f := range x {
		sum += f * math.Pow(b, -float64(i))
	}
	return sum*(1-1/b) + math.Pow(b, -float64(len(x)))
}
