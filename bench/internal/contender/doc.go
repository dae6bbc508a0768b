// Package contender drives each measured MQTT client in the fastest way its
// documentation offers, behind one small interface.
//
// All of them connect with a clean start and no keep alive, over plain TCP.
// Everything else is the library's default.
package contender
