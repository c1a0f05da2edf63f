"""A gRPC server whose messages are bytes: echo in all four kinds, deadlines, errors. Arguments: the address, and for TLS the
files of a key and its certificate."""
import sys
import threading
from concurrent import futures

import grpc

cancelled = threading.Event()


def unary(request, context):
    context.set_trailing_metadata((("x-trailer", "at the end"),))
    context.send_initial_metadata((("x-leading", "at the start"),))
    return b"got " + request


def collect(requests, context):
    return b",".join(requests)


def count(request, context):
    for number in range(int(request)):
        yield str(number).encode()


def echo(requests, context):
    for request in requests:
        yield b"re " + request


def slow(request, context):
    # The deadline comes with the request, and its end ends the call here too.
    remaining = context.time_remaining()
    context.add_callback(cancelled.set)
    if remaining is None or remaining > 5:
        context.abort(grpc.StatusCode.INTERNAL, f"the deadline did not arrive: {remaining}")
    cancelled.wait(30)
    return b""


def was_cancelled(request, context):
    return b"yes" if cancelled.wait(10) else b"no"


def fail(request, context):
    context.abort(grpc.StatusCode.NOT_FOUND, "nothing there: 100 % ü")


HANDLERS = {
    "Unary": grpc.unary_unary_rpc_method_handler(unary),
    "Collect": grpc.stream_unary_rpc_method_handler(collect),
    "Count": grpc.unary_stream_rpc_method_handler(count),
    "Echo": grpc.stream_stream_rpc_method_handler(echo),
    "Slow": grpc.unary_unary_rpc_method_handler(slow),
    "WasCancelled": grpc.unary_unary_rpc_method_handler(was_cancelled),
    "Fail": grpc.unary_unary_rpc_method_handler(fail),
}

server = grpc.server(futures.ThreadPoolExecutor(8))
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Echo", HANDLERS),))
if len(sys.argv) > 2:
    files = tuple(open(name, "rb").read() for name in sys.argv[2:4])
    server.add_secure_port(sys.argv[1], grpc.ssl_server_credentials([files]))
else:
    server.add_insecure_port(sys.argv[1])
server.start()
server.wait_for_termination()
