package beehive

import "math"

const (
	// alphaUsual is what is assumed of popularity until enough has been seen:
	// what was measured of DNS.
	alphaUsual = .91
	// fitsMax is over how many intervals fits of the exponent are averaged. One
	// taken while popularity changes may be far off.
	fitsMax = 5
)

// Judge knows from which rate on a record belongs to which level. The zero
// Judge places nothing.
type Judge struct {
	fits   float64
	alpha  float64
	model  Model
	levels Levels
}

// Learn takes the sum over all peers of the last interval, and the mean of hops
// that is wanted.
func (j *Judge) Learn(total *Summary, hops float64) {
	if j.fits == 0 {
		j.alpha = alphaUsual
	}
	if alpha, ok := total.fit(); ok {
		j.fits = min(j.fits+1, fitsMax)
		j.alpha += (alpha - j.alpha) / j.fits
	}
	j.model = Model{Base: Base, Peers: float64(total.Peers), Records: total.Records(), Alpha: j.alpha, Hops: hops}
	fractions := j.model.Fractions()
	j.levels = make(Levels, len(fractions))
	for i, x := range fractions {
		j.levels[i] = total.rateAt(math.Ceil(x * j.model.Records))
	}
}

// Model returns the network as it was last seen.
func (j *Judge) Model() Model { return j.model }
