"""The sandbox's API behind the real nginx, with the configuration that is shipped."""

import json
import pathlib
import shutil
import socket
import subprocess
import time
import unittest

import requests

from harrier_server import Server

SHIPPED = pathlib.Path(__file__).parents[2] / "packaging/nginx/cuckoo-api.conf"
NGINX = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
WHOLE = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@unittest.skipUnless(NGINX, "nginx is not installed; `cargo xtask setup` does that")
class Nginx(unittest.TestCase):
    def test_files_and_answers_go_through(self):
        with Server("--cuckoo-listen", "127.0.0.1:0", "--cuckoo-token", "on") as server:
            port = free_port()
            site = SHIPPED.read_text().replace("8090", str(port))
            site = site.replace("127.0.0.1:8091", server.cuckoo_url.removeprefix("http://"))
            (server.folder / "site.conf").write_text(site)
            (server.folder / "nginx.conf").write_text(WHOLE.format(folder=server.folder))
            command = [NGINX, "-c", str(server.folder / "nginx.conf"), "-p", str(server.folder)]
            with subprocess.Popen(command, stderr=subprocess.PIPE) as nginx:
                try:
                    url, token = f"http://127.0.0.1:{port}", (server.data / "cuckoo.token").read_text().strip()
                    self.through(url, token)
                    server.process.terminate()
                    server.process.wait(60)
                    self.while_it_is_away(url)
                finally:
                    nginx.terminate()

    def while_it_is_away(self, url):
        answer = requests.get(url + "/cuckoo/status")
        self.assertEqual((answer.status_code, answer.headers["content-type"]), (502, "application/json"))
        self.assertEqual(list(answer.json()), ["message"])

    def through(self, url, token):
        for _ in range(100):
            try:
                self.assertEqual(requests.get(url + "/tasks/list").status_code, 401)
                break
            except requests.ConnectionError:
                time.sleep(0.1)
        with requests.Session() as session:
            session.headers["Authorization"] = f"Bearer {token}"
            content = b"x" * (8 << 20)
            created = session.post(url + "/tasks/create/file", files={"file": ("large.bin", content)})
            self.assertEqual(created.status_code, 200, created.text)
            sample = session.get(url + "/files/view/id/1").json()["sample"]
            self.assertEqual(sample["file_size"], len(content))
            self.assertEqual(session.get(f"{url}/files/get/{sample['sha256']}").content, content)
            # Of a length that nobody says, and of a name that is not one of the host's.
            pieces = (piece for piece in [b"url=http", b"://x.example"])
            headers = {"Host": "sandbox.example", "Content-Type": "application/x-www-form-urlencoded"}
            task = session.post(url + "/tasks/create/url", data=pieces, headers=headers).json()["task_id"]
            # What is streamed comes at once, not when it is over.
            with session.get(f"{url}/tasks/events/{task}", stream=True) as events:
                first = json.loads(next(events.iter_lines()).removeprefix(b"data: "))
            self.assertEqual((first["id"], first["status"]), (task, "pending"))
            refusal = session.get(url + "/tasks/view/99")
            self.assertEqual((refusal.status_code, refusal.json()), (404, {"message": "Task not found"}))


if __name__ == "__main__":
    unittest.main()
