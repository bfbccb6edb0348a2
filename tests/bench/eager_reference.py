"""The autoencoder's maths in eager PyTorch ops, as the reference implementation writes them (baseline of the CPU bench).

Only what a timing needs: float32, one image, full attention. As in the reference's SDPA path, a mask of the valid
patches goes into every attention (here all are valid). Weights are the published safetensors files.
"""

import json
import pathlib
import struct

import torch
import torch.nn.functional as F

DTYPES = {"F32": torch.float32, "BF16": torch.bfloat16, "F16": torch.float16}


def read_safetensors(path):
    raw = bytearray(pathlib.Path(path).read_bytes())
    (header_bytes,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8 : 8 + header_bytes])
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        begin, end = (8 + header_bytes + offset for offset in entry["data_offsets"])
        tensor = torch.frombuffer(raw[begin:end], dtype=DTYPES[entry["dtype"]])
        tensors[name] = tensor.reshape(entry["shape"]).float()
    return tensors


def rms_norm(x, weight):
    return F.rms_norm(x.float(), weight.shape, weight=weight, eps=1e-6).to(x.dtype)


def rope_table(row, col, head_dim):
    axis = head_dim // 2
    inverse = 1.0 / (10000.0 ** (torch.arange(0, axis, 2).float() / axis))
    angles = torch.cat([row[:, None].float() * inverse, col[:, None].float() * inverse], -1)
    return angles.cos()[None, :, None], angles.sin()[None, :, None]


def rotate(x, cos, sin):
    a, b = x.reshape(*x.shape[:-1], -1, 2).unbind(-1)
    return torch.stack([a * cos - b * sin, a * sin + b * cos], -1).flatten(-2)


class Tower:
    def __init__(self, weights, embed, blocks, project):
        self.weights = weights
        self.embed, self.blocks, self.project = embed, blocks, project
        self.depth = 1 + max(int(name.split(".")[1]) for name in weights if name.startswith(blocks))
        self.head_dim = weights[f"{blocks}.0.attn.norm_q.weight"].numel()

    def linear(self, name, x):
        return F.linear(x, self.weights[name + ".weight"], self.weights.get(name + ".bias"))

    def block(self, prefix, x, cos, sin, mask):
        h = rms_norm(x, self.weights[prefix + "norm1.weight"])
        batch, tokens, width = h.shape
        qkv = self.linear(prefix + "attn.qkv_proj", h).view(batch, tokens, 3, -1, self.head_dim)
        q, k, v = qkv.unbind(2)
        q = rotate(rms_norm(q, self.weights[prefix + "attn.norm_q.weight"]), cos, sin)
        k = rotate(rms_norm(k, self.weights[prefix + "attn.norm_k.weight"]), cos, sin)
        q, k, v = (part.transpose(1, 2) for part in (q, k, v))
        attended = F.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2).reshape(batch, tokens, width)
        value, gate = self.linear(prefix + "ffn.fc1", h).chunk(2, -1)
        mlp = self.linear(prefix + "ffn.fc2", F.silu(gate) * value)
        return x + self.weights[prefix + "layer_scale.gamma"] * (self.linear(prefix + "attn.out_proj", attended) + mlp)

    def __call__(self, x, row, col):
        cos, sin = rope_table(row, col, self.head_dim)
        valid = torch.ones(x.shape[:2], dtype=torch.bool)
        mask = (valid[:, None, :] & valid[:, :, None])[:, None]
        x = self.linear(self.embed, x)
        for i in range(self.depth):
            x = self.block(f"{self.blocks}.{i}.", x, cos, sin, mask)
        return self.linear(self.project, x)


class Autoencoder:
    def __init__(self, folder):
        folder = pathlib.Path(folder)
        self.encoder = Tower(read_safetensors(folder / "encoder.safetensors"), "patch_embed", "encoder_blocks", "to_code")
        self.decoder = Tower(read_safetensors(folder / "decoder.safetensors"), "decoder_embed", "decoder_blocks", "to_pixels")

    @torch.inference_mode()
    def reconstruct(self, patches, row, col):
        """patches [1, N, 3*P*P], row and col [N] -> patches of the same shape."""
        code = self.encoder(patches, row, col)
        z = F.layer_norm(code.float(), code.shape[-1:], eps=1e-6).to(code.dtype)
        return self.decoder(z, row, col)
