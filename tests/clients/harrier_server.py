"""A fresh server in a temporary folder, and clients for it.

    with Server() as server:
        client = server.client("Fred")
        rows = client.rows("SELECT * FROM range(end=3)")

HARRIER_BIN names the binary to test.
"""

import contextlib
import json
import os
import pathlib
import re
import subprocess
import tempfile
import time

import grpc
import yaml
from pyvelociraptor import api_pb2, api_pb2_grpc

BINARY = os.environ.get("HARRIER_BIN") or str(pathlib.Path(__file__).parents[2] / "target/debug/harrier")
START_SECONDS = 90
CALL_SECONDS = 60


class Server:
    """A running server. Everything it writes lies in one temporary folder."""

    def __init__(self, *arguments):
        self.arguments = arguments
        self._folder = tempfile.TemporaryDirectory(prefix="harrier-test-")
        self.folder = pathlib.Path(self._folder.name)
        self.data = self.folder / "data"
        self.log_file = self.folder / "server.log"
        # Where standard output goes when it is not to lie in the log.
        self.output_file = None
        self.process = None
        self.address = None
        self.fleet_url = None
        self.cuckoo_url = None

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        listen_file = self.data / "run/listen.json"
        command = [BINARY, "server", "--data-dir", str(self.data), "--api-listen", "127.0.0.1:0"]
        if "--fleet-listen" not in self.arguments:
            command += ["--fleet-listen", "127.0.0.1:0"]
        if "--cuckoo-listen" not in self.arguments:
            command += ["--cuckoo-listen", "off"]
        command += self.arguments
        with open(self.log_file, "wb") as log, open(self.output_file or os.devnull, "ab") as output:
            stdout = output if self.output_file else log
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=log)
        deadline = time.monotonic() + START_SECONDS
        while self.address is None:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"the server did not start:\n{self.log_file.read_text()}")
            with contextlib.suppress(FileNotFoundError, json.JSONDecodeError):
                listen = json.loads(listen_file.read_text())
                self.address, self.fleet_url, self.cuckoo_url = listen["api"], listen.get("fleet"), listen.get("cuckoo")
            time.sleep(0.02)

    def restart(self):
        """Starts again on the same data after the process has ended."""
        (self.data / "run/listen.json").unlink(missing_ok=True)
        self.address = self.fleet_url = self.cuckoo_url = None
        self.start()

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._folder.cleanup()

    @property
    def config_file(self):
        return self.data / "server.config.yaml"

    def config(self):
        return yaml.safe_load(self.config_file.read_text())

    def command(self, *arguments):
        """Runs the binary with the server's configuration and gives what it printed."""
        call = [BINARY, "--config", str(self.config_file), *arguments]
        done = subprocess.run(call, capture_output=True, text=True, timeout=CALL_SECONDS)
        if done.returncode != 0:
            raise AssertionError(f"{arguments} failed ({done.returncode}):\n{done.stdout}{done.stderr}")
        return done.stdout

    def issue(self, name, role=None):
        """Issues a client file; gives its path."""
        arguments = ["config", "api_client", "--name", name]
        if role is not None:
            arguments += ["--role", role]
        text = self.command(*arguments)
        # The file names the port of the configuration; this server listens on another.
        text = re.sub(r"(?m)^api_connection_string: .*$", f"api_connection_string: {self.address}", text)
        path = self.folder / f"{name}.yaml"
        path.write_text(text)
        return path

    def client(self, name, role=None):
        return Client(self.issue(name, role))

    def memory(self):
        """Bytes of memory in use."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024

    def audit(self):
        """The lines of the audit log, oldest first."""
        path = self.data / "logs/audit.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def store(self, *components, content):
        """Puts a file into the file store."""
        path = self.data.joinpath("files", *components)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


class Client:
    """Calls with the credentials of one client file."""

    def __init__(self, path):
        self.path = path
        self.config = yaml.safe_load(pathlib.Path(path).read_text())

    @contextlib.contextmanager
    def channel(self, config=None, **credentials):
        """A channel; credentials override parts of the file, None leaves a part out."""
        config = self.config if config is None else config
        parts = {
            "root_certificates": config["ca_certificate"],
            "private_key": config.get("client_private_key"),
            "certificate_chain": config.get("client_cert"),
        } | credentials
        encoded = {key: text and text.encode() for key, text in parts.items()}
        options = (("grpc.ssl_target_name_override", "VelociraptorServer"),)
        with grpc.secure_channel(config["api_connection_string"], grpc.ssl_channel_credentials(**encoded), options) as channel:
            yield channel

    @contextlib.contextmanager
    def query(self, *programs, seconds=CALL_SECONDS, **arguments):
        """Starts a query; gives the call, which is cancelled at the end."""
        request = api_pb2.VQLCollectorArgs(Query=[api_pb2.VQLRequest(VQL=program) for program in programs], **arguments)
        with self.channel() as channel:
            call = api_pb2_grpc.APIStub(channel).Query(request, timeout=seconds)
            try:
                yield call
            finally:
                call.cancel()

    def messages(self, *programs, **arguments):
        """All messages of a query that ends."""
        with self.query(*programs, **arguments) as call:
            return list(call)

    def rows(self, *programs, **arguments):
        """All rows of a query that ends."""
        messages = self.messages(*programs, **arguments)
        return [row for message in messages if message.Response for row in json.loads(message.Response)]
