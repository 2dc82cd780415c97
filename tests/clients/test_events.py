"""Events: what one client pushes, another one's endless query shows."""

import json
import threading
import time
import unittest

import grpc
from pyvelociraptor import api_pb2, api_pb2_grpc

from harrier_server import Server

QUEUE = "Test.Events"
WATCH = f'SELECT * FROM watch_monitoring(artifact="{QUEUE}")'


def push(client, *rows, queue=QUEUE):
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    request = api_pb2.PushEventRequest(artifact=queue, client_id="server", jsonl=lines.encode(), rows=len(rows))
    with client.channel() as channel:
        api_pb2_grpc.APIStub(channel).PushEvents(request, timeout=30)


class Events(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(Server())
        cls.client = cls.server.client("Fred")

    def test_a_listener_receives_what_is_pushed_and_who_pushed_it(self):
        stop = threading.Event()

        def keep_pushing():
            # Nobody tells when a listener listens, so push until one row came through.
            for number in range(600):
                push(self.client, {"Number": number, "Word": "hello"})
                if stop.wait(0.1):
                    return

        pusher = threading.Thread(target=keep_pushing)
        pusher.start()
        try:
            with self.client.query(WATCH, max_wait=1, seconds=30) as call:
                rows = next(rows for rows in (json.loads(m.Response or "[]") for m in call) if rows)
        finally:
            stop.set()
            pusher.join()
        self.assertEqual(rows[0]["Word"], "hello")
        self.assertEqual(rows[0]["_Sender"], "Fred")
        self.assertAlmostEqual(rows[0]["_ts"], time.time(), delta=60)

    def test_lines_that_are_no_objects_are_refused(self):
        request = api_pb2.PushEventRequest(artifact=QUEUE, jsonl=b"[1, 2]\n", rows=1)
        with self.client.channel() as channel, self.assertRaises(grpc.RpcError):
            api_pb2_grpc.APIStub(channel).PushEvents(request, timeout=30)

    def test_who_may_not_publish_is_refused(self):
        reader = self.server.client("Rita", role="reader")
        with self.assertRaises(grpc.RpcError) as refused:
            push(reader, {"Word": "no"})
        self.assertEqual(refused.exception.code(), grpc.StatusCode.PERMISSION_DENIED)
        self.assertIn(f"PUBLISH Rita to {QUEUE}", refused.exception.details())


if __name__ == "__main__":
    unittest.main()
