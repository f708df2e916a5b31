package main

import (
	"math"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
)

// ticker places labels at round numbers, or where the chart wants them.
type ticker struct {
	at  []float64
	log bool
}

func (t ticker) Ticks(low, high float64) []plot.Tick {
	if len(t.at) > 0 {
		var ticks []plot.Tick
		for _, v := range t.at {
			if v >= low && v <= high {
				ticks = append(ticks, plot.Tick{Value: v, Label: spell(v)})
			}
		}
		return ticks
	}
	if t.log {
		return decades(low, high)
	}
	step := roundStep((high - low) / 7)
	var ticks []plot.Tick
	for i := math.Ceil(low/step - 1e-9); i*step <= high+step*1e-9; i++ {
		ticks = append(ticks, plot.Tick{Value: i * step, Label: spell(i * step)})
	}
	return ticks
}

// roundStep is the least of 1, 2 and 5 times a power of ten that is not below v.
func roundStep(v float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 5} {
		if v <= m*power*(1+1e-9) {
			return m * power
		}
	}
	return 10 * power
}

// decades labels the powers of ten and, where there are few of them, numbers in
// between.
func decades(low, high float64) []plot.Tick {
	few := math.Log10(high/low) < 2.5
	var ticks []plot.Tick
	for e := math.Floor(math.Log10(low)); e <= math.Ceil(math.Log10(high)); e++ {
		for m := 1.0; m < 10; m++ {
			v := m * math.Pow(10, e)
			if v < low*(1-1e-9) || v > high*(1+1e-9) {
				continue
			}
			label := ""
			if m == 1 || few && (m == 2 || m == 5) {
				label = spell(v)
			}
			ticks = append(ticks, plot.Tick{Value: v, Label: label})
		}
	}
	return ticks
}

// spell writes a number as people do: 12,000 and 0.5, not 1.2e+04.
func spell(v float64) string {
	s := strconv.FormatFloat(v, 'g', 10, 64)
	if f, err := strconv.ParseFloat(s, 64); err == nil {
		s = strconv.FormatFloat(f, 'f', -1, 64)
	}
	whole, fraction, dotted := strings.Cut(s, ".")
	sign := ""
	if rest, ok := strings.CutPrefix(whole, "-"); ok {
		whole = rest
		if v != 0 { // 0 has no sign here
			sign = "−"
		}
	}
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if dotted {
		whole += "." + fraction
	}
	return sign + whole
}
