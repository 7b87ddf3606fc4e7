"""Tables of time and memory, from benchmarks/records."""

from collections.abc import Sequence
from typing import Any

from records import RECORDS, ablation, middle, read, table


def spread(of: dict[str, float], digits: int) -> str:
    """Median and range of a record: 2.05 (1.87 to 2.09)."""
    return f"{of['median']:.{digits}f} ({of['low']:.{digits}f} to {of['high']:.{digits}f})"


def speed() -> str:
    rows = []
    names = {"mnist-text": "mnist", "mnist-code": "mnist-code", "mnist-small": "mnist-small"}
    for preset, name in names.items():  # of today, and of the records
        record = read(f"speed-{name}")
        bench = record["bench"]
        cells = (
            spread(record["images_per_s"], 0),
            spread(record["ratio"], 2),
            f"{100 * bench['share_of_peak_by_turns']:.0f} %",
            f"{100 * bench['share_of_peak']:.0f} %",
            f"{bench['whole_run_s']:.0f}",
        )
        rows.append((preset, *cells))
    columns = (
        *("preset", "images/s", "relative to the reference loop", "share of the bf16 peak, by turns"),
        *("in `infogan bench`", "seconds of a whole run, by its estimate"),
    )
    return table(columns, rows)


def start_up() -> str:
    start, cost, compiled = (read(name) for name in ("startup", "information_cost", "torch_compile"))
    rows = (
        ("`infogan --help`, seconds", spread(start["help"], 2)),
        ("`infogan presets`, seconds", spread(start["presets"], 2)),
        ("first step of `mnist-text`, seconds", spread(start["first_step"], 1)),
        ("a step of InfoGAN, relative to the same GAN without Q", spread(cost["ratio"], 3)),
        ("images/s with torch.compile, relative to ours", spread(compiled["ratio"], 2)),
        ("compiling, seconds", f"{compiled['compile_s']:.0f}"),
    )
    return table(("what", "median (range)"), rows)


def explorer() -> str:
    record = read("explorer")
    names = {
        "samples": "samples, 8 images",
        "sweep": "traversal, 80 images",
        "plane": "plane, 90 images",
        "samples_while_training_the_inversion": "samples, while the encoder of z is trained",
    }
    rows = [
        (what, f"{record[key]['p50_ms']:.0f}", f"{record[key]['p95_ms']:.1f}") for key, what in names.items()
    ]
    first = record["seconds_to_first_image"]["median"]
    return table(
        ("view", "median, ms", "95th percentile, ms"),
        [*rows, ("from the command to the first image", f"{1000 * first:.0f}", "")],
    )


def image_files() -> str:
    record = read("image_folder")
    names = {
        "decode": "decoding and resizing",
        "again": "the second time",
        "report": "the report of the tutorial's run",
    }
    rows = [
        (what, f"{record[key]['s']:.2f}", f"{record[key]['processor_s']:.2f}") for key, what in names.items()
    ]
    return table((f"{record['images']:,} JPEGs", "seconds", "seconds of a processor"), rows)


def inversion() -> str:
    record = read("inversion")
    names = {"real": "MNIST's test images", "generated": "G's own images"}
    keys = ("random", "estimate", "descent")
    rows = [(what, *(f"{record[key][how]:.4f}" for how in keys)) for key, what in names.items()]
    return table(("squared error", "a random z", "the encoder's z", "after 40 gradient steps"), rows)


def busy_neighbours() -> str:
    record = read("busy-neighbours")
    ways: dict[str, list[str]] = {}
    for row in record["rows"]:
        share = "" if row["neighbours"] == 0 else f" ({row['of_fair_share']:.2f})"
        ways.setdefault(row["way"], []).append(f"{row['images_per_s']:,.0f}{share}")
    names = {
        "2 threads, spin 10000": "2 threads",
        "2 threads, spin 10000, bound": "2 threads, each bound to a processor",
    }
    beside = sorted({row["neighbours"] for row in record["rows"]})
    columns = ["way", *("alone" if n == 0 else f"beside {n}" for n in beside)]
    return table(columns, [(names.get(way, way), *cells) for way, cells in ways.items()])


def time_to_bound() -> str:
    names = {
        "mnist-text": "mnist",
        "mnist-code": "mnist-code",
        "mnist-small": "mnist-small",
        "digits-code": "digits",
    }

    def cell(runs: Sequence[dict[str, Any]]) -> str:
        return ", ".join(f"{run['seconds_to_2.2']:.0f} ({run['steps_to_2.2']:,})" for run in runs)

    rows = []
    for preset, name in names.items():
        record = read(f"time_to_bound-{name}")
        rows.append((preset, cell(record["infogan"]), cell(record["reference"])))
    return table(("preset", "ours", "reference loop"), rows)


def sizes() -> str:
    rows = read("sizes")["rows"]
    columns = ("size", "seconds an update", "parameters of G", "of D and Q", "MiB beside the images")
    return table(
        columns,
        [
            (
                f"{row['width']}x{row['height']}",
                f"{row['seconds_per_update']:.2f}",
                f"{row['parameters_g']:,}",
                f"{row['parameters_d_q']:,}",
                f"{row['mib']:,.0f}",
            )
            for row in rows
        ],
    )


def checkpoints() -> str:
    names = {"digits": "digits-code", "mnist": "mnist-text"}  # of the time of the record
    rows = []
    for preset, found in read("checkpoints").items():
        if preset != "environment":
            times = [found[key]["median"] for key in ("checkpoint_s", "step_s")]
            cells = (
                f"{found['MB']:.3g}",
                *(f"{time:.3f}" for time in times),
                f"{100 * found['share']:.2f} %",
            )
            rows.append((names.get(preset, preset), *cells))
    return table(("preset", "MB", "s per checkpoint", "s per step", "share of the time"), rows)


def training_seconds() -> str:
    names = {  # of the time of the records
        "mnist": "mnist, without knobs",
        "mnist-best": "mnist, without knobs",
        "fashion-best": "fashion",
        "own:digits": "custom:digits",
        "own:svhn": "custom:svhn",
        "sprites": "sprites-code",
    }
    rows = []
    for file in sorted(RECORDS.glob("ablation-*.json")):
        record = read(file.stem)
        for variant, what in (("whole", "with clustering"), ("none", "without")):
            seconds = [run["seconds"] for run in ablation(file.stem[9:], variant) if run["seconds"]]
            if seconds:
                cpu = f"CPU, {record['environment']['threads']} threads"
                machine = (record["environment"]["gpu"] or cpu).removeprefix("NVIDIA ").partition(" 80GB")[0]
                preset = "mnist-text" if file.stem == "ablation-mnist-seeds" else record["preset"]
                rows.append(
                    (
                        names.get(preset, preset),
                        what,
                        machine,
                        middle(seconds, 0),
                        str(len(seconds)),
                        f"`{file.stem}`",
                    )
                )
    return table(("preset", "recipe", "machine", "seconds: median (range)", "runs", "record"), sorted(rows))


def operators() -> str:
    kinds = {
        "convolutions, backward": ("convolution_backward",),
        "convolutions, forward": ("mkldnn_convolution", "_convolution"),
        "matrix products": ("mm", "addmm", "bmm"),
        "batch norm": ("native_batch_norm", "native_batch_norm_backward"),
        "leaky ReLU": ("leaky_relu", "leaky_relu_backward"),
    }
    rows = []
    for step, found in read("operators")["steps"].items():
        shares = {each["operator"].removeprefix("aten::"): each["share"] for each in found["operators"]}
        cells = [sum(shares.get(name, 0) for name in names) for names in kinds.values()]
        first = found["shapes"][0]
        shapes = " ".join("x".join(map(str, shape)) for shape in first["shapes"])
        largest = f"{first['operator'].removeprefix('aten::')} of {shapes}: {100 * first['share']:.0f} %"
        rows.append((step, f"{found['ms']:.0f}", *(f"{100 * cell:.0f} %" for cell in cells), largest))
    return table(("step", "ms", *kinds, "the largest"), rows)


def convolutions() -> str:
    rows = []
    for row in read("convolutions")["layers"]:
        others = [
            f"{name} {ms:.1f}"
            for name, ms in row["ms"].items()
            if name not in ("contiguous", "channels_last")
        ]
        times = (f"{row['ms'][name]:.1f}" for name in ("contiguous", "channels_last"))
        rows.append((row["layer"], row["precision"], *times, ", ".join(others)))
    return table(("layer", "precision", "contiguous, ms", "channels_last, ms", "other forms, ms"), rows)


def memory_layout() -> str:
    rows = [
        (step, *(f"{ms[name]:.0f}" for name in ms), f"{ms['contiguous'] / ms['channels_last']:.2f}")
        for step, ms in read("convolutions")["steps"].items()
    ]
    return table(("step", "contiguous, ms", "channels_last, ms", "times as fast"), rows)


TABLES = (
    *(speed, start_up, explorer, image_files, inversion),
    *(busy_neighbours, time_to_bound, sizes, checkpoints, training_seconds),
    *(operators, convolutions, memory_layout),
)
