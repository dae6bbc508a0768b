// Package fleet has only tests: the services' clients end to end, against the emulator of AWS IoT Core over TLS.
//
// TestFleet is many devices in one process: each is provisioned by claim, keeps a shadow in sync that two others write to
// as well, and does one job, while connections break at random places. GNEISS_LONG=1 makes it 1,000 devices, GNEISS_FLEET
// any number, and GNEISS_SEED repeats what was random. TestRefused... provoke every refusal that the services have,
// TestNonsense... what they never send.
package fleet
