"""Where a config is trained, and in what arithmetic."""

import logging
import os
import warnings
from typing import TYPE_CHECKING

import torch

from infogan.config import Config
from infogan.utils.environment import cores
from infogan.utils.errors import InfoganError, one_line

if TYPE_CHECKING:
    from lightning_fabric import Fabric


def resolve(config: Config) -> Config:
    """The config with the precision that `auto` means on this machine: bf16-mixed where the processor or
    the GPU multiplies bf16 by itself, 32-true elsewhere."""
    if by_torchrun():  # which has the last word on how many there are
        nodes, devices = int(os.environ["GROUP_WORLD_SIZE"]), int(os.environ["LOCAL_WORLD_SIZE"])
        config = config.replace(nodes=nodes, devices=devices)
    if config.run.precision != "auto":
        return config
    if config.run.device in ("auto", "cuda") and torch.cuda.is_available():
        has_bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
    elif config.run.device == "mps" or (config.run.device == "auto" and torch.backends.mps.is_available()):
        has_bf16 = False
    else:
        able = torch.cpu.get_capabilities()
        has_bf16 = bool(able.get("avx512_bf16") or able.get("amx_bf16") or able.get("bf16"))
    return config.replace(precision="bf16-mixed" if has_bf16 else "32-true")


def by_torchrun() -> bool:
    """Whether torchrun started this process, and will again where one of its training is lost."""
    return bool(os.environ.get("TORCHELASTIC_RUN_ID"))


def make_fabric(config: Config) -> "Fabric":
    """The device and the precision of a settled config, as Lightning Fabric runs them.

    Raises:
        InfoganError: where they are not to be had.
    """
    # Here, as it takes two seconds to load, which a run that is only looked at need not spend.
    from lightning_fabric import Fabric
    from lightning_fabric.utilities.exceptions import MisconfigurationException

    assert config.run.precision != "auto"
    if (
        not by_torchrun()
        and config.run.devices > cores()
        and (config.run.device == "cpu" or not torch.cuda.is_available())
    ):
        raise InfoganError(
            f"config: devices is {config.run.devices}, but this machine has {cores()} processors."
        )
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # which its import sets to tell all
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # advice about hardware that the config left out on purpose
            if config.run.devices * config.run.nodes == 1:
                return Fabric(accelerator=config.run.device, devices=1, precision=config.run.precision)
            from infogan.training.ddp import Replicas

            fabric = Fabric(
                accelerator=config.run.device,
                devices=config.run.devices,
                num_nodes=config.run.nodes,
                strategy=Replicas(),
                precision=config.run.precision,
            )
    except (RuntimeError, MisconfigurationException) as error:
        raise InfoganError(
            f"config: device {config.run.device} with precision {config.run.precision} is not to be had here "
            f"({error}); leave --device at auto, and --devices at 1."
        ) from error
    try:
        fabric.launch()
    except RuntimeError as error:
        raise InfoganError(
            f"the processes of this training do not find each other ({one_line(error)}); start it again."
        ) from error
    return fabric
