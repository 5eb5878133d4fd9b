"""Recurrent cells, one step of time after the other."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

from tradewind.interpreter.node import Node
from tradewind.interpreter.operator import Operator
from tradewind.interpreter.pytorch import Tensor, functional, torch

Activation = Callable[[Tensor], Tensor]
State = tuple[Tensor, ...]
Cell = Callable[["Direction", Tensor, State], State]
"""Takes the input of one step, [batch, gates * hidden] with weights applied, and the state."""


@final
@dataclass(frozen=True)
class Direction:
    """The weights of one direction, with what its cell is set to.

    Args:
        recurrence: [gates * hidden, hidden].
        bias: [gates * hidden] of the recurrence.
        peepholes: [3 * hidden] of an LSTM; None for none.
        activations: as many as the cell uses.
        clip: the largest absolute value of what goes into an activation; 0 for any.
        is_linear_before_reset: of a GRU.
        is_coupled: whether an LSTM forgets exactly what it does not take in.
    """

    recurrence: Tensor
    bias: Tensor
    peepholes: Tensor | None
    activations: tuple[Activation, ...]
    clip: float
    is_linear_before_reset: bool
    is_coupled: bool

    def act(self, which: int, x: Tensor) -> Tensor:
        """Apply one of the activations."""
        return self.activations[which](x.clamp(-self.clip, self.clip) if self.clip else x)


def _rnn(way: Direction, x: Tensor, state: State) -> State:
    (h,) = state
    return (way.act(0, x + functional.linear(h, way.recurrence, way.bias)),)


def _gru(way: Direction, x: Tensor, state: State) -> State:
    (h,) = state
    size = h.shape[-1]
    xz, xr, xh = x.split(size, -1)
    rest = functional.linear(h, way.recurrence[: 2 * size], way.bias[: 2 * size])
    z, r = way.act(0, xz + rest[..., :size]), way.act(0, xr + rest[..., size:])
    last, bias = way.recurrence[2 * size :], way.bias[2 * size :]
    if way.is_linear_before_reset:
        new = way.act(1, xh + r * functional.linear(h, last, bias))
    else:
        new = way.act(1, xh + functional.linear(r * h, last, bias))
    return ((1 - z) * new + z * h,)


def _lstm(way: Direction, x: Tensor, state: State) -> State:
    h, c = state
    size = h.shape[-1]
    i, o, f, g = (x + functional.linear(h, way.recurrence, way.bias)).split(size, -1)
    peep = (None,) * 3 if way.peepholes is None else way.peepholes.split(size, -1)
    i = way.act(0, i if peep[0] is None else i + peep[0] * c)
    f = 1 - i if way.is_coupled else way.act(0, f if peep[2] is None else f + peep[2] * c)
    new = f * c + i * way.act(1, g)
    o = way.act(0, o if peep[1] is None else o + peep[1] * new)
    return o * way.activations[2](new), new


def _over_time(
    cell: Cell, way: Direction, x: Tensor, state: State, lengths: Tensor | None
) -> tuple[Tensor, State]:
    """Return the first part of the state after every step, and the last state.

    `x` is [time, batch, gates * hidden]. Behind the steps that an example has, its state stays
    and what comes out is 0.
    """
    made = []
    for time, step in enumerate(x):
        new = cell(way, step, state)
        if lengths is None:
            made.append(new[0])
            state = new
            continue
        runs = (lengths > time).unsqueeze(-1)
        state = tuple(torch.where(runs, a, b) for a, b in zip(new, state, strict=True))
        made.append(torch.where(runs, new[0], torch.zeros_like(new[0])))
    return torch.stack(made), state


def _reversed(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Return sequences [time, batch, ...] from their last step to their first."""
    if lengths is None:
        return x.flip(0)
    line = torch.arange(x.shape[0], device=x.device).unsqueeze(-1)
    places = torch.where(line < lengths, lengths - 1 - line, line)
    return x.gather(0, places.to(torch.int64).unsqueeze(-1).expand(x.shape))


def _recurrent(cell: Cell, gates: int, states: int, defaults: tuple[str, ...]) -> Operator:
    def apply(
        node: Node,
        x: Tensor,
        weight: Tensor,
        recurrence: Tensor,
        bias: Tensor | None = None,
        lengths: Tensor | None = None,
        *rest: Tensor | None,
    ) -> tuple[Tensor, ...]:
        given = [*rest, *(None,) * 3]
        peepholes = given[2] if states == 2 else None
        is_batch_first = bool(node.integer("layout"))
        hidden = recurrence.shape[-1]
        x = x.transpose(0, 1) if is_batch_first else x
        ways, made, ends = _names(node), [], []
        for at, name in enumerate(ways):
            biases = None if bias is None else bias[at].split(gates * hidden)
            zeros = torch.zeros(gates * hidden, dtype=x.dtype, device=x.device)
            way = Direction(
                recurrence[at], zeros if biases is None else biases[1],
                None if peepholes is None else peepholes[at],
                _activations(node, at, defaults), node.number("clip"),
                bool(node.integer("linear_before_reset")), bool(node.integer("input_forget")),
            )  # fmt: skip
            start = tuple(
                torch.zeros(x.shape[1], hidden, dtype=x.dtype, device=x.device)
                if one is None
                else (one.transpose(0, 1) if is_batch_first else one)[at]
                for one in given[:states]
            )
            given_x = _reversed(x, lengths) if name == "reverse" else x
            fed = functional.linear(given_x, weight[at], None if biases is None else biases[0])
            y, end = _over_time(cell, way, fed, start, lengths)
            made.append(_reversed(y, lengths) if name == "reverse" else y)
            ends.append(end)
        y = torch.stack(made, 1)  # [time, directions, batch, hidden]
        last = [torch.stack(parts) for parts in zip(*ends, strict=True)]
        if is_batch_first:
            return y.permute(2, 0, 1, 3), *(one.transpose(0, 1) for one in last)
        return y, *last

    return Operator(apply)


def _names(node: Node) -> tuple[str, ...]:
    direction = node.text("direction", "forward")
    return ("forward", "reverse") if direction == "bidirectional" else (direction,)


def _activations(node: Node, at: int, defaults: tuple[str, ...]) -> tuple[Activation, ...]:
    """Return the activations of one direction; their numbers are listed for those that have any."""
    names = node.texts("activations") or [*defaults] * len(_names(node))
    alphas, betas = node.numbers("activation_alpha"), node.numbers("activation_beta")
    found = []
    for name in names:
        known = _ACTIVATIONS.get(name.lower())
        if known is None:
            node.refuse("an activation of ONNX", name)
        make, parameters = known
        alpha = alphas.pop(0) if parameters and alphas else parameters[0] if parameters else 0.0
        beta = (
            betas.pop(0) if parameters[1:] and betas else parameters[1] if parameters[1:] else 0.0
        )
        found.append(make(alpha, beta))
    return tuple(found[at * len(defaults) : (at + 1) * len(defaults)])


_Make = Callable[[float, float], Activation]
_ACTIVATIONS: dict[str, tuple[_Make, tuple[float, ...]]] = {
    "affine": (lambda a, b: lambda x: a * x + b, (1.0, 0.0)),
    "elu": (lambda a, b: lambda x: functional.elu(x, a), (1.0,)),
    "hardsigmoid": (lambda a, b: lambda x: (a * x + b).clamp(0, 1), (0.2, 0.5)),
    "leakyrelu": (lambda a, b: lambda x: functional.leaky_relu(x, a), (0.01,)),
    "relu": (lambda a, b: lambda x: torch.relu(x), ()),
    "scaledtanh": (lambda a, b: lambda x: a * torch.tanh(b * x), (1.0, 1.0)),
    "sigmoid": (lambda a, b: lambda x: torch.sigmoid(x), ()),
    "softplus": (lambda a, b: lambda x: functional.softplus(x), ()),
    "softsign": (lambda a, b: lambda x: functional.softsign(x), ()),
    "tanh": (lambda a, b: lambda x: torch.tanh(x), ()),
    "thresholdedrelu": (lambda a, b: lambda x: torch.where(x > a, x, torch.zeros_like(x)), (1.0,)),
}
"""How each is made from alpha and beta, with the values of those that it uses."""

OPERATORS = {
    "GRU": _recurrent(_gru, 3, 1, ("Sigmoid", "Tanh")),
    "LSTM": _recurrent(_lstm, 4, 2, ("Sigmoid", "Tanh", "Tanh")),
    "RNN": _recurrent(_rnn, 1, 1, ("Tanh",)),
}
