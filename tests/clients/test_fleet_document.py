"""The API's own description, held against the server by schemathesis: it makes requests from the document, good and bad ones."""

import json
import pathlib
import re
import subprocess
import sys
import unittest

from fleet_client import Agent, User, set_up
from harrier_server import Server

SECONDS = 600
EXAMPLES = 10
# What would lock the caller out or take the ground from under the others: ends sessions, and changes or removes users.
LEFT_OUT = re.compile(
    r"/(logout|change_password|perform_required_password_reset|reset_password|login|setup)$"
    r"|/sessions/\{id\}$|/users/\{id\}(/sessions|/require_password_reset)?$|/users/roles/spec$"
)
# Requests at the bounds of what is allowed, all of them; wrong ones as they come.
SETTINGS = """
[phases.coverage.generation]
mode = "positive"
"""
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


class Document(unittest.TestCase):
    def setUp(self):
        self.server = self.enterContext(Server())
        self.admin = set_up(self.server)
        self.fill()

    def fill(self):
        """Something of each kind, so that there is more to be found than 404."""
        secret = self.admin.enroll_secret()
        for number in range(3):
            agent = Agent(self.server, f"host-{number}", secret)
            agent.work()
            agent.work()
            agent.call("log", log_type="result", data=[{"name": "pack/a/q", "n": 1}])
        ok = self.admin.ok
        query = ok("POST", "queries", {"name": "q", "query": "select 1"})["query"]["id"]
        team = ok("POST", "teams", {"name": "t"})["team"]["id"]
        pack = ok("POST", "packs", {"name": "p"})["pack"]["id"]
        ok("POST", "schedule", {"pack_id": pack, "query_id": query, "interval": 60})
        ok("POST", "global/schedule", {"query_id": query, "interval": 60})
        ok("POST", f"teams/{team}/schedule", {"query_id": query, "interval": 60})
        ok("POST", "global/policies", {"name": "gp", "query": "select 1"})
        ok("POST", f"teams/{team}/policies", {"name": "tp", "query": "select 1"})
        ok("POST", "labels", {"name": "l", "query": "select 1"})
        ok("POST", "invites", {"email": "bob@example.org", "name": "Bob", "global_role": "observer"})

    def document(self, keep):
        """The document with those operations alone whose path and method are wanted."""
        response, text = self.admin.send("GET", "/api/openapi.json")
        self.assertEqual(response.status, 200)
        document = json.loads(text)
        for path, methods in list(document["paths"].items()):
            kept = {method: operation for method, operation in methods.items() if keep(path, method)}
            document["paths"].pop(path)
            if kept:
                document["paths"][path] = kept
        file = pathlib.Path(self.server.folder) / "openapi.json"
        file.write_text(json.dumps(document))
        return file, sum(map(len, document["paths"].values()))

    def test_the_server_keeps_what_its_description_promises(self):
        def keep(path, method):
            # Under each version the same handlers are; once is enough.
            is_main = path.startswith("/api/latest/") or (path.startswith("/api/v1/") and "/sso" in path)
            # Of a path with one such method nothing: methods that are not in the document are tried as well.
            return is_main and not LEFT_OUT.search(path)

        file, operations = self.document(keep)
        self.assertGreater(operations, 100)
        done = self.run_schemathesis(file)
        self.assertEqual(done.returncode, 0, done.stdout[-20_000:] + done.stderr[-2_000:])
        # The administrator is still there, and nothing went wrong that was not told.
        User(self.server, self.admin.token).ok("GET", "me")
        self.assertNotIn("panicked", self.server.log_file.read_text())

    def run_schemathesis(self, file):
        settings = self.server.folder / "schemathesis.toml"
        settings.write_text(SETTINGS)
        call = [
            str(pathlib.Path(sys.executable).with_name("schemathesis")), "--config-file", str(settings), "run", str(file), "--url", self.server.fleet_url,
            "--header", f"Authorization: Bearer {self.admin.token}", "--tls-verify", str(self.server.data / "fleet.pem"),
            "--checks", CHECKS, "--phases", "coverage,fuzzing", "--max-examples", str(EXAMPLES), "--seed", "1",
            "--generation-database", "none", "--no-shrink", "--workers", "2", "--continue-on-failure", "--request-timeout", "35",
            # While requests are made up for seconds, the server ends connections on which nothing comes.
            "--request-retries", "3",
            "--suppress-health-check", "all", "--warnings", "off", "--no-color",
        ]
        return subprocess.run(call, capture_output=True, text=True, timeout=SECONDS, cwd=self.server.folder)

    def test_a_description_that_is_wrong_is_found_out(self):
        file, operations = self.document(lambda path, method: path == "/api/latest/fleet/hosts" and method == "get")
        self.assertEqual(operations, 1)
        document = json.loads(file.read_text())
        answer = document["paths"]["/api/latest/fleet/hosts"]["get"]["responses"]["200"]
        answer["content"]["application/json"]["schema"]["properties"]["hosts"]["maxItems"] = 1
        file.write_text(json.dumps(document))
        done = self.run_schemathesis(file)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("Response violates schema", done.stdout)

    def test_every_list_takes_what_its_description_says(self):
        response, text = self.admin.send("GET", "/api/openapi.json")
        for path, methods in json.loads(text)["paths"].items():
            keys = {p["name"]: p for p in methods.get("get", {}).get("parameters", []) if p["in"] == "query"}
            if "order_key" not in keys or not path.startswith("/api/latest/") or "report" in path:
                continue
            # Of labels the first is a built-in one.
            path = re.sub(r"\{\w+\}", "6" if "/labels/" in path else "1", path)
            for key in keys["order_key"]["schema"]["enum"]:
                answer = self.admin.json("GET", f"{path}?order_key={key}&order_direction=desc&page=0&per_page=2", headers={
                    "Authorization": f"Bearer {self.admin.token}"})
                self.assertEqual(answer.status, 200, (path, key, answer))


if __name__ == "__main__":
    unittest.main()
