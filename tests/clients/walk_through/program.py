"""The Python program of the API's first published page (2019), put together in its order.

Its statements stand as they are printed there, so that the test shows that programs written from that page
still run. Only what the page leaves open is ours: the imports, where the query comes from, and the name `yaml`,
which stands for the loader as it was then (see old_yaml.py).
"""

import json
import sys

import grpc
import old_yaml as yaml
from pyvelociraptor import api_pb2, api_pb2_grpc


def run(query):
    config = yaml.load(open("api_client.yaml").read())
    creds = grpc.ssl_channel_credentials(
        root_certificates=config["ca_certificate"].encode("utf8"),
        private_key=config["client_private_key"].encode("utf8"),
        certificate_chain=config["client_cert"].encode("utf8"))

    options = (('grpc.ssl_target_name_override', "VelociraptorServer",),)

    with grpc.secure_channel(config["api_connection_string"],
                             creds, options) as channel:
        stub = api_pb2_grpc.APIStub(channel)

        request = api_pb2.VQLCollectorArgs(
            Query=[api_pb2.VQLRequest(
                VQL=query,
            )])

        for response in stub.Query(request):
            rows = json.loads(response.Response)
            for row in rows:
                print(row)


run(sys.argv[1])
