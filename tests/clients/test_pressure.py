"""A client that asks for much and reads nothing must not fill the server's memory."""

import contextlib
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

    def test_clients_that_stop_reading_do_not_hold_others_up(self):
        with Server() as server, contextlib.ExitStack() as slow:
            client = server.client("Slow")
            for _ in range(8):
                call = slow.enter_context(client.query(MANY_ROWS, max_row=1000, max_wait=1))
                next(message for message in call if message.Response)
            time.sleep(2)
            # They stay: whoever waited for them would wait for ever.
            self.assertEqual(server.client("Quick").rows("SELECT 1 AS N FROM scope()", seconds=60), [{"N": 1}])

    def test_the_server_stops_while_queries_run(self):
        with Server() as server:
            client = server.client("Watcher")
            endless = client.query("SELECT * FROM clock(period=1)", max_row=1000, max_wait=1)
            with endless as watching, client.query(MANY_ROWS, max_row=1000, max_wait=1) as unread:
                next(message for message in watching if message.Response)
                next(message for message in unread if message.Response)
                server.process.terminate()
                self.assertEqual(server.process.wait(60), 0)


if __name__ == "__main__":
    unittest.main()
