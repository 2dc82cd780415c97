"""The sandbox's server and its machines, killed at random moments: no task is lost or run to its end twice, nothing is left over."""

import os
import pathlib
import random
import signal
import time
import unittest

import requests

import cuckoo_guest
from harrier_server import Server

ROUNDS = int(os.environ.get("HARRIER_KILL_ROUNDS", "30"))
SCRIPT = b"#!/bin/sh\necho one line\nsleep 0.5\n"


def stat(pid):
    """Name, parent and start of a process; nothing when it is gone."""
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    name, rest = text.split("(", 1)[1].rsplit(")", 1)
    fields = rest.split()
    return (name, int(fields[1]), fields[19]) if fields[0] != "Z" else None


def emulators(server):
    """The processes of QEMU that a process has started, with when they began: ids are used again."""
    known = {int(path.name): stat(path.name) for path in pathlib.Path("/proc").glob("[0-9]*")}
    below, grew = {server}, True
    while grew:
        more = {pid for pid, found in known.items() if found and found[1] in below} - below
        below |= more
        grew = bool(more)
    return {(pid, known[pid][2]) for pid in below if known.get(pid) and known[pid][0].startswith("qemu")}


@unittest.skipUnless(cuckoo_guest.is_there(), cuckoo_guest.MISSING)
class Kill(unittest.TestCase):
    def test_no_task_is_lost_or_doubled_and_nothing_is_left(self):
        chance = random.Random(20261122)
        server = Server("--cuckoo-listen", "127.0.0.1:0", "--machines", "2")
        cuckoo_guest.give(server.data)
        acknowledged, killed_machines, ran = [], 0, set()
        try:
            server.start()
            # The template is made once, undisturbed.
            acknowledged.append(self.submit(server))
            self.until_all_ended(server, acknowledged)
            for _ in range(ROUNDS):
                for _ in range(chance.randint(1, 2)):
                    acknowledged.append(self.submit(server))
                time.sleep(chance.uniform(0.05, 1.5))
                if chance.random() < 0.4:
                    for pid, _ in list(emulators(server.process.pid))[:1]:
                        os.kill(pid, signal.SIGKILL)
                        killed_machines += 1
                    time.sleep(chance.uniform(0.0, 0.5))
                ran |= emulators(server.process.pid)
                server.process.kill()
                server.process.wait()
                server.restart()
            shown = self.until_all_ended(server, acknowledged)
            self.assertEqual(sorted(shown), sorted(acknowledged))
            for task in shown.values():
                self.assertEqual(task["status"], "reported", task)
                report = requests.get(f"{server.cuckoo_url}/tasks/report/{task['id']}").json()
                self.assertEqual(report["info"]["id"], task["id"])
                if not task["errors"]:
                    output = server.data / f"sandbox/analyses/{task['id']}/logs/stdout.txt"
                    self.assertEqual(output.read_text(), "one line\n")
            self.assertGreater(killed_machines, 0)
            self.assertGreater(len(ran), 0)
            clean = [task for task in shown.values() if not task["errors"]]
            self.assertGreaterEqual(len(clean), len(shown) - killed_machines - 1)
        finally:
            server.process.kill()
            server.process.wait()
            left = self.left(ran)
            server.stop()
        self.assertEqual(left, [])

    def submit(self, server):
        answer = requests.post(server.cuckoo_url + "/tasks/create/file", files={"file": ("x.sh", SCRIPT)})
        self.assertEqual(answer.status_code, 200, answer.text)
        return answer.json()["task_id"]

    def until_all_ended(self, server, acknowledged):
        deadline = time.monotonic() + 300
        while True:
            tasks = requests.get(server.cuckoo_url + "/tasks/list").json()["tasks"]
            shown = {task["id"]: task for task in tasks}
            if all(shown[task]["status"] not in ("pending", "running", "completed") for task in acknowledged):
                return shown
            self.assertLess(time.monotonic(), deadline, shown)
            time.sleep(0.2)

    def left(self, ran):
        """Machines that outlive the server that started them, after a moment."""
        for _ in range(50):
            left = [pid for pid, began in ran if (stat(pid) or (None, None, None))[2] == began]
            if not left:
                return []
            time.sleep(0.1)
        return left


if __name__ == "__main__":
    unittest.main()
