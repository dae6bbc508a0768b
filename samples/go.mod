module github.com/gneiss-mqtt/gneiss-go/samples

go 1.26.0

require (
	github.com/gneiss-mqtt/gneiss-go/builders/direct v0.1.0
	github.com/gneiss-mqtt/gneiss-go/core v0.1.0
	github.com/gneiss-mqtt/gneiss-go/emulator v0.1.0
)

require (
	golang.org/x/net v0.62.0 // indirect
	golang.org/x/text v0.43.0 // indirect
)

replace (
	github.com/gneiss-mqtt/gneiss-go/builders/direct => ../builders/direct
	github.com/gneiss-mqtt/gneiss-go/core => ../core
	github.com/gneiss-mqtt/gneiss-go/emulator => ../emulator
)
