// Package interop has only tests: the client against brokers that others wrote, and clients that others wrote against
// the emulator.
//
// TestBrokers runs every feature of the client against Mosquitto, mochi-mqtt and the emulator, over TCP and TLS, in
// MQTT 5 and 3.1.1. A feature that a broker does not have or gets wrong is in the table of quirks; nothing is left out
// without being there. TestBrokerDies does it while the broker is killed and comes back, and TestWebSockets both over
// ws and wss. TestPaho5, TestPaho3 and TestMosquittoClients are outside judges of the emulator, and TestPubSub runs the
// sample as its user would.
//
// TestAWSWays takes every way into AWS IoT Core to the emulator, straight and through proxies; TestAWSRefused and the tests of
// rotation take credentials that are wrong, expired or replaced. TestAWSJavaScript runs AWS' own device SDK, which npm installs
// into the user's cache, against the emulator; it is skipped, and says so, where node is not installed.
//
// TestAWSSDK... drive the emulator's control plane and data planes with AWS' own SDK for Go.
//
// Mosquitto has to be installed: its tests are skipped, and say so, where it is not, and fail where
// GNEISS_REQUIRE_EXTERNAL=1 or CI=true is set.
package interop
