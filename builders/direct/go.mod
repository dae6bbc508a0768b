module github.com/gneiss-mqtt/gneiss-go/builders/direct

go 1.26.0

require (
	github.com/gneiss-mqtt/gneiss-go/core v0.1.0
	golang.org/x/net v0.62.0
)

require golang.org/x/text v0.43.0 // indirect

replace github.com/gneiss-mqtt/gneiss-go/core => ../../core
