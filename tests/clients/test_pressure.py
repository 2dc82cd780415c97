"""A client that asks for much and reads nothing must not fill the server's memory."""

import time
import unittest

from harrier_server import Server

MANY_ROWS = "SELECT * FROM range(end=100000000)"
MOST_GROWTH = 64 * 1024 * 1024


class Pressure(unittest.TestCase):
    def test_a_client_that_stops_reading_keeps_the_servers_memory_flat(self):
        with Server() as server:
            client = server.client("Slow")
            with client.query(MANY_ROWS, max_row=1000, max_wait=1) as call:
                next(message for message in call if message.Response)
                time.sleep(1)
                before = server.memory()
                time.sleep(4)
                grown = server.memory() - before
            self.assertLess(grown, MOST_GROWTH)
            self.assertLess(before, 512 * 1024 * 1024)


if __name__ == "__main__":
    unittest.main()
