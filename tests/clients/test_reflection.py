"""Reflection: a tool that knows nothing of the service can ask for it."""

import unittest

from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from harrier_server import Server


class Reflection(unittest.TestCase):
    def test_the_service_and_its_methods_are_described(self):
        with Server() as server, server.client("Fred").channel() as channel:
            database = ProtoReflectionDescriptorDatabase(channel)
            self.assertIn("proto.API", database.get_services())
            service = DescriptorPool(database).FindServiceByName("proto.API")
            self.assertIn("Query", [method.name for method in service.methods])


if __name__ == "__main__":
    unittest.main()
