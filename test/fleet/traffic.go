package fleet

import (
	"math"
	"math/rand/v2"
	"time"
)

// next returns the first arrival after a time. The rate of a day is a sine with its
// low at midnight, when the simulation begins; arrivals of the highest rate are
// drawn and those beyond the rate of their time are left out.
func (t Traffic) next(after time.Duration, rng *rand.Rand) time.Duration {
	highest := t.Rate * (1 + t.Swing)
	for {
		after += time.Duration(rng.ExpFloat64() / highest * float64(time.Second))
		if t.Swing == 0 || rng.Float64()*highest < t.at(after) {
			return after
		}
	}
}

// at is the rate at a time of the day.
func (t Traffic) at(since time.Duration) float64 {
	return t.Rate * (1 - t.Swing*math.Cos(2*math.Pi*since.Hours()/24))
}

// around spreads a mean: half of it is fixed, the other half exponential. u is in
// [0, 1).
func around(mean time.Duration, u float64) time.Duration {
	return mean/2 - time.Duration(math.Log(1-u)*float64(mean/2))
}

// spread is a mean ±25 %.
func spread(mean time.Duration, rng *rand.Rand) time.Duration {
	return time.Duration(float64(mean) * (0.75 + 0.5*rng.Float64()))
}

// exponential draws from the distribution with a mean.
func exponential(mean time.Duration, rng *rand.Rand) time.Duration {
	return time.Duration(rng.ExpFloat64() * float64(mean))
}
