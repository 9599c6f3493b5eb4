import type { RoundEnding } from '../formats/rollout.ts'
import { MINI_REQUIREMENTS } from './miniRequirements.ts'
import type { Scaffold } from './port.ts'

const RESULT = 'prchain-result '

/**
 * Runs mini-swe-agent as it is, in one process with a forwarder from a loopback port to the gateway's socket. Its packages
 * are on the path of this process alone, not of the commands that it runs.
 */
const LAUNCHER = `
import json, os, socket, sys, threading

spec = json.load(sys.stdin)
home = os.path.join(os.environ['HOME'], '.prchain')
os.makedirs(home, exist_ok=True)

def pump(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass
    for end in (source, sink):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

def forward(client):
    try:
        gateway = socket.socket(socket.AF_UNIX)
        gateway.connect(spec['socketPath'])
    except OSError:
        client.close()
        return
    threading.Thread(target=pump, args=(client, gateway), daemon=True).start()
    pump(gateway, client)
    client.close()
    gateway.close()

server = socket.create_server(('127.0.0.1', 0))

def accept():
    while True:
        client, _ = server.accept()
        threading.Thread(target=forward, args=(client,), daemon=True).start()

threading.Thread(target=accept, daemon=True).start()
base = 'http://127.0.0.1:%d/v1' % server.getsockname()[1]

trajectory = os.path.join(home, 'trajectory.json')
config = os.path.join(home, 'mini.yaml')
if os.path.exists(trajectory):
    os.remove(trajectory)
with open(config, 'w') as file:
    json.dump({
        'run': {'task': spec['task']},
        'model': {
            'model_name': 'openai/' + spec['model'],
            'cost_tracking': 'ignore_errors',
            'model_kwargs': {'api_base': base, 'api_key': spec['token'], 'drop_params': True, 'timeout': 86400},
        },
        'agent': {'mode': 'yolo', 'confirm_exit': False, 'step_limit': spec['maxSteps'], 'cost_limit': 0},
        'environment': {'timeout': spec['commandTimeoutMs'] // 1000},
    }, file)
os.environ.update(MSWEA_CONFIGURED='true', MSWEA_SILENT_STARTUP='1', MSWEA_COST_TRACKING='ignore_errors',
                  MSWEA_GLOBAL_CONFIG_DIR=home, LITELLM_LOCAL_MODEL_COST_MAP='True')
sys.path.insert(0, spec['toolchain'])
sys.argv = ['mini', '-c', 'mini.yaml', '-c', config, '-y', '--exit-immediately', '-o', trajectory]
fault = None
try:
    from minisweagent.run.mini import app
    app()
except SystemExit:
    pass
except BaseException as error:
    fault = '%s: %s' % (type(error).__name__, error)
status = None
try:
    with open(trajectory) as file:
        status = json.load(file)['info'].get('exit_status')
except Exception as error:
    fault = fault or '%s: %s' % (type(error).__name__, error)
print('\\n${RESULT}' + json.dumps({'status': status, 'fault': fault, 'trajectory': trajectory}), flush=True)
os._exit(0)
`

/** What mini-swe-agent says of its end, as far as the round is over by it. */
const ENDINGS: Readonly<Record<string, RoundEnding>> = {
  Submitted: 'submitted',
  LimitsExceeded: 'step-limit',
  RepeatedFormatError: 'no-tool-call',
  ContextWindowExceededError: 'context-exceeded',
}

/** The real mini-swe-agent from PyPI, unmodified. It has no memory of its own: each round is a fresh start. */
export const miniSweAgent: Scaffold = {
  name: 'mini-swe-agent',
  version: '2.4.6',
  packages: MINI_REQUIREMENTS,
  normalisations: [
    {
      what: 'the host’s kernel, which its prompt names',
      pattern: /<system_information>[^]*?<\/system_information>/g,
      replacement: '<system_information/>',
    },
  ],
  start(input) {
    const script = `exec python3 -I -c '${LAUNCHER.replaceAll("'", `'\\''`)}'`
    return { script, stdin: JSON.stringify(input) }
  },
  readEnding({ output, exitCode, isTimedOut }) {
    if (isTimedOut) return { ending: 'step-limit', trajectory: null }
    const at = output.lastIndexOf(RESULT)
    if (at === -1) return { fault: `it ended with exit code ${exitCode}: ${output.slice(-1_000)}` }
    const { status, fault, trajectory } = JSON.parse(output.slice(at + RESULT.length).split('\n')[0]!) as {
      status: string | null
      fault: string | null
      trajectory: string
    }
    const ending = ENDINGS[status ?? '']
    return ending ? { ending, trajectory } : { fault: fault ?? `it ended with the status ${status ?? '(none)'}` }
  },
}
