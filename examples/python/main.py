"""A small program that uses the client:

    python3 main.py submit night.json              submit a batch, print its id
    python3 main.py watch BATCH [CURSOR-FILE]      print its changes, one message per line
    python3 main.py cancel BATCH|JOB [REASON]      print the new state

STOKER_SERVER names the server. To another machine the connection has TLS, and to this one if a file for it is named:
STOKER_TLS_CA has the CA of the server; without it, the public CAs count. STOKER_TOKEN_FILE, STOKER_TOKEN, or
STOKER_TLS_CERT and STOKER_TLS_KEY prove who calls. Exit codes: 0; 1 the batch did not succeed, or the call
failed; 2 the request is wrong.
"""

import json
import os
import pathlib
import sys
from collections.abc import Callable

import grpc
from google.protobuf import json_format

from stoker_client import Client, StokerError, batch_pb2, batch_service_pb2, is_loopback


def transport(server: str) -> grpc.ChannelCredentials | None:
    """The TLS of the connection; None for plain text."""

    def content(name: str) -> bytes | None:
        return pathlib.Path(os.environ[name]).read_bytes() if os.environ.get(name) else None

    files = [content(name) for name in ("STOKER_TLS_CA", "STOKER_TLS_KEY", "STOKER_TLS_CERT")]
    return None if is_loopback(server) and not any(files) else grpc.ssl_channel_credentials(*files)


def token() -> Callable[[], str] | None:
    """What returns the token of the caller; None if there is none."""
    if file := os.environ.get("STOKER_TOKEN_FILE"):
        return lambda: pathlib.Path(file).read_text().strip()  # for each call, so that it can be replaced
    text = os.environ.get("STOKER_TOKEN", "").strip()
    return (lambda: text) if text else None


def submit(client: Client, file: str) -> int:
    try:
        request = json_format.Parse(pathlib.Path(file).read_text(), batch_service_pb2.SubmitBatchRequest())
    except json_format.ParseError as error:
        print(f"{file}: {error}", file=sys.stderr)
        return 2
    print(client.submit(request).id)
    return 0


def watch(client: Client, batch: str, cursor_file: str = "") -> int:
    request = batch_service_pb2.WatchBatchRequest(batch_id=batch, include_jobs=True)
    if cursor_file and os.path.exists(cursor_file):
        request.cursor = pathlib.Path(cursor_file).read_text()
    for message in client.watch(request):
        print(json.dumps(json_format.MessageToDict(message, preserving_proto_field_name=True)), flush=True)
        if cursor_file:  # the message above need not be sent again
            replace(cursor_file, message.cursor)
    return 0 if client.get(batch).state == batch_pb2.BATCH_STATE_SUCCEEDED else 1


def replace(file: str, text: str) -> None:
    """Writes a file as a whole. If the program is killed meanwhile, the old text stays."""
    pathlib.Path(file + ".new").write_text(text)
    os.replace(file + ".new", file)


def cancel(client: Client, name: str, reason: str = "") -> int:
    print(client.cancel(name, reason))
    return 0


COMMANDS = {"submit": submit, "watch": watch, "cancel": cancel}


def main(arguments: list[str]) -> int:
    if len(arguments) not in (2, 3) or arguments[0] not in COMMANDS:
        print(__doc__, file=sys.stderr)
        return 2
    command, *rest = arguments
    server = os.environ.get("STOKER_SERVER") or "127.0.0.1:7070"
    try:
        with Client(server, transport(server), token()) as client:
            return COMMANDS[command](client, *rest)
    except StokerError as error:
        for violation in error.violations:
            print(violation, file=sys.stderr)
        if (more := error.violation_count - len(error.violations)) > 0:
            print(f"and {more} more", file=sys.stderr)
        if error.violations:
            return 2
        print(f"{error} ({error.reason or error.code.name})", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
