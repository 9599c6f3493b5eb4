import { describe, expect, test } from 'vitest'
import { saysTooLong } from '../../src/domain/contextLimit.ts'

describe('a refusal', () => {
  test.each([
    ['OpenAI', '{"error":{"message":"…","code":"context_length_exceeded"}}'],
    ['OpenAI, in words', "This model's maximum context length is 8192 tokens."],
    ['vLLM', 'The decoder prompt (length 163840) is longer than the maximum model length of 131072.'],
    ['SGLang', "The input (61709 tokens) is longer than the model's context length (40960 tokens)."],
    ['llama.cpp', '{"message":"the request exceeds the available context size","type":"exceed_context_size_error"}'],
    ['llama-cpp-python', 'Requested tokens (817) exceed context window of 512'],
    ['GLM', '{"error":{"code":"1261","message":"Prompt exceeds max length"}}'],
    ['Qwen', 'Range of input length should be [1, 129024]'],
    ['Kimi', 'Invalid request: Your request exceeded model token limit: 262144'],
    ['Claude', 'prompt is too long: 210000 tokens > 200000 maximum'],
  ])('of %s says that a context is too long', (_, words) => expect(saysTooLong(words)).toBe(true))

  test.each([
    'Incorrect API key provided',
    'The model `m` does not exist',
    'Insufficient balance',
    "Invalid 'messages[0].content': expected a string",
    'max_tokens should be less or equal to 131072',
  ])('that says something else does not: %s', (words) => expect(saysTooLong(words)).toBe(false))
})
