// Package layers has no code, only tests of the shape of the project: who may import whom, and what the layers without
// I/O may do. The linter knows some of these rules too; these tests hold without it.
package layers
