"""The device and the precision of a training, as Lightning Fabric."""

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
    """The config with the precision that `auto` stands for on this machine: bf16-mixed if the processor or
    GPU has bf16, else 32-true; under torchrun, with its number of processes."""
    if by_torchrun():
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


def weight_dtype(config: Config) -> torch.dtype:
    """The type of the weights under a config's precision; bf16-mixed keeps them in 32 bits."""
    return torch.float64 if config.run.precision == "64-true" else torch.float32


def by_torchrun() -> bool:
    """Whether torchrun started this process; it restarts all processes if one fails."""
    return bool(os.environ.get("TORCHELASTIC_RUN_ID"))


def make_fabric(config: Config) -> "Fabric":
    """The device and the precision of a resolved config.

    Raises:
        InfoganError: if they are not available.
    """
    # Here, as it takes two seconds to load, which only training needs.
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
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # its import sets INFO
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # advice about other hardware
            if config.run.devices * config.run.nodes == 1:
                return Fabric(accelerator=config.run.device, devices=1, precision=config.run.precision)
            from infogan.training.components.ddp import ManualDDPStrategy

            fabric = Fabric(
                accelerator=config.run.device,
                devices=config.run.devices,
                num_nodes=config.run.nodes,
                strategy=ManualDDPStrategy(),
                precision=config.run.precision,
            )
    except (RuntimeError, MisconfigurationException) as error:
        raise InfoganError(
            f"config: device {config.run.device} with precision {config.run.precision} is not available here "
            f"({error}); set device to auto and devices to 1."
        ) from error
    try:
        fabric.launch()
    except RuntimeError as error:
        raise InfoganError(
            f"the processes of this training cannot connect ({one_line(error)}); start it again."
        ) from error
    return fabric
