"""What agents log, on the server's own standard output: every line as it was sent, and nothing else."""

import json
import os
import time
import unittest
from unittest import mock

import yaml
from fleet_client import Agent, set_up
from harrier_server import Server


class Stdout(unittest.TestCase):
    def setUp(self):
        self.server = self.enterContext(Server())
        self.end()
        config = self.server.config()
        config["Fleet"] = {"destinations": [{"name": "out", "kind": "stdout"}]}
        self.server.config_file.write_text(yaml.safe_dump(config))
        self.server.output_file = self.server.folder / "output"
        # As much of a log as there can be, to see that none of it gets in between.
        self.enterContext(mock.patch.dict(os.environ, {"HARRIER_LOG": "debug"}))
        self.server.restart()
        self.admin = set_up(self.server)
        secret = self.admin.enroll_secret()
        self.agents = [Agent(self.server, f"host-{number}", secret) for number in range(2)]

    def end(self, kill=False):
        self.server.process.kill() if kill else self.server.process.terminate()
        self.server.process.wait()

    def lines(self, wanted):
        """The lines of the output, as soon as there are so many."""
        deadline = time.monotonic() + 60
        while True:
            text = self.server.output_file.read_bytes()
            if text.count(b"\n") >= wanted or time.monotonic() > deadline:
                return text.decode().splitlines(keepends=True)
            time.sleep(0.05)

    def log(self, agent, kind, lines):
        """Sends lines as they are, down to the blanks."""
        body = f'{{"node_key": {json.dumps(agent.node_key)}, "log_type": "{kind}", "data": [{",".join(lines)}]}}'
        answer = agent.json("POST", "/api/osquery/log", body.encode())
        self.assertEqual((answer.status, dict(answer)), (200, {}))

    def test_lines_arrive_as_they_were_sent_and_nothing_is_in_between(self):
        sent = []
        for turn in range(20):
            for number, agent in enumerate(self.agents):
                results = [
                    f'{{"name" : "q{turn}",  "columns":{{"n":"{number}", "text":"é \u202e \\u0007 {"x" * turn * 1000}"}}}}',
                    f'{{"name":"other","host":{number},"turn":{turn}}}',
                ]
                status = [f'{{"message":"host {number} turn {turn}","severity":"0"}}']
                self.log(agent, "result", results)
                self.log(agent, "status", status)
                sent += results + status
        got = self.lines(len(sent))
        self.assertEqual(sorted(got), sorted(line + "\n" for line in sent))
        # Each log is in its order.
        for is_status in (True, False):
            wanted = [line for line in sent if line.startswith('{"message"') == is_status]
            self.assertEqual([line[:-1] for line in got if line.startswith('{"message"') == is_status], wanted)
        # The log and the greeting are elsewhere.
        log = self.server.log_file.read_text()
        self.assertIn("gRPC API:", log)
        self.assertRegex(log, r"(?m)^\S+Z +(DEBUG|INFO|WARN) ")

    def test_a_killed_server_leaves_no_line_out(self):
        first = [f'{{"name":"a","n":{n}}}' for n in range(50)]
        self.log(self.agents[0], "result", first)
        self.end(kill=True)
        self.server.restart()
        agent = self.agents[0]
        super(Agent, agent).__init__(self.server)
        second = [f'{{"name":"b","n":{n}}}' for n in range(50)]
        self.log(agent, "result", second)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and second[-1] + "\n" not in self.lines(100):
            time.sleep(0.05)
        # What was on its way when the server was killed may come twice; a line is never in part.
        got = [line.rstrip("\n") for line in self.lines(100)]
        self.assertEqual(set(got), set(first + second))
        last = [line for line in got if line in set(second)]
        self.assertEqual(last, second)


if __name__ == "__main__":
    unittest.main()
