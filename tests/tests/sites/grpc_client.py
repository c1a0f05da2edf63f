"""Calls the server in all four kinds, and checks every answer: through a site, or by TLS through a proxy. Arguments: the target,
and for TLS the file of the authority and the proxy."""
import os
import queue
import sys
import time

import grpc

if len(sys.argv) > 2:
    os.environ["grpc_proxy"] = sys.argv[3]
    os.environ.pop("no_proxy", None)
    os.environ.pop("no_grpc_proxy", None)
    trust = grpc.ssl_channel_credentials(open(sys.argv[2], "rb").read())
    channel = grpc.secure_channel(sys.argv[1], trust)
else:
    channel = grpc.insecure_channel(
        sys.argv[1],
        options=[("grpc.default_authority", "app.test"), ("grpc.enable_http_proxy", 0)],
    )


def method(kind, name):
    return getattr(channel, kind)(f"/test.Echo/{name}")


unary = method("unary_unary", "Unary")
answer, call = unary.with_call(b"one", timeout=20)
assert answer == b"got one", answer
assert ("x-leading", "at the start") in call.initial_metadata(), call.initial_metadata()
assert ("x-trailer", "at the end") in call.trailing_metadata(), call.trailing_metadata()
large = bytes(range(256)) * 12_000
assert unary(large, timeout=20) == b"got " + large

pieces = [str(number).encode() for number in range(100)]
assert method("stream_unary", "Collect")(iter(pieces), timeout=20) == b",".join(pieces)

assert list(method("unary_stream", "Count")(b"100", timeout=20)) == pieces

# Each message is answered before the next one is sent: both directions are open at once.
messages = queue.Queue()
answers = method("stream_stream", "Echo")(iter(messages.get, None), timeout=20)
for number in range(100):
    messages.put(str(number).encode())
    assert next(answers) == f"re {number}".encode()
messages.put(None)
assert list(answers) == []
assert answers.code() == grpc.StatusCode.OK

started = time.monotonic()
try:
    method("unary_unary", "Slow")(b"", timeout=0.5)
    sys.exit("the deadline did not hold")
except grpc.RpcError as error:
    assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED, error
assert time.monotonic() - started < 5
assert method("unary_unary", "WasCancelled")(b"", timeout=20) == b"yes"

# An error without a message is trailers only: one HEADERS frame that ends the stream.
try:
    method("unary_unary", "Fail")(b"", timeout=20)
    sys.exit("no error")
except grpc.RpcError as error:
    assert error.code() == grpc.StatusCode.NOT_FOUND, error
    assert error.details() == "nothing there: 100 % ü", error.details()
try:
    method("unary_unary", "Missing")(b"", timeout=20)
    sys.exit("no error")
except grpc.RpcError as error:
    assert error.code() == grpc.StatusCode.UNIMPLEMENTED, error
print("all answered")
