module github.com/gneiss-mqtt/gneiss-go/services/provisioning

go 1.26.0

require (
	github.com/fxamacker/cbor/v2 v2.9.6
	github.com/gneiss-mqtt/gneiss-go/core v0.1.0
)

require github.com/x448/float16 v0.8.4 // indirect

replace github.com/gneiss-mqtt/gneiss-go/core => ../../core
