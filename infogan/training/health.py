"""Warnings of problems that leave all numbers finite: mode collapse, and codes without information.

Each warning is given once, after the problem has lasted for many steps; training continues. A code that comes
alive after all is announced.
"""

from collections.abc import Callable, Mapping
from typing import final

from jaxtyping import Float
from torch import Tensor

from infogan.method.codes import Code
from infogan.method.objective import with_best_std

Row = Mapping[str, float | int]

PATIENCE_AT_START = 1000  # steps until a warning, if the value was never good
PATIENCE = 400  # steps until a warning, if the value was good before
MIN_DIVERSITY = 0.3  # relative to real images
MIN_SHARE = 0.05  # of H(c)
LEARNED_SHARE = 0.2  # of H(c); a code that has reached it counts as learned
MIN_SHARE_OF_BEST = 0.5  # of the largest share that a learned code has reached

COLLAPSE = (
    "G's images are nearly all the same, a mode collapse; train again with another seed, a lower lr_g, or "
    "diffaug if there are few images"
)
LOST = "G and Q no longer use it: train again with a lower lr_g or a larger lam"
NEVER_LEARNED = "it may come alive later; if it does not, raise its lam or use fewer codes"


@final
class HealthMonitor:
    """Reads every row of metrics.jsonl and warns."""

    def __init__(
        self, codes: Mapping[str, Code], fixed_std: float | None, warn: Callable[[str], None]
    ) -> None:
        """
        Args:
            codes: by name.
            fixed_std: Q's standard deviation if it is not learned.
        """
        self.codes = codes
        self.fixed_std = fixed_std
        self.warn = warn
        self.best = dict.fromkeys(("G", *codes), 0.0)
        self.bad_since: dict[str, int] = {}  # what is bad at present -> since which step
        self.warned: set[str] = set()

    @property
    def has_collapsed(self) -> bool:
        return "G" in self.warned

    def __call__(self, row: Row) -> None:
        n, diversity = int(row["step"]), row.get("diversity", 1.0)
        self._check("G", n, diversity, MIN_DIVERSITY, f"{COLLAPSE} (diversity {diversity:.2f})")
        for name, code in self.codes.items():
            share = share_of_entropy(code, float(row.get(f"L_I_{name}", code.entropy())), self.fixed_std)
            best = max(self.best[name], share)
            is_learned = best >= LEARNED_SHARE
            history = f"down from {best:.0%}; {LOST}" if is_learned else f"and none before; {NEVER_LEARNED}"
            smallest = MIN_SHARE_OF_BEST * best if is_learned else MIN_SHARE
            if share >= LEARNED_SHARE > self.best[name] and name in self.warned:
                self.warn(f"step {n}: {name} has come alive and carries {share:.0%} of its H(c).")
            self._check(name, n, share, smallest, f"{name} carries {share:.0%} of its H(c), {history}")

    def _check(self, what: str, n: int, value: float, smallest: float, warning: str) -> None:
        self.best[what] = max(self.best[what], value)
        if value >= smallest:
            self.bad_since.pop(what, None)
            return
        since = self.bad_since.setdefault(what, n)
        patience = PATIENCE if self.best[what] >= smallest else PATIENCE_AT_START
        if n - since >= patience and what not in self.warned:
            self.warned.add(what)
            self.warn(f"warning: since step {since}, {warning}.")


def share_of_entropy(code: Code, L_I: float, fixed_std: float | None) -> float:
    """L_I, in nats, as a share of H(c), in [0, 1]: how much of the code Q reads off images."""
    H_c = code.entropy()
    if fixed_std is not None and code.kind == "number":
        L_I, _ = with_best_std(L_I, H_c, fixed_std)
    return min(1.0, max(0.0, L_I / H_c))


def diversity(
    x_real: Float[Tensor, "*seeds b ch h w"], x_fake: Float[Tensor, "*seeds b ch h w"]
) -> Float[Tensor, "*seeds"]:
    """How much G's images differ from each other, relative to real ones; 0 if all are equal.

    The root mean squared distance of a batch's images from their mean, divided by that of the real batch.
    """
    fake, real = (x.float().var(dim=-4, correction=0).mean(dim=(-3, -2, -1)) for x in (x_fake, x_real))
    return (fake / real.clamp(min=1e-12)).sqrt()
