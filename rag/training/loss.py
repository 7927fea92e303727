"""The loss: where the answer is, in a window and among all windows of a question.

All functions are differentiable and take float32 logits.
"""

import torch

from rag.training.features import Batch

_BLOCKED = -1e9
_RELEVANCE_WEIGHT = 0.5


def reader_loss(
    batch: Batch, start: torch.Tensor, end: torch.Tensor, relevance: torch.Tensor
) -> torch.Tensor:
    """Scalar: the sum of three means.

    Over the windows, the negative log likelihood of the answer's tokens, or of the null slot
    (the first token) where the window holds none (Devlin et al., 2019). Over the questions with
    several windows, that of the answer's tokens among the tokens of all its windows: shared
    normalisation, which makes scores comparable between passages (Clark & Gardner, 2018). And
    over the windows, that of the relevance, yes where the window holds the answer (as DPR's
    reader has it; Karpukhin et al., 2020).

    `start` and `end` are (windows, length), `relevance` is (windows,).
    """
    holds = batch.starts.any(dim=1)  # (windows,)
    loss = start.new_zeros(())
    for logits, gold in ((start, batch.starts), (end, batch.ends)):
        loss = loss + _window_loss(logits, gold, batch.passage) / 2
        loss = loss + _shared_loss(logits, gold, batch) / 2
    judged = torch.nn.functional.binary_cross_entropy_with_logits(relevance, holds.float())
    return loss + _RELEVANCE_WEIGHT * judged


def _window_loss(logits: torch.Tensor, gold: torch.Tensor, passage: torch.Tensor) -> torch.Tensor:
    null = torch.zeros_like(passage)
    null[:, 0] = True
    target = torch.where(gold.any(dim=1, keepdim=True), gold, null)
    everything = logits.masked_fill(~(passage | null), _BLOCKED).logsumexp(dim=1)
    return (everything - logits.masked_fill(~target, _BLOCKED).logsumexp(dim=1)).mean()


def _shared_loss(logits: torch.Tensor, gold: torch.Tensor, batch: Batch) -> torch.Tensor:
    holds = gold.any(dim=1)
    everything = logits.masked_fill(~batch.passage, _BLOCKED).logsumexp(dim=1)  # (windows,)
    right = logits.masked_fill(~gold, _BLOCKED).logsumexp(dim=1)
    windows = torch.bincount(batch.question, minlength=batch.questions)
    answered = torch.bincount(batch.question, weights=holds.float(), minlength=batch.questions)
    counted = (windows > 1) & (answered > 0)  # (questions,)
    if not bool(counted.any()):
        return logits.new_zeros(())
    total = _logsumexp_by(everything, batch.question, batch.questions)
    told = _logsumexp_by(right.masked_fill(~holds, _BLOCKED), batch.question, batch.questions)
    return (total - told)[counted].mean()


def _logsumexp_by(values: torch.Tensor, group: torch.Tensor, groups: int) -> torch.Tensor:
    """(groups,) log of the sum of exp of the `values` (n,) of each group (n,)."""
    top = values.detach().new_full((groups,), _BLOCKED)
    top = top.scatter_reduce(0, group, values.detach(), "amax")
    sums = values.new_zeros(groups).index_add(0, group, (values - top[group]).exp())
    return sums.log() + top
