/** As OpenAI says it, and vLLM, SGLang, llama.cpp, GLM, Qwen and Kimi, which speak its protocol in words of their own. */
const TOO_LONG = [
  /context[ _](length|size|window)|maximum context|maximum model length/i,
  /too many tokens|exceeds the maximum number of tokens|exceeded model token limit/i,
  /prompt (is too long|exceeds)|range of input length/i,
]

/** Whether a refusal says that a request is longer than the model's context. */
export function saysTooLong(words: string): boolean {
  return TOO_LONG.some((pattern) => pattern.test(words))
}
