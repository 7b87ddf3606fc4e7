"""Two Bessel functions in ONNX's own operators."""

from collections.abc import Callable
from typing import Any

import torch

# fmt: off
I0_NEAR = (1.0, 3.5156229, 3.0899424, 1.2067492, 0.2659732, 0.0360768, 0.0045813)
I0_FAR = (0.39894228, 0.01328592, 0.00225319, -0.00157565, 0.00916281, -0.02057706, 0.02635537,
          -0.01647633, 0.00392377)
I1_NEAR = (0.5, 0.87890594, 0.51498869, 0.15084934, 0.02658733, 0.00301532, 0.00032411)
I1_FAR = (0.39894228, -0.03988024, -0.00362018, 0.00163801, -0.01031555, 0.02282967, -0.02895312,
          0.01787654, -0.00420059)
# fmt: on


def bessel() -> dict[Callable[..., Any], Callable[..., Any]]:
    """exp(-x) I0(x) and exp(-x) I1(x) for x >= 0, which an angle's spread takes and ONNX does not know.

    Abramowitz and Stegun, 9.8.1 to 9.8.4: polynomials in (x / 3.75)^2 below 3.75, and in 3.75 / x above it.
    """
    from onnxscript import opset20 as op

    def polynomial(coefficients: tuple[float, ...], t: Any) -> Any:
        total = op.Constant(value_float=coefficients[-1])
        for a in reversed(coefficients[:-1]):
            total = op.Add(op.Mul(total, t), op.Constant(value_float=a))
        return total

    def scaled(near: tuple[float, ...], far: tuple[float, ...], odd: bool) -> Callable[[Any], Any]:
        def graph(self: Any) -> Any:
            edge = op.Constant(value_float=3.75)
            t = op.Div(self, edge)
            below = op.Mul(polynomial(near, op.Mul(t, t)), op.Exp(op.Neg(self)))
            if odd:
                below = op.Mul(below, self)
            beyond = op.Max(self, edge)
            above = op.Div(polynomial(far, op.Div(edge, beyond)), op.Sqrt(beyond))
            return op.Where(op.Less(self, edge), below, above)

        return graph

    return {
        torch.ops.aten.special_i0e.default: scaled(I0_NEAR, I0_FAR, odd=False),
        torch.ops.aten.special_i1e.default: scaled(I1_NEAR, I1_FAR, odd=True),
    }
