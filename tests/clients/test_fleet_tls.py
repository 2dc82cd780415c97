"""The fleet server's certificates: what agents pin stays when they are renewed."""

import ssl
import socket
import time
import unittest
import urllib.parse

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from fleet_client import Agent, set_up
from harrier_server import Server


class Tls(unittest.TestCase):
    def setUp(self):
        self.server = self.enterContext(Server())

    def handshake(self, session=None, **limits):
        url = urllib.parse.urlsplit(self.server.fleet_url)
        context = ssl.create_default_context(cafile=str(self.server.data / "fleet.pem"))
        for name, value in limits.items():
            setattr(context, name, value)
        with socket.create_connection((url.hostname, url.port), timeout=10) as plain:
            with context.wrap_socket(plain, server_hostname="localhost", session=session) as secure:
                secure.sendall(b"GET /nothing HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                while secure.recv(4096):
                    pass
                certificate = x509.load_der_x509_certificate(secure.getpeercert(binary_form=True))
                return certificate, secure.version(), context, secure.session, secure.session_reused

    def test_the_certificate_is_ecdsa_and_for_this_machine(self):
        certificate, version, *_ = self.handshake()
        self.assertIsInstance(certificate.public_key().curve, ec.SECP256R1)
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        self.assertIn("localhost", names.get_values_for_type(x509.DNSName))
        self.assertIn("127.0.0.1", [str(address) for address in names.get_values_for_type(x509.IPAddress)])
        self.assertEqual(version, "TLSv1.3")

    def test_agents_that_know_only_tls_1_2_are_served(self):
        _, version, *_ = self.handshake(maximum_version=ssl.TLSVersion.TLSv1_2)
        self.assertEqual(version, "TLSv1.2")

    def test_nobody_is_served_over_tls_1_1(self):
        with self.assertRaises((ssl.SSLError, OSError)):
            self.handshake(minimum_version=ssl.TLSVersion.TLSv1_1, maximum_version=ssl.TLSVersion.TLSv1_1)

    def test_a_session_is_resumed(self):
        url = urllib.parse.urlsplit(self.server.fleet_url)
        context = ssl.create_default_context(cafile=str(self.server.data / "fleet.pem"))
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        session = None
        for expected in (False, True):
            with socket.create_connection((url.hostname, url.port), timeout=10) as plain:
                with context.wrap_socket(plain, server_hostname="localhost", session=session) as secure:
                    self.assertEqual(secure.session_reused, expected)
                    session = secure.session

    def test_rotating_certificates_enrols_nobody_anew(self):
        admin = set_up(self.server)
        agent = Agent(self.server, "pinned", admin.enroll_secret())
        before, *_ = self.handshake()
        printed = self.server.command("config", "rotate-certs")
        self.assertIn("a new certificate for", printed)
        for _ in range(100):
            after, *_ = self.handshake()
            if after.serial_number != before.serial_number:
                break
            time.sleep(0.1)
        self.assertNotEqual(after.serial_number, before.serial_number)
        again = type(agent).__mro__[1](self.server)
        answer = again.json("POST", "/api/osquery/config", {"node_key": agent.node_key})
        self.assertIn("options", answer)
        # API clients issued before go on as well, also with the server started again.
        client = self.server.client("Fred")
        self.server.process.terminate()
        self.server.process.wait()
        self.server.restart()
        client.config["api_connection_string"] = self.server.address
        self.assertEqual(client.rows("SELECT 1 AS A FROM scope()"), [{"A": 1}])


class Plain(unittest.TestCase):
    def test_a_proxy_may_end_tls(self):
        with Server("--fleet-tls", "off") as server:
            self.assertTrue(server.fleet_url.startswith("http://"))
            self.assertEqual(set_up(server).ok("GET", "me")["user"]["name"], "Ada")
