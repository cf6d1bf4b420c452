"""torchvision and timm without PyTorch's compiler, which nothing here uses and which takes longer to load than both.

Both import ``torch._dynamo`` for a decorator and a question about devices, and with it the compiler, sympy and
torch.distributed: some two seconds and 150 MiB of every process that looks through a backbone.
"""

import importlib
import sys
from collections.abc import Callable
from functools import cache
from types import ModuleType
from typing import Any

COMPILER = "torch._dynamo"
KNOWN: dict[str, dict[str, Any]] = {
    COMPILER: {"disable": lambda function=None, recursive=True, **_: _as_it_is(function)},
    f"{COMPILER}.utils": {"is_compile_supported": lambda device: False},
}


@cache
def load() -> None:
    """Import both, with something in the compiler's place meanwhile that leaves functions as they are.

    Afterwards the place is empty: whoever compiles gets the compiler itself, as does whoever asks the place for more.
    """
    import torch

    if COMPILER in sys.modules:
        return
    places = {name: _place(name) for name in KNOWN}
    sys.modules.update(places)
    try:
        import timm  # noqa: F401
        import torchvision  # noqa: F401
    finally:
        _clear(places)
        if torch.__dict__.get("_dynamo") in places.values():
            del torch.__dict__["_dynamo"]


def _place(name: str) -> ModuleType:
    def real(attribute: str) -> Any:
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        for other in KNOWN:
            if isinstance(sys.modules.get(other), _Place):
                del sys.modules[other]
        return getattr(importlib.import_module(name), attribute)

    place = _Place(name)
    place.__dict__.update({**KNOWN[name], "__getattr__": real})
    return place


class _Place(ModuleType):
    pass


def _clear(places: dict[str, ModuleType]) -> None:
    for name, place in places.items():
        if sys.modules.get(name) is place:
            del sys.modules[name]


def _as_it_is(function: Callable | None) -> Callable:
    return function if function is not None else (lambda own: own)
