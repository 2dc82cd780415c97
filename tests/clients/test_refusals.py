"""Who is turned away, and what they are told."""

import datetime
import time
import unittest

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from pyvelociraptor import api_pb2, api_pb2_grpc

from harrier_server import Client, Server

QUERY = api_pb2.VQLCollectorArgs(Query=[api_pb2.VQLRequest(VQL="SELECT 1 AS N FROM scope()")])
DAY = datetime.timedelta(days=1)


def new_key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem_of(key):
    form = serialization.PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def certificate(name, key, issuer, issuer_key, starts, ends):
    """A client certificate as the server issues them, with a validity of our choice."""
    builder = x509.CertificateBuilder(
        subject_name=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]),
        issuer_name=issuer,
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=starts,
        not_valid_after=ends,
    )
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
    return builder.sign(issuer_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


class Refusals(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(Server())
        cls.client = cls.server.client("Fred")
        config = cls.server.config()
        cls.ca = x509.load_pem_x509_certificate(config["Client"]["ca_certificate"].encode())
        cls.ca_key = serialization.load_pem_private_key(config["CA"]["private_key"].encode(), None)

    def outcome(self, client, **credentials):
        """The status code and text of a query with these credentials."""
        with client.channel(**credentials) as channel:
            try:
                list(api_pb2_grpc.APIStub(channel).Query(QUERY, timeout=30))
            except grpc.RpcError as error:
                return error.code(), error.details()
        return grpc.StatusCode.OK, ""

    def own_certificate(self, issuer_key, starts, ends):
        key = new_key()
        made = certificate("Fred", key, self.ca.subject, issuer_key, starts, ends)
        return {"private_key": pem_of(key), "certificate_chain": made}

    def test_the_issued_certificate_is_accepted(self):
        self.assertEqual(self.outcome(self.client)[0], grpc.StatusCode.OK)

    def test_a_certificate_made_with_the_key_of_the_ca_is_accepted(self):
        # Shows that the refusals below are about what they say.
        now = datetime.datetime.now(datetime.timezone.utc)
        credentials = self.own_certificate(self.ca_key, now - DAY, now + DAY)
        self.assertEqual(self.outcome(self.client, **credentials)[0], grpc.StatusCode.OK)

    def test_no_certificate_is_refused(self):
        code, _ = self.outcome(self.client, private_key=None, certificate_chain=None)
        self.assertEqual(code, grpc.StatusCode.UNAVAILABLE)

    def test_a_certificate_of_another_ca_is_refused(self):
        now = datetime.datetime.now(datetime.timezone.utc)
        credentials = self.own_certificate(new_key(), now - DAY, now + DAY)
        self.assertEqual(self.outcome(self.client, **credentials)[0], grpc.StatusCode.UNAVAILABLE)

    def test_an_expired_certificate_is_refused(self):
        now = datetime.datetime.now(datetime.timezone.utc)
        credentials = self.own_certificate(self.ca_key, now - 2 * DAY, now - DAY)
        self.assertEqual(self.outcome(self.client, **credentials)[0], grpc.StatusCode.UNAVAILABLE)

    def test_a_certificate_of_the_future_is_refused(self):
        now = datetime.datetime.now(datetime.timezone.utc)
        credentials = self.own_certificate(self.ca_key, now + DAY, now + 2 * DAY)
        self.assertEqual(self.outcome(self.client, **credentials)[0], grpc.StatusCode.UNAVAILABLE)

    def test_a_revoked_certificate_is_refused_from_then_on(self):
        path = self.server.issue("Rev")
        self.assertEqual(self.outcome(Client(path))[0], grpc.StatusCode.OK)
        self.server.command("user", "revoke-cert", str(path))
        deadline = time.monotonic() + 60
        code = grpc.StatusCode.OK
        while code == grpc.StatusCode.OK and time.monotonic() < deadline:
            code, _ = self.outcome(Client(path))
        self.assertIn(code, [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.UNAUTHENTICATED])
        self.assertEqual(self.outcome(self.client)[0], grpc.StatusCode.OK, "other certificates keep working")

    def test_a_user_without_the_permission_is_told_which_one(self):
        code, text = self.outcome(self.server.client("Rita", role="reader"))
        self.assertEqual(code, grpc.StatusCode.PERMISSION_DENIED)
        self.assertEqual(text, "Permission denied: User Rita requires permission ANY_QUERY to run queries")

    def test_a_name_without_a_user_record_is_told_so(self):
        now = datetime.datetime.now(datetime.timezone.utc)
        key = new_key()
        made = certificate("Nobody", key, self.ca.subject, self.ca_key, now - DAY, now + DAY)
        _, text = self.outcome(self.client, private_key=pem_of(key), certificate_chain=made)
        self.assertEqual(text, "User not found: Nobody")

    def test_a_built_in_without_permission_gives_no_rows(self):
        client = self.server.client("Ana", role="api")
        messages = client.messages('SELECT * FROM glob(globs="/etc/pass*")', max_wait=1, max_row=10)
        self.assertEqual("".join(message.Response for message in messages), "[]")
        self.assertIn("Permission denied: [FILESYSTEM_READ]", "".join(message.log for message in messages))

    def test_a_method_that_is_not_built_says_its_name(self):
        with self.client.channel() as channel, self.assertRaises(grpc.RpcError) as refused:
            channel.unary_unary("/proto.API/GetNotebooks")(b"", timeout=30)
        self.assertEqual(refused.exception.code(), grpc.StatusCode.UNIMPLEMENTED)
        self.assertIn("GetNotebooks", refused.exception.details())

    def test_a_path_never_leaves_the_file_store(self):
        for components in (["..", "server.config.yaml"], ["a/../../server.config.yaml"], ["downloads", "..", ".."]):
            request = api_pb2.VFSFileBuffer(components=components, length=100)
            with self.client.channel() as channel, self.assertRaises(grpc.RpcError):
                api_pb2_grpc.APIStub(channel).VFSGetBuffer(request, timeout=30)

    def test_reserved_names_are_not_issued(self):
        for name in ("VelociraptorServer", "GRPC_GW"):
            with self.assertRaisesRegex(AssertionError, "reserved"):
                self.server.issue(name)


if __name__ == "__main__":
    unittest.main()
