"""The clients of PyPI against a gateway: says on stdout, one JSON document a line, what each saw."""

import asyncio
import json
import os
import sys

spec = json.load(sys.stdin)
sys.path.insert(0, spec['toolchain'])
os.environ.update(LITELLM_LOCAL_MODEL_COST_MAP='True', OPENAI_API_KEY='none')

import litellm
import openai

BASE, TOKEN, REVOKED = spec['baseUrl'], spec['token'], spec['revoked']
TOOLS = [{'type': 'function', 'function': {'name': name, 'parameters': {'type': 'object'}}} for name in ('ls', 'cat')]
client = openai.OpenAI(base_url=BASE, api_key=TOKEN, max_retries=0, timeout=120)
create = client.chat.completions.create


def say(what, **seen):
    print(json.dumps({'what': what, **seen}), flush=True)


def ask(text, **more):
    return {'model': 'any', 'messages': [{'role': 'user', 'content': text}], **more}


def calls_of(message):
    return [[call.id, call.function.name, call.function.arguments] for call in message.tool_calls]


def fold(chunks):
    """What a stream says: its text, the calls that it asks for, why it ended, and what it took."""
    text, calls, reasoning, reason, usage = '', {}, '', None, None
    for chunk in chunks:
        usage = chunk.usage or usage if hasattr(chunk, 'usage') else usage
        for choice in chunk.choices:
            text += choice.delta.content or ''
            reasoning += getattr(choice.delta, 'reasoning_content', None) or ''
            reason = choice.finish_reason or reason
            for call in choice.delta.tool_calls or []:
                known = calls.setdefault(call.index, ['', '', ''])
                for at, part in enumerate((call.id, call.function.name, call.function.arguments)):
                    known[at] += part or ''
    cached = usage and usage.prompt_tokens_details and usage.prompt_tokens_details.cached_tokens
    return {'text': text, 'reasoning': reasoning, 'calls': list(calls.values()), 'reason': reason, 'cached': cached}


def failure(act):
    try:
        act()
    except Exception as error:
        return [type(error).__name__, getattr(error, 'status_code', None), getattr(error, 'code', None)]


whole = create(**ask('whole', logprobs=True))
message = whole.choices[0].message
say(
    'whole',
    content=message.content,
    reasoning=message.reasoning_content,
    custom=message.custom,
    logprobs=[one.token for one in whole.choices[0].logprobs.content],
    cached=whole.usage.prompt_tokens_details.cached_tokens,
    fingerprint=whole.system_fingerprint,
)
say('tools', calls=calls_of(create(**ask('tools', tools=TOOLS, parallel_tool_calls=True)).choices[0].message))
streamed = {'stream': True, 'stream_options': {'include_usage': True}}
say('stream', **fold(create(**ask('stream', **streamed))))
say('tools stream', **fold(create(**ask('tools', tools=TOOLS, **streamed))))

say('too long', failure=failure(lambda: create(**ask('too long'))))
revoked = openai.OpenAI(base_url=BASE, api_key=REVOKED, max_retries=0)
say('revoked', failure=failure(lambda: revoked.chat.completions.create(**ask('whole'))))
say('busy', content=create(**ask('busy')).choices[0].message.content)

broken_off = create(**ask('slow', **streamed))
first = next(iter(broken_off)).choices[0].delta.content
broken_off.close()
say('cancelled', first=first)
say('asked again', **fold(create(**ask('slow', **streamed))))

through = {'api_base': BASE, 'api_key': TOKEN, 'max_retries': 0}


def complete(text, **more):
    return litellm.completion(**{**ask(text, **more), 'model': 'openai/any', **through})


reply = complete('litellm')
say(
    'litellm',
    content=reply.choices[0].message.content,
    reasoning=reply.choices[0].message.reasoning_content,
    cached=reply.usage.prompt_tokens_details.cached_tokens,
)
say('litellm tools', calls=calls_of(complete('litellm tools', tools=TOOLS).choices[0].message))
say('litellm stream', **fold(complete('litellm stream', **streamed)))
say('litellm too long', failure=failure(lambda: complete('litellm too long')))
say('litellm too long for another', failure=failure(lambda: complete('too long for another')))
through['api_key'] = REVOKED
say('litellm revoked', failure=failure(lambda: complete('litellm')))


async def many(count):
    async with openai.AsyncOpenAI(base_url=BASE, api_key=TOKEN, max_retries=0, timeout=120) as crowd:

        async def one(n):
            chunks = [chunk async for chunk in await crowd.chat.completions.create(**ask(f'number {n}', **streamed))]
            return fold(chunks)['text']

        return await asyncio.gather(*(one(n) for n in range(count)))


say('many', texts=asyncio.run(many(200)))
