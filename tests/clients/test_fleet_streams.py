"""Live queries as the published scripts read them: the npm packages `ws` and `sockjs-client`, every transport they have."""

import json
import os
import pathlib
import subprocess
import threading
import time
import unittest

from fleet_client import Agent, set_up
from harrier_server import Server

SCRIPT = pathlib.Path(__file__).parent / "node/live_query.cjs"
MODULES = os.environ.get("HARRIER_NODE_MODULES")
SQL = "select * from uptime"


@unittest.skipUnless(MODULES, "no Node on this machine")
class Streams(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(Server())
        cls.admin = set_up(cls.server)
        cls.agent = Agent(cls.server, "streamed", cls.admin.enroll_secret())
        cls.agent.tables[SQL] = [{"total_seconds": "98123"}]
        cls.agent.work()
        cls.agent.work()
        cls.host = cls.admin.ok("GET", "hosts/1")["host"]

    def test_the_standard_websocket_script(self):
        url = self.server.fleet_url.replace("https", "wss") + "/api/v1/fleet/results/websockets"
        self.run_script(url)

    def test_sockjs_over_a_websocket(self):
        self.run_script(self.sockjs_url(), "websocket")

    def test_sockjs_over_xhr_streaming(self):
        self.run_script(self.sockjs_url(), "xhr-streaming")

    def test_sockjs_over_xhr_polling(self):
        self.run_script(self.sockjs_url(), "xhr-polling")

    def test_sockjs_over_eventsource(self):
        self.run_script(self.sockjs_url(), "eventsource")

    def sockjs_url(self):
        return self.server.fleet_url + "/api/v1/fleet/results"

    def run_script(self, url, *transport):
        campaign = self.admin.ok("POST", "queries/run", {"query": SQL, "selected": {"hosts": [self.host["id"]]}})
        number = str(campaign["campaign"]["id"])
        ended = threading.Event()
        worker = threading.Thread(target=self.answer, args=(ended,))
        worker.start()
        try:
            environment = os.environ | {"NODE_PATH": MODULES, "NODE_EXTRA_CA_CERTS": str(self.server.data / "fleet.pem")}
            call = ["node", str(SCRIPT), url, self.admin.token, number, *transport]
            done = subprocess.run(call, capture_output=True, text=True, timeout=40, env=environment)
        finally:
            ended.set()
            worker.join()
        messages = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual([message["type"] for message in messages], ["totals", "status", "result", "status"], done.stderr)
        totals, first, result, last = (message["data"] for message in messages)
        self.assertEqual(totals, {"count": 1, "online": 1, "offline": 0, "missing_in_action": 0})
        states = {"sent": 0, "running": 0, "answered": 0, "failed": 0, "offline": 0, "timed_out": 0}
        first_states, last_states = first.pop("hosts"), last.pop("hosts")
        self.assertEqual((first_states, last_states), (states | {"sent": 1}, states | {"answered": 1}))
        self.assertEqual(first, {"expected_results": 1, "actual_results": 0, "status": "pending"})
        self.assertEqual(result["rows"], [{"total_seconds": "98123", "host_hostname": "streamed.example.org"}])
        self.assertEqual(last, {"expected_results": 1, "actual_results": 1, "status": "finished"})
        if transport:
            self.assertIn(f"connected over {transport[0]}\n", done.stderr)

    def answer(self, ended):
        """The agent, a while after the client has begun to read."""
        time.sleep(1.5)
        while not ended.is_set():
            self.agent.work()
            time.sleep(0.2)
