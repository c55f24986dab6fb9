"""Writes a small model with random weights and a tokenizer: usage tiny_model.py FOLDER [KIND].

KIND: `full` (a Llama, the default), or `windows` (a Gemma 2: every other layer sees a window only,
so there are two groups of KV). The weights have the scale of real ones, so attention matters: with
wrong KV the tokens differ.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

LAYERS, HIDDEN, HEADS, KV_HEADS, VOCABULARY = 4, 256, 8, 4, 1024
HEAD = HIDDEN // HEADS
INNER = 3 * HIDDEN
CONTEXT = 8192
CHAT = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}"
CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": HIDDEN,
    "intermediate_size": INNER,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "num_key_value_heads": KV_HEADS,
    "head_dim": HEAD,
    "vocab_size": VOCABULARY,
    "max_position_embeddings": CONTEXT,
    "rms_norm_eps": 1e-5,
    "rope_theta": 10000.0,
    "hidden_act": "silu",
    "torch_dtype": "bfloat16",
    "tie_word_embeddings": False,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "pad_token_id": 2,
}
WINDOWS = {
    "architectures": ["Gemma2ForCausalLM"],
    "model_type": "gemma2",
    "sliding_window": 256,
    "layer_types": ["sliding_attention", "full_attention"] * (LAYERS // 2),
    "query_pre_attn_scalar": HEAD,
    "hidden_activation": "gelu_pytorch_tanh",
    "attn_logit_softcapping": None,
    "final_logit_softcapping": None,
    "tie_word_embeddings": True,
}


def write_tokenizer(folder: Path) -> None:
    """Byte-level BPE, so that any text can be encoded."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    lines = [" ".join(f"{word}{i * j % 89}" for i in range(40)) for j, word in enumerate(CONFIG)]
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=["<s>", "</s>", "<pad>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(lines, trainer)
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": "<s>",
        "eos_token": "</s>",
        "pad_token": "<pad>",
        "model_max_length": CONTEXT,
        "clean_up_tokenization_spaces": False,
        "chat_template": CHAT,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))


def weights() -> dict[str, torch.Tensor]:
    """The same ones each time."""
    generator = torch.Generator().manual_seed(20)

    def dense(rows: int, columns: int, scale: float = 1.0) -> torch.Tensor:
        values = torch.randn(rows, columns, generator=generator)
        return (values * scale / columns**0.5).to(torch.bfloat16)

    ones = torch.ones(HIDDEN, dtype=torch.bfloat16)
    named = {
        "model.embed_tokens.weight": dense(VOCABULARY, HIDDEN, HIDDEN**0.5),
        "lm_head.weight": dense(VOCABULARY, HIDDEN),
        "model.norm.weight": ones,
    }
    for layer in range(LAYERS):
        prefix = f"model.layers.{layer}."
        named |= {
            prefix + "self_attn.q_proj.weight": dense(HEADS * HEAD, HIDDEN, 2),
            prefix + "self_attn.k_proj.weight": dense(KV_HEADS * HEAD, HIDDEN, 2),
            prefix + "self_attn.v_proj.weight": dense(KV_HEADS * HEAD, HIDDEN),
            prefix + "self_attn.o_proj.weight": dense(HIDDEN, HEADS * HEAD, 2),
            prefix + "mlp.gate_proj.weight": dense(INNER, HIDDEN),
            prefix + "mlp.up_proj.weight": dense(INNER, HIDDEN),
            prefix + "mlp.down_proj.weight": dense(HIDDEN, INNER),
            prefix + "input_layernorm.weight": ones.clone(),
            prefix + "post_attention_layernorm.weight": ones.clone(),
        }
    return named


def with_windows(named: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The same weights as Gemma 2 wants them.

    Its norms multiply by 1 + weight, and head and embedding are one; the embedding is small here,
    or the model would repeat its last token whatever came before.
    """
    embedding = named["model.embed_tokens.weight"] / 64
    zeros = torch.zeros(HIDDEN, dtype=torch.bfloat16)
    kept = {name: tensor for name, tensor in named.items() if "proj" in name}
    norms = ["input_layernorm", "post_attention_layernorm"]
    norms += ["pre_feedforward_layernorm", "post_feedforward_layernorm"]
    for layer in range(LAYERS):
        kept |= {f"model.layers.{layer}.{norm}.weight": zeros.clone() for norm in norms}
    return kept | {"model.embed_tokens.weight": embedding, "model.norm.weight": zeros}


def main(folder: Path, kind: str = "full") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write_tokenizer(folder)
    named, config = weights(), dict(CONFIG)
    if kind == "windows":
        named, config = with_windows(named), config | WINDOWS
    (folder / "config.json").write_text(json.dumps(config, indent=1))
    save_file(named, folder / "model.safetensors", metadata={"format": "pt"})


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
