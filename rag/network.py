"""The reader as a torch module: spans, and whether a passage holds the answer at all."""

import inspect
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from transformers import AutoModelForQuestionAnswering, PreTrainedModel

from rag.errors import ModelError

_RELEVANCE = "relevance."
_SPANS = "spans."


class ReaderModel(torch.nn.Module):
    """A question answering model with a relevance head on its first token.

    The head is DPR's (Karpukhin et al., 2020): one linear layer on the last hidden state.
    """

    def __init__(self, spans: PreTrainedModel) -> None:
        """`spans` is any `AutoModelForQuestionAnswering` with a `qa_outputs` layer."""
        super().__init__()
        if not isinstance(getattr(spans, "qa_outputs", None), torch.nn.Linear):
            raise ModelError(
                f"a {spans.config.model_type} model marks spans in a way of its own: take a base "
                "such as BERT, RoBERTa, DistilBERT or ELECTRA"
            )
        self.spans = spans
        self.relevance = torch.nn.Linear(spans.config.hidden_size, 1)
        torch.nn.init.zeros_(self.relevance.weight)
        torch.nn.init.zeros_(self.relevance.bias)
        self._typed = (
            "token_type_ids" in inspect.signature(self._encoder.forward).parameters
            and getattr(spans.config, "type_vocab_size", 0) > 1
        )

    @property
    def _encoder(self) -> torch.nn.Module:
        """The model without its heads; a property, lest its tensors be listed twice."""
        encoder: torch.nn.Module = self.spans.base_model
        return encoder

    def forward(
        self, ids: torch.Tensor, mask: torch.Tensor, types: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Start and end logits, (batch, length) each, and relevance logits, (batch,)."""
        more = {"token_type_ids": types} if self._typed else {}
        hidden: torch.Tensor = self._encoder(input_ids=ids, attention_mask=mask, **more)[0]
        logits = self.spans.get_submodule("qa_outputs")(hidden)  # (batch, length, 2)
        return logits[..., 0], logits[..., 1], self.relevance(hidden[:, 0]).squeeze(-1)

    @classmethod
    def load(cls, folder: Path, new_heads: bool = False) -> "ReaderModel":
        """A folder as `save` or `save_pretrained` writes it; fp32.

        With `new_heads` any encoder will do, to be trained: what it lacks begins at random. A
        relevance head that it lacks knows nothing, and says so. Raises ModelError.
        """
        try:
            spans, loading = AutoModelForQuestionAnswering.from_pretrained(
                folder,
                attn_implementation="eager",
                dtype=torch.float32,
                output_loading_info=True,
            )
        except (OSError, ValueError, SafetensorError) as error:
            raise ModelError(
                f"{folder} does not load as a question answering model: "
                f"{str(error).splitlines()[0]}"
            ) from error
        if loading["missing_keys"] and not new_heads:
            raise ModelError(
                f"{folder} lacks {min(loading['missing_keys'])}: it is no trained reader; make one "
                f"with 'dateline train --base {folder}'"
            )
        model = cls(spans)
        head = {
            name: tensor
            for file in sorted(folder.glob("*.safetensors"))
            for name, tensor in load_file(file).items()
            if name.startswith(_RELEVANCE)
        }
        if head:
            model.load_tensors(head)
        return model

    def load_tensors(self, tensors: Mapping[str, torch.Tensor]) -> list[str]:
        """Take over tensors named as in `tensors()`; what is missing of those, by name."""
        own = {n if n.startswith(_RELEVANCE) else f"{_SPANS}{n}": t for n, t in tensors.items()}
        missing, _unused = self.load_state_dict(own, strict=False)
        return [name.removeprefix(_SPANS) for name in missing]

    def tensors(self) -> dict[str, torch.Tensor]:
        """All tensors, under the names of the checkpoint; the relevance head's begin with its
        own, so that whoever knows only spans can load the rest."""
        head = {f"{_RELEVANCE}{k}": v for k, v in self.relevance.state_dict().items()}
        return {k: v.contiguous() for k, v in {**self.spans.state_dict(), **head}.items()}

    def save(self, folder: Path) -> None:
        """`config.json` and `model.safetensors` into an existing folder."""
        self.spans.config.save_pretrained(folder)
        save_file(self.tensors(), folder / "model.safetensors", {"format": "pt"})
