//go:build !race

package filestore

const thin = 1
