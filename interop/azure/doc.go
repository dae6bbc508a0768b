// Package azure holds the tests of the Azure builder against the emulator of Azure's services.
package azure
