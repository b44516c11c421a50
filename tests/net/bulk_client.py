"""
A client in a process of its own: sends much, reads it back, and compares checksums.

Arguments: tcp PORT | unix PATH | tls PORT CA, then the MiB to send, then `slow` or `fast`. It
prints `whole` when every byte came back.
"""

from __future__ import annotations

import socket
import ssl
import sys
import threading
import time
import zlib

import pytest

pytestmark = pytest.mark.process

PIECE = 1 << 18


def connect(kind: str, arguments: list[str]) -> socket.socket:
    """Open the connection that the arguments describe."""
    if kind == "unix":
        client = socket.socket(socket.AF_UNIX)
        client.connect(arguments[0])
        return client
    client = socket.create_connection(("127.0.0.1", int(arguments[0])))
    if kind == "tls":
        context = ssl.create_default_context(cafile=arguments[1])
        return context.wrap_socket(client, server_hostname="localhost")
    return client


def main() -> None:
    """Run the client."""
    kind, *arguments, mib, pace = sys.argv[1:]
    client = connect(kind, arguments)
    total = int(mib) << 20
    sent = 0
    room = threading.Semaphore(64)  # an echo whose answer nobody reads would stall for good

    def send() -> None:
        nonlocal sent
        for number in range(total // PIECE):
            room.acquire()
            data = (number * 2654435761 % 2**32).to_bytes(4, "big") * (PIECE // 4)
            sent = zlib.crc32(data, sent)
            client.sendall(data)
            if pace == "slow" and number % 16 == 0:
                time.sleep(0.01)

    sending = threading.Thread(target=send, daemon=True)
    sending.start()
    received = length = 0
    while length < total:
        data = client.recv(PIECE)
        if not data:
            break
        if length // PIECE != (length + len(data)) // PIECE:
            for _ in range((length + len(data)) // PIECE - length // PIECE):
                room.release()
        received = zlib.crc32(data, received)
        length += len(data)
        if pace == "slow" and length % 7 == 0:
            time.sleep(0.001)
    sending.join(10)
    sys.stdout.write("whole" if (length, received) == (total, sent) else f"{length} of {total}")
    client.close()


if __name__ == "__main__":
    main()
