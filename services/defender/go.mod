module github.com/gneiss-mqtt/gneiss-go/services/defender

go 1.26.0

require github.com/gneiss-mqtt/gneiss-go/core v0.1.0

replace github.com/gneiss-mqtt/gneiss-go/core => ../../core
