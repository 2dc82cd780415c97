"""An agent of Cuckoo's second protocol (the sandbox reference, section 7.1), for tests: one request at a time, on port 8000."""

import io
import json
import os
import subprocess
import sys
import tempfile
import traceback
import urllib.parse
import zipfile
from http.server import BaseHTTPRequestHandler, HTTPServer

STATE = {"status": None, "description": None, "client": None}
ANALYZER = None


class Refused(Exception):
    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


class Agent(BaseHTTPRequestHandler):
    timeout = 60

    def fields(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        kind = self.headers.get("Content-Type", "")
        if "boundary=" not in kind:
            pairs = urllib.parse.parse_qs(body.decode(), keep_blank_values=True)
            return {name: values[0].encode() for name, values in pairs.items()}
        mark = b"--" + kind.split("boundary=")[1].strip('"').encode()
        fields = {}
        for part in body.split(mark)[1:-1]:
            head, _, content = part.partition(b"\r\n\r\n")
            name = head.decode().split('name="')[1].split('"')[0]
            fields[name] = content.removesuffix(b"\r\n")
        return fields

    def say(self, code, answer):
        body = json.dumps(answer).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def serve(self, method):
        client, path = self.client_address[0], self.path
        is_own = client == "127.0.0.1" and (method, path) == ("POST", "/status")
        if STATE["client"] not in (None, client) and not is_own:
            self.close_connection = True
            return
        try:
            call = CALLS.get((method, path))
            if call is None:
                raise Refused(404, "Page not found")
            fields = self.fields() if method == "POST" else {}
            self.say(200, {"message": "done"} | (call(self, fields) or {}))
        except Refused as error:
            self.say(error.code, {"message": str(error), "error_code": error.code})
        except Exception as error:
            self.say(500, {"message": repr(error), "error_code": 500, "traceback": traceback.format_exc()})

    def do_GET(self):
        self.serve("GET")

    def do_POST(self):
        self.serve("POST")


def text(fields, name):
    if name not in fields:
        raise Refused(400, f"{name} is missing")
    return fields[name].decode()


def pin(agent, _):
    if STATE["client"]:
        raise Refused(500, "Agent has already been pinned to an IP!")
    STATE["client"] = agent.client_address[0]
    return {"client_ip": STATE["client"]}


def set_status(_, fields):
    STATE["status"] = text(fields, "status")
    STATE["description"] = fields.get("description", b"").decode() or None


def store(_, fields):
    with open(text(fields, "filepath"), "wb") as file:
        file.write(fields["file"])


def extract(_, fields):
    zipfile.ZipFile(io.BytesIO(fields["zipfile"])).extractall(text(fields, "dirpath"))


def execpy(_, fields):
    global ANALYZER
    call = [sys.executable, text(fields, "filepath")]
    ANALYZER = subprocess.Popen(call, cwd=fields.get("cwd", b"/").decode())
    return {"stdout": None, "stderr": None}


CALLS = {
    ("GET", "/"): lambda *_: {"version": "0.10", "features": ["execpy", "pinning"]},
    ("GET", "/status"): lambda *_: {"status": STATE["status"], "description": STATE["description"]},
    ("POST", "/status"): set_status,
    ("GET", "/system"): lambda *_: {"system": "Linux"},
    ("GET", "/environ"): lambda *_: {"environ": dict(os.environ)},
    ("GET", "/pinning"): pin,
    ("POST", "/mkdtemp"): lambda _, fields: {"dirpath": tempfile.mkdtemp(dir=text(fields, "dirpath"))},
    ("POST", "/mkdir"): lambda _, fields: os.makedirs(text(fields, "dirpath")),
    ("POST", "/extract"): extract,
    ("POST", "/store"): store,
    ("POST", "/execpy"): execpy,
}

HTTPServer(("0.0.0.0", 8000), Agent).serve_forever()
