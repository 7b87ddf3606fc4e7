"""What may go wrong for good while every number stays finite: G's images become one, or a code dies.

One warning each, once it has lasted a while, with the advice that helps; training goes on.
"""

from collections.abc import Callable, Mapping
from typing import final

from infogan.method.codes import Code
from infogan.method.objective import with_best_std

Row = Mapping[str, float | int]

EARLY = 1000  # updates that what was never good may take
WHILE = 400  # updates that what was good before may be bad
COLLAPSED = 0.3  # of the real images' diversity
DEAD = 0.05  # of H(c)
ONCE = 0.2  # of H(c), from where on a code counts as having been learned
FELL = 0.5  # of the most that was carried

COLLAPSE = (
    "G's images are nearly one, a mode collapse; train anew by another --seed or a lower --lr-g, "
    "with --augment where images are few"
)
LOST = "G and Q have lost it: train anew by a lower --lr-g or a larger --lam"
NEVER_FOUND = "raise its --lam, train longer, or ask for fewer codes"


@final
class Watch:
    """Told every line of metrics.jsonl, by what a training is warned of."""

    def __init__(
        self, codes: Mapping[str, Code], fixed_std: float | None, say: Callable[[str], None]
    ) -> None:
        """Takes the codes by name, and Q's standard deviation where it is not learned."""
        self.codes = codes
        self.fixed_std = fixed_std
        self.say = say
        self.most = dict.fromkeys(("G", *codes), 0.0)  # the best so far
        self.since: dict[str, int] = {}  # what is bad at present -> the update it began at
        self.said: set[str] = set()

    def __call__(self, row: Row) -> None:
        n, diversity = int(row["update"]), row.get("diversity", 1.0)
        self._judge("G", n, diversity, COLLAPSED, f"{COLLAPSE} (diversity {diversity:.2f})")
        for name, code in self.codes.items():
            share = carried(code, float(row.get(f"L_I_{name}", code.entropy())), self.fixed_std)
            most = max(self.most[name], share)
            before = f"after {most:.0%}; {LOST}" if most >= ONCE else f"and never more; {NEVER_FOUND}"
            least = FELL * most if most >= ONCE else DEAD
            self._judge(name, n, share, least, f"{name} carries {share:.0%} of its H(c), {before}")

    def _judge(self, what: str, n: int, value: float, least: float, warning: str) -> None:
        self.most[what] = max(self.most[what], value)
        if value >= least:
            self.since.pop(what, None)
            return
        since = self.since.setdefault(what, n)
        patience = WHILE if self.most[what] >= least else EARLY
        if n - since >= patience and what not in self.said:
            self.said.add(what)
            self.say(f"warning: since update {since}, {warning}.")


def carried(code: Code, L_I: float, fixed_std: float | None) -> float:
    """The share of H(c) that L_I, in nats, says Q reads off images, in [0, 1]."""
    H_c = code.entropy()
    if fixed_std is not None and code.kind == "number":
        L_I, _ = with_best_std(L_I, H_c, fixed_std)
    return min(1.0, max(0.0, L_I / H_c))
