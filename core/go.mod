module github.com/gneiss-mqtt/gneiss-go/core

go 1.26.0
