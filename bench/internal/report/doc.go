// Package report prints the comparison as plain text tables.
package report
