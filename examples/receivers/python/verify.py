"""Verifies Standard Webhooks with nothing but the standard library.

Where packages can be installed, the official one, standardwebhooks, does the same.
"""

import base64
import binascii
import hashlib
import hmac
import time
from typing import Mapping

TOLERANCE = 5 * 60  # seconds that a message may be old, or from the future


class VerificationError(Exception):
    """The message is not from who knows the secret, or not from now."""


class Webhook:
    def __init__(self, secret: str):
        self._key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)

    def sign(self, message_id: str, timestamp: int, body: bytes) -> str:
        """The signature of a message, such as v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=."""
        signed = b".".join((message_id.encode(), str(timestamp).encode(), body))
        return "v1," + base64.b64encode(hmac.digest(self._key, signed, hashlib.sha256)).decode()

    def verify(self, body: bytes, headers: Mapping[str, str]) -> None:
        """Raises VerificationError unless one of the signatures is that of the message."""
        message_id, timestamp, signatures = (headers.get("webhook-" + name) for name in ("id", "timestamp", "signature"))
        if not message_id or not timestamp or not signatures:
            raise VerificationError("a header is missing")
        try:
            seconds = int(timestamp)
        except ValueError:
            raise VerificationError("the timestamp is no number") from None
        if abs(time.time() - seconds) > TOLERANCE:
            raise VerificationError("the timestamp is not of now")
        wanted = self.sign(message_id, seconds, body).encode()
        # While secrets are rotated there is a signature for each.
        if not any(hmac.compare_digest(wanted, s.encode()) for s in signatures.split(" ")):
            raise VerificationError("no signature is valid")


def _self_test() -> None:
    """Checks the vectors of Standard Webhooks."""
    webhook = Webhook("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signature = webhook.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", signature
    now = int(time.time())
    valid = {"webhook-id": "m", "webhook-timestamp": str(now), "webhook-signature": "v1,AAAA " + webhook.sign("m", now, b"{}")}
    webhook.verify(b"{}", valid)
    for name, value in (
        ("webhook-id", "n"), ("webhook-timestamp", str(now - TOLERANCE - 5)), ("webhook-timestamp", "x"), ("webhook-signature", "v1,AAAA"),
        ("webhook-signature", ""), ("webhook-id", ""),
    ):
        try:
            webhook.verify(b"{}", {**valid, name: value})
        except VerificationError:
            continue
        raise AssertionError(f"{name}: {value!r} was accepted")
    try:
        Webhook("not base64!")
    except binascii.Error:
        return
    raise AssertionError("a secret that is none was accepted")


if __name__ == "__main__":
    _self_test()
