"""The VQL that the documents show."""

import pathlib
import re
import subprocess
import tempfile
import unittest

from harrier_server import BINARY

DOCS = pathlib.Path(__file__).parents[2] / "docs"


class Guides(unittest.TestCase):
    def test_every_example_is_free_of_mistakes(self):
        blocks = [(page, block) for page in DOCS.rglob("*.md") for block in re.findall(r"(?ms)^```vql\n(.*?)^```", page.read_text())]
        self.assertGreater(len(blocks), 10)
        with tempfile.TemporaryDirectory() as folder:
            for page, block in blocks:
                file = pathlib.Path(folder) / "example.vql"
                file.write_text(block)
                done = subprocess.run([BINARY, "check", str(file)], capture_output=True, text=True, timeout=60)
                with self.subTest(page=page.name, block=block):
                    self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
