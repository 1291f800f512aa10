"""InternLM-XComposer-7B, native: the published checkpoints on current libraries.

config    what a folder says: sizes, names and shapes        weights, names   files -> the network on its devices
vision    pictures -> 66 vectors each                        language         the Llama decoder and its angles
gptq, kernels   weights packed in 4 bits                     placing          the plan of composer.models.placement, made true
engine, cache   prompts -> scores, shared beginnings once    decoding         greedy, sampling, beam search
model     the published entry points                         tokenizer        text <-> ids
"""
