"""The runs of a sweep as a Parquet file, a row a run."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet

from infogan.scale.sweep.best import Choice
from infogan.scale.sweep.results import Row
from infogan.utils.io import wrap_write_errors, write_atomic


def write_table(path: Path, rows: Sequence[Row], choice: Choice) -> None:
    """A row a run; a score that it has not is null.

    run         the folder
    seed
    FIELD       for each field that was set (set_updates, where it was `updates`)
    status      done, collapsed, failed or stopped
    said        why it failed
    collapsed   the update at which the watch warned that G's images are one
    updates     done
    seconds     of training
    SPLIT/SCORE, label_free/SCORE
    """
    fixed = {
        "run": [row.name for row in rows],
        "seed": [row.trial.config.run.seed for row in rows],
        **{
            f"set_{field}" if field == "steps" else field: pa.array(
                [_plain(row.trial.setting[field]) for row in rows]
            )
            for field in rows[0].trial.setting
        },
        "status": [row.status for row in rows],
        "said": pa.array([row.said or None for row in rows], pa.string()),
        "collapsed": pa.array([row.collapsed for row in rows], pa.int64()),
        "steps": [row.steps for row in rows],
        "seconds": [row.seconds for row in rows],
    }
    names = list(dict.fromkeys(name for row in rows for name in row.scores))
    scores = {name: pa.array([row.scores.get(name) for row in rows], pa.float64()) for name in names}
    chosen = {
        f"label_free/{name}": pa.array([choice.of(row.name, name) for row in rows], pa.float64())
        for name in choice.names
    }
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(pa.table(fixed | scores | chosen), buffer)
    with wrap_write_errors(path):
        write_atomic(path, buffer.getvalue())


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
