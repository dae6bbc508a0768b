package report

import (
	"fmt"
	"math"
	"strconv"
)

// rate prints messages per second with three digits: 905, 41.2k, 3.82M.
func rate(v float64) string {
	switch {
	case math.IsNaN(v):
		return "-"
	case v >= 999_500:
		return digits(v/1e6) + "M"
	case v >= 999.5:
		return digits(v/1e3) + "k"
	}
	return digits(v)
}

// digits prints three significant digits of a positive number, whole numbers
// whole.
func digits(v float64) string {
	switch {
	case math.IsNaN(v):
		return "-"
	case v >= 99.95:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 9.995:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}

func times(v float64) string {
	if math.IsNaN(v) {
		return "-"
	}
	return digits(v) + "x"
}

func percent(v float64) string {
	if math.IsNaN(v) {
		return "-"
	}
	return fmt.Sprintf("%.0f%%", v*100)
}

func kib(v float64) string {
	if math.IsNaN(v) {
		return "-"
	}
	return strconv.FormatFloat(max(0, v)/1024, 'f', 1, 64)
}
