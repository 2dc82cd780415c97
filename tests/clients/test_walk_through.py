"""The program of the first published API page, unchanged."""

import ast
import pathlib
import subprocess
import sys
import unittest

from harrier_server import Server

PROGRAM = pathlib.Path(__file__).parent / "walk_through/program.py"


class WalkThrough(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(Server())
        # The page issues the client without a role and queries at once.
        cls.server.issue("Fred").rename(cls.server.folder / "api_client.yaml")

    def run_program(self, query):
        call = [sys.executable, str(PROGRAM), query]
        done = subprocess.run(call, cwd=self.server.folder, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        return [ast.literal_eval(line) for line in done.stdout.splitlines()]

    def test_the_published_program_prints_its_rows(self):
        self.assertEqual(self.run_program("SELECT _value AS N FROM range(end=3)"), [{"N": 0}, {"N": 1}, {"N": 2}])

    def test_it_reads_real_files(self):
        rows = self.run_program('SELECT Name, Size FROM glob(globs="/etc/pass*") WHERE Name = "passwd"')
        self.assertEqual(rows, [{"Name": "passwd", "Size": pathlib.Path("/etc/passwd").stat().st_size}])

    def test_a_query_with_log_lines_is_still_all_json(self):
        self.assertEqual(self.run_program("SELECT nosuch AS X FROM scope()"), [{"X": None}])

    def test_a_query_without_rows_ends_well(self):
        self.assertEqual(self.run_program("SELECT * FROM range(end=0)"), [])

    def test_a_program_that_does_not_parse_ends_well(self):
        self.assertEqual(self.run_program("SELECT FROM WHERE"), [])

    def test_the_audit_log_names_the_certificate(self):
        self.run_program("SELECT * FROM scope()")
        self.assertIn("Fred", [line["principal"] for line in self.server.audit()])


class ClientFile(unittest.TestCase):
    def test_the_file_has_the_published_members_in_order(self):
        with Server() as server:
            members = list(server.client("Fred").config)
        self.assertEqual(
            members, ["ca_certificate", "client_cert", "client_private_key", "api_connection_string", "name"]
        )


if __name__ == "__main__":
    unittest.main()
