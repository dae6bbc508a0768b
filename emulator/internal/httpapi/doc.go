// Package httpapi is the HTTP API of the emulator, in the shapes of AWS: the control plane (signing name iot), the data
// plane (iotdata) and the jobs data plane (iot-jobs-data) at one address, so that the AWS SDKs and the AWS CLI work with
// nothing but another endpoint URL. Where two planes have the same method and path, the signing name decides.
//
// It is a part of what AWS has: what a device, a test or a small fleet needs. Everything else is 404.
package httpapi
