"""The one interface of everything that answers."""

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self

from tradewind.tensors import Array, Signature, Tensors


class Runner(ABC):
    """Tensors in, tensors out: a compiled session, a cascade, a pipeline, a remote worker.

    A runner may be called from several threads at once. The arrays it returns belong to the
    caller: no later call changes them.
    """

    @property
    @abstractmethod
    def signature(self) -> Signature:
        """What goes in and what comes out."""

    @property
    def parts(self) -> tuple["Runner", ...]:
        """The runners that this one asks; empty where it computes for itself."""
        return ()

    @property
    def answered(self) -> tuple[int, ...]:
        """How many examples each stage has answered until now; empty without stages."""
        return self.parts[0].answered if len(self.parts) == 1 else ()

    @property
    def spent_s(self) -> tuple[float, ...]:
        """How many seconds each stage has computed until now; empty without stages."""
        return self.parts[0].spent_s if len(self.parts) == 1 else ()

    @abstractmethod
    def __call__(self, inputs: Tensors) -> dict[str, Array]:
        """Answer for all examples in `inputs`.

        Args:
            inputs: one array for every input of the signature, already checked against it.

        Returns:
            One array for every output, under its name.

        Raises:
            EngineError: the runtime broke.
        """

    @abstractmethod
    def close(self) -> None:
        """Free what is held; calling afterwards is an error, closing twice is not."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
