"""Live queries in a browser: the published SockJS script, every transport it has, in a network without a way out.

From the server's own origin and from another: what the script may do depends on it."""

import json
import os
import subprocess
import unittest
import urllib.parse

from browser import CHROMIUM, MODULES, Browser, Pages
from fleet_client import Agent, set_up
from harrier_server import Server

SQL = "select * from uptime"
# What a page of the origin can use. (A server refuses WebSockets of other origins' pages; `htmlfile` needs to call its parent.)
FROM_OWN_ORIGIN = [
    "websocket", "xhr-streaming", "eventsource", "iframe-eventsource", "htmlfile", "iframe-htmlfile", "xhr-polling",
    "iframe-xhr-polling", "jsonp-polling",
]
FROM_ANOTHER = [
    "xhr-streaming", "eventsource", "iframe-eventsource", "iframe-htmlfile", "xhr-polling", "iframe-xhr-polling", "jsonp-polling",
]
# These two go over XDomainRequest, which only Internet Explorer 8 and 9 had: no browser that anybody can run offers it. The
# requests that they make are those of xhr-streaming and xhr-polling.
IN_NO_BROWSER = ["xdr-streaming", "xdr-polling"]
# How the script says that none of the transports it was given can be used.
ALL_FAILED = [2000, "All transports failed"]


class Runs:
    """The tests, for a server with TLS and for one without."""

    tls = True

    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(Server(*([] if cls.tls else ["--fleet-tls", "off"])))
        cls.pages = cls.enterClassContext(Pages())
        cls.browser = cls.enterClassContext(Browser())
        cls.admin = set_up(cls.server)
        cls.agent = Agent(cls.server, "streamed", cls.admin.enroll_secret())
        # What pages, scripts and streams could take for their own; and more than one response carries, so that the script has to ask
        # again for what comes after it.
        text = "<!--<script> </script> %41 \u202e \u2028 é"
        cls.agent.tables[SQL] = [{"total_seconds": "98123", "text": text, "filler": "x" * 200_000}]
        cls.agent.work()
        cls.agent.work()

    def test_each_transport_from_the_servers_own_origin(self):
        for transport in FROM_OWN_ORIGIN:
            with self.subTest(transport):
                self.check(self.own_page(), transport)

    def test_each_transport_from_another_origin(self):
        for transport in FROM_ANOTHER:
            with self.subTest(transport):
                self.check(self.pages.page, transport)

    def url(self):
        return self.server.fleet_url + "/api/v1/fleet/results"

    def own_page(self):
        return self.url() + "/"

    def check(self, page, transport):
        seen = self.converse(page, transport)
        self.assertEqual((seen["transport"], seen["problems"]), (transport, []), str(seen)[:5000])
        kinds = [message["type"] for message in seen["messages"]]
        self.assertEqual(kinds, ["totals", "status", "result", "status"], str(seen)[:5000])
        totals, first, result, last = (message["data"] for message in seen["messages"])
        self.assertEqual(totals, {"count": 1, "online": 1, "offline": 0, "missing_in_action": 0})
        numbers = [(status["expected_results"], status["actual_results"], status["status"]) for status in (first, last)]
        self.assertEqual(numbers, [(1, 0, "pending"), (1, 1, "finished")])
        self.assertEqual(result["host"]["hostname"], "streamed.example.org")
        self.assertEqual(result["rows"], [self.agent.tables[SQL][0] | {"host_hostname": "streamed.example.org"}])
        self.assertIsNone(result["error"])
        self.assertEqual(seen["close"][0], 1000)
        self.check_requests(page, transport, seen["requests"])

    def check_requests(self, page, transport, requests):
        """Nobody but the two servers was asked for anything, and the transport did what its name says."""
        here = {urllib.parse.urlsplit(url).netloc for url in (page, self.server.fleet_url)}
        paths = set()
        for request in requests:
            method, url = request.split(" ", 1)
            if url.startswith("data:"):
                continue
            parts = urllib.parse.urlsplit(url)
            self.assertIn(parts.netloc, here, request)
            paths.add((method, parts.path.rsplit("/", 1)[1]))
        wanted = {
            "websocket": set(),  # is not reported as a request
            "xhr-streaming": {("POST", "xhr_streaming"), ("POST", "xhr_send")},
            "xhr-polling": {("POST", "xhr"), ("POST", "xhr_send")},
            "eventsource": {("GET", "eventsource"), ("POST", "xhr_send")},
            "htmlfile": {("GET", "htmlfile"), ("POST", "xhr_send")},
            "jsonp-polling": {("GET", "jsonp"), ("POST", "jsonp_send")},
        }[transport.removeprefix("iframe-")]
        if transport.startswith("iframe-"):
            wanted = wanted | {("GET", "iframe.html")}
        self.assertLessEqual(wanted | {("GET", "info")}, paths)

    def converse(self, page, transport):
        campaign = self.admin.ok("POST", "queries/run", {"query": SQL, "selected": {"hosts": [1]}})["campaign"]["id"]
        return self.browser.converse(page, self.url(), transport, self.admin.token, campaign, self.agent.work)


@unittest.skipUnless(MODULES and CHROMIUM, "no Node 20 or no Chromium on this machine")
class WithTls(Runs, unittest.TestCase):
    def test_a_websocket_of_another_origins_page_is_refused(self):
        seen = self.converse(self.pages.page, "websocket")
        self.assertEqual((seen["transport"], seen["messages"], seen["close"]), (None, [], ALL_FAILED), seen)
        self.assertIn("Unexpected response code: 403", seen["problems"][0])

    def test_the_frame_talks_to_its_own_server_and_nobody_else(self):
        url = self.url()

        def start(transport, session, base=url):
            return self.browser.frame(self.pages.page, url, "s", ["1.6.1", transport, session, base])

        refused = ("c", [1006, "this frame cannot do that"])
        elsewhere = self.pages.page.removesuffix("/page")
        self.assertEqual(start("xhr-polling", elsewhere + "/000/a", elsewhere), refused)
        self.assertEqual(start("xhr-polling", elsewhere + "/000/a"), refused)
        for path in ("/000/../../../fleet/me", "/000", "/000/a.b", "/000/a/xhr", "/000/a?b", "/000/a#b", "//x"):
            self.assertEqual(start("xhr-polling", url + path), refused, path)
        self.assertEqual(start("constructor", url + "/000/a"), refused)
        # Scripts for which no other way exists ask it what the server can.
        kind, (info, took) = start("iframe-info-receiver", url + "/info")
        self.assertEqual((kind, info["websocket"], took >= 0), ("t", True, True))

    def test_transports_that_no_browser_has_are_named_as_such(self):
        for transport in IN_NO_BROWSER:
            for page in (self.own_page(), self.pages.page):
                with self.subTest(transport, page=page):
                    seen = self.converse(page, transport)
                    self.assertEqual((seen["transport"], seen["close"]), (None, ALL_FAILED), seen)

    def test_every_transport_of_the_published_script_is_tried_or_named(self):
        call = ["node", "-e", "console.log(JSON.stringify(require('sockjs-client/lib/transport-list').map(t => t.transportName)))"]
        done = subprocess.run(call, capture_output=True, text=True, env=os.environ | {"NODE_PATH": MODULES}, check=True)
        self.assertEqual(sorted(json.loads(done.stdout)), sorted(FROM_OWN_ORIGIN + IN_NO_BROWSER))


@unittest.skipUnless(MODULES and CHROMIUM, "no Node 20 or no Chromium on this machine")
class WithoutTls(Runs, unittest.TestCase):
    tls = False
