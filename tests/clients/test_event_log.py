"""The event log: what was acknowledged is there, whatever happens to the server, and nobody sees it twice."""

import json
import threading
import unittest

import grpc
from pyvelociraptor import api_pb2, api_pb2_grpc

from harrier_server import Client, Server

QUEUE = "Test.Log"
PUSHERS = 8
KILLS = 3
ROWS_BEFORE_A_KILL = 150


def push(stub, *rows):
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    stub.PushEvents(api_pb2.PushEventRequest(artifact=QUEUE, jsonl=lines.encode(), rows=len(rows)), timeout=30)


class Pushers:
    """Clients that push rows of increasing numbers until the server is gone, and note which were acknowledged."""

    def __init__(self, client, first):
        self.client = client
        self.acknowledged = []
        self.enough = threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(f"{first}-{n}",)) for n in range(PUSHERS)]
        for thread in self.threads:
            thread.start()

    def run(self, name):
        with self.client.channel() as channel:
            stub = api_pb2_grpc.APIStub(channel)
            for number in range(100_000):
                rows = [{"Id": f"{name}-{number}-{part}", "Pad": "x" * 300} for part in range(1 + number % 3)]
                try:
                    push(stub, *rows)
                except grpc.RpcError:
                    return
                self.acknowledged += [row["Id"] for row in rows]
                if len(self.acknowledged) > ROWS_BEFORE_A_KILL:
                    self.enough.set()

    def join(self):
        for thread in self.threads:
            thread.join()


class Watcher(threading.Thread):
    """Watches from a cursor on until its server is gone."""

    def __init__(self, client, cursor):
        super().__init__()
        self.client = client
        self.cursor = cursor
        self.seen = []
        self.start()

    def run(self):
        query = f'SELECT Id, _cursor FROM watch_monitoring(artifact="{QUEUE}", cursor="{self.cursor}")'
        try:
            with self.client.query(query, max_wait=1, max_row=7, seconds=60) as call:
                for message in call:
                    for row in json.loads(message.Response or "[]"):
                        self.seen.append(row["Id"])
                        self.cursor = row["_cursor"]
        except grpc.RpcError:
            pass


class EventLog(unittest.TestCase):
    def test_a_killed_server_loses_nothing_and_a_watcher_goes_on_where_it_was(self):
        with Server() as server:
            path = server.issue("Fred")
            acknowledged, seen, cursor = [], [], "oldest"
            for kill in range(KILLS):
                client = Client(path)
                client.config["api_connection_string"] = server.address
                watcher = Watcher(client, cursor)
                pushers = Pushers(client, kill)
                self.assertTrue(pushers.enough.wait(60))
                server.process.kill()
                server.process.wait()
                pushers.join()
                watcher.join()
                acknowledged += pushers.acknowledged
                seen += watcher.seen
                cursor = watcher.cursor
                server.address = None
                (server.data / "run/listen.json").unlink()
                server.start()
            client = Client(path)
            client.config["api_connection_string"] = server.address
            columns = f'SELECT Id FROM monitoring(client_id="server", artifact="{QUEUE}")'
            stored = [row["Id"] for row in client.rows(columns)]
            # A row may be stored although its pusher was never told.
            self.assertEqual(len(stored), len(set(stored)))
            self.assertLessEqual(set(acknowledged), set(stored))
            watch = f'SELECT Id FROM watch_monitoring(artifact="{QUEUE}", cursor="{cursor}")'
            rest = len(stored) - len(seen)
            if rest:
                seen += [row["Id"] for row in client.rows(f"{watch} LIMIT {rest}")]
            self.assertEqual(seen, stored)

    def test_watch_event_streams_lines(self):
        with Server() as server:
            client = server.client("Fred")
            request = b"\x0a" + bytes([len(QUEUE)]) + QUEUE.encode()
            with client.channel() as channel:
                # The published Python package does not know this call.
                call = channel.unary_stream("/proto.API/WatchEvent")(request, timeout=30)
                call.initial_metadata()
                push(api_pb2_grpc.APIStub(channel), {"N": 1}, {"N": 2})
                found = next(iter(call))
                call.cancel()
        source = b"\x0a" + bytes([len(QUEUE)]) + QUEUE.encode()
        self.assertTrue(found.startswith(source + b"\x12"), found)
        lines = found[found.index(b"{"):].decode().splitlines()
        self.assertEqual([json.loads(line)["N"] for line in lines], [1, 2])
        self.assertEqual(json.loads(lines[0])["_Sender"], "Fred")

    def test_who_may_not_read_results_may_not_watch(self):
        with Server() as server:
            client = server.client("Ana", role="artifact_writer")
            with client.channel() as channel, self.assertRaises(grpc.RpcError) as refused:
                next(iter(channel.unary_stream("/proto.API/WatchEvent")(b"\x0a\x01q", timeout=30)))
            self.assertEqual(refused.exception.code(), grpc.StatusCode.PERMISSION_DENIED)

    def test_the_server_stops_while_events_are_watched(self):
        with Server() as server:
            client = server.client("Fred")
            with client.channel() as channel:
                call = channel.unary_stream("/proto.API/WatchEvent")(b"\x0a\x01q", timeout=30)
                call.initial_metadata()
                server.process.terminate()
                self.assertEqual(server.process.wait(60), 0)

    def test_limits_of_the_configuration_are_kept(self):
        with Server() as server:
            client = server.client("Fred")
            with client.channel() as channel:
                push(api_pb2_grpc.APIStub(channel), {"N": 1})
            folder = server.data / "events" / QUEUE
            server.process.terminate()
            server.process.wait(60)
            # As if it had been pushed long ago.
            [file] = folder.glob("*.jsonl")
            file.rename(folder / "0000000000000001_2020-01-01.jsonl")
            (folder / "0000000000000002_2026-01-01.jsonl").touch()
            server.config_file.write_text(server.config_file.read_text() + "Events:\n  max_age_days: 365\n")
            server.address = None
            server.start()
            client = server.client("Gina")
            with client.channel() as channel:
                push(api_pb2_grpc.APIStub(channel), {"N": 2})
            rows = f'SELECT N FROM monitoring(client_id="", artifact="{QUEUE}")'
            self.assertEqual(client.rows(rows), [{"N": 2}])
            self.assertEqual(len(list(folder.glob("*_2020-*"))), 0)


if __name__ == "__main__":
    unittest.main()
