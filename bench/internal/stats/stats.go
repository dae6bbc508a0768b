// Package stats summarises the rounds of a measurement.
package stats

import (
	"math"
	"slices"
)

// Median of the values; NaN for none. The median of an even number is the mean
// of the two in the middle.
func Median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// Spread is half the range of the values over their median: 0.1 for values
// that lie within ten per cent of it. NaN for none.
func Spread(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	return (slices.Max(values) - slices.Min(values)) / 2 / Median(values)
}

// Ratio is a/b, or NaN where it says nothing.
func Ratio(a, b float64) float64 {
	if !(a > 0) || !(b > 0) {
		return math.NaN()
	}
	return a / b
}
