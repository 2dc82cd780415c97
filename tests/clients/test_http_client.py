"""HTTP requests that queries make through the server."""

import http.server
import json
import ssl
import threading
import unittest

from harrier_server import Server


class Handler(http.server.BaseHTTPRequestHandler):
    """Tells what it was asked."""

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode("latin-1")
        seen = {"method": self.command, "path": self.path, "body": body, "headers": dict(self.headers.items())}
        text = json.dumps(seen).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = answer

    def log_message(self, *_):
        pass


class WebServer:
    def __init__(self, context=None):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if context is not None:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        scheme = "http" if context is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self.server.server_address[1]}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


class HttpClient(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(Server())
        cls.client = cls.server.client("Fred")
        cls.admin = cls.server.client("Anna", role="administrator")
        cls.web = cls.enterClassContext(WebServer())

    def test_a_request_arrives_and_its_answer_is_a_row(self):
        query = f'SELECT * FROM http_client(url="{self.web.url}/x", method="POST", data="hello", headers=dict(`x-one`="1"))'
        (row,) = self.client.rows(query)
        self.assertEqual(list(row), ["Url", "Content", "Response", "Headers"])
        self.assertEqual(row["Response"], 200)
        self.assertEqual(row["Headers"]["Content-Type"], ["application/json"])
        seen = json.loads(row["Content"])
        self.assertEqual((seen["method"], seen["path"], seen["body"]), ("POST", "/x", "hello"))
        self.assertEqual(seen["headers"]["X-One"], "1")
        self.assertEqual(seen["headers"]["User-Agent"], "Velociraptor")

    def test_who_lacks_the_right_is_told(self):
        reader = self.server.client("Rita", role="api")
        self.assertEqual(reader.rows(f'SELECT * FROM http_client(url="{self.web.url}/")'), [])

    def test_certificates_of_the_own_ca_are_trusted(self):
        config = self.server.config()
        files = {}
        for name in ("certificate", "private_key"):
            files[name] = self.server.folder / name
            files[name].write_text(config["Frontend"][name])
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files["certificate"], files["private_key"])
        with WebServer(context) as web:
            (row,) = self.client.rows(f'SELECT Response FROM http_client(url="{web.url}/")')
        self.assertEqual(row["Response"], 200)

    def test_the_api_itself_is_trusted_and_wants_a_certificate(self):
        (row,) = self.client.rows(f'SELECT Content, Response FROM http_client(url="https://{self.server.address}/")')
        self.assertEqual(row["Response"], 500)
        # The server was believed: it is our side that has nothing to show, so the connection ends.
        self.assertNotIn("UnknownIssuer", row["Content"])

    def test_metadata_services_are_out_of_reach(self):
        (row,) = self.admin.rows('SELECT Content, Response FROM http_client(url="http://169.254.169.254/latest/")')
        self.assertEqual((row["Content"], row["Response"]), ("destination 169.254.169.254 is not allowed", 500))

    def test_a_secret_is_used_by_those_it_is_for(self):
        use = 'SELECT Url, Content FROM http_client(secret="hook")'
        self.assertEqual(self.client.rows(use), [])
        add = f"""SELECT secret_add(name="hook", type="HTTP Secrets", secret=dict(
            url="{self.web.url}/hidden", extra_headers="X-Key: k")) AS Added,
          secret_modify(name="hook", type="HTTP Secrets", add_users="Fred") AS Shared FROM scope()"""
        self.assertEqual(self.admin.rows(add), [{"Added": True, "Shared": True}])
        (row,) = self.client.rows(use)
        self.assertEqual(row["Url"], "secret://hook")
        seen = json.loads(row["Content"])
        self.assertEqual((seen["path"], seen["headers"]["X-Key"]), ("/hidden", "k"))
        (listed,) = self.admin.rows("SELECT * FROM secrets()")
        self.assertEqual(listed, {
            "type": "HTTP Secrets", "name": "hook", "creator": "Anna", "users": ["Fred"], "orgs": [],
            "visible_to_all_orgs": False,
        })
        self.assertEqual(self.client.rows('SELECT secret_add(name="x", type="HTTP Secrets", secret=dict()) AS X FROM scope()'), [{"X": None}])
        for file in (self.server.data / "secrets").rglob("*"):
            if file.is_file():
                self.assertNotIn(b"/hidden", file.read_bytes())
        remove = 'SELECT secret_modify(name="hook", type="HTTP Secrets", delete=TRUE) AS Gone FROM scope()'
        self.assertEqual(self.admin.rows(remove), [{"Gone": True}])
        self.assertEqual(self.client.rows(use), [])


if __name__ == "__main__":
    unittest.main()
