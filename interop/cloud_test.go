package interop

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	iottypes "github.com/aws/aws-sdk-go-v2/service/iot/types"
	"github.com/aws/aws-sdk-go-v2/service/iotdataplane"
	datatypes "github.com/aws/aws-sdk-go-v2/service/iotdataplane/types"

	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
	"github.com/gneiss-mqtt/gneiss-go/emulator"
	"github.com/gneiss-mqtt/gneiss-go/emulator/iotcore"
)

// cloudAccount is the emulator through AWS' own SDK for Go, which knows nothing of it but its address.
type cloudAccount struct {
	srv  *emulator.Server
	iot  *iot.Client
	data *iotdataplane.Client
}

func newCloudAccount(t *testing.T) *cloudAccount {
	t.Helper()
	srv, err := emulator.Start(emulator.Options{HTTPAddr: "127.0.0.1:0", Addr: "127.0.0.1:0", TLSAddr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = srv.Close() })
	keys, err := srv.Credentials(emulator.CredentialOptions{Lifetime: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	return &cloudAccount{srv, iot.New(iotOptions(srv, keys)), iotdataplane.New(dataOptions(srv, keys))}
}

func provider(keys emulator.Credentials) aws.CredentialsProvider {
	return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: keys.AccessKeyID, SecretAccessKey: keys.SecretAccessKey, SessionToken: keys.SessionToken}, nil
	})
}

func iotOptions(srv *emulator.Server, keys emulator.Credentials) iot.Options {
	return iot.Options{Region: "us-east-1", BaseEndpoint: new("http://" + srv.HTTPAddr()), Credentials: provider(keys), RetryMaxAttempts: 1}
}

func dataOptions(srv *emulator.Server, keys emulator.Credentials) iotdataplane.Options {
	return iotdataplane.Options{Region: "us-east-1", BaseEndpoint: new("http://" + srv.HTTPAddr()), Credentials: provider(keys), RetryMaxAttempts: 1}
}

// ok fails the test on an error.
func ok[T any](v T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// expectError fails unless the error has the type.
func expectError[E error](t *testing.T, err error) {
	t.Helper()
	if _, is := errors.AsType[E](err); !is {
		t.Errorf("the error is %v, not a %T", err, *new(E))
	}
}

func TestAWSSDKRegistry(t *testing.T) {
	t.Parallel()
	a, ctx := newCloudAccount(t), t.Context()
	if e := ok(a.iot.DescribeEndpoint(ctx, &iot.DescribeEndpointInput{EndpointType: new("iot:Data-ATS")}))(t); *e.EndpointAddress != a.srv.Endpoint() {
		t.Errorf("the endpoint is %s", *e.EndpointAddress)
	}
	thing := ok(a.iot.CreateThing(ctx, &iot.CreateThingInput{ThingName: new("t1:a_b-c"), ThingTypeName: new("lamp"),
		AttributePayload: &iottypes.AttributePayload{Attributes: map[string]string{"site": "lab"}}}))(t)
	_, err := a.iot.CreateThing(ctx, &iot.CreateThingInput{ThingName: new("t1:a_b-c")})
	expectError[*iottypes.ResourceAlreadyExistsException](t, err)
	ok(a.iot.UpdateThing(ctx, &iot.UpdateThingInput{ThingName: thing.ThingName, ExpectedVersion: new(int64(1)),
		AttributePayload: &iottypes.AttributePayload{Attributes: map[string]string{"floor": "2"}, Merge: true}}))(t)
	_, err = a.iot.UpdateThing(ctx, &iot.UpdateThingInput{ThingName: thing.ThingName, ExpectedVersion: new(int64(1))})
	expectError[*iottypes.VersionConflictException](t, err)
	if d := ok(a.iot.DescribeThing(ctx, &iot.DescribeThingInput{ThingName: thing.ThingName}))(t); d.Version != 2 || d.Attributes["site"] != "lab" ||
		d.Attributes["floor"] != "2" || *d.ThingTypeName != "lamp" || *d.ThingArn != *thing.ThingArn || *d.ThingId != *thing.ThingId {
		t.Errorf("%+v", d)
	}
	_, err = a.iot.DescribeThing(ctx, &iot.DescribeThingInput{ThingName: new("nobody")})
	expectError[*iottypes.ResourceNotFoundException](t, err)

	cert := ok(a.iot.CreateKeysAndCertificate(ctx, &iot.CreateKeysAndCertificateInput{SetAsActive: true}))(t)
	ok(a.iot.CreatePolicy(ctx, &iot.CreatePolicyInput{PolicyName: new("p1"), PolicyDocument: new(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iot:*","Resource":"*"}]}`)}))(t)
	ok(a.iot.AttachPolicy(ctx, &iot.AttachPolicyInput{PolicyName: new("p1"), Target: cert.CertificateArn}))(t)
	ok(a.iot.AttachThingPrincipal(ctx, &iot.AttachThingPrincipalInput{ThingName: thing.ThingName, Principal: cert.CertificateArn}))(t)
	if l := ok(a.iot.ListThingPrincipals(ctx, &iot.ListThingPrincipalsInput{ThingName: thing.ThingName}))(t); !slices.Equal(l.Principals, []string{*cert.CertificateArn}) {
		t.Errorf("%v", l.Principals)
	}
	if l := ok(a.iot.ListAttachedPolicies(ctx, &iot.ListAttachedPoliciesInput{Target: cert.CertificateArn}))(t); len(l.Policies) != 1 || *l.Policies[0].PolicyName != "p1" {
		t.Errorf("%v", l.Policies)
	}
	if l := ok(a.iot.ListPrincipalThings(ctx, &iot.ListPrincipalThingsInput{Principal: cert.CertificateArn}))(t); !slices.Equal(l.Things, []string{"t1:a_b-c"}) {
		t.Errorf("%v", l.Things)
	}
	_, err = a.iot.DeletePolicy(ctx, &iot.DeletePolicyInput{PolicyName: new("p1")})
	expectError[*iottypes.DeleteConflictException](t, err)
	_, err = a.iot.DeleteThing(ctx, &iot.DeleteThingInput{ThingName: thing.ThingName})
	expectError[*iottypes.InvalidRequestException](t, err)
	_, err = a.iot.DeleteCertificate(ctx, &iot.DeleteCertificateInput{CertificateId: cert.CertificateId})
	expectError[*iottypes.CertificateStateException](t, err)

	ok(a.iot.UpdateCertificate(ctx, &iot.UpdateCertificateInput{CertificateId: cert.CertificateId, NewStatus: iottypes.CertificateStatusInactive}))(t)
	if d := ok(a.iot.DescribeCertificate(ctx, &iot.DescribeCertificateInput{CertificateId: cert.CertificateId}))(t).CertificateDescription; d.Status != "INACTIVE" ||
		*d.CertificatePem != *cert.CertificatePem || d.CreationDate.IsZero() || d.Validity.NotAfter.Before(time.Now()) {
		t.Errorf("%+v", d)
	}
	ok(a.iot.DetachPolicy(ctx, &iot.DetachPolicyInput{PolicyName: new("p1"), Target: cert.CertificateArn}))(t)
	ok(a.iot.DetachThingPrincipal(ctx, &iot.DetachThingPrincipalInput{ThingName: thing.ThingName, Principal: cert.CertificateArn}))(t)
	ok(a.iot.DeleteCertificate(ctx, &iot.DeleteCertificateInput{CertificateId: cert.CertificateId}))(t)
	ok(a.iot.DeletePolicy(ctx, &iot.DeletePolicyInput{PolicyName: new("p1")}))(t)
	ok(a.iot.DeleteThing(ctx, &iot.DeleteThingInput{ThingName: thing.ThingName}))(t)
	if l := ok(a.iot.ListCertificates(ctx, &iot.ListCertificatesInput{}))(t); len(l.Certificates) != 0 {
		t.Errorf("%v", l.Certificates)
	}
}

// The SDK's paginator reads a list in parts.
func TestAWSSDKPages(t *testing.T) {
	t.Parallel()
	a, ctx := newCloudAccount(t), t.Context()
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		ok(a.iot.CreateThing(ctx, &iot.CreateThingInput{ThingName: &name}))(t)
	}
	var names []string
	calls := 0
	for p := iot.NewListThingsPaginator(a.iot, &iot.ListThingsInput{MaxResults: new(int32(2))}); p.HasMorePages(); calls++ {
		for _, thing := range ok(p.NextPage(ctx))(t).Things {
			names = append(names, *thing.ThingName)
		}
	}
	if strings.Join(names, "") != "abcde" || calls != 3 {
		t.Errorf("%v in %d calls", names, calls)
	}
}

func TestAWSSDKShadow(t *testing.T) {
	t.Parallel()
	a, ctx := newCloudAccount(t), t.Context()
	delta := watchTopic(t, a.srv, "$aws/things/t1/shadow/update/delta")
	up := ok(a.data.UpdateThingShadow(ctx, &iotdataplane.UpdateThingShadowInput{ThingName: new("t1"), Payload: []byte(`{"state":{"desired":{"on":true}}}`)}))(t)
	if m := <-delta; !strings.Contains(string(up.Payload), `"version":1`) || !strings.Contains(string(m.Payload), `"state":{"on":true}`) {
		t.Errorf("%s, %s", up.Payload, m.Payload)
	}
	for _, name := range []string{"n1", "n2"} {
		ok(a.data.UpdateThingShadow(ctx, &iotdataplane.UpdateThingShadowInput{ThingName: new("t1"), ShadowName: &name, Payload: []byte(`{"state":{}}`)}))(t)
	}
	l := ok(a.data.ListNamedShadowsForThing(ctx, &iotdataplane.ListNamedShadowsForThingInput{ThingName: new("t1"), PageSize: new(int32(1))}))(t)
	if !slices.Equal(l.Results, []string{"n1"}) || l.NextToken == nil || l.Timestamp == 0 {
		t.Errorf("%+v", l)
	}
	got := ok(a.data.GetThingShadow(ctx, &iotdataplane.GetThingShadowInput{ThingName: new("t1")}))(t)
	var document struct {
		State struct{ Delta map[string]bool }
	}
	if err := json.Unmarshal(got.Payload, &document); err != nil || !document.State.Delta["on"] {
		t.Errorf("%s %v", got.Payload, err)
	}
	_, err := a.data.UpdateThingShadow(ctx, &iotdataplane.UpdateThingShadowInput{ThingName: new("t1"), Payload: []byte(`{"state":{},"version":9}`)})
	expectError[*datatypes.ConflictException](t, err)
	_, err = a.data.UpdateThingShadow(ctx, &iotdataplane.UpdateThingShadowInput{ThingName: new("t1"), Payload: []byte(`{}`)})
	if e, is := errors.AsType[*datatypes.InvalidRequestException](err); !is || *e.Message != "Missing required node: state" {
		t.Error(err)
	}
	_, err = a.data.UpdateThingShadow(ctx, &iotdataplane.UpdateThingShadowInput{ThingName: new("t1"), Payload: []byte(`{"state":{"desired":{"x":"` + strings.Repeat("x", 9000) + `"}}}`)})
	expectError[*datatypes.RequestEntityTooLargeException](t, err)
	ok(a.data.DeleteThingShadow(ctx, &iotdataplane.DeleteThingShadowInput{ThingName: new("t1")}))(t)
	_, err = a.data.GetThingShadow(ctx, &iotdataplane.GetThingShadowInput{ThingName: new("t1")})
	expectError[*datatypes.ResourceNotFoundException](t, err)
}

// watchTopic subscribes to a filter and returns what comes.
func watchTopic(t *testing.T, srv *emulator.Server, filter string) <-chan mqtt.Message {
	t.Helper()
	c, err := mqtt.New(mqtt.Config{Endpoint: mqtt.Endpoint{Dial: srv.Dial}, ClientID: "dev/1", CleanStart: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(); <-c.Done() })
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	got := make(chan mqtt.Message, 100)
	if _, err := c.SubscribeFunc(t.Context(), func(m mqtt.Message) { got <- m }, mqtt.Filter{Filter: filter, QoS: 1}); err != nil {
		t.Fatal(err)
	}
	return got
}

func TestAWSSDKPublish(t *testing.T) {
	t.Parallel()
	a, ctx := newCloudAccount(t), t.Context()
	const topic = "a/b c/x/é"
	got := watchTopic(t, a.srv, topic)
	ok(a.data.Publish(ctx, &iotdataplane.PublishInput{Topic: new(topic), Payload: []byte("hello"), Qos: 1, Retain: true, ContentType: new("text/plain"),
		MessageExpiry: 60, ResponseTopic: new("r/t"), CorrelationData: new("Y29ycg=="), PayloadFormatIndicator: datatypes.PayloadFormatIndicatorUtf8Data,
		UserProperties: new(`[{"k":"v"},{"k":"w"}]`)}))(t)
	m := <-got
	if string(m.Payload) != "hello" || m.QoS != 1 || m.ContentType != "text/plain" || m.ResponseTopic != "r/t" || string(m.Correlation) != "corr" ||
		m.PayloadFormat != 1 || m.Expiry != time.Minute || len(m.User) != 2 || m.User[1].Value != "w" {
		t.Errorf("%+v", m)
	}
	kept := ok(a.data.GetRetainedMessage(ctx, &iotdataplane.GetRetainedMessageInput{Topic: new(topic)}))(t)
	if string(kept.Payload) != "hello" || kept.Qos != 1 || string(kept.UserProperties) != `[{"k":"v"},{"k":"w"}]` {
		t.Errorf("%+v", kept)
	}
	if l := ok(a.data.ListRetainedMessages(ctx, &iotdataplane.ListRetainedMessagesInput{}))(t); len(l.RetainedTopics) != 1 || *l.RetainedTopics[0].Topic != topic || l.RetainedTopics[0].PayloadSize != 5 {
		t.Errorf("%+v", l)
	}
	ok(a.data.Publish(ctx, &iotdataplane.PublishInput{Topic: new(topic), Retain: true}))(t)
	_, err := a.data.GetRetainedMessage(ctx, &iotdataplane.GetRetainedMessageInput{Topic: new(topic)})
	expectError[*datatypes.ResourceNotFoundException](t, err)
	_, err = a.data.Publish(ctx, &iotdataplane.PublishInput{Topic: new("a/#")})
	expectError[*datatypes.InvalidRequestException](t, err)
	ok(a.data.DeleteConnection(ctx, &iotdataplane.DeleteConnectionInput{ClientId: new("dev/1"), CleanSession: true}))(t)
	_, err = a.data.DeleteConnection(ctx, &iotdataplane.DeleteConnectionInput{ClientId: new("nobody")})
	expectError[*datatypes.ResourceNotFoundException](t, err)
}

func TestAWSSDKJobs(t *testing.T) {
	t.Parallel()
	a, ctx := newCloudAccount(t), t.Context()
	thing := ok(a.iot.CreateThing(ctx, &iot.CreateThingInput{ThingName: new("t1")}))(t)
	notified := watchTopic(t, a.srv, "$aws/things/t1/jobs/notify-next")
	created := ok(a.iot.CreateJob(ctx, &iot.CreateJobInput{JobId: new("j1"), Document: new(`{"do":"it"}`), Targets: []string{*thing.ThingArn}, Description: new("why"),
		TargetSelection: iottypes.TargetSelectionSnapshot, TimeoutConfig: &iottypes.TimeoutConfig{InProgressTimeoutInMinutes: new(int64(5))},
		JobExecutionsRetryConfig: &iottypes.JobExecutionsRetryConfig{CriteriaList: []iottypes.RetryCriteria{{FailureType: iottypes.RetryableFailureTypeAll, NumberOfRetries: new(int32(1))}}}}))(t)
	if m := <-notified; !strings.Contains(string(m.Payload), `"jobId":"j1"`) {
		t.Errorf("%s", m.Payload)
	}
	_, err := a.iot.CreateJob(ctx, &iot.CreateJobInput{JobId: new("j1"), Document: new(`{}`), Targets: []string{*thing.ThingArn}})
	expectError[*iottypes.ResourceAlreadyExistsException](t, err)
	_, err = a.iot.CreateJob(ctx, &iot.CreateJobInput{JobId: new("j2"), Document: new(`{}`), Targets: []string{*thing.ThingArn + "x"}})
	expectError[*iottypes.ResourceNotFoundException](t, err)

	job := ok(a.iot.DescribeJob(ctx, &iot.DescribeJobInput{JobId: new("j1")}))(t).Job
	if job.Status != iottypes.JobStatusInProgress || *job.JobArn != *created.JobArn || *job.JobProcessDetails.NumberOfQueuedThings != 1 ||
		*job.TimeoutConfig.InProgressTimeoutInMinutes != 5 || !slices.Equal(job.Targets, []string{*thing.ThingArn}) || time.Since(*job.CreatedAt) > time.Minute {
		t.Errorf("%+v", job)
	}
	if d := ok(a.iot.GetJobDocument(ctx, &iot.GetJobDocumentInput{JobId: new("j1")}))(t); *d.Document != `{"do":"it"}` {
		t.Error(*d.Document)
	}
	x := ok(a.iot.DescribeJobExecution(ctx, &iot.DescribeJobExecutionInput{JobId: new("j1"), ThingName: new("t1")}))(t).Execution
	if x.Status != iottypes.JobExecutionStatusQueued || x.VersionNumber != 1 || *x.ThingArn != *thing.ThingArn {
		t.Errorf("%+v", x)
	}
	if l := ok(a.iot.ListJobExecutionsForThing(ctx, &iot.ListJobExecutionsForThingInput{ThingName: new("t1")}))(t); len(l.ExecutionSummaries) != 1 || *l.ExecutionSummaries[0].JobId != "j1" {
		t.Errorf("%+v", l)
	}
	if l := ok(a.iot.ListJobExecutionsForJob(ctx, &iot.ListJobExecutionsForJobInput{JobId: new("j1")}))(t); len(l.ExecutionSummaries) != 1 || *l.ExecutionSummaries[0].ThingArn != *thing.ThingArn {
		t.Errorf("%+v", l)
	}
	_, err = a.iot.DeleteJob(ctx, &iot.DeleteJobInput{JobId: new("j1")})
	expectError[*iottypes.InvalidStateTransitionException](t, err)
	ok(a.iot.CancelJobExecution(ctx, &iot.CancelJobExecutionInput{JobId: new("j1"), ThingName: new("t1")}))(t)
	if l := ok(a.iot.ListJobs(ctx, &iot.ListJobsInput{Status: iottypes.JobStatusCompleted}))(t); len(l.Jobs) != 1 || *l.Jobs[0].JobId != "j1" {
		t.Errorf("%+v", l)
	}
	ok(a.iot.DeleteJobExecution(ctx, &iot.DeleteJobExecutionInput{JobId: new("j1"), ThingName: new("t1"), ExecutionNumber: new(int64(1))}))(t)
	ok(a.iot.DeleteJob(ctx, &iot.DeleteJobInput{JobId: new("j1")}))(t)
	ok(a.iot.CreateJob(ctx, &iot.CreateJobInput{JobId: new("j3"), Document: new(`{}`), Targets: []string{*thing.ThingArn}}))(t)
	ok(a.iot.CancelJob(ctx, &iot.CancelJobInput{JobId: new("j3"), Comment: new("no"), ReasonCode: new("R1"), Force: true}))(t)
	if job := ok(a.iot.DescribeJob(ctx, &iot.DescribeJobInput{JobId: new("j3")}))(t).Job; job.Status != iottypes.JobStatusCanceled || *job.Comment != "no" || *job.ReasonCode != "R1" || !*job.ForceCanceled {
		t.Errorf("%+v", job)
	}
	ok(a.iot.CreateJob(ctx, &iot.CreateJobInput{JobId: new("j4"), Document: new(`{}`), Targets: []string{*thing.ThingArn}, TargetSelection: iottypes.TargetSelectionContinuous}))(t)
	ok(a.iot.CancelJobExecution(ctx, &iot.CancelJobExecutionInput{JobId: new("j4"), ThingName: new("t1")}))(t)
	late := ok(a.iot.CreateThing(ctx, &iot.CreateThingInput{ThingName: new("t2")}))(t)
	if added := ok(a.iot.AssociateTargetsWithJob(ctx, &iot.AssociateTargetsWithJobInput{JobId: new("j4"), Targets: []string{*late.ThingArn}}))(t); *added.JobId != "j4" {
		t.Errorf("%+v", added)
	}
	if job := ok(a.iot.DescribeJob(ctx, &iot.DescribeJobInput{JobId: new("j4")}))(t).Job; job.Status != iottypes.JobStatusInProgress || job.TargetSelection != iottypes.TargetSelectionContinuous || len(job.Targets) != 2 ||
		*job.JobProcessDetails.NumberOfQueuedThings != 1 {
		t.Errorf("%+v", job)
	}
	_, err = a.iot.AssociateTargetsWithJob(ctx, &iot.AssociateTargetsWithJobInput{JobId: new("j3"), Targets: []string{*late.ThingArn}})
	expectError[*iottypes.InvalidRequestException](t, err)
	_, err = a.iot.DescribeJob(ctx, &iot.DescribeJobInput{JobId: new("j9")})
	expectError[*iottypes.ResourceNotFoundException](t, err)
}

func TestAWSSDKCommands(t *testing.T) {
	t.Parallel()
	a, ctx := newCloudAccount(t), t.Context()
	c := ok(a.iot.CreateCommand(ctx, &iot.CreateCommandInput{CommandId: new("c1"), DisplayName: new("blink"),
		Payload: &iottypes.CommandPayload{Content: []byte{0, 1, 255}, ContentType: new("application/x")}}))(t)
	got := ok(a.iot.GetCommand(ctx, &iot.GetCommandInput{CommandId: new("c1")}))(t)
	if string(got.Payload.Content) != "\x00\x01\xff" || *got.CommandArn != *c.CommandArn || *got.DisplayName != "blink" || got.CreatedAt.IsZero() {
		t.Errorf("%+v", got)
	}
	id, err := a.srv.StartCommand("c1", iotcore.CommandTarget{Kind: iotcore.TargetThings, ID: "t1"}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	target := strings.Replace(*c.CommandArn, "command/c1", "thing/t1", 1)
	x := ok(a.iot.GetCommandExecution(ctx, &iot.GetCommandExecutionInput{ExecutionId: &id, TargetArn: &target, IncludeResult: new(true)}))(t)
	if x.Status != iottypes.CommandExecutionStatusCreated || *x.ExecutionTimeoutSeconds != 60 || *x.CommandArn != *c.CommandArn {
		t.Errorf("%+v", x)
	}
	l := ok(a.iot.ListCommandExecutions(ctx, &iot.ListCommandExecutionsInput{TargetArn: &target}))(t)
	if len(l.CommandExecutions) != 1 || *l.CommandExecutions[0].ExecutionId != id {
		t.Errorf("%+v", l)
	}
	if err := a.srv.Advance(2 * time.Minute); err != nil {
		t.Fatal(err)
	}
	x = ok(a.iot.GetCommandExecution(ctx, &iot.GetCommandExecutionInput{ExecutionId: &id, TargetArn: &target}))(t)
	if x.Status != iottypes.CommandExecutionStatusTimedOut || *x.StatusReason.ReasonCode != iotcore.NoResponse {
		t.Errorf("%+v", x)
	}
	ok(a.iot.DeleteCommandExecution(ctx, &iot.DeleteCommandExecutionInput{ExecutionId: &id, TargetArn: &target}))(t)
	if u := ok(a.iot.UpdateCommand(ctx, &iot.UpdateCommandInput{CommandId: new("c1"), Deprecated: new(true)}))(t); !*u.Deprecated {
		t.Errorf("%+v", u)
	}
	ok(a.iot.DeleteCommand(ctx, &iot.DeleteCommandInput{CommandId: new("c1")}))(t)
	if l := ok(a.iot.ListCommands(ctx, &iot.ListCommandsInput{}))(t); len(l.Commands) != 0 {
		t.Errorf("%+v", l)
	}
}

func TestAWSSDKProvisioning(t *testing.T) {
	t.Parallel()
	a, ctx := newCloudAccount(t), t.Context()
	body := `{"Resources":{"thing":{"Type":"AWS::IoT::Thing","Properties":{"ThingName":"x"}}}}`
	ok(a.iot.CreateProvisioningTemplate(ctx, &iot.CreateProvisioningTemplateInput{TemplateName: new("tmpl"), TemplateBody: &body, Enabled: new(true),
		ProvisioningRoleArn: new("arn:aws:iam::123456789012:role/r")}))(t)
	if d := ok(a.iot.DescribeProvisioningTemplate(ctx, &iot.DescribeProvisioningTemplateInput{TemplateName: new("tmpl")}))(t); *d.TemplateBody != body || !*d.Enabled {
		t.Errorf("%+v", d)
	}
	claim := ok(a.iot.CreateProvisioningClaim(ctx, &iot.CreateProvisioningClaimInput{TemplateName: new("tmpl")}))(t)
	if d := time.Until(*claim.Expiration); d < 4*time.Minute || d > 5*time.Minute || !strings.Contains(*claim.KeyPair.PrivateKey, "PRIVATE KEY") {
		t.Errorf("the claim expires in %v", d)
	}
	_, err := a.iot.CreateProvisioningTemplate(ctx, &iot.CreateProvisioningTemplateInput{TemplateName: new("bad"), TemplateBody: new("{"), ProvisioningRoleArn: new("r")})
	expectError[*iottypes.InvalidRequestException](t, err)
	ok(a.iot.DeleteProvisioningTemplate(ctx, &iot.DeleteProvisioningTemplateInput{TemplateName: new("tmpl")}))(t)
	if l := ok(a.iot.ListProvisioningTemplates(ctx, &iot.ListProvisioningTemplatesInput{}))(t); len(l.Templates) != 0 {
		t.Errorf("%+v", l)
	}
}

// Requests that nobody has signed, or somebody unknown, are refused.
func TestAWSSDKWrongKey(t *testing.T) {
	t.Parallel()
	a := newCloudAccount(t)
	for _, keys := range []emulator.Credentials{{AccessKeyID: "AKIAUNKNOWN", SecretAccessKey: "x"}} {
		_, err := iot.New(iotOptions(a.srv, keys)).ListThings(t.Context(), &iot.ListThingsInput{})
		if err == nil || !strings.Contains(err.Error(), "StatusCode: 403") {
			t.Error(err)
		}
		_, err = iotdataplane.New(dataOptions(a.srv, keys)).GetThingShadow(t.Context(), &iotdataplane.GetThingShadowInput{ThingName: new("t")})
		if err == nil || !strings.Contains(err.Error(), "StatusCode: 403") {
			t.Error(err)
		}
	}
}

// The plane that has no SDK for Go here is asked with AWS' own signer. Its paths are partly those of the control plane.
func TestAWSSDKJobsData(t *testing.T) {
	t.Parallel()
	a := newCloudAccount(t)
	keys, err := a.srv.Credentials(emulator.CredentialOptions{})
	if err != nil {
		t.Fatal(err)
	}
	send := func(method, path, body string) string {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, "http://"+a.srv.HTTPAddr()+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256([]byte(body))
		c := aws.Credentials{AccessKeyID: keys.AccessKeyID, SecretAccessKey: keys.SecretAccessKey}
		if err := v4.NewSigner().SignHTTP(t.Context(), c, r, hex.EncodeToString(sum[:]), "iot-jobs-data", "us-east-1", a.srv.Now()); err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err != nil || answer.StatusCode != http.StatusOK {
			t.Fatalf("%s %s: %s %s %v", method, path, answer.Status, text, err)
		}
		return string(text)
	}
	ctx := t.Context()
	thing := ok(a.iot.CreateThing(ctx, &iot.CreateThingInput{ThingName: new("t1")}))(t)
	ok(a.iot.CreateJob(ctx, &iot.CreateJobInput{JobId: new("j1"), Document: new(`{"do":"it"}`), Targets: []string{*thing.ThingArn}}))(t)
	for _, step := range []struct{ method, path, body, want string }{
		{"GET", "/things/t1/jobs", "", `"queuedJobs":[{`},
		{"PUT", "/things/t1/jobs/$next", `{}`, `"jobDocument":"{\"do\":\"it\"}"`},
		{"GET", "/things/t1/jobs/j1", "", `"status":"IN_PROGRESS"`},
		{"POST", "/things/t1/jobs/j1", `{"status":"SUCCEEDED"}`, `{}`},
	} {
		if text := send(step.method, step.path, step.body); !strings.Contains(text, step.want) {
			t.Errorf("%s %s: %s", step.method, step.path, text)
		}
	}
	requests := watchTopic(t, a.srv, "$aws/commands/things/t1/executions/+/request/json")
	c := ok(a.iot.CreateCommand(ctx, &iot.CreateCommandInput{CommandId: new("c1"), Payload: &iottypes.CommandPayload{Content: []byte(`{}`), ContentType: new("application/json")}}))(t)
	text := send("POST", "/command-executions", `{"commandArn":"`+*c.CommandArn+`","targetArn":"`+*thing.ThingArn+`","executionTimeoutSeconds":30}`)
	if m := <-requests; !strings.Contains(text, strings.Split(m.Topic, "/")[5]) || m.Expiry != 30*time.Second {
		t.Errorf("%s: %+v", text, m)
	}
}
