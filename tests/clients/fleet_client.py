"""Users and osquery agents of a fleet server, as scripts and agents write them: HTTPS with the server's own CA.

    with Server() as server:
        admin = set_up(server)
        agent = Agent(server, "host-1", secret=admin.enroll_secret())
"""

import gzip
import http.client
import json
import ssl
import time
import urllib.parse

PASSWORD = "correct-horse1!"


class Answer(dict):
    """A JSON answer with its status."""

    status = None


class Http:
    """One connection to the fleet server that trusts nothing but `fleet.pem`."""

    used = 0

    def __init__(self, server):
        url = urllib.parse.urlsplit(server.fleet_url)
        if url.scheme == "https":
            context = ssl.create_default_context(cafile=str(server.data / "fleet.pem"))
            self.connection = http.client.HTTPSConnection(url.hostname, url.port, context=context, timeout=60)
        else:
            self.connection = http.client.HTTPConnection(url.hostname, url.port, timeout=60)

    def send(self, method, path, body=None, headers=()):
        # The server ends connections on which nothing comes for five seconds.
        if time.monotonic() - self.used > 3:
            self.connection.close()
        try:
            return self.send_now(method, path, body, headers)
        finally:
            self.used = time.monotonic()

    def send_now(self, method, path, body, headers):
        headers = dict(headers)
        data = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
        self.connection.request(method, path, data, headers)
        response = self.connection.getresponse()
        return response, response.read()

    def json(self, method, path, body=None, headers=()):
        response, text = self.send(method, path, body, headers)
        answer = Answer(json.loads(text or b"{}"))
        answer.status = response.status
        return answer


class User(Http):
    """A user who is logged in."""

    def __init__(self, server, token):
        super().__init__(server)
        self.token = token

    def call(self, method, path, body=None, version="v1"):
        headers = {"Authorization": f"Bearer {self.token}"}
        return self.json(method, f"/api/{version}/fleet/{path}", body, headers)

    def ok(self, method, path, body=None, version="v1"):
        answer = self.call(method, path, body, version)
        assert answer.status == 200, (method, path, answer.status, answer)
        return answer

    def enroll_secret(self):
        return self.ok("GET", "spec/enroll_secret")["spec"]["secrets"][0]["secret"]


def set_up(server):
    """Makes the first user; gives them logged in."""
    answer = Http(server).json("POST", "/api/v1/setup", {
        "admin": {"name": "Ada", "email": "ada@example.org", "password": PASSWORD},
        "org_info": {"org_name": "Example"},
        "server_url": "https://fleet.example.org",
    })
    assert answer.status == 200, answer
    return User(server, answer["token"])


def log_in(server, email, password=PASSWORD):
    answer = Http(server).json("POST", "/api/v1/fleet/login", {"email": email, "password": password})
    assert answer.status == 200, answer
    return User(server, answer["token"])


class Agent(Http):
    """An osquery agent: answers what it is asked from `tables`, by name of the query or by its SQL."""

    def __init__(self, server, identifier, secret):
        super().__init__(server)
        self.identifier = identifier
        self.tables = {
            "fleet_detail_query_system_info": [{
                "hostname": f"{identifier}.example.org", "uuid": f"uuid-{identifier}", "cpu_type": "x86_64",
                "physical_memory": "8232038400", "cpu_logical_cores": "4", "hardware_serial": f"serial-{identifier}",
                "computer_name": identifier,
            }],
            "fleet_detail_query_os_version": [{
                "name": "Ubuntu", "major": "22", "minor": "4", "patch": "0", "platform": "ubuntu",
                "platform_like": "debian", "codename": "jammy", "build": "",
            }],
            "fleet_detail_query_osquery_info": [{"version": "5.12.1"}],
            "fleet_detail_query_uptime": [{"total_seconds": "97262"}],
            "fleet_detail_query_osquery_flags": [
                {"name": "distributed_interval", "value": "10"}, {"name": "config_refresh", "value": "10"},
            ],
            "fleet_label_query_6": [{"1": "1"}],
        }
        answer = self.post("enroll", {
            "enroll_secret": secret, "host_identifier": identifier, "platform_type": "9", "host_details": {},
        })
        self.node_key = answer["node_key"]

    def post(self, path, body, packed=False):
        headers = {"Content-Type": "application/json", "User-Agent": "osquery/5.12.1"}
        data = json.dumps(body).encode()
        if packed:
            headers["Content-Encoding"], data = "gzip", gzip.compress(data)
        return self.json("POST", f"/api/osquery/{path}", data, headers)

    def call(self, path, **body):
        return self.post(path, {"node_key": self.node_key, **body})

    def read(self):
        return self.call("distributed/read")

    def write(self, answers, statuses=None, messages=None):
        statuses = statuses or {name: 0 for name in answers}
        return self.call("distributed/write", queries=answers, statuses=statuses, messages=messages or {})

    def work(self):
        """Asks for queries and answers them; gives what was asked."""
        asked = self.read()["queries"]
        if asked:
            self.write({name: self.tables.get(name, self.tables.get(sql, [])) for name, sql in asked.items()})
        return asked
