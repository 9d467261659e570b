"""A client of a Stoker server."""

from __future__ import annotations

import dataclasses
import ipaddress
import pathlib
import random
import re
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator

import grpc

sys.path.insert(0, str(pathlib.Path(__file__).with_name("gen")))

from stoker.examples import errors_pb2  # noqa: E402
from stoker.v1 import batch_pb2, batch_service_pb2, batch_service_pb2_grpc  # noqa: E402

# Time limit of one attempt of a call, in seconds. A watch has none.
CALL_TIMEOUT = 60
# How often a call is attempted while no connection can be made.
DIAL_TRIES = 4
FIRST_WAIT, LONGEST_WAIT = 0.1, 5.0
# After this time without a message, in seconds, a watch reconnects. The server sends a heartbeat
# every 15 s.
LONGEST_SILENCE = 45


@dataclasses.dataclass(frozen=True)
class Violation:
    """One thing that is wrong with one field of a request, such as jobs[17].input_path."""

    field: str
    description: str

    def __str__(self) -> str:
        return f"{self.field}: {self.description}"


class StokerError(Exception):
    """The error of a call.

    code is the gRPC status code. reason is the server's code for programs, such as
    WRONG_STATE; it is empty if the server did not answer. violations are the mistakes in
    the request, or the first of them if there are very many; violation_count is the number
    of all. retry_delay is how many seconds the server advises to wait before the call is
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
                self.reason = info.reason if info.domain == "stoker" else ""
                self.violation_count = int(info.metadata.get("violations", 0))
            elif name == "google.rpc.BadRequest":
                found = errors_pb2.BadRequest.FromString(value).field_violations
                self.violations = [Violation(v.field, v.description) for v in found]
            elif name == "google.rpc.RetryInfo":
                self.retry_delay = errors_pb2.RetryInfo.FromString(value).retry_delay.ToTimedelta().total_seconds()

    @property
    def unanswered(self) -> bool:
        """Whether the server has not answered.

        It could not be reached, the connection broke, or a proxy answered in its place with
        any code. The call may have taken effect. An error of the server itself has a reason.
        Messages that are too long for gRPC to send or receive are not counted here.
        """
        if self.reason:
            return self.reason in ("CANCELLED", "DEADLINE_EXCEEDED")  # a proxy gave up
        too_long = self.code == grpc.StatusCode.RESOURCE_EXHAUSTED and re.search("message .*larger than", str(self))
        return not too_long

    @property
    def unreachable(self) -> bool:
        """Whether no connection could be made, so that nothing was sent."""
        no_connection = re.match("failed to connect to all addresses|DNS resolution failed", str(self))
        return self.unanswered and self.code == grpc.StatusCode.UNAVAILABLE and bool(no_connection)

    @property
    def passing(self) -> bool:
        """Whether the same call may succeed a moment later."""
        return self.unanswered or self.code == grpc.StatusCode.UNAVAILABLE


def _details(error: grpc.RpcError) -> Iterator[tuple[str, bytes]]:
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            for detail in errors_pb2.Status.FromString(value).details:
                yield detail.type_url.rpartition("/")[2], detail.value


class _Tries:
    """Waits between the attempts of one call, and counts them."""

    def __init__(self, dials: float = float("inf")):
        self._dials, self._dialled = dials, 0
        self._wait = FIRST_WAIT

    def next(self, error: StokerError | None) -> bool:
        """Waits until the next attempt, or returns False if there is none."""
        self._dialled = self._dialled + 1 if error and error.unreachable else 0
        wait = max(self._wait * random.uniform(0.5, 1.5), error.retry_delay if error else 0)
        if self._dialled >= self._dials:
            return False
        self._wait = min(2 * self._wait, LONGEST_WAIT)
        time.sleep(wait)
        return True


def _listen(stream, longest: float) -> Iterator[batch_service_pb2.WatchBatchResponse]:
    """Yields the messages of a stream, and cancels it if none comes for too long.

    The time for which the caller works on a message does not count.
    """
    while True:
        silence = threading.Timer(longest, stream.cancel)
        silence.daemon = True
        silence.start()
        try:
            message = next(stream, None)
        finally:
            silence.cancel()
        if message is None:
            return
        yield message


# The states of a batch in which its watch ends.
_ENDED = (batch_pb2.BATCH_STATE_SUCCEEDED, batch_pb2.BATCH_STATE_FAILED, batch_pb2.BATCH_STATE_CANCELLED)


def is_loopback(target: str) -> bool:
    """Whether only this machine can reach a gRPC target."""
    if target.startswith(("unix:", "unix-abstract:")):
        return True
    rest = target.rpartition(":///")[2]
    parts = re.fullmatch(r"\[(.*)\](?::\w+)?|([^:]*)(?::\w+)?", rest)
    host = (parts[1] or parts[2]) if parts else rest
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Client:
    """A connection to a server. Its methods raise StokerError.

    Without credentials it is plain text, which is refused to another machine. token returns
    the token of the caller; it is asked for each call.
    """

    def __init__(
        self,
        address: str = "127.0.0.1:7070",
        credentials: grpc.ChannelCredentials | None = None,
        token: Callable[[], str] | None = None,
    ):
        if credentials is None and not is_loopback(address):
            raise ValueError(f"{address}: refusing plain text to another machine")
        self._token = token
        options = [("grpc.max_receive_message_length", 16 << 20), ("grpc.keepalive_time_ms", 30_000)]
        options += [("grpc.initial_reconnect_backoff_ms", int(FIRST_WAIT * 1000))]
        options += [("grpc.max_reconnect_backoff_ms", int(LONGEST_WAIT * 1000))]
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

        If no answer comes it is sent again with the same request id, so nothing is submitted
        twice. Set request_id if you want to repeat the call yourself.
        """
        repeatable = batch_service_pb2.SubmitBatchRequest()
        repeatable.CopyFrom(request)
        repeatable.request_id = request.request_id or str(uuid.uuid4())
        return self._repeated(self._batches.SubmitBatch, repeatable).batch

    def get(self, batch_id: str) -> batch_pb2.Batch:
        """Returns a batch."""
        return self._repeated(self._batches.GetBatch, batch_service_pb2.GetBatchRequest(batch_id=batch_id)).batch

    def watch(self, request: batch_service_pb2.WatchBatchRequest) -> Iterator[batch_service_pb2.WatchBatchResponse]:
        """Follows a batch until it has ended: first its present state, then the changes.

        If the connection is lost, the server restarts, or a proxy ends the stream or holds
        back its messages, the watch reconnects with the latest cursor, as often as necessary.
        No change is missed or yielded twice. A request with the cursor of an earlier watch
        continues there.
        """
        at = batch_service_pb2.WatchBatchRequest()
        at.CopyFrom(request)
        longest = LONGEST_SILENCE + request.min_interval.ToTimedelta().total_seconds()
        seen, state, tries = False, None, _Tries(DIAL_TRIES)
        while True:
            stream = self._batches.WatchBatch(at, metadata=self._proof())
            error = None
            try:
                for message in _listen(stream, longest):
                    at.cursor = message.cursor
                    state = message.batch.state if message.HasField("batch") else state
                    seen, tries = True, _Tries()  # reconnect without limit from now on
                    yield message
                if state in _ENDED or state is None and at.cursor:
                    return
            except grpc.RpcError as cause:
                error = StokerError(cause)
                if not (error.passing or seen and error.reason in ("SLOW_READER", "TOO_MANY_WATCHES")):
                    raise error from cause
            finally:
                stream.cancel()
            if not tries.next(error):
                raise error or RuntimeError(f"the watch of batch {at.batch_id} was ended, and the batch was not")

    def cancel(self, name: str, reason: str = "") -> str:
        """Cancels a job (`<batch id>/<number>`) or a batch, and returns its new state."""
        if "/" in name:
            request = batch_service_pb2.CancelJobRequest(job_id=name, reason=reason)
            return batch_pb2.JobState.Name(self._repeated(self._batches.CancelJob, request).job.state)
        request = batch_service_pb2.CancelBatchRequest(batch_id=name, reason=reason)
        return batch_pb2.BatchState.Name(self._repeated(self._batches.CancelBatch, request).batch.state)

    def _proof(self) -> tuple[tuple[str, str], ...]:
        """The header of a call that proves who calls.

        Call credentials of gRPC would not do: it sends them over TLS only, and a server on
        this machine may ask for a token without it.
        """
        return (("authorization", "Bearer " + self._token()),) if self._token else ()

    def _repeated(self, method, request):
        """Makes a call, and repeats it while that may help.

        Use it only for calls that change nothing when repeated: submissions with a request
        id, cancellations, and calls that read. RetryJobs is not among them.
        """
        tries = _Tries(DIAL_TRIES)
        while True:
            try:
                answer = method(request, timeout=CALL_TIMEOUT, metadata=self._proof())
                if answer is not None:
                    return answer
                if not tries.next(None):  # gRPC reports half a message followed by OK as an answer without a message
                    raise RuntimeError("the call was answered without a message")
            except grpc.RpcError as cause:
                error = StokerError(cause)
                if not (error.passing and tries.next(error)):
                    raise error from cause
