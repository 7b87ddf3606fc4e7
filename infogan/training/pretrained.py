"""What a run records of its pretraining, beside the targets in its checkpoints."""

from infogan.config import Config
from infogan.pretraining import Outcome
from infogan.runs.labels import write_category_names, write_code_names
from infogan.runs.run import Run


def record_outcome(run: Run, outcome: Outcome, config: Config, *, writes: bool) -> None:
    """The names of codes and categories, and P(c), if it was learned, which becomes part of the run's config.

    Args:
        config: of the trainer, after it has taken the targets over.
        writes: whether this process writes to the folder.
    """
    is_learned = run.config.codes.shares != config.codes.shares
    if is_learned:
        run.config = run.config.replace(shares=config.codes.shares)
    if is_learned and writes:
        run.write_config()
    if outcome.categories and writes:
        write_category_names(run, outcome.categories)
    if outcome.names and writes:
        write_code_names(run, outcome.names)
