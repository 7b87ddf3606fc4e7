"""The transforms that continuous codes are to follow, as a person names them: "translate scale rotate"."""

from collections.abc import Sequence

from infogan.config.transforms import parse_transforms
from infogan.utils.errors import InfoganError, did_you_mean

# The kinds of codes that each takes: "number" is a unif or gauss code, "angle" a circ code.
KNOBS: dict[str, tuple[str, ...]] = {
    "translate": ("number", "number"),  # right, then down
    "scale": ("number",),
    "ratio": ("number",),  # width over height
    "shear": ("number",),
    "brightness": ("number",),
    "illumination": ("number", "number"),  # brighter to the right, brighter at the bottom
    "yaw": ("number",),  # in depth, as if things were balls: to the right
    "pitch": ("number",),  # downwards
    "rotate": ("angle",),
}
# What a person calls the codes that follow each.
NAMES: dict[str, tuple[str, ...]] = {
    "translate": ("right", "down"),
    "scale": ("size",),
    "ratio": ("width",),
    "shear": ("slant",),
    "brightness": ("brightness",),
    "illumination": ("light from the right", "light from below"),
    "yaw": ("turned to the right",),
    "pitch": ("turned down",),
    "rotate": ("angle",),
}
KINDS = {"unif": "number", "gauss": "number", "circ": "angle"}


def parse_knobs(text: str) -> tuple[str, ...]:
    """Reads names of transforms, separated by spaces, such as "translate scale rotate".

    Raises:
        InfoganError: if a name is unknown, is hflip, comes twice, or rotate stands beside shear, ratio,
            yaw or pitch.
    """
    names = text.split()
    for i, name in enumerate(names):
        if name == "hflip":
            raise InfoganError(
                "knobs: hflip changes a sign, not a size, so no code can be learned from it alone; set "
                "mirror to the number of codes that change sign in a mirror image, and factor_steps to 9000."
            )
        if name not in KNOBS:
            raise InfoganError(f"knobs: unknown transform {name[:20]!r}; " + did_you_mean(name[:20], KNOBS))
        if name in names[:i]:
            raise InfoganError(f"knobs: {name} is named twice; name it once.")
    clash = {"shear", "ratio"} & set(names)
    if "rotate" in names and clash:
        raise InfoganError(
            f"knobs: a small rotation looks like a {min(clash)}; name rotate or {min(clash)}, not both."
        )
    depth = {"yaw", "pitch"} & set(names)
    if "rotate" in names and depth:
        raise InfoganError(
            f"knobs: where {min(depth)} turns a thing depends on which way up it is; name rotate or "
            f"{min(depth)}, not both."
        )
    return tuple(names)


def assign_knobs(knobs: str, kinds: Sequence[str], transforms: str = "") -> dict[str, tuple[int, ...]]:
    """The codes, by index, that follow each knob: in order, each the first free ones of its kind.

    Args:
        kinds: the kind of each code, as a spec names it.
        transforms: those that no code may follow, as the categories ignore them.

    Raises:
        InfoganError: if there are fewer codes than the knobs take, or a knob is also among the transforms.
    """
    ignored = parse_transforms(transforms)
    free: dict[str, list[int]] = {"number": [], "angle": []}
    for i, kind in enumerate(kinds):
        if kind in KINDS:
            free[KINDS[kind]].append(i)
    assigned = {}
    for knob in parse_knobs(knobs):
        if getattr(ignored, knob, 0):
            raise InfoganError(
                f"knobs: {knob} is also among the transforms, which say what the codes ignore; name it once."
            )
        wanted = KNOBS[knob]
        if len(free[wanted[0]]) < len(wanted):
            word = f"{'unif' if wanted[0] == 'number' else 'circ'}:{len(wanted)}"
            raise InfoganError(
                f"knobs: {knob} needs {word}, and all such codes are taken; add {word} to codes, or leave "
                f"{knob} out."
            )
        assigned[knob] = tuple(free[wanted[0]].pop(0) for _ in wanted)
    return assigned


def codes_without_knobs(knobs: str, kinds: Sequence[str], transforms: str = "") -> dict[str, tuple[int, ...]]:
    """The codes, by index, that follow no knob: "number" for unif and gauss, "angle" for circ ones.

    Raises:
        InfoganError: as `assign_knobs`.
    """
    taken = {code for codes in assign_knobs(knobs, kinds, transforms).values() for code in codes}
    return {
        wanted: tuple(i for i, kind in enumerate(kinds) if KINDS.get(kind) == wanted and i not in taken)
        for wanted in ("angle", "number")
    }
