"""A small program that uses the client:

    python3 main.py submit night.json              submit a batch, print its id
    python3 main.py watch BATCH [CURSOR-FILE]      print its changes, one message per line
    python3 main.py cancel BATCH|JOB [REASON]      print the new state

STOKER_SERVER names the server. For a server with TLS, STOKER_TLS_CA names the file with its CA. STOKER_TOKEN_FILE, or
STOKER_TLS_CERT and STOKER_TLS_KEY, prove who calls. Exit codes: 0; 1 the batch did not succeed, or the
call failed; 2 the request is wrong.
"""

import json
import os
import pathlib
import sys

import grpc
from google.protobuf import json_format

from stoker_client import Client, StokerError, batch_pb2, batch_service_pb2


class Token(grpc.AuthMetadataPlugin):
    """Sends the token of a file, which is read for each call, so that it can be replaced."""

    def __init__(self, file: str):
        self._file = pathlib.Path(file)

    def __call__(self, context, callback) -> None:
        callback((("authorization", "Bearer " + self._file.read_text().strip()),), None)


def proof() -> grpc.ChannelCredentials | None:
    """How server and program prove to each other who they are; None without TLS."""

    def content(name: str) -> bytes | None:
        return pathlib.Path(os.environ[name]).read_bytes() if os.environ.get(name) else None

    if not (ca := content("STOKER_TLS_CA")):
        return None
    tls = grpc.ssl_channel_credentials(ca, content("STOKER_TLS_KEY"), content("STOKER_TLS_CERT"))
    if not (token := os.environ.get("STOKER_TOKEN_FILE")):
        return tls
    return grpc.composite_channel_credentials(tls, grpc.metadata_call_credentials(Token(token)))


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
    try:
        with Client(os.environ.get("STOKER_SERVER", "127.0.0.1:7070"), proof()) as client:
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
