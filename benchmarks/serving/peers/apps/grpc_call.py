"""One ModelInfer with grpcio: the request as base64 on stdin, the tensor as base64 on stdout."""

import base64
import json
import sys

import grpc
from tritonclient.grpc import service_pb2

address, path = sys.argv[1:]
with grpc.insecure_channel(address) as channel:
    call = channel.unary_unary(
        path, response_deserializer=service_pb2.ModelInferResponse.FromString
    )
    answer = call(base64.b64decode(sys.stdin.read()), timeout=30)
output = answer.outputs[0]
data = answer.raw_output_contents[0] if answer.raw_output_contents else b""
if not data:  # as numbers in the message: the servers of the comparison answer float32
    import numpy as np

    data = np.asarray(output.contents.fp32_contents, np.float32).tobytes()
print(json.dumps({"raw": base64.b64encode(data).decode(), "shape": list(output.shape)}))
