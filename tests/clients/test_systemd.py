"""The unit that is shipped, as systemd reads it."""

import os
import pathlib
import shlex
import shutil
import subprocess
import tempfile
import unittest

SHIPPED = pathlib.Path(__file__).parents[2] / "packaging/systemd/harrier.service"
ANALYZE = shutil.which("systemd-analyze")


@unittest.skipUnless(ANALYZE, "systemd is not installed")
class Unit(unittest.TestCase):
    def test_the_unit_is_valid_and_its_command_is_one_of_the_binary(self):
        binary = os.path.abspath(os.environ["HARRIER_BIN"])
        text = SHIPPED.read_text().replace("/usr/local/bin/harrier", binary)
        with tempfile.TemporaryDirectory() as folder:
            unit = pathlib.Path(folder) / SHIPPED.name
            unit.write_text(text)
            verified = subprocess.run([ANALYZE, "verify", "--man=no", unit], capture_output=True, text=True)
        self.assertEqual((verified.returncode, verified.stdout + verified.stderr), (0, ""))
        command = next(line for line in text.splitlines() if line.startswith("ExecStart="))
        words = shlex.split(command.removeprefix("ExecStart="))
        # Parsed as the server would, but for the help at the end.
        self.assertEqual(subprocess.run([*words, "--help"], capture_output=True).returncode, 0)
        self.assertNotEqual(subprocess.run([*words, "--no-such-option"], capture_output=True).returncode, 0)
