"""Writes a language model of one layer with random weights: python tinyModel.py FILE"""

import sys

import gguf
import numpy

WORDS = [a + b for a in ('ba', 'ke', 'li', 'mo', 'nu', 'ra', 'te', 'zo') for b in ('', 'n', 'r', 'st')]
TOKENS = ['<unk>', '<s>', '</s>'] + [f'<0x{byte:02X}>' for byte in range(256)] + ['▁' + word for word in WORDS]
KINDS = [gguf.TokenType.UNKNOWN] + [gguf.TokenType.CONTROL] * 2 + [gguf.TokenType.BYTE] * 256
KINDS += [gguf.TokenType.NORMAL] * len(WORDS)
WIDTH, HEADS, INNER, CONTEXT = 64, 4, 128, 8192
TEMPLATE = "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}\n{% endfor %}assistant:"

writer = gguf.GGUFWriter(sys.argv[1], 'llama')
writer.add_context_length(CONTEXT)
writer.add_embedding_length(WIDTH)
writer.add_block_count(1)
writer.add_feed_forward_length(INNER)
writer.add_head_count(HEADS)
writer.add_head_count_kv(HEADS)
writer.add_rope_dimension_count(WIDTH // HEADS)
writer.add_layer_norm_rms_eps(1e-5)
writer.add_vocab_size(len(TOKENS))
writer.add_tokenizer_model('llama')
writer.add_token_list(TOKENS)
writer.add_token_scores([0.0] * 259 + [float(-n) for n in range(len(WORDS))])
writer.add_token_types(KINDS)
writer.add_unk_token_id(0)
writer.add_bos_token_id(1)
writer.add_eos_token_id(2)
writer.add_chat_template(TEMPLATE)

random = numpy.random.default_rng(1)


def weights(*shape):
    return random.standard_normal(shape, dtype=numpy.float32)


output = weights(len(TOKENS), WIDTH)
# It says words alone, and never that it has ended.
output[:259] = 0
tensors = {
    'token_embd': weights(len(TOKENS), WIDTH),
    'output_norm': numpy.ones(WIDTH, dtype=numpy.float32),
    'output': output,
    'blk.0.attn_norm': numpy.ones(WIDTH, dtype=numpy.float32),
    'blk.0.ffn_norm': numpy.ones(WIDTH, dtype=numpy.float32),
    **{f'blk.0.attn_{name}': weights(WIDTH, WIDTH) for name in ('q', 'k', 'v', 'output')},
    'blk.0.ffn_gate': weights(INNER, WIDTH),
    'blk.0.ffn_up': weights(INNER, WIDTH),
    'blk.0.ffn_down': weights(WIDTH, INNER),
}
for name, tensor in tensors.items():
    writer.add_tensor(f'{name}.weight', tensor)
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
