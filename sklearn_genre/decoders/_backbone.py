"""A causal language model of the Hugging Face family, run block by block."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

from sklearn_genre.decoders._store import Store
from sklearn_genre.inputs import Memory, Prompts

# Prompts that pass together through blocks that are not trained.
N_TOGETHER = 16
# Prompts whose states go into one file.
N_STORED = 256
# Largest difference, over the size of the states, of a model that is run in two halves.
MAX_DIFFERENCE = 1e-4


class Nodes(NamedTuple):
    """Tokens that follow a prompt in several ways: a tree."""

    ids: Tensor  # (n_nodes,) of the language model
    sees: Tensor  # (n_nodes, n_nodes) bool: itself and those before it on its path
    depth: Tensor  # (n_nodes,) tokens between it and the prompt


class Backbone(nn.Module):
    """Token ids to states.

    Prompts may have any lengths. After each of them comes the same tree of tokens, all
    in one pass: an attention mask lets each node see the prompt and its own path.

    Parameters
    ----------
    model : PreTrainedModel
        The model below its output matrix, with ``sdpa`` attention.
    source : str or None
        Where its frozen weights are to be had; None if nowhere.
    is_causal : bool, default=True
        Whether a token of the prompt sees those before it alone, or all.
    precision : torch.dtype, default=torch.float32
        Of matrix products.
    """

    def __init__(
        self,
        model: Any,
        source: str | None,
        *,
        is_causal: bool = True,
        precision: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        self.model = model
        if source is not None:  # frozen weights are then not stored
            self.source = source
        self.can_split = True
        self.folder: tuple[str, str] | None = None  # of states, and the model's name
        self.is_causal = is_causal
        self.precision = precision
        self.hidden_size = int(model.config.hidden_size)

    @property
    def blocks(self) -> nn.ModuleList:
        """The transformer blocks."""
        blocks: nn.ModuleList = getattr(self.model, blocks_name(self.model))
        return blocks

    @property
    def first_trained(self) -> int:
        """Blocks below the first trained parameter; one more if there is none.

        0 if it is below all blocks, or the model cannot be split.
        """
        blocks = self.blocks
        if not is_trained(self.model):
            return len(blocks) + 1
        if not self.can_split:
            return 0
        inside = {id(p) for block in blocks for p in block.parameters()}
        above = {id(p) for p in getattr(self.model, "norm", nn.Identity()).parameters()}
        others = {id(p) for p in self.model.parameters() if p.requires_grad}
        if others - inside - above:
            return 0
        trained = [i for i, block in enumerate(blocks) if is_trained(block)]
        return trained[0] if trained else len(blocks)

    def forward(self, prompts: Prompts, nodes: Nodes) -> tuple[Tensor, Tensor, Tensor]:
        """Return the states of prompts and of the nodes after them.

        Parameters
        ----------
        prompts : Prompts
        nodes : Nodes

        Returns
        -------
        prompt_states : Tensor of shape (batch, n_longest, hidden_size)
        is_real : bool Tensor of shape (batch, n_longest)
        node_states : Tensor of shape (batch, n_nodes, hidden_size)
        """
        ids, is_real = prompts.padded()
        if prompts.memory is None:
            states = torch.cat([ids, nodes.ids.expand(len(ids), -1)], 1)
            level = 0
        else:
            kept, kept_nodes = prompts.remembered()
            kept_nodes = kept_nodes[:, : len(nodes.ids)]  # all, or none of them
            states = torch.cat([kept, kept_nodes], 1).float()
            level = prompts.memory.level
        if level > len(self.blocks):
            return states[:, : ids.shape[1]], is_real, states[:, ids.shape[1] :]
        out = self.run(states, self.mask(is_real, nodes), places(is_real, nodes), level)
        n_longest = ids.shape[1]
        return out[:, :n_longest], is_real, out[:, n_longest:]

    def mask(self, is_real: Tensor, nodes: Nodes) -> Tensor:
        """Return what each token sees, bool (batch, 1, n_tokens, n_tokens)."""
        batch, n_longest = is_real.shape
        among = torch.ones(
            n_longest, n_longest, dtype=torch.bool, device=is_real.device
        )
        if self.is_causal:
            among = among.tril()
        prompt = among & is_real[:, None] | among.diag().diag()  # padding sees itself
        nothing = is_real.new_zeros(batch, n_longest, len(nodes.ids))
        upper = torch.cat([prompt, nothing], 2)
        lower = torch.cat(
            [
                is_real[:, None].expand(-1, len(nodes.ids), -1),
                nodes.sees.expand(batch, -1, -1),
            ],
            2,
        )
        return torch.cat([upper, lower], 1)[:, None]

    def run(
        self,
        states: Tensor,
        mask: Tensor,
        positions: Tensor,
        first: int = 0,
        last: int | None = None,
        cache: Any = None,
    ) -> Tensor:
        """Pass states or token ids through blocks, and the norm unless `last` is given.

        Parameters
        ----------
        states : Tensor of shape (batch, n_tokens, hidden_size) or (batch, n_tokens)
        mask : bool Tensor of shape (batch, 1, n_tokens, n_seen)
        positions : int64 Tensor of shape (batch, n_tokens)
        first, last : int
            The first block, and the one after the last; None is the end.
        cache : Cache or None
        """
        name = "inputs_embeds" if states.is_floating_point() else "input_ids"
        model = some_blocks(self.model, first, last)
        with torch.autocast(
            mask.device.type,
            torch.bfloat16,
            enabled=self.precision == torch.bfloat16,
        ):
            read = model(
                **{name: states},
                attention_mask=mask,
                position_ids=positions,
                cache=cache,
                use_cache=cache is not None,
            )
        out: Tensor = read.last_hidden_state
        return out.float() if self.precision == torch.bfloat16 else out

    @torch.no_grad()
    def remember(self, prompts: Prompts, nodes: Nodes) -> Prompts:
        """Return prompts with their states below the first trained block.

        If nothing is trained, after all blocks and the norm.
        """
        level = self.first_trained
        if level == 0 or prompts.memory is not None:
            return prompts
        prompts = prompts.alone()
        if self.folder is None:
            states = self._states_at(prompts, nodes, level)
        else:
            what = [self.is_causal, level, nodes.ids.tolist(), nodes.sees.tolist()]
            name = f"{self.folder[1]} {what}"
            store = Store(self.folder[0], name, self.precision)
            states = self._stored(store, prompts, nodes, level)
        return replace(prompts, memory=Memory(torch.cat(states), len(nodes.ids), level))

    def _stored(
        self, store: Store, prompts: Prompts, nodes: Nodes, level: int
    ) -> list[Tensor]:
        """Return states from a store, after those that are missing were put there."""
        texts = prompts.texts()
        missing = [i for i, kept in enumerate(store.find(texts)) if kept is None]
        for start in range(0, len(missing), N_STORED):
            some = missing[start : start + N_STORED]
            states = self._states_at(prompts[torch.tensor(some)], nodes, level)
            store.add([texts[i] for i in some], states)
        return [each for each in store.find(texts) if each is not None]

    def _states_at(self, prompts: Prompts, nodes: Nodes, level: int) -> list[Tensor]:
        """Return the states of each prompt and its nodes after some blocks."""
        last = None if level > len(self.blocks) else level
        kept: list[Tensor] = [torch.empty(0)] * len(prompts)
        for index in prompts.lengths.argsort().split(N_TOGETHER):
            ids, is_real = prompts[index].padded()
            both = torch.cat([ids, nodes.ids.expand(len(ids), -1)], 1)
            mask, where = self.mask(is_real, nodes), places(is_real, nodes)
            out = self.run(both, mask, where, 0, last).to(self.precision).cpu()
            more = is_real.new_ones(len(ids), len(nodes.ids))
            kinds = torch.cat([is_real, more], 1).cpu()
            for i, row, is_kept in zip(index.tolist(), out, kinds, strict=True):
                kept[i] = row[is_kept]
        return kept

    @torch.no_grad()
    def can_be_split(self, prompts: Prompts, nodes: Nodes) -> bool:
        """Return whether the model run in two halves says what it says as a whole."""
        level = self.first_trained
        if not 0 < level <= len(self.blocks):
            return level > 0
        try:
            halves = self(self.remember(prompts, nodes), nodes)
        except (AttributeError, TypeError, IndexError, RuntimeError):
            return False
        whole, is_real, whole_nodes = self(prompts, nodes)
        size = whole[is_real].abs().mean()
        largest = (halves[0] - whole)[is_real].abs().max()
        if whole_nodes.numel():
            largest = torch.maximum(largest, (halves[2] - whole_nodes).abs().max())
        exact = self.precision == torch.float32
        return (
            bool(largest <= MAX_DIFFERENCE * size)
            if exact
            else bool((halves[0] - whole)[is_real].abs().mean() <= 0.1 * size)
        )


def places(is_real: Tensor, nodes: Nodes) -> Tensor:
    """Return the positions of prompts and nodes, (batch, n_tokens)."""
    prompt = (is_real.long().cumsum(1) - 1).clamp(min=0)
    after = is_real.sum(1, keepdim=True) + nodes.depth
    return torch.cat([prompt, after], 1)


def blocks_name(model: nn.Module) -> str:
    """Return the name of the list of blocks of a model."""
    n_blocks = model.config.num_hidden_layers  # type: ignore[union-attr]
    for name, child in model.named_children():
        if isinstance(child, nn.ModuleList) and len(child) == n_blocks:
            return name
    raise ValueError(
        f"{type(model).__name__} has no list of {n_blocks} blocks: it is no causal "
        "language model of a known kind. Use Llama, Mistral, Qwen or GPT-2, say."
    )


def some_blocks(model: Any, first: int, last: int | None) -> Any:
    """Return a model with the same modules, but some of the blocks alone.

    And without the norm at the end, unless `last` is None.
    """
    if first == 0 and last is None:
        return model
    name = blocks_name(model)
    blocks: Any = getattr(model, name)
    view = object.__new__(type(model))
    view.__dict__ = dict(vars(model))
    view._modules = dict(model._modules)
    view._modules[name] = nn.ModuleList(blocks[first:last])
    if last is not None:
        view._modules["norm"] = nn.Identity()
    return view


def is_trained(module: nn.Module) -> bool:
    """Return whether a module has a trained parameter."""
    return any(parameter.requires_grad for parameter in module.parameters())


def freeze(model: nn.Module, trainable: int | Literal["all"]) -> None:
    """Let the last blocks of a model be trained, and the norm after them; or all."""
    for parameter in model.parameters():
        parameter.requires_grad_(trainable == "all")
    if trainable == "all" or not trainable:
        return
    base: Any = model.base_model
    blocks = getattr(base, blocks_name(base))
    if trainable < 0:
        raise ValueError(f"trainable={trainable} blocks: give 0 or more, or 'all'.")
    for module in [*blocks[-trainable:], getattr(base, "norm", nn.Identity())]:
        for parameter in module.parameters():
            parameter.requires_grad_(True)
