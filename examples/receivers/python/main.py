"""A program that receives notifications:

    python3 main.py ADDRESS SECRET-FILE

It verifies the signature of each, takes each once, and prints a line of JSON for it.
"""

import http.server
import json
import pathlib
import sys
import threading

from verify import VerificationError, Webhook

MAX_BODY = 1 << 20  # bytes of a message; those of Stoker have a few thousand at most
MAX_REMEMBERED = 10_000  # messages and batches


class Inbox:
    """Takes each message once."""

    def __init__(self):
        self._lock = threading.Lock()
        self._seen: set[str] = set()  # webhook-ids
        self._revisions: dict[str, int] = {}  # the newest state that is known, by batch

    def take(self, message_id: str, message: dict) -> None:
        with self._lock:
            if message_id in self._seen:
                return
            if max(len(self._seen), len(self._revisions)) >= MAX_REMEMBERED:
                self._seen.clear()
                self._revisions.clear()
            self._seen.add(message_id)
            batch, revision = message["data"].get("batch_id"), message["data"].get("revision", 0)
            old = False
            if message["type"].startswith("batch."):
                newest = self._revisions.get(batch, 0)
                old = revision < newest
                self._revisions[batch] = max(revision, newest)
            line = {"id": message_id, "type": message["type"], "batch": batch, "revision": revision, "old": old}
            print(json.dumps(line), flush=True)


class Handler(http.server.BaseHTTPRequestHandler):
    webhook: Webhook
    inbox: Inbox
    timeout = 10  # seconds that the sender may be silent

    def do_POST(self) -> None:
        self.send_response(self._receive())
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _receive(self) -> int:
        length = int(self.headers.get("Content-Length") or 0)
        if not 0 < length <= MAX_BODY:
            return 400
        body = self.rfile.read(length)
        try:
            self.webhook.verify(body, self.headers)
        except VerificationError:
            return 401
        self.inbox.take(self.headers["webhook-id"], json.loads(body))
        return 204

    def log_message(self, *_args) -> None:
        pass


def main(args: list[str]) -> int:
    if len(args) != 2:
        print("usage: main.py ADDRESS SECRET-FILE", file=sys.stderr)
        return 2
    host, _, port = args[0].rpartition(":")
    Handler.webhook, Handler.inbox = Webhook(pathlib.Path(args[1]).read_text().strip()), Inbox()
    server = http.server.ThreadingHTTPServer((host, int(port)), Handler)
    print("listening on http://%s:%d" % server.server_address[:2], file=sys.stderr, flush=True)
    server.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
