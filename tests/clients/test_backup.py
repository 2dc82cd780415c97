"""A backup made while the server works, and a server made from it."""

import subprocess
import time
import unittest

from fleet_client import Agent, log_in, set_up
from harrier_server import BINARY, Server


def harrier(*arguments):
    return subprocess.run([BINARY, *map(str, arguments)], capture_output=True, text=True, timeout=60)


class Backup(unittest.TestCase):
    def test_a_restored_server_knows_its_users_and_agents(self):
        with Server() as server, Server() as other:
            admin = set_up(server)
            agent = Agent(server, "saved", admin.enroll_secret())
            agent.call("log", log_type="result", data=[{"line": 1}])
            file = server.folder / "harrier.tar.zst"
            done = harrier("backup", "--data-dir", server.data, file)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(file.stat().st_mode & 0o777, 0o600)
            again = harrier("backup", "--data-dir", server.data, file)
            self.assertNotEqual(again.returncode, 0)

            used = harrier("restore", "--data-dir", server.data, file)
            self.assertIn("is not empty", used.stderr)
            other.process.kill()
            other.process.wait()
            other.data = other.folder / "restored"
            done = harrier("restore", "--data-dir", other.data, file)
            self.assertEqual(done.returncode, 0, done.stderr)
            other.restart()
            admin = log_in(other, "ada@example.org")
            self.assertEqual(admin.ok("GET", "me")["user"]["global_role"], "admin")
            agent.connection = type(agent)(other, "second", admin.enroll_secret()).connection
            self.assertIn("options", agent.call("config"))
            stored = admin.ok("GET", "hosts/1/results")["results"]
            self.assertEqual([row["line"] for row in stored], [{"line": 1}])
            # The file holds it once, wherever the backup cut its way.
            log = other.data / "logs/fleet_result.log"
            for _ in range(200):
                if log.exists() and log.read_text():
                    break
                time.sleep(0.05)
            self.assertEqual(log.read_text(), '{"line": 1}\n')

    def test_a_damaged_backup_is_refused(self):
        with Server() as server:
            file = server.folder / "bad.tar.zst"
            file.write_bytes(b"not a backup")
            done = harrier("restore", "--data-dir", server.folder / "new", file)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("damaged", done.stderr)
