"""A real browser (Chromium, driven by npm's playwright-core) and a place on this machine whose pages it opens.

    with Pages() as pages, Browser() as browser:
        seen = browser.converse(pages.page, "https://127.0.0.1:8080/api/v1/fleet/results", "jsonp-polling", token, 57)

HARRIER_CHROMIUM names the browser, HARRIER_NODE_MODULES the folder of npm packages.
"""

import contextlib
import http.server
import json
import os
import pathlib
import subprocess
import tempfile
import threading

MODULES = os.environ.get("HARRIER_NODE_MODULES")
CHROMIUM = os.environ.get("HARRIER_CHROMIUM")
SCRIPT = pathlib.Path(__file__).parent / "node/browser.cjs"
PAGE = b"<!DOCTYPE html><html><head><link rel=icon href=data:,><script src=/sockjs.js></script></head><body></body></html>"


def sockjs():
    return pathlib.Path(MODULES) / "sockjs-client/dist/sockjs.min.js"


class Pages:
    """A web server with one page that loads the SockJS script as published."""

    def __enter__(self):
        files = {"/page": ("text/html", PAGE), "/sockjs.js": ("text/javascript", sockjs().read_bytes())}

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                kind, body = files.get(self.path, ("text/plain", b""))
                self.send_response(200 if body else 404)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.page = f"http://127.0.0.1:{self.server.server_port}/page"
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


class Browser:
    """One browser with a fresh profile; each conversation has a page of its own."""

    def __enter__(self):
        self.stack = contextlib.ExitStack()
        profile = self.stack.enter_context(tempfile.TemporaryDirectory(prefix="harrier-browser-", ignore_cleanup_errors=True))
        self.log = self.stack.enter_context(tempfile.TemporaryFile("w+"))
        environment = os.environ | {"NODE_PATH": MODULES}
        call = ["node", str(SCRIPT), CHROMIUM, profile]
        self.process = subprocess.Popen(
            call, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True, env=environment)
        self.stack.callback(self.stop)
        self.hear()
        return self

    def __exit__(self, *_):
        self.stack.close()

    def stop(self):
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()

    def hear(self):
        line = self.process.stdout.readline()
        if not line:
            self.log.seek(0)
            raise AssertionError(f"the browser did not start or ended:\n{self.log.read()}")
        answer = json.loads(line)
        assert "failed" not in answer, answer
        return answer

    def ask(self, wanted):
        self.process.stdin.write(json.dumps(wanted) + "\n")
        self.process.stdin.flush()
        return self.hear()

    def frame(self, page, url, kind, data):
        """What the frame of the iframe transports answers to a message: its kind and data."""
        answer = self.ask({"page": page, "url": url, "say": {"type": kind, "data": json.dumps(data)}})
        return answer["type"], json.loads(answer.get("data", "null"))

    def converse(self, page, url, transport, token, campaign, when_reading):
        """Reads a campaign from a page; gives what the page saw. `when_reading` is called once the page was told that a host is
        asked. The server has no page of its own that loads the script: its greeting is given it."""
        own = page.startswith(url)
        wanted = {
            "page": page, "script": str(sockjs()) if own else None, "url": url, "transport": transport, "token": token,
            "campaign": campaign,
        }
        answer = self.ask(wanted)
        if "reading" in answer:
            when_reading()
            answer = self.hear()
        return answer
