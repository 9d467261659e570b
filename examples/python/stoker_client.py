"""A client of a Stoker server."""

from __future__ import annotations

import dataclasses
import pathlib
import sys
import time
import uuid
from collections.abc import Iterator

import grpc

sys.path.insert(0, str(pathlib.Path(__file__).with_name("gen")))

from stoker.examples import errors_pb2  # noqa: E402
from stoker.v1 import batch_pb2, batch_service_pb2, batch_service_pb2_grpc  # noqa: E402

# How long a call may take, in seconds. A watch may take for ever.
CALL_TIMEOUT = 60
# How often a submission is tried while the server is away.
SUBMIT_TRIES = 4
FIRST_WAIT, LONGEST_WAIT = 0.1, 5.0


@dataclasses.dataclass(frozen=True)
class Violation:
    """One thing that is wrong with one field of a request, such as jobs[17].input_path."""

    field: str
    description: str

    def __str__(self) -> str:
        return f"{self.field}: {self.description}"


class StokerError(Exception):
    """What the server said about a call that failed.

    code is the gRPC status code, reason the server's own for programs, such as
    WRONG_STATE; it is empty if the server was not reached. violations is what is wrong
    with the request, of very much the first, and violation_count how much that is.
    retry_delay is the wait in seconds that the server advises before the call is
    repeated.
    """

    def __init__(self, error: grpc.RpcError):
        super().__init__(error.details())
        self.code: grpc.StatusCode = error.code()
        self.reason = ""
        self.violations: list[Violation] = []
        self.violation_count = 0
        self.retry_delay = 0.0
        for name, value in _details(error):
            if name == "google.rpc.ErrorInfo":
                info = errors_pb2.ErrorInfo.FromString(value)
                self.reason = info.reason
                self.violation_count = int(info.metadata.get("violations", 0))
            elif name == "google.rpc.BadRequest":
                found = errors_pb2.BadRequest.FromString(value).field_violations
                self.violations = [Violation(v.field, v.description) for v in found]
            elif name == "google.rpc.RetryInfo":
                self.retry_delay = errors_pb2.RetryInfo.FromString(value).retry_delay.ToTimedelta().total_seconds()

    @property
    def away(self) -> bool:
        """Whether the server could not be reached, or is about to go."""
        return self.code == grpc.StatusCode.UNAVAILABLE


def _details(error: grpc.RpcError) -> Iterator[tuple[str, bytes]]:
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            for detail in errors_pb2.Status.FromString(value).details:
                yield detail.type_url.rpartition("/")[2], detail.value


class Client:
    """A connection to a server. Its methods raise StokerError."""

    def __init__(self, address: str = "127.0.0.1:7070", credentials: grpc.ChannelCredentials | None = None):
        options = [("grpc.max_receive_message_length", 16 << 20), ("grpc.keepalive_time_ms", 30_000)]
        if credentials is None:
            self._channel = grpc.insecure_channel(address, options)
        else:
            self._channel = grpc.secure_channel(address, credentials, options)
        self._batches = batch_service_pb2_grpc.BatchServiceStub(self._channel)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_) -> None:
        self._channel.close()

    def submit(self, request: batch_service_pb2.SubmitBatchRequest) -> batch_pb2.Batch:
        """Stores a batch and returns it once it is durable.

        It is sent again while the server is away for a moment, under one id, so that nothing
        is submitted twice. Set request_id to be able to repeat the call itself.
        """
        repeatable = batch_service_pb2.SubmitBatchRequest()
        repeatable.CopyFrom(request)
        repeatable.request_id = request.request_id or str(uuid.uuid4())
        for tries in range(1, SUBMIT_TRIES + 1):
            try:
                return self._call(self._batches.SubmitBatch, repeatable).batch
            except StokerError as error:
                if tries == SUBMIT_TRIES or not error.away:
                    raise
                time.sleep(FIRST_WAIT * 2 ** (tries - 1))
        raise AssertionError("unreachable")

    def get(self, batch_id: str) -> batch_pb2.Batch:
        """Returns how a batch stands."""
        return self._call(self._batches.GetBatch, batch_service_pb2.GetBatchRequest(batch_id=batch_id)).batch

    def watch(self, request: batch_service_pb2.WatchBatchRequest) -> Iterator[batch_service_pb2.WatchBatchResponse]:
        """Follows a batch until it has ended: first how it stands, then what changes.

        When the connection is lost or the server restarts, it comes back with the latest
        cursor, as often as it takes; nothing is missed or seen twice. A request with the
        cursor of an earlier watch goes on from there.
        """
        at = batch_service_pb2.WatchBatchRequest()
        at.CopyFrom(request)
        seen, wait = False, FIRST_WAIT
        while True:
            stream = self._batches.WatchBatch(at)
            try:
                for message in stream:
                    at.cursor = message.cursor
                    seen, wait = True, FIRST_WAIT
                    yield message
                return
            except grpc.RpcError as cause:
                error = StokerError(cause)
                if not (seen and (error.away or error.reason in ("SLOW_READER", "TOO_MANY_WATCHES"))):
                    raise error from cause
                time.sleep(max(wait, error.retry_delay))
                wait = min(2 * wait, LONGEST_WAIT)
            finally:
                stream.cancel()

    def cancel(self, name: str, reason: str = "") -> str:
        """Asks for the end of a job (`<batch id>/<number>`) or of a batch, and returns its state."""
        if "/" in name:
            request = batch_service_pb2.CancelJobRequest(job_id=name, reason=reason)
            return batch_pb2.JobState.Name(self._call(self._batches.CancelJob, request).job.state)
        request = batch_service_pb2.CancelBatchRequest(batch_id=name, reason=reason)
        return batch_pb2.BatchState.Name(self._call(self._batches.CancelBatch, request).batch.state)

    @staticmethod
    def _call(method, request):
        try:
            return method(request, timeout=CALL_TIMEOUT)
        except grpc.RpcError as error:
            raise StokerError(error) from error
