"""The published Python package: its command lines and its helper for pandas."""

import json
import os
import pathlib
import subprocess
import sys
import threading
import unittest

import pandas
from pyvelociraptor import LoadConfigFile, velo_pandas

from harrier_server import Client, Server

COMMANDS = pathlib.Path(sys.executable).parent


class PublishedClient(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(Server())
        cls.file = cls.server.issue("Fred")

    def run_command(self, name, *arguments, **environment):
        call = [str(COMMANDS / name), *arguments]
        done = subprocess.run(call, capture_output=True, timeout=60, env=os.environ | environment)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        return done.stdout

    def test_the_query_command_lists_real_files(self):
        query = 'SELECT OSPath, Size FROM glob(globs="/etc/pass*")'
        out = self.run_command("pyvelociraptor", "--config", str(self.file), query).decode()
        self.assertIn(f"{{'OSPath': '/etc/passwd', 'Size': {os.stat('/etc/passwd').st_size}}}", out)

    def test_the_query_command_shows_log_lines(self):
        query = 'SELECT log(message="hello from the log") AS L FROM scope()'
        out = self.run_command("pyvelociraptor", "--config", str(self.file), query).decode()
        self.assertIn("hello from the log", out)
        self.assertIn("[{'L': True}]", out)

    def test_the_query_command_passes_variables(self):
        arguments = ["--config", str(self.file), "SELECT A, B FROM scope()", "--env", "A=one", "B=two"]
        self.assertIn("[{'A': 'one', 'B': 'two'}]", self.run_command("pyvelociraptor", *arguments).decode())

    def test_the_configuration_may_come_from_the_environment(self):
        out = self.run_command("pyvelociraptor", "SELECT 1 AS N FROM scope()", VELOCIRAPTOR_API_FILE=str(self.file))
        self.assertIn("[{'N': 1}]", out.decode())

    def test_pandas_gets_a_frame(self):
        config = LoadConfigFile(str(self.file))
        query = "SELECT _value AS N, _value * 2 AS Twice, Word FROM range(end=2500)"
        frame = pandas.DataFrame(velo_pandas.DataFrameQuery(query, config=config, Word="w"))
        self.assertEqual(list(frame.columns), ["N", "Twice", "Word"])
        self.assertEqual((len(frame), int(frame["Twice"].sum())), (2500, 2500 * 2499))

    def test_fetch_gets_a_whole_file_of_the_file_store(self):
        content = bytes(range(256)) * 11
        self.server.store("downloads", "host", "report.bin", content=content)
        out = self.run_command("pyvelociraptor_fetch", "--config", str(self.file), "/downloads/host/report.bin")
        self.assertEqual(out, content)

    def test_push_event_reaches_a_listener(self):
        event = json.dumps({"Word": "pushed"})
        received = threading.Event()

        def keep_pushing():
            # Nobody tells when a listener listens, so push until it got one.
            for _ in range(20):
                self.run_command("pyvelociraptor_push_event", str(self.file), "Test.Published", event)
                if received.is_set():
                    return

        pusher = threading.Thread(target=keep_pushing)
        watch = 'SELECT Word FROM watch_monitoring(artifact="Test.Published")'
        with Client(self.file).query(watch, max_wait=1, seconds=60) as call:
            pusher.start()
            try:
                packet = next(message.Response for message in call if message.Response not in ("", "[]"))
            finally:
                received.set()
                pusher.join()
        self.assertEqual(json.loads(packet)[0], {"Word": "pushed"})


if __name__ == "__main__":
    unittest.main()
