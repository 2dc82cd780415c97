"""The server killed at any moment: what it acknowledged is there when it runs again."""

import base64
import http.client
import json
import random
import threading
import unittest

from fleet_client import Agent, Http, User, set_up
from harrier_server import Server

ROUNDS = 50
BLOCK = b"0123456789abcdef" * 256


class Killed(unittest.TestCase):
    def test_nothing_acknowledged_is_lost(self):
        with Server() as server:
            admin = set_up(server)
            secret = admin.enroll_secret()
            told = {"agents": {}, "lines": set(), "queries": set(), "carves": {}}
            for number in range(ROUNDS):
                workers = [
                    threading.Thread(target=self.until_killed, args=(work, server, admin.token, secret, told, number))
                    for work in (self.enrol, self.log, self.apply, self.carve)
                ]
                for worker in workers:
                    worker.start()
                threading.Event().wait(random.uniform(0.02, 0.3))
                server.process.kill()
                server.process.wait()
                for worker in workers:
                    worker.join()
                server.restart()
            self.check(server, admin.token, told)

    def until_killed(self, work, *arguments):
        """Works until the connection breaks. What an interrupted call did is open; what was answered is not."""
        try:
            work(*arguments)
        except (OSError, json.JSONDecodeError, http.client.HTTPException):
            pass

    def enrol(self, server, _token, secret, told, number):
        for count in range(1000):
            agent = Agent(server, f"host-{number}-{count}", secret)
            told["agents"][agent.identifier] = agent.node_key

    def log(self, server, _token, secret, told, number):
        agent = Agent(server, f"logger-{number}", secret)
        for count in range(10000):
            line = f"{number}-{count}"
            if agent.call("log", log_type="result", data=[{"line": line}]) == {}:
                told["lines"].add(line)

    def apply(self, server, token, _secret, told, number):
        user = User(server, token)
        for count in range(1000):
            names = [f"q-{number}-{count}-{part}" for part in "ab"]
            answer = user.call("POST", "spec/queries", {"specs": [{"name": name, "query": "select 1"} for name in names]})
            if answer.status == 200:
                told["queries"].update(names)

    def carve(self, server, _token, secret, told, number):
        agent = Agent(server, f"carver-{number}", secret)
        count = 100
        begun = agent.call("carve/begin", block_count=count, block_size=len(BLOCK), carve_size=count * len(BLOCK),
                           carve_id=f"c{number}", request_id="r")
        for block in range(count):
            body = {"block_id": block, "session_id": begun["session_id"], "request_id": "r",
                    "data": base64.b64encode(BLOCK).decode()}
            if agent.post("carve/block", body) == {"success": True}:
                told["carves"][begun["session_id"]] = block

    def logged(self, user):
        """What all hosts logged, page by page."""
        found = set()
        for host in user.ok("GET", "hosts")["hosts"]:
            after = ""
            while after is not None:
                page = user.ok("GET", f"hosts/{host['id']}/results?per_page=1000{after}")
                found.update(row["line"]["line"] for row in page["results"])
                following = page["meta"].get("next")
                after = following and f"&after={following}"
        return found

    def check(self, server, token, told):
        self.assertGreater(min(len(kind) for kind in told.values()), 0, "each kind of work was acknowledged")
        for identifier, key in told["agents"].items():
            answer = Http(server).json("POST", "/api/osquery/config", {"node_key": key})
            self.assertNotIn("error", answer, identifier)
        found = self.logged(User(server, token))
        self.assertEqual(told["lines"] - found, set())
        # What was acknowledged reaches its destination, if a moment later.
        for _ in range(600):
            lines = (server.data / "logs/fleet_result.log").read_text().splitlines(keepends=True)
            handed_on = {json.loads(line)["line"] for line in lines if line.endswith("\n")}
            if told["lines"] <= handed_on:
                break
            threading.Event().wait(0.05)
        self.assertEqual(told["lines"] - handed_on, set())
        specs = {spec["name"] for spec in User(server, token).ok("GET", "spec/queries")["specs"]}
        self.assertEqual(told["queries"] - specs, set())
        # Both queries of a request are there, or neither.
        halves = {name[:-1] for name in specs}
        self.assertEqual({half + part for half in halves for part in "ab"}, specs)
        carves = {carve["session_id"]: carve for carve in User(server, token).ok("GET", "carves")["carves"]}
        for session, block in told["carves"].items():
            carve = carves[session]
            self.assertGreaterEqual(carve["max_block"], block)
            archive = (server.data / f"carves/{carve['id']}/archive").read_bytes()
            self.assertEqual(archive[:(block + 1) * len(BLOCK)], BLOCK * (block + 1))
