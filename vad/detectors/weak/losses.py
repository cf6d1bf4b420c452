"""What video-level labels ask of snippet scores: BN-WVAD, and RTFM's top-k cross-entropy as the baseline.

Zhou et al., "BatchNorm-based Weakly Supervised Video Anomaly Detection" (2023): snippets of normal videos score 0, and
in the space of two layers the most unusual snippets of abnormal videos lie farther from the batch-norm mean than those
of normal videos. Nothing asks an abnormal video's snippets to score 1, so a snippet that was wrongly picked costs
little. Tian et al., RTFM (2021): the mean of a video's k largest scores is its probability of being abnormal.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from vad.detectors.weak.network import Network


def loss(network: Network, features: Tensor, valid: Tensor, labels: Tensor, params) -> Tensor:
    """The loss of a batch of videos.

    Args:
        features: (B, T, D); valid: (B, T) bool; labels: (B,) 0 or 1.
        params: see :class:`vad.detectors.weak.training.Params`.
    """
    logits, distance, layers = network(features, valid)
    scores = logits.sigmoid()
    abnormal = labels == 1
    main = top_k_bce(logits, valid, labels, params.video_share)
    if params.loss == "bn_wvad":
        apart = triplets(network, layers, (scores * distance).detach(), valid, abnormal, params)
        main = params.baseline_weight * main + normal_to_zero(scores[~abnormal], valid[~abnormal])
        main = main + params.triplet_weight * apart
    return main + params.smoothness * smoothness(scores, valid) + params.sparsity * sparsity(scores, valid, abnormal)


def normal_to_zero(scores: Tensor, valid: Tensor) -> Tensor:
    """Root mean square over each normal video's snippets, mean over videos (the paper's norm, whatever the length)."""
    squares = (scores.square() * valid).sum(1) / valid.sum(1)
    return (squares + 1e-12).sqrt().mean()


def triplets(
    network: Network, layers: tuple[Tensor, Tensor], unusual: Tensor, valid: Tensor, abnormal: Tensor, params
) -> Tensor:
    """Mean over both layers of max(0, margin + d(normal) - d(abnormal)) of the selected snippets.

    Of the abnormal videos those are selected that are among a video's or the batch's most unusual (by classifier times
    distance, the score: by distance alone, as in the paper, events that are no outliers are never picked); of the
    normal videos as many of the most unusual, the hard ones.
    """
    chosen = selected(unusual[abnormal], valid[abnormal], params.video_share, params.batch_share)
    count = int(chosen.sum())
    normal = unusual[~abnormal].masked_fill(~valid[~abnormal], -1).flatten()
    hardest = normal.topk(min(count, int(valid[~abnormal].sum()))).indices
    total = unusual.new_zeros(())
    for norm, layer in zip(network.normalisations, layers, strict=True):
        far = norm.distance(layer[abnormal][chosen])  # (count,)
        near = norm.distance(layer[~abnormal].flatten(0, 1)[hardest])
        total = total + (params.margin + near.mean() - far).relu().mean()
    return total / len(layers)


def selected(unusual: Tensor, valid: Tensor, video_share: float, batch_share: float) -> Tensor:
    """(B, T) bool: the ``video_share`` most distant snippets of each video, or ``batch_share`` of the batch's.

    Args:
        unusual: (B, T) distances; valid: (B, T) bool.
    """
    far = unusual.masked_fill(~valid, -torch.inf)
    ranks = far.argsort(1, descending=True).argsort(1)
    of_video = ranks < top_count(valid, video_share)[:, None]
    every = far.flatten()
    of_batch = torch.zeros_like(every, dtype=torch.bool)
    of_batch[every.topk(int(torch.ceil(valid.sum() * batch_share))).indices] = True
    return (of_video | of_batch.view_as(valid)) & valid


def top_k_bce(logits: Tensor, valid: Tensor, labels: Tensor, share: float) -> Tensor:
    """Cross-entropy of the mean of each video's largest scores, a ``share`` of its snippets, with its label."""
    return F.binary_cross_entropy_with_logits(top_mean(logits, valid, share), labels.to(logits.dtype))


def top_mean(values: Tensor, valid: Tensor, share: float) -> Tensor:
    """(B, T) -> (B,) mean of each video's largest values, ``share`` of its valid snippets and at least one."""
    ordered = values.masked_fill(~valid, -torch.inf).sort(1, descending=True).values
    count = top_count(valid, share)
    inside = torch.arange(values.shape[1], device=values.device) < count[:, None]
    return ordered.masked_fill(~inside, 0).sum(1) / count


def top_count(valid: Tensor, share: float) -> Tensor:
    """(B,) int64: ``share`` of each video's valid snippets, rounded up."""
    return torch.ceil(valid.sum(1) * share).long().clamp_min(1)


def smoothness(scores: Tensor, valid: Tensor) -> Tensor:
    """Mean squared difference of neighbouring snippets (Sultani et al. 2018, eq. 6)."""
    both = valid[:, 1:] & valid[:, :-1]
    return ((scores[:, 1:] - scores[:, :-1]).square() * both).sum() / both.sum().clamp_min(1)


def sparsity(scores: Tensor, valid: Tensor, abnormal: Tensor) -> Tensor:
    """Mean score of abnormal videos: most of their snippets are normal (Sultani et al. 2018, eq. 6)."""
    return (scores * valid)[abnormal].sum() / valid[abnormal].sum().clamp_min(1)
