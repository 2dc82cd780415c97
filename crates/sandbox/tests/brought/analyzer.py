"""An analyzer for tests: runs the sample with its options and sends what came of it to the result server."""

import configparser
import os
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
CONF = configparser.RawConfigParser()
CONF.read(os.path.join(HERE, "analysis.conf"))
TASK = CONF["analysis"]


def connect():
    return socket.create_connection((TASK["ip"], int(TASK["port"])), timeout=60)


def send(header, content):
    with connect() as stream:
        stream.sendall(header.encode() + content)
        stream.shutdown(socket.SHUT_WR)
        stream.recv(1)


def finish(status, description=""):
    form = urllib.parse.urlencode({"status": status, "description": description}).encode()
    urllib.request.urlopen("http://127.0.0.1:8000/status", form, timeout=60)


def main():
    log = connect()
    log.sendall(b"LOG\n")

    def say(line):
        log.sendall(f"{line}\n".encode())

    when = time.strptime(TASK["clock"], "%Y%m%dT%H:%M:%S")
    time.clock_settime(time.CLOCK_REALTIME, time.mktime(when))
    sample = os.path.join("/tmp", TASK["file_name"])
    os.chmod(sample, 0o755)
    done = subprocess.run([sample], cwd="/tmp", capture_output=True, timeout=int(TASK["timeout"]))
    say(f"the sample ended with {done.returncode}")
    for line in (done.stdout + done.stderr).decode(errors="replace").splitlines():
        say(f"sample: {line}")
    dropped = "/tmp/dropped"
    if os.path.exists(dropped):
        with open(dropped, "rb") as file:
            send(f"FILE 2\nfiles/dropped\n{dropped}\n{os.getpid()}\n", file.read())
    say("Analysis completed.")
    log.close()
    finish("complete")


try:
    main()
except Exception as error:
    finish("exception", repr(error))
    sys.exit(1)
