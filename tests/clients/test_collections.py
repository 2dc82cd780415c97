"""Collections on the server, driven by the published scripts."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest
import zipfile

import pandas
from pyvelociraptor import LoadConfigFile, velo_pandas

from harrier_server import Server

ARTIFACT = """name: Custom.Fetch
type: SERVER
parameters:
  - name: Path
sources:
  - name: Lines
    query: SELECT Line FROM parse_lines(filename=Path)
  - name: Files
    query: SELECT upload(file=Path) AS Upload FROM scope()
"""


class Collections(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(Server())
        cls.file = cls.server.issue("Fred", role="administrator")
        cls.folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))

    def frame(self, query, **env):
        config = LoadConfigFile(str(self.file))
        return pandas.DataFrame(velo_pandas.DataFrameQuery(query, config=config, **env))

    def collect(self, path):
        self.frame("SELECT artifact_set(definition=Yaml).name AS Name FROM scope()", Yaml=ARTIFACT)
        started = self.frame(
            "SELECT collect_client(client_id='server', artifacts='Custom.Fetch', env=dict(Path=Path)).flow_id AS Id FROM scope()",
            Path=str(path),
        )
        flow = started["Id"][0]
        for _ in range(200):
            state = self.frame("SELECT state FROM flows(client_id='server', flow_id=Id)", Id=flow)["state"][0]
            if state != "RUNNING":
                break
            time.sleep(0.05)
        self.assertEqual(state, "FINISHED")
        return flow

    def fetch(self, flow, *more):
        out = self.folder / f"out{len(os.listdir(self.folder))}"
        out.mkdir()
        call = [sys.executable, "-m", "pyvelociraptor.fetch_flow_uploads", "--config", str(self.file), *more, "--output", str(out), "server", flow]
        done = subprocess.run(call, capture_output=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        return [path for path in out.rglob("*") if path.is_file()]

    def test_rows_and_files_come_back_through_the_published_scripts(self):
        sample = self.folder / "sample.txt"
        sample.write_bytes(b"one\ntwo\n" * 300_000)
        flow = self.collect(sample)
        rows = self.frame("SELECT Line FROM source(client_id='server', flow_id=Id, artifact='Custom.Fetch/Lines') LIMIT 2", Id=flow)
        self.assertEqual(list(rows["Line"]), ["one", "two"])
        files = self.fetch(flow)
        self.assertEqual([f.read_bytes() for f in files], [sample.read_bytes()])

    def test_a_collection_is_exported_as_an_archive(self):
        sample = self.folder / "small.txt"
        sample.write_bytes(b"hello\n")
        flow = self.collect(sample)
        made = self.frame("SELECT create_flow_download(client_id='server', flow_id=Id, wait=TRUE).Components AS C FROM scope()", Id=flow)
        components = made["C"][0]
        packed = self.fetch(flow, "--zip")
        self.assertTrue(zipfile.is_zipfile(packed[0]))
        self.assertEqual(components[0], "downloads")
        archive = self.server.data / "files" / pathlib.Path(*components)
        with zipfile.ZipFile(archive) as content:
            names = content.namelist()
            self.assertIn("results/Custom.Fetch%2FLines.json", names)
            lines = content.read("results/Custom.Fetch%2FLines.json").decode().splitlines()
            self.assertEqual(json.loads(lines[0]), {"Line": "hello"})
            upload = next(n for n in names if n.startswith("uploads/") and n.endswith("small.txt"))
            self.assertEqual(content.read(upload), b"hello\n")


if __name__ == "__main__":
    unittest.main()
