"""A disk that is full: agents and users are told so, nothing that was acknowledged is lost, and with room it goes on by itself."""

import json
import os
import subprocess
import time
import unittest

from fleet_client import Agent, Http, set_up
from harrier_server import Server

SIZE = "24m"
LARGER = "128m"
FULL = "no storage space"


def can_mount():
    return os.geteuid() == 0 and subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode == 0


class SmallDisk(Server):
    """A server whose data directory is a file system of a few megabytes in memory."""

    def __init__(self):
        super().__init__()
        self.data.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=0700", "harrier-test", str(self.data)], check=True)

    def grow(self):
        subprocess.run(["mount", "-o", f"remount,size={LARGER}", str(self.data)], check=True)

    def fill(self):
        """Takes all room; gives the file that does."""
        ballast = self.data / "ballast"
        with open(ballast, "wb", buffering=0) as file:
            piece = bytes(64 << 10)
            while piece:
                try:
                    file.write(piece)
                except OSError:
                    piece = piece[: len(piece) // 2]
        return ballast

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        subprocess.run(["umount", "--lazy", str(self.data)], check=False)
        super().stop()


@unittest.skipUnless(can_mount(), "only root can mount a small file system to fill")
class FullDisk(unittest.TestCase):
    def setUp(self):
        self.server = self.enterContext(SmallDisk())
        self.admin = set_up(self.server)
        self.secret = self.admin.enroll_secret()
        self.agent = Agent(self.server, "busy", self.secret)

    def log(self, batch, rows=20, size=10_000):
        """Sends a batch of lines; gives the answer. Lines are told apart by batch and number."""
        data = [{"name": "pack/q", "batch": batch, "n": n, "filler": os.urandom(size // 2).hex()} for n in range(rows)]
        return self.agent.call("log", log_type="result", data=data)

    def stored(self):
        """Batch and number of all lines that the server has, newest first."""
        found, after = [], ""
        while True:
            page = self.admin.ok("GET", f"hosts/1/results?per_page=1000{after}")
            found += [(row["line"]["batch"], row["line"]["n"]) for row in page["results"]]
            if not page["meta"]["has_next_results"]:
                return found
            after = "&after=" + page["meta"]["next"]

    def test_results_that_find_no_room_are_refused_and_taken_later(self):
        acknowledged, batch = [], 0
        while (answer := self.log(batch)).status == 200:
            acknowledged.append(batch)
            batch += 1
            self.assertLess(batch, 200, "the disk never fills")
        self.assertGreater(len(acknowledged), 10)
        # Whole answers, each with the key by which agents know that they must send again; none sends them to enrol anew.
        for _ in range(3):
            refused = self.log(batch)
            self.assertEqual((refused.status, dict(refused)), (500, {"error": f"cannot write the log: {FULL}"}))
        wanted = {(batch, n) for batch in acknowledged for n in range(20)}
        self.assertEqual(set(self.stored()), wanted)
        # Who only asks is answered as ever.
        self.assertEqual(self.agent.read().status, 200)
        self.server.grow()
        self.assertEqual(self.log(batch).status, 200)
        wanted |= {(batch, n) for n in range(20)}
        found = self.stored()
        self.assertEqual((len(found), set(found)), (len(wanted), wanted))
        self.check_files(wanted)
        # And it is on the disk, not only in memory.
        self.server.process.kill()
        self.server.process.wait()
        self.server.restart()
        for client in (self.admin, self.agent):
            Http.__init__(client, self.server)
        found = self.stored()
        self.assertEqual((len(found), set(found)), (len(wanted), wanted))

    def check_files(self, wanted):
        """The lines were handed on as well, whole ones alone, although there was no room for them for a while."""
        path = self.server.data / "logs/fleet_result.log"
        deadline = time.monotonic() + 90
        while True:
            lines = path.read_text().splitlines()
            with_end = [json.loads(line) for line in lines]
            got = {(line["batch"], line["n"]) for line in with_end}
            if got == wanted or time.monotonic() > deadline:
                break
            time.sleep(0.2)
        self.assertEqual(got, wanted)

    def save(self, name):
        return self.admin.call("POST", "queries", {"name": name, "query": "select 1 -- " + "x" * 60_000})

    def test_records_that_find_no_room_are_refused_and_taken_later(self):
        self.assertEqual(self.save("before").status, 200)
        ballast = self.server.fill()
        acknowledged, number = ["before"], 0
        # What the database had set aside is used up first.
        while (answer := self.save(f"query {number}")).status == 200:
            acknowledged.append(f"query {number}")
            number += 1
            self.assertLess(number, 500, "the disk never fills")
        self.assertEqual((answer.status, answer["message"]), (507, "Validation Failed"))
        self.assertTrue(answer["errors"][0]["reason"])
        refused = Http(self.server).json("POST", "/api/osquery/enroll", {
            "enroll_secret": self.secret, "host_identifier": "late", "platform_type": "9",
            "host_details": {"system_info": {"filler": "x" * 60_000}},
        })
        self.assertNotIn("node_key", refused)
        self.assertTrue(refused["error"])
        self.assertEqual(self.names(), sorted(acknowledged))
        self.assertEqual(self.agent.read().status, 200)
        ballast.unlink()
        self.assertEqual(self.save(f"query {number}").status, 200)
        acknowledged.append(f"query {number}")
        self.assertIsNotNone(Agent(self.server, "late", self.secret).node_key)
        self.assertEqual(self.names(), sorted(acknowledged))
        self.server.process.kill()
        self.server.process.wait()
        self.server.restart()
        Http.__init__(self.admin, self.server)
        self.assertEqual(self.names(), sorted(acknowledged))

    def names(self):
        return sorted(query["name"] for query in self.admin.ok("GET", "queries")["queries"])


if __name__ == "__main__":
    unittest.main()
