import pytest

from tradewind.tensors import Datatype, Signature, TensorSpec

OUTPUT = TensorSpec("logits", Datatype.FP32, ("N", 2))


@pytest.fixture
def table_signature() -> Signature:
    return Signature((TensorSpec("x", Datatype.FP32, ("N", 3)),), (OUTPUT,))


@pytest.fixture
def image_signature() -> Signature:
    return Signature((TensorSpec("image", Datatype.FP32, ("N", 3, 4, 6)),), (OUTPUT,))


@pytest.fixture
def named_signature() -> Signature:
    inputs = (
        TensorSpec("age", Datatype.FP32, ("N", 1)),
        TensorSpec("city", Datatype.BYTES, ("N",)),
        TensorSpec("visits", Datatype.INT64, ("N", 1)),
    )
    return Signature(inputs, (OUTPUT,))
