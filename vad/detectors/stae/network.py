"""The network of the spatio-temporal autoencoder: a 3D-convolutional encoder, two decoders (Zhao et al. 2017, 3.1).

The input is a window of 16 frames; one decoder gives the window back, the other gives the 16 frames that follow.
Pictures are differences to the scene's background, so that the network spends itself on what moves.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn

WINDOW = 16  # frames in, and frames ahead
SIZE = 128  # height and width


class Network(nn.Module):
    """Encoder and decoders.

    Args:
        widths: channels after the four encoder blocks. The first block halves the picture alone, the others halve
            picture and time: (1, 16, 128, 128) -> (widths[3], 2, 8, 8).
    """

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        a, b, c, d = widths
        self.encoder = nn.Sequential(_down(1, a, time=1), _down(a, b), _down(b, c), _down(c, d))
        self.reconstruct = _decoder(widths)
        self.predict = _decoder(widths)

    def forward(self, past: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 1, 16, 128, 128) window -> (reconstruction, future), each of the same shape."""
        code = self.encoder(past)  # (B, d, 2, 8, 8)
        return self.reconstruct(code), self.predict(code)


def placed(network: Network, device: str) -> Network:
    """On ``device``, channels last."""
    return network.to(device, memory_format=torch.channels_last_3d)  # type: ignore[call-overload]  # stubs lack it


def _down(inputs: int, outputs: int, time: int = 2) -> nn.Sequential:
    convolution = nn.Conv3d(inputs, outputs, 3, stride=(time, 2, 2), padding=1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm3d(outputs), nn.LeakyReLU(0.2, inplace=True))


def _up(inputs: int, outputs: int) -> nn.Sequential:
    convolution = nn.ConvTranspose3d(inputs, outputs, 4, stride=2, padding=1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm3d(outputs), nn.LeakyReLU(0.2, inplace=True))


def _decoder(widths: Sequence[int]) -> nn.Sequential:
    a, b, c, d = widths
    # The last layer doubles the picture alone: kernel (3, 4, 4) so that sizes fit without output padding.
    last = nn.ConvTranspose3d(a, 1, (3, 4, 4), stride=(1, 2, 2), padding=1)
    return nn.Sequential(_up(d, c), _up(c, b), _up(b, a), last)


def loss(network: Network, windows: Tensor, prediction_weight: float) -> Tensor:
    """Reconstruction error plus weighted prediction error, which counts less the further ahead (Zhao et al., eq. 3).

    Args:
        windows: (B, 1, 32, 128, 128), past then future.
    """
    past, future = windows[:, :, :WINDOW], windows[:, :, WINDOW:]
    reconstruction, prediction = network(past)
    ahead = horizon_weights(windows.device)
    reconstructed = (reconstruction.float() - past).square().mean()
    predicted = ((prediction.float() - future).square().mean(dim=(0, 1, 3, 4)) * ahead).sum()
    return reconstructed + prediction_weight * predicted


def horizon_weights(device: torch.device | str = "cpu") -> Tensor:
    """(16,) falling linearly from the first frame ahead to the last, summing to 1."""
    weights = torch.arange(WINDOW, 0, -1, dtype=torch.float32, device=device)
    return weights / weights.sum()


def half_type(device: str) -> torch.dtype | None:
    """The half precision that makes ``device`` faster, None where float32 is best."""
    if device.startswith("cuda"):
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    quick = torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()
    return torch.bfloat16 if quick else None


def mixed(device: str) -> AbstractContextManager:
    """Automatic mixed precision on ``device``, where it helps."""
    dtype = half_type(device)
    return nullcontext() if dtype is None else torch.autocast(torch.device(device).type, dtype)
