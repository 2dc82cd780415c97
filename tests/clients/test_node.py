"""A client in another language, made from proto/api.proto alone."""

import json
import os
import pathlib
import subprocess
import unittest

from harrier_server import Server

FOLDER = pathlib.Path(__file__).parent
MODULES = os.environ.get("HARRIER_NODE_MODULES")


@unittest.skipUnless(MODULES, "no Node on this machine")
class Node(unittest.TestCase):
    def test_a_node_client_gets_rows(self):
        with Server() as server:
            client = server.client("Nadia")
            config = server.folder / "client.json"
            config.write_text(json.dumps(client.config))
            proto = FOLDER.parents[1] / "proto/api.proto"
            query = "SELECT _value AS N, Word FROM range(end=3)"
            call = ["node", str(FOLDER / "node/query.cjs"), str(config), str(proto), query, "Word=hello"]
            environment = os.environ | {"NODE_PATH": MODULES}
            done = subprocess.run(call, capture_output=True, text=True, timeout=60, env=environment)
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual(rows, [{"N": n, "Word": "hello"} for n in range(3)])


if __name__ == "__main__":
    unittest.main()
