// A device that is AWS' own SDK through and through. It reads what to do as JSON from its standard input, in one line, and says
// what happens in lines of JSON: aws_javascript_test.go is the other side.
'use strict';
const { once } = require('node:events');
const readline = require('node:readline');
const { auth, iot, mqtt, mqtt5, iotshadow, iotjobs, iotidentity } = require('aws-iot-device-sdk-v2');

const say = (event, more) => process.stdout.write(JSON.stringify({ event, ...more }) + '\n');
const text = (payload) => Buffer.from(payload ?? '').toString();

// The ways in, as in the SDK's own samples.
const builders = {
  mtls: (c) => iot.AwsIotMqtt5ClientConfigBuilder.newDirectMqttBuilderWithMtlsFromPath(c.host, c.cert, c.key),
  websocket: (c) => iot.AwsIotMqtt5ClientConfigBuilder.newWebsocketMqttBuilderWithSigv4Auth(c.host, {
    region: c.region,
    credentialsProvider: auth.AwsCredentialsProvider.newStatic(c.accessKey, c.secretKey, c.token || undefined),
  }),
  authorizer: (c) => iot.AwsIotMqtt5ClientConfigBuilder.newDirectMqttBuilderWithCustomAuth(c.host, authorizer(c)),
  'authorizer-websocket': (c) => iot.AwsIotMqtt5ClientConfigBuilder.newWebsocketMqttBuilderWithCustomAuth(c.host, authorizer(c)),
};

const authorizer = (c) => ({ ...c.authorizer, password: c.authorizer.password && Buffer.from(c.authorizer.password) });

async function connect5(c) {
  const builder = builders[c.way](c).withCertificateAuthorityFromPath(undefined, c.ca).withPort(c.port)
    .withConnectProperties({ clientId: c.id, keepAliveIntervalSeconds: 60, ...c.connect });
  const client = new mqtt5.Mqtt5Client(builder.build());
  client.on('error', (e) => say('error', { text: String(e) }));
  client.on('connectionFailure', (e) => say('refused', { code: e.connack?.reasonCode, text: String(e.error) }));
  client.on('disconnection', (e) => say('disconnected', { code: e.disconnect?.reasonCode, text: String(e.error) }));
  client.on('connectionSuccess', (e) => say('connected', { settings: e.settings, session: e.connack.sessionPresent }));
  client.on('messageReceived', ({ message: m }) => say('message', { topic: m.topicName, payload: text(m.payload), qos: m.qos }));
  client.start();
  return {
    client,
    subscribe: async (topic) => (await client.subscribe({ subscriptions: [{ topicFilter: topic, qos: 1 }] })).reasonCodes,
    publish: async (topic, payload, qos) => (await client.publish({ topicName: topic, payload, qos }))?.reasonCode,
    stop: async () => {
      const stopped = once(client, 'stopped');
      client.stop({ reasonCode: 0 });
      await stopped;
      client.close();
    },
  };
}

// The SDK's client for MQTT 3.1.1.
async function connect3(c) {
  const builder = c.way === 'mtls'
    ? iot.AwsIotMqttConnectionConfigBuilder.new_mtls_builder_from_path(c.cert, c.key)
    : iot.AwsIotMqttConnectionConfigBuilder.new_with_websockets({
      region: c.region, credentials_provider: auth.AwsCredentialsProvider.newStatic(c.accessKey, c.secretKey, c.token || undefined),
    });
  builder.with_certificate_authority_from_path(undefined, c.ca).with_endpoint(c.host).with_port(c.port).with_client_id(c.id);
  const connection = new mqtt.MqttClient().new_connection(builder.build());
  connection.on('error', (e) => say('error', { text: String(e) }));
  connection.on('interrupt', (e) => say('disconnected', { text: String(e) }));
  connection.on('message', (topic, payload, dup, qos) => say('message', { topic, payload: text(payload), qos }));
  const session = await connection.connect();
  say('connected', { session });
  return {
    subscribe: async (topic) => [(await connection.subscribe(topic, 1)).qos],
    publish: async (topic, payload, qos) => { await connection.publish(topic, payload, qos); return 0; },
    stop: () => connection.disconnect(),
  };
}

// The clients of the services, each call with its answer.
const services = {
  shadow: (client, o) => iotshadow.IotShadowClientv2.newFromMqtt5(client, o),
  jobs: (client, o) => iotjobs.IotJobsClientv2.newFromMqtt5(client, o),
  identity: (client, o) => iotidentity.IotIdentityClientv2.newFromMqtt5(client, o),
};

async function call(device, c) {
  device.services ??= {};
  const service = device.services[c.service] ??= services[c.service](device.client, {
    maxRequestResponseSubscriptions: 6, maxStreamingSubscriptions: 3, operationTimeoutInSeconds: 20,
  });
  if (c.stream) {
    const stream = service[c.method](c.request);
    const live = new Promise((resolve) => stream.on('subscriptionStatus', (e) => { if (e.type === 0) resolve(); }));
    stream.on('incomingPublish', (e) => say('stream', { name: c.method, answer: e.message }));
    stream.open();
    await live;
    return { answer: null };
  }
  try {
    return { answer: await service[c.method](c.request) };
  } catch (e) {
    return { rejected: e.modeledError ?? { text: `${e.message} ${e.internalError ?? ''}` } };
  }
}

async function main() {
  const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  const config = JSON.parse((await lines.next()).value);
  const device = await (config.version === 3 ? connect3 : connect5)(config);
  for await (const line of lines) {
    const c = JSON.parse(line);
    switch (c.do) {
      case 'subscribe': say('subscribed', { codes: await device.subscribe(c.topic) }); break;
      case 'publish': say('published', { code: await device.publish(c.topic, c.payload, c.qos) }); break;
      case 'call': say('answered', await call(device, c)); break;
      default: throw new Error(`what is ${c.do}?`);
    }
  }
  await device.stop();
  say('stopped', {});
  process.exit(0); // the SDK's own threads would keep the process for a while
}

main().catch((e) => { say('failed', { text: String(e?.stack ?? e) }); process.exit(1); });
