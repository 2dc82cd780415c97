// Runs a query: node query.cjs CLIENT_JSON API_PROTO VQL [NAME=VALUE…]
// CLIENT_JSON is api_client.yaml as JSON, so that this needs no YAML library. Prints one row a line.
'use strict';

const fs = require('fs');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const [configFile, protoFile, vql, ...variables] = process.argv.slice(2);
const config = JSON.parse(fs.readFileSync(configFile, 'utf8'));
const env = variables.map((text) => ({ key: text.split('=')[0], value: text.slice(text.indexOf('=') + 1) }));

const credentials = grpc.credentials.createSsl(
    Buffer.from(config.ca_certificate), Buffer.from(config.client_private_key), Buffer.from(config.client_cert));
const options = { 'grpc.ssl_target_name_override': 'VelociraptorServer' };

const definition = loader.loadSync(protoFile, { keepCase: true, longs: Number, defaults: true });
const { API } = grpc.loadPackageDefinition(definition).proto;
const api = new API(config.api_connection_string, credentials, options);

const call = api.Query({ Query: [{ VQL: vql }], env, max_wait: 1 });
call.on('data', (message) => {
    if (message.Response) JSON.parse(message.Response).forEach((row) => console.log(JSON.stringify(row)));
    else if (message.log) console.error(message.log.trimEnd());
});
call.on('error', (error) => {
    console.error(`${error.code}: ${error.details}`);
    process.exitCode = 1;
});
call.on('end', () => api.close());
