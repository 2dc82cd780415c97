"""One list of users: whoever is made or changed on one side is so on the other."""

import json
import os
import pathlib
import subprocess
import tempfile
import unittest
import uuid

import grpc
import yaml
from fleet_client import PASSWORD, Http, log_in, set_up
from harrier_server import BINARY, Server

EMAIL = "mia@example.org"
QUERY = "SELECT _value AS N FROM range(end=2)"
ROWS = [{"N": 0}, {"N": 1}]


def status(client, query=QUERY):
    """The code and text with which a query is refused."""
    try:
        client.rows(query)
    except grpc.RpcError as error:
        return error.code().name, error.details()
    return "OK", ""


def hire(admin, **more):
    body = {"name": "Mia", "email": EMAIL, "password": PASSWORD, "admin_forced_password_reset": False, **more}
    return admin.ok("POST", "users/admin", body)["user"]


class OneUser(unittest.TestCase):
    def test_roles_given_over_rest_count_for_the_next_query(self):
        with Server() as server:
            admin = set_up(server)
            mia = hire(admin, global_role="maintainer")
            client = server.client(EMAIL.upper())
            self.assertEqual(client.rows(QUERY), ROWS)
            # The certificate changed nothing.
            self.assertEqual(log_in(server, EMAIL).ok("GET", "me")["user"]["global_role"], "maintainer")
            admin.ok("PATCH", f"users/{mia['id']}", {"global_role": "observer"})
            code, why = status(client)
            self.assertEqual((code, "ANY_QUERY" in why), ("PERMISSION_DENIED", True))
            admin.ok("PATCH", f"users/{mia['id']}", {"global_role": "admin"})
            self.assertEqual(client.rows(QUERY), ROWS)
            admin.ok("DELETE", f"users/{mia['id']}")
            self.assertEqual(status(client), ("UNKNOWN", f"User not found: {EMAIL.upper()}"))

    def test_nobody_gets_what_an_earlier_user_of_the_name_kept(self):
        save = "SELECT favorites_save(name='mine', specs=dict(A=dict()), type='CLIENT') AS Saved FROM scope()"
        favorites = "SELECT name FROM favorites_list()"
        with Server() as server:
            admin = set_up(server)
            for remove in (
                lambda: server.command("user", "remove", "Fred"),
                lambda: admin.ok("DELETE", f"users/{self.id_of(admin, 'Fred')}"),
            ):
                fred = server.client("Fred", "administrator")
                self.assertEqual(fred.rows(favorites), [])
                fred.rows(save)
                self.assertEqual(fred.rows(favorites), [{"name": "mine"}])
                remove()
            self.assertEqual(server.client("Fred", "administrator").rows(favorites), [])

    def test_a_kill_between_a_users_deletion_and_what_was_kept_leaves_nothing(self):
        save = "SELECT favorites_save(name='mine', specs=dict(A=dict()), type='CLIENT') AS Saved FROM scope()"
        favorites = "SELECT name FROM favorites_list()"
        with Server() as server:
            for name in ("Fred", "Mike"):
                server.client(name, "administrator").rows(save)
            kept = server.data / "profiles" / "fred.json"
            content = kept.read_bytes()
            server.process.kill()
            server.process.wait(60)
            # The database has the deletion, the file is still there: as a kill leaves them.
            server.command("user", "remove", "Fred")
            kept.write_bytes(content)
            server.restart()
            self.assertFalse(kept.exists())
            self.assertEqual(server.client("Fred", "administrator").rows(favorites), [])
            self.assertEqual(server.client("Mike", "administrator").rows(favorites), [{"name": "mine"}])

    @staticmethod
    def id_of(admin, email):
        return next(user["id"] for user in admin.ok("GET", "users")["users"] if user["email"] == email)

    def test_who_was_made_for_grpc_is_a_user_of_fleet(self):
        with Server() as server:
            admin = set_up(server)
            fred = server.client("Fred")
            boss = server.client("Boss", "administrator")
            boss.rows("SELECT user_create(user='robot', roles='reader') FROM scope()")
            users = {user["email"]: user for user in admin.ok("GET", "users")["users"]}
            self.assertEqual(set(users), {"ada@example.org", "Fred", "Boss", "robot"})
            shown = [users[name] for name in ("Fred", "Boss", "robot")]
            self.assertEqual({(u["api_only"], u["global_role"], len(u["teams"])) for u in shown}, {(True, None, 0)})
            for password in ("", PASSWORD):
                answer = Http(server).json("POST", "/api/v1/fleet/login", {"email": "Fred", "password": password})
                self.assertEqual(answer.status, 401)
            names = [row["name"] for row in boss.rows("SELECT name FROM gui_users()")]
            self.assertEqual(names, ["ada@example.org", "Boss", "Fred", "robot"])
            # Roles of Fleet are added to what the certificate was given.
            robot = server.client("robot")
            self.assertEqual(status(robot)[0], "PERMISSION_DENIED")
            admin.ok("PATCH", f"users/{users['robot']['id']}", {"global_role": "maintainer"})
            self.assertEqual(robot.rows(QUERY), ROWS)
            # Either side removes.
            admin.ok("DELETE", f"users/{users['Fred']['id']}")
            self.assertEqual(status(fred)[0], "UNKNOWN")
            boss.rows("SELECT user_delete(user='ROBOT', really_do_it=TRUE) FROM scope()")
            server.command("user", "remove", "boss")
            self.assertEqual([user["email"] for user in admin.ok("GET", "users")["users"]], ["ada@example.org"])
            done = subprocess.run(
                [BINARY, "--config", str(server.config_file), "user", "remove", "ada@example.org"],
                capture_output=True, text=True, timeout=60)
            self.assertEqual((done.returncode, "only global admin" in done.stderr), (1, True))

    def test_clients_of_grpc_do_not_stand_in_the_way_of_the_set_up(self):
        with Server() as server:
            fred = server.client("Fred")
            self.assertEqual(fred.rows(QUERY), ROWS)
            admin = set_up(server)
            self.assertEqual(len(admin.ok("GET", "users")["users"]), 2)
            again = Http(server).json("POST", "/api/v1/setup", {})
            self.assertEqual(again.status, 404)

    def test_the_servers_own_names_are_nobodys(self):
        with Server() as server:
            admin = set_up(server)
            for name in ("VelociraptorServer", " grpc_gw "):
                body = {"name": "x", "email": name, "password": PASSWORD, "global_role": "admin"}
                self.assertEqual(admin.call("POST", "users/admin", body).status, 422)

    def test_without_a_fleet_server_users_are_the_same(self):
        with Server("--fleet-listen", "off") as server:
            fred = server.client("Fred")
            self.assertEqual(fred.rows(QUERY), ROWS)
            shown = json.loads(server.command("user", "show", "fred"))
            self.assertEqual((shown["name"], shown["acl"]["roles"]), ("Fred", ["api"]))
            self.assertFalse((server.data / "users").exists())
            server.command("user", "remove", "FRED")
            self.assertEqual(status(fred)[0], "UNKNOWN")

    def test_users_of_an_earlier_version_are_taken_over(self):
        with Server() as server:
            fred, mia = server.client("Fred"), server.client("mia")
            for name in ("Fred", "mia"):
                server.command("user", "remove", name)
            server.process.terminate()
            server.process.wait(60)
            (server.data / "users").mkdir()
            for name, acl in (("Fred", {"any_query": True}), ("mia", {"roles": ["reader"]})):
                (server.data / f"users/{name.lower()}.json").write_text(json.dumps({"name": name, "acl": acl}))
            server.restart()
            for client in (fred, mia):
                client.config["api_connection_string"] = server.address
            self.assertEqual(fred.rows(QUERY), ROWS)
            self.assertEqual(status(mia)[0], "PERMISSION_DENIED")
            self.assertTrue((server.data / "users.imported/fred.json").exists())
            self.assertFalse((server.data / "users").exists())

    def test_commands_find_the_users_of_a_server_that_keeps_its_data_elsewhere(self):
        with tempfile.TemporaryDirectory() as folder:
            file, named = pathlib.Path(folder) / "my.yaml", pathlib.Path(folder) / "named"
            made = subprocess.run([BINARY, "config", "generate"], capture_output=True, text=True, timeout=60, check=True)
            config = yaml.safe_load(made.stdout)
            config["Datastore"] = {"location": str(named), "filestore_directory": str(named)}
            file.write_text(yaml.safe_dump(config))
            with Server("--config", str(file)) as server:
                server.command = lambda *arguments: subprocess.run(
                    [BINARY, "--config", str(file), *arguments], capture_output=True, text=True, timeout=60, check=True).stdout
                fred = server.client("Fred")
                self.assertEqual(fred.rows(QUERY), ROWS)
                self.assertEqual(len(set_up(server).ok("GET", "users")["users"]), 2)
                self.assertFalse((named / "harrier.db").exists())

    @unittest.skipUnless(os.environ.get("HARRIER_TEST_POSTGRES"), "HARRIER_TEST_POSTGRES names no server")
    def test_commands_find_the_users_of_a_server_on_postgresql(self):
        # The database outlives the test.
        name = f"fred-{uuid.uuid4()}"
        with Server("--database", os.environ["HARRIER_TEST_POSTGRES"] + " dbname=postgres") as server:
            fred = server.client(name)
            self.assertEqual(fred.rows(QUERY), ROWS)
            runas = f"SELECT * FROM query(query='{QUERY}', runas='{name}')"
            self.assertEqual(server.client("Boss", "administrator").rows(runas), ROWS)
            server.command("user", "remove", name.upper())
            self.assertEqual(status(fred)[0], "UNKNOWN")
            self.assertFalse((server.data / "harrier.db").exists())
            self.assertEqual((server.data / "run/database").stat().st_mode & 0o777, 0o600)

    def test_a_restored_server_has_users_rights_and_its_own_commands(self):
        with Server() as server:
            admin = set_up(server)
            hire(admin, global_role="maintainer")
            mia, fred = server.client(EMAIL), server.client("Fred")
            file, new = server.folder / "harrier.tar.zst", server.folder / "restored"
            for call in (["backup", "--data-dir", server.data, file], ["restore", "--data-dir", new, file]):
                done = subprocess.run([BINARY, *map(str, call)], capture_output=True, text=True, timeout=60)
                self.assertEqual(done.returncode, 0, done.stderr)
            server.process.terminate()
            server.process.wait(60)
            old, server.data = server.data, new
            server.restart()
            for client in (mia, fred):
                client.config["api_connection_string"] = server.address
                self.assertEqual(client.rows(QUERY), ROWS)
            # The configuration still names the old place, and belongs to the new one.
            server.command("user", "remove", "Fred")
            self.assertEqual(status(fred)[0], "UNKNOWN")
            self.assertTrue((old / "harrier.db").exists())


if __name__ == "__main__":
    unittest.main()
