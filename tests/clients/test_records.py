"""Clients, collections, hunts and artifacts through calls of their own, not through VQL.

The published package has no messages for these calls, so that they are taken from the server's reflection.
"""

import contextlib
import json
import time
import unittest

import grpc
from google.protobuf import json_format, message_factory
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from harrier_server import Server

ROWS = """name: Custom.Rows
type: SERVER
parameters:
  - name: Count
    type: int
    default: 3
sources:
  - query: SELECT _value AS N, "x" AS Word FROM range(end=Count)
"""

CLIENT = "name: Custom.Client\nsources:\n  - query: SELECT 1 AS N FROM scope()\n"


class Records(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(Server())
        cls.client = cls.server.client("Fred", role="administrator")
        cls.reader = cls.server.client("Rita", role="reader")
        channel = cls.enterClassContext(cls.client.channel())
        cls.service = DescriptorPool(ProtoReflectionDescriptorDatabase(channel)).FindServiceByName("proto.API")
        for yaml in (ROWS, CLIENT):
            answer = cls.call("SetArtifactFile", artifact=yaml, op="SET")
            assert "error" not in answer, answer
        cls.client.rows(
            "SELECT client_create(client_id='C.1', hostname='web.example.com', os='linux', labels='Prod') FROM scope()",
            "SELECT client_create(client_id='C.2', hostname='db', os='windows') FROM scope()",
        )

    @classmethod
    def call(cls, method, client=None, **fields):
        """Calls a method; its answer as a dict, without what is empty."""
        described = cls.service.methods_by_name[method]
        request = json_format.ParseDict(fields, message_factory.GetMessageClass(described.input_type)())
        answer = message_factory.GetMessageClass(described.output_type)
        with (client or cls.client).channel() as channel:
            call = channel.unary_unary(
                f"/proto.API/{method}",
                request_serializer=type(request).SerializeToString,
                response_deserializer=answer.FromString,
            )
            return json_format.MessageToDict(call(request, timeout=30), preserving_proto_field_name=True)

    @contextlib.contextmanager
    def refused(self, code):
        with self.assertRaises(grpc.RpcError) as refused:
            yield refused
        self.assertEqual(refused.exception.code(), code)

    def wait(self, flow_id):
        for _ in range(300):
            context = self.call("GetFlowDetails", client_id="server", flow_id=flow_id)["context"]
            if context["state"] != "RUNNING":
                return context
            time.sleep(0.1)
        self.fail("the collection does not end")

    def cells(self, table):
        return [json.loads(row["json"]) for row in table.get("rows", [])]

    def test_a_collection_is_started_watched_and_read(self):
        env = [{"key": "Count", "value": "2"}]
        specs = [{"artifact": "Custom.Rows", "parameters": {"env": env}}]
        started = self.call("CollectArtifact", client_id="server", artifacts=["Custom.Rows"], specs=specs)
        flow_id = started["flow_id"]
        self.assertEqual((started["request"]["creator"], started["request"]["flow_id"]), ("Fred", flow_id))
        context = self.wait(flow_id)
        self.assertEqual((context["state"], context["total_collected_rows"]), ("FINISHED", "2"))
        self.assertEqual(context["artifacts_with_results"], ["Custom.Rows"])
        named = {"client_id": "server", "flow_id": flow_id}
        table = self.call("GetTable", artifact="Custom.Rows", **named)
        self.assertEqual((table["columns"], table["total_rows"]), (["N", "Word"], "2"))
        self.assertEqual(self.cells(table), [[0, "x"], [1, "x"]])
        self.assertEqual(self.cells(self.call("GetTable", start_row=1, rows=1, **named)), [[1, "x"]])
        log = self.call("GetTable", type="log", **named)
        self.assertEqual(log.get("total_rows"), context.get("total_logs"))
        flows = self.call("GetClientFlows", client_id="server")
        self.assertIn(flow_id, [cells[flows["columns"].index("FlowId")] for cells in self.cells(flows)])

    def test_a_collection_that_waits_is_cancelled(self):
        flow_id = self.call("CollectArtifact", client_id="C.2", artifacts=["Custom.Client"])["flow_id"]
        named = {"client_id": "C.2", "flow_id": flow_id}
        self.assertEqual(self.call("GetFlowDetails", **named)["context"]["state"], "RUNNING")
        self.assertEqual(self.call("CancelFlow", **named), {"flow_id": flow_id})
        context = self.call("GetFlowDetails", **named)["context"]
        self.assertEqual((context["state"], context["status"]), ("ERROR", "Cancelled by Fred"))

    def test_clients_are_listed_labelled_and_annotated(self):
        found = self.call("ListClients", query="host:web*")
        self.assertEqual([(c["client_id"], c["os_info"]["fqdn"]) for c in found["items"]], [("C.1", "web.example.com")])
        found = self.call("ListClients", limit=1, offset=1)
        self.assertEqual(([c["client_id"] for c in found["items"]], found["total"]), (["C.2"], "2"))
        self.assertEqual(self.call("LabelClients", client_ids=["C.1"], labels=["Lab"], operation="set"), {})
        self.assertEqual(self.call("GetClient", client_id="C.1")["labels"], ["Prod", "Lab"])
        item = {"key": "owner", "value": "fred"}
        self.call("SetClientMetadata", client_id="C.1", add=[item])
        self.assertEqual(self.call("GetClientMetadata", client_id="C.1"), {"client_id": "C.1", "items": [item]})
        self.call("SetClientMetadata", client_id="C.1", remove=["owner"])
        self.assertEqual(self.call("GetClientMetadata", client_id="C.1"), {"client_id": "C.1"})

    def test_a_hunt_is_made_changed_and_seen_by_queries(self):
        condition = {"os": {"os": "LINUX"}}
        hunt_id = self.call(
            "CreateHunt",
            hunt_description="linux",
            start_request={"artifacts": ["Custom.Client"]},
            condition=condition,
        )["flow_id"]
        hunt = self.call("GetHunt", hunt_id=hunt_id)
        self.assertEqual((hunt["creator"], hunt["state"], hunt["condition"]), ("Fred", "RUNNING", condition))
        self.assertEqual(hunt["stats"]["total_clients_scheduled"], "1")
        flows = self.cells(self.call("GetHuntFlows", hunt_id=hunt_id))
        self.assertEqual([cells[:2] for cells in flows], [["C.1", "web.example.com"]])
        self.assertEqual(self.call("GetHuntResults", hunt_id=hunt_id), {})
        self.call("ModifyHunt", hunt_id=hunt_id, state="STOPPED", description="done", tags=["t"])
        listed = [hunt for hunt in self.call("ListHunts")["items"] if hunt["hunt_id"] == hunt_id]
        self.assertEqual((listed[0]["hunt_description"], listed[0]["tags"]), ("done", ["t"]))
        rows = self.client.rows(f"SELECT state FROM hunts(hunt_id='{hunt_id}')")
        self.assertEqual(rows, [{"state": "STOPPED"}])

    def test_artifacts_are_found_checked_and_deleted(self):
        found = self.call("GetArtifacts", search_term="custom.rows")["items"]
        self.assertEqual([(a["name"], a["type"], a["parameters"][0]["name"]) for a in found], [("Custom.Rows", "SERVER", "Count")])
        self.assertEqual(self.call("GetArtifactFile", name="Custom.Rows"), {"artifact": ROWS})
        bad = CLIENT.replace("FROM scope()", "FRM scope()").replace("Client", "Bad")
        answer = self.call("SetArtifactFile", artifact=bad, op="CHECK_AND_SET")
        self.assertTrue(answer["error"] and answer["errors"][0].startswith("3:"), answer)
        other = CLIENT.replace("Client", "Other")
        self.assertEqual(self.call("SetArtifactFile", artifact=other, op="SET"), {})
        self.assertEqual(self.call("SetArtifactFile", artifact=other, op="DELETE"), {})
        with self.refused(grpc.StatusCode.NOT_FOUND):
            self.call("GetArtifactFile", name="Custom.Other")
        laid = self.call("ReformatVQL", vql="select  1 as X from scope()")["vql"]
        self.assertEqual(laid.strip(), "SELECT 1 AS X FROM scope()")

    def test_who_lacks_a_right_and_what_is_not_known_is_refused(self):
        args = {"client_id": "C.1", "artifacts": ["Custom.Client"]}
        for method, fields in (
            ("CollectArtifact", args),
            ("CancelFlow", {"client_id": "C.1", "flow_id": "F.1"}),
            ("CreateHunt", {"start_request": args}),
            ("LabelClients", {"client_ids": ["C.1"], "labels": ["a"], "operation": "set"}),
            ("SetArtifactFile", {"artifact": CLIENT}),
            ("GetClientMetadata", {"client_id": "server"}),
        ):
            with self.subTest(method), self.refused(grpc.StatusCode.PERMISSION_DENIED):
                self.call(method, client=self.reader, **fields)
        self.assertIn("Permission denied", json.dumps(self.server.audit()))
        with self.refused(grpc.StatusCode.NOT_FOUND):
            self.call("GetClient", client_id="C.9")
        with self.refused(grpc.StatusCode.NOT_FOUND):
            self.call("GetTable", client_id="C.1", flow_id="F.9")
        with self.refused(grpc.StatusCode.INVALID_ARGUMENT) as unknown:
            self.call("CollectArtifact", client_id="C.9", artifacts=["Custom.Client"])
        self.assertEqual(unknown.exception.details(), "client C.9 is not known")
