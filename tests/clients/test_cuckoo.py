"""The sandbox's API as its manual's examples and the PyPI client `sandboxapi` use it, with a real machine behind it."""

import io
import json
import pathlib
import socket
import subprocess
import tarfile
import time
import unittest

import requests
from sandboxapi.cuckoo import CuckooAPI

import cuckoo_guest
from harrier_server import Server

PORT = 8090
SAMPLE = b"#!/bin/sh\necho hello > /tmp/dropped.txt\nsleep 1\n"


def is_free(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


@unittest.skipUnless(is_free(PORT), f"port {PORT}, which the manual's examples name, is taken")
class Examples(unittest.TestCase):
    """The manual's examples, letter by letter: they name http://localhost:8090."""

    @classmethod
    def setUpClass(cls):
        cls.server = Server("--cuckoo-listen", f"127.0.0.1:{PORT}")
        cls.has_guest = cuckoo_guest.is_there()
        if cls.has_guest:
            cuckoo_guest.give(cls.server.data)
        cls.server.start()
        cls.folder = cls.server.folder

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def run_line(self, line):
        done = subprocess.run(["/bin/sh", "-c", line], cwd=self.folder, capture_output=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def curl(self, line):
        return json.loads(self.run_line(line))

    def sample(self, name):
        path = self.folder / name
        path.write_bytes(SAMPLE)
        return path

    def wait(self, task):
        for _ in range(600):
            shown = requests.get(f"http://localhost:8090/tasks/view/{task}").json()["task"]
            if shown["status"] not in ("pending", "running", "completed"):
                return shown
            time.sleep(0.2)
        self.fail(f"the task did not end: {shown}")

    def test_curl_submits_a_file_and_a_url(self):
        path = self.sample("file")
        created = self.curl(f"curl -F file=@{path} http://localhost:8090/tasks/create/file")
        self.assertIsInstance(created["task_id"], int)
        created = self.curl('curl -F url="http://www.malicious.site" http://localhost:8090/tasks/create/url')
        view = self.curl(f"curl http://localhost:8090/tasks/view/{created['task_id']}")["task"]
        self.assertEqual((view["category"], view["target"]), ("url", "http://www.malicious.site"))
        self.assertIn(created["task_id"], [task["id"] for task in self.curl("curl http://localhost:8090/tasks/list")["tasks"]])

    def test_python_submits_a_file(self):
        REST_URL = "http://localhost:8090/tasks/create/file"
        SAMPLE_FILE = str(self.sample("malwr.exe"))

        with open(SAMPLE_FILE, "rb") as sample:
            multipart_file = {"file": ("temp_file_name", sample)}
            request = requests.post(REST_URL, files=multipart_file)

        # Add your code to error checking for request.status_code.

        json_decoder = json.JSONDecoder()
        task_id = json_decoder.decode(request.text)["task_id"]
        self.assertIsInstance(task_id, int)

    def test_python_submits_a_url(self):
        REST_URL = "http://localhost:8090/tasks/create/url"
        SAMPLE_URL = "http://example.org/malwr.exe"

        multipart_url = {"url": ("", SAMPLE_URL)}
        request = requests.post(REST_URL, files=multipart_url)

        # Add your code to error checking for request.status_code.

        json_decoder = json.JSONDecoder()
        task_id = json_decoder.decode(request.text)["task_id"]
        self.assertIsInstance(task_id, int)

    def test_the_state_of_machines_and_server(self):
        self.assertEqual(self.curl("curl http://localhost:8090/cuckoo/status")["protocol_version"], 1)
        machines = self.curl("curl http://localhost:8090/machines/list")["machines"]
        self.assertEqual(bool(machines), self.has_guest)
        self.assertEqual(self.curl("curl http://localhost:8090/machines/view/cuckoo1"), {"message": "Machine not found"})
        self.assertEqual(self.curl("curl http://localhost:8090/vpn/status"), {"vpns": {}})

    def test_a_run_from_its_submission_to_its_end(self):
        if not self.has_guest:
            self.skipTest(cuckoo_guest.MISSING)
        path = self.sample("run.sh")
        task = self.curl(f"curl -F file=@{path} http://localhost:8090/tasks/create/file")["task_id"]
        shown = self.wait(task)
        self.assertEqual((shown["status"], shown["errors"]), ("reported", []))
        report = self.curl(f"curl http://localhost:8090/tasks/report/{task}")
        self.assertIn("/tmp/dropped.txt", [file["filepath"] for file in report["dropped"]])
        self.run_line(f"wget -q http://localhost:8090/tasks/screenshots/{task}")
        self.assertTrue((self.folder / str(task)).read_bytes().startswith(b"PK"))
        (self.folder / str(task)).unlink()
        self.run_line(f"curl http://localhost:8090/pcap/get/{task} > dump.pcap")
        self.assertEqual((self.folder / "dump.pcap").read_bytes()[:4], b"\xd4\xc3\xb2\xa1")
        self.run_line(f"wget -q -O dumps http://localhost:8090/memory/list/{task}")
        self.assertEqual(json.loads((self.folder / "dumps").read_text()), {"dump_files": []})
        sample = self.curl(f"curl http://localhost:8090/files/view/id/{shown['sample_id']}")["sample"]
        self.run_line(f"curl http://localhost:8090/files/get/{sample['sha256']} > sample.exe")
        self.assertEqual((self.folder / "sample.exe").read_bytes(), SAMPLE)
        self.assertEqual(self.curl(f"curl http://localhost:8090/tasks/rereport/{task}"), {"success": True})
        self.wait(task)
        archive = requests.get(f"http://localhost:8090/tasks/report/{task}/all?tar=gz")
        with tarfile.open(fileobj=io.BytesIO(archive.content)) as members:
            self.assertTrue(members.getmember("binary").isreg())
        again = self.curl(f"curl http://localhost:8090/tasks/reschedule/{task}")
        self.assertEqual(again["status"], "OK")
        self.wait(again["task_id"])
        self.assertEqual(self.curl(f"curl http://localhost:8090/tasks/delete/{task}"), {"status": "OK"})

    def test_the_client_of_pypi(self):
        client = CuckooAPI("http://localhost:8090/")
        self.assertTrue(client.is_available())
        task = client.analyze(io.BytesIO(SAMPLE), "client.sh")
        self.assertIn(int(task), [known["id"] for known in client.analyses()])
        self.assertFalse(client.check("4711"))
        if not self.has_guest:
            self.assertGreaterEqual(client.queue_size(), 1)
            self.skipTest(cuckoo_guest.MISSING)
        for _ in range(600):
            if client.check(task):
                break
            time.sleep(0.1)
        report = client.report(task)
        self.assertEqual((report["info"]["id"], client.score(report)), (int(task), 0))
        self.assertTrue(client.report(task, "dropped").startswith(b"BZ"))
        self.assertTrue(client.delete(task))


class Strangers(unittest.TestCase):
    def test_without_machines_tasks_wait_and_say_why(self):
        with Server("--cuckoo-listen", "127.0.0.1:0") as server:
            created = requests.post(server.cuckoo_url + "/tasks/create/url", data={"url": "http://x.example"}).json()
            for _ in range(100):
                task = requests.get(f"{server.cuckoo_url}/tasks/view/{created['task_id']}").json()["task"]
                if "waits_for" in task:
                    break
                time.sleep(0.1)
            self.assertEqual(task["status"], "pending")
            self.assertIn("there", task["waits_for"])

    def test_anywhere_else_than_on_loopback_the_token_is_needed(self):
        with Server("--cuckoo-listen", "0.0.0.0:0") as server:
            url = server.cuckoo_url.replace("0.0.0.0", "127.0.0.1") + "/tasks/list"
            self.assertEqual(requests.get(url).status_code, 401)
            path = pathlib.Path(server.data) / "cuckoo.token"
            self.assertEqual(path.stat().st_mode & 0o777, 0o600)
            token = path.read_text().strip()
            for scheme in ("Bearer", "Token"):
                answer = requests.get(url, headers={"Authorization": f"{scheme} {token}"})
                self.assertEqual((answer.status_code, answer.json()), (200, {"tasks": []}))


if __name__ == "__main__":
    unittest.main()
