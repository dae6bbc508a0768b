// Command conform writes core/CONFORMANCE.md: each normative statement of
// MQTT 5.0 and MQTT 3.1.1 that binds a client, what this client does about it,
// and the tests that show it. From the root of the workspace:
//
//	go run ./core/internal/conform          write the table, name what is open
//	go run ./core/internal/conform -check   fail when the table is out of date or a statement is open
//
// A test says what it shows with a marker. In Go test files it is a line of the
// comment directly above the test function:
//
//	// Conformance: MQTT-1.5.4-1, MQTT-1.5.4-2
//	func TestStringIsWellFormed(t *testing.T) { ... }
//
// In text files below a testdata folder it is a line of its own:
//
//	# Conformance: MQTT-3.3.1-4, v3:MQTT-3.3.1-4
//
// Statements of MQTT 3.1.1 are written with the prefix v3:. Rules that the
// standard states without a number have identifiers that start with X-. All of
// them are in the folder statements. An identifier that is not there, or a
// marker that belongs to no test, is an error: a marker never gets lost.
//
// All modules named in go.work are read. The emulator is a broker, so a marker
// there speaks for the broker, except in test files that import the client
// (core/mqtt or core/engine).
package main
