"""Agents: they enrol, are asked about their hosts, get their configuration, and answer live queries."""

import json
import ssl
import time
import unittest

from websockets.sync.client import connect

from fleet_client import Agent, Http, set_up
from harrier_server import Server


class Agents(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(Server())
        cls.admin = set_up(cls.server)
        cls.secret = cls.admin.enroll_secret()

    def test_a_new_agent_becomes_a_host_with_details(self):
        agent = Agent(self.server, "details", self.secret)
        asked = agent.work()
        self.assertIn("fleet_detail_query_system_info", asked)
        agent.work()
        self.assertEqual(agent.read(), {"queries": {}, "discovery": {}})
        host = self.host("details")
        self.assertEqual(host["hostname"], "details.example.org")
        self.assertEqual(host["os_version"], "Ubuntu 22.4.0")
        self.assertEqual((host["platform"], host["code_name"], host["memory"]), ("ubuntu", "jammy", 8232038400))
        self.assertEqual((host["uptime"], host["status"]), (97262 * 10**9, "online"))

    def test_a_bad_secret_and_a_bad_key_make_agents_enrol_anew(self):
        answer = Http(self.server).json("POST", "/api/v1/osquery/enroll", {"enroll_secret": "wrong", "host_identifier": "x"})
        self.assertEqual(answer, {"error": "enroll failed: no matching secret found", "node_invalid": True})
        self.assertEqual(answer.status, 401)
        for path in ("config", "distributed/read", "distributed/write", "log", "carve/begin"):
            answer = Http(self.server).json("POST", f"/api/osquery/{path}", {"node_key": "nobody's"})
            self.assertEqual(answer, {"error": "authentication error: invalid node key", "node_invalid": True})
            answer = Http(self.server).json("POST", f"/api/osquery/{path}", b"{")
            self.assertIn("error", answer)
            self.assertNotIn("node_invalid", answer)

    def test_an_unchanged_configuration_is_answered_with_13_bytes(self):
        agent = Agent(self.server, "etag", self.secret)
        old = agent.call("config")
        self.assertNotIn("etag", old)
        self.assertEqual(old["options"]["pack_delimiter"], "/")
        new = agent.call("config", etag="")
        etag = new.pop("etag")
        self.assertEqual(new, old)
        _, text = agent.send("POST", "/api/osquery/config", {"node_key": agent.node_key, "etag": etag})
        self.assertEqual(text, b'{"etag":"ok"}')

    def test_log_lines_arrive_unchanged_before_they_are_acknowledged(self):
        agent = Agent(self.server, "log", self.secret)
        line = {"name": "pack/inventory/usb", "hostIdentifier": "log", "columns": {"vendor": "ACME \u2713"}, "action": "added"}
        body = {"node_key": agent.node_key, "log_type": "result", "data": [line, {"b": 2}]}
        self.assertEqual(agent.post("log", body, packed=True), {})
        host = self.host("log")
        stored = self.admin.ok("GET", f"hosts/{host['id']}/results")["results"]
        self.assertEqual([row["line"] for row in stored], [{"b": 2}, line])
        self.assertEqual(self.admin.ok("GET", f"hosts/{host['id']}/results?query=usb")["results"], stored[1:])
        # The file follows within a moment.
        log = self.server.data / "logs/fleet_result.log"
        for _ in range(200):
            logged = log.read_text().splitlines(keepends=True) if log.exists() else []
            logged = [json.loads(text) for text in logged if text.endswith("\n")]
            if line in logged:
                break
            time.sleep(0.05)
        self.assertIn(line, logged)
        self.assertIn("unknown log type", agent.call("log", log_type="other", data=[])["error"])
        self.assertIn("error", agent.call("log", log_type="result", data="x"))

    def test_a_live_query_reaches_its_host_and_its_rows_the_reader(self):
        agent = Agent(self.server, "live", self.secret)
        agent.work()
        agent.work()
        host = self.host("live")
        agent.tables["select * from uptime"] = [{"total_seconds": "98123"}]
        campaign = self.admin.ok("POST", "queries/run", {"query": "select * from uptime", "selected": {"hosts": [host["id"]]}})
        campaign = campaign["campaign"]
        self.assertEqual(campaign["Metrics"]["OnlineHosts"], 1)
        with self.stream("websockets") as stream:
            self.select(stream, campaign["id"])
            self.assertEqual(json.loads(stream.recv(5))["type"], "totals")
            first = json.loads(stream.recv(5))
            self.assertEqual(first["data"].pop("hosts")["sent"], 1)
            self.assertEqual(first, {"type": "status", "data": {"expected_results": 1, "actual_results": 0, "status": "pending"}})
            self.assertEqual(agent.work(), {f"fleet_distributed_query_{campaign['id']}": "select * from uptime"})
            result = json.loads(stream.recv(5))
            self.assertEqual(result["data"]["rows"], [{"total_seconds": "98123", "host_hostname": "live.example.org"}])
            self.assertEqual((result["data"]["host"]["id"], result["data"]["error"]), (host["id"], None))
            last = json.loads(stream.recv(5))
            self.assertEqual(last["data"].pop("hosts")["answered"], 1)
            self.assertEqual(last["data"], {"expected_results": 1, "actual_results": 1, "status": "finished"})
        self.assertEqual(agent.read()["queries"], {})

    def test_a_campaign_ends_when_its_reader_leaves(self):
        agent = Agent(self.server, "leaves", self.secret)
        agent.work()
        agent.work()
        campaign = self.admin.ok("POST", "queries/run_by_names", {
            "query": "select 1", "selected": {"hosts": ["leaves.example.org"], "labels": [""]},
        })["campaign"]
        with self.stream("websocket", version="latest") as stream:
            self.select(stream, campaign["id"])
            stream.recv(5)
        for _ in range(50):
            if not agent.read()["queries"]:
                break
        else:
            self.fail("the query was not withdrawn")

    def test_an_agent_can_only_write_what_it_was_asked(self):
        agent = Agent(self.server, "honest", self.secret)
        agent.work()
        agent.work()
        agent.read()
        answer = agent.write({
            "fleet_distributed_query_999": [], "fleet_label_query_999": [{"1": "1"}],
            "fleet_policy_query_999": [], "nonsense": [],
        })
        self.assertEqual(answer, {})
        # Another's host is out of reach: who writes is decided by the node key alone.
        other = Agent(self.server, "other", self.secret)
        other.write({"fleet_detail_query_system_info": [{"hostname": "honest.example.org", "uuid": "forged"}]})
        self.assertEqual(self.host("honest")["uuid"], "uuid-honest")
        named = [host for host in self.admin.ok("GET", "hosts")["hosts"] if host["hostname"] == "honest.example.org"]
        self.assertEqual(len(named), 1)

    def host(self, identifier):
        return self.admin.ok("GET", f"hosts/identifier/{identifier}")["host"]

    def stream(self, name, version="v1"):
        context = ssl.create_default_context(cafile=str(self.server.data / "fleet.pem"))
        url = self.server.fleet_url.replace("https://", "wss://")
        return connect(f"{url}/api/{version}/fleet/results/{name}", ssl=context)

    def select(self, stream, campaign):
        stream.send(json.dumps({"type": "auth", "data": {"token": self.admin.token}}))
        stream.send(json.dumps({"type": "select_campaign", "data": {"campaign_id": campaign}}))
