package main

import (
	"context"
	"errors"
	"os"

	awsiot "github.com/gneiss-mqtt/gneiss-go/builders/aws"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/core/reqres"
	"github.com/gneiss-mqtt/gneiss-go/emulator"
	"github.com/gneiss-mqtt/gneiss-go/emulator/iotcore"
	"github.com/gneiss-mqtt/gneiss-go/services/provisioning"
)

// template makes a thing, named by the serial number, for whoever has a claim.
const template = `{
  "Parameters": {"SerialNumber": {"Type": "String"}},
  "Resources": {
    "thing": {"Type": "AWS::IoT::Thing", "Properties": {"ThingName": {"Ref": "SerialNumber"}}},
    "certificate": {"Type": "AWS::IoT::Certificate", "Properties": {"CertificateId": {"Ref": "AWS::IoT::Certificate::Id"}, "Status": "Active"}}
  }
}`

const serial = "thermostat-7"

// provision turns a claim, which a whole production run may share, into a key and a certificate that only this device has.
func provision(ctx context.Context, s *story, cloud *emulator.Server, d *device) (err error) {
	if err := cloud.PutProvisioningTemplate(iotcore.ProvisioningTemplate{Name: "thermostats", Body: template}); err != nil {
		return err
	}
	claim, err := cloud.ProvisioningClaim("thermostats")
	if err != nil {
		return err
	}
	client, err := connectMTLS(ctx, cloud, awsiot.PEM(claim.CertPEM, claim.KeyPEM), mqtt.Config{ClientID: serial})
	if err != nil {
		return err
	}
	defer client.Close()
	requests := reqres.New(client)
	defer func() { err = errors.Join(err, requests.Close(ctx)) }()
	dir, err := os.MkdirTemp("", "gneiss-quickstart-") // on a device: where its identity survives
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) // this device lives for a few seconds
	d.identity, err = provisioning.Provision(ctx, requests, provisioning.Options{
		Template: "thermostats", Parameters: map[string]string{"SerialNumber": serial}, Dir: dir,
		OwnKey: true, // made here, and never sent
	})
	if err != nil {
		return err
	}
	s.say("connected with a claim, sent a signing request, stored what came before using it")
	return s.check(d.identity.ThingName == serial, "the thing %s has certificate %.12s…", d.identity.ThingName, d.identity.CertificateID)
}
