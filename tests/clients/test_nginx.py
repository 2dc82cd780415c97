"""The sandbox's API behind the real nginx, with the configuration that is shipped."""

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
                    self.through(f"http://127.0.0.1:{port}", (server.data / "cuckoo.token").read_text().strip())
                finally:
                    nginx.terminate()

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


if __name__ == "__main__":
    unittest.main()
