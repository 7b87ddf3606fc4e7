"""The Bessel functions I0 and I1 in ONNX operators, as ONNX has none of its own."""

from collections.abc import Callable
from typing import Any

import torch

# fmt: off
I0_SMALL = (1.0, 3.5156229, 3.0899424, 1.2067492, 0.2659732, 0.0360768, 0.0045813)
I0_LARGE = (0.39894228, 0.01328592, 0.00225319, -0.00157565, 0.00916281, -0.02057706, 0.02635537,
          -0.01647633, 0.00392377)
I1_SMALL = (0.5, 0.87890594, 0.51498869, 0.15084934, 0.02658733, 0.00301532, 0.00032411)
I1_LARGE = (0.39894228, -0.03988024, -0.00362018, 0.00163801, -0.01031555, 0.02282967, -0.02895312,
          0.01787654, -0.00420059)
# fmt: on


def bessel_translations() -> dict[Callable[..., Any], Callable[..., Any]]:
    """ONNX translations of `torch.special.i0e` and `i1e`, for x >= 0: the spread of an angle needs them.

    Abramowitz and Stegun, 9.8.1 to 9.8.4: polynomials in (x / 3.75)^2 below 3.75, and in 3.75 / x above it.
    """
    from onnxscript import opset20 as op

    def polynomial(coefficients: tuple[float, ...], t: Any) -> Any:
        total = op.Constant(value_float=coefficients[-1])
        for a in reversed(coefficients[:-1]):
            total = op.Add(op.Mul(total, t), op.Constant(value_float=a))
        return total

    def bessel(small: tuple[float, ...], large: tuple[float, ...], is_odd: bool) -> Callable[[Any], Any]:
        def translation(self: Any) -> Any:
            edge = op.Constant(value_float=3.75)
            t = op.Div(self, edge)
            below = op.Mul(polynomial(small, op.Mul(t, t)), op.Exp(op.Neg(self)))
            if is_odd:
                below = op.Mul(below, self)
            x = op.Max(self, edge)
            above = op.Div(polynomial(large, op.Div(edge, x)), op.Sqrt(x))
            return op.Where(op.Less(self, edge), below, above)

        return translation

    return {
        torch.ops.aten.special_i0e.default: bessel(I0_SMALL, I0_LARGE, is_odd=False),
        torch.ops.aten.special_i1e.default: bessel(I1_SMALL, I1_LARGE, is_odd=True),
    }
