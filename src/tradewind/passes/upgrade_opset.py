"""A newer operator set, for passes that need one."""

from dataclasses import dataclass
from typing import ClassVar, final

import onnx
import onnx.version_converter

from tradewind.errors import PassError
from tradewind.model import Model
from tradewind.passes.contract import Change, Needs, Observed, Pass


@final
@dataclass(frozen=True)
class UpgradeOpset(Pass):
    """Rewrite the graph for a newer version of ONNX's operators."""

    name: ClassVar[str] = "upgrade_opset"
    is_lossless: ClassVar[bool] = True

    opset: int = 17

    def needs(self, model: Model) -> Needs:
        return Needs()

    def apply(self, model: Model, seen: Observed) -> Change:
        now = opset_of(model)
        if now >= self.opset:
            return Change(model, f"opset {now} is new enough")
        try:
            proto = onnx.version_converter.convert_version(model.to_proto(), self.opset)
        except Exception as error:  # the converter raises a RuntimeError for each missing adapter
            raise PassError(
                model.origin.source, f"a graph that opset {self.opset} can hold", str(error)
            ) from error
        return Change(model.with_proto(proto), f"opset {now} became {self.opset}")

    @property
    def label(self) -> str:
        return f"opset {self.opset}"


def opset_of(model: Model) -> int:
    """Return the version of ONNX's own operators that the graph uses; 0 when it uses none."""
    return model.graph.opset_imports.get("", 0)
