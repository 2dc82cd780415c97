"""How rows travel: packets, times, ends."""

import json
import time
import unittest

from pyvelociraptor import api_pb2, api_pb2_grpc

from harrier_server import Server


def packets(messages):
    return [message for message in messages if message.Response]


class Packets(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(Server())
        cls.client = cls.server.client("Fred")

    def test_rows_come_in_packets_of_max_row(self):
        found = packets(self.client.messages("SELECT _value AS N FROM range(end=250)", max_row=100))
        self.assertEqual([len(json.loads(packet.Response)) for packet in found], [100, 100, 50])
        self.assertEqual([packet.part for packet in found], [0, 1, 2])
        self.assertEqual([packet.total_rows for packet in found], [100, 100, 50])
        self.assertEqual([list(packet.Columns) for packet in found], [["N"]] * 3)

    def test_a_query_without_rows_sends_one_empty_packet(self):
        found = packets(self.client.messages("SELECT * FROM range(end=0)", max_row=100))
        self.assertEqual([packet.Response for packet in found], ["[]"])

    def test_columns_keep_their_order(self):
        [row] = self.client.rows("SELECT 1 AS Z, 2 AS A, 3 AS M FROM scope()")
        self.assertEqual(list(row), ["Z", "A", "M"])

    def test_each_statement_has_its_number(self):
        program = "LET x = 1 SELECT x AS X FROM scope() SELECT 2 AS Y FROM scope()"
        found = packets(self.client.messages(program))
        self.assertEqual([(packet.query_id, packet.Response) for packet in found], [(1, '[{"X":1}]'), (2, '[{"Y":2}]')])

    def test_requests_of_one_call_share_their_variables(self):
        self.assertEqual(self.client.rows("LET x = 5", "SELECT x AS X FROM scope()"), [{"X": 5}])

    def test_an_error_is_a_log_line_and_the_call_ends_well(self):
        messages = self.client.messages("SELECT * FROM nosuch()", max_row=10)
        self.assertIn("Plugin nosuch not found", "".join(message.log for message in messages))
        self.assertEqual([packet.Response for packet in packets(messages)], ["[]"])

    def test_an_endless_query_delivers_in_time(self):
        with self.client.query("SELECT * FROM clock()", max_wait=1, max_row=100) as call:
            rows = json.loads(next(message.Response for message in call if message.Response))
            self.assertLess(len(rows), 100, "the packet was sent because of its age")

    def test_an_endless_query_stops_when_its_client_leaves(self):
        client = self.server.client("Leaver")
        with client.query("SELECT * FROM clock(period=1)", max_wait=1, max_row=100) as call:
            next(message for message in call if message.Response)
        deadline = time.monotonic() + 60
        ends = []
        while not ends and time.monotonic() < deadline:
            ends = [line for line in self.server.audit() if is_end_of_query(line, "Leaver")]
            time.sleep(0.02)
        self.assertTrue(ends, "the audit log tells no end of the query")

    def test_a_timeout_ends_well_and_says_so(self):
        messages = self.client.messages("SELECT * FROM clock(period=1)", timeout=2, max_wait=1, max_row=100)
        self.assertIn("Timeout Error", "".join(message.log for message in messages))

    def test_many_queries_run_at_once_on_one_connection(self):
        with self.client.channel() as channel:
            stub = api_pb2_grpc.APIStub(channel)
            programs = [api_pb2.VQLRequest(VQL=f"SELECT {n} AS N FROM range(end=100)") for n in range(20)]
            calls = [stub.Query(api_pb2.VQLCollectorArgs(Query=[program]), timeout=60) for program in programs]
            for n, call in enumerate(calls):
                rows = [row for message in call for row in json.loads(message.Response)]
                self.assertEqual(rows, [{"N": n}] * 100)


def is_end_of_query(line, name):
    return line["principal"] == name and line["operation"] == "Query finished"


if __name__ == "__main__":
    unittest.main()
