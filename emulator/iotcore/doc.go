// Package iotcore holds what can be set about the emulator's AWS IoT Core: [Options] with its quotas, policies and custom
// authorizers. The zero value of everything is the service as it is documented and as it was measured.
package iotcore
