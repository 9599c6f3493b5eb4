import { readArguments } from '../domain/wireContent.ts'
import { toAssistant, type Exchanged } from '../domain/wireTrace.ts'
import type { ToolCall } from '../formats/chat.ts'
import type { RoundEnding } from '../formats/rollout.ts'
import { MINI_REQUIREMENTS } from './miniRequirements.ts'
import { launchByPython, readLauncherEnding } from './launcher.ts'
import type { Scaffold } from './port.ts'

/**
 * Runs mini-swe-agent as it is, in one process with the forwarder. Its packages are on the path of this process alone, not
 * of the commands that it runs.
 */
const LAUNCHER = `
home = os.path.join(os.environ['HOME'], '.prchain')
os.makedirs(home, exist_ok=True)
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
if spec['isSelfTest']:
    os.environ['MSWEA_MODEL_RETRY_STOP_AFTER_ATTEMPT'] = '1'
sys.path.insert(0, spec['programs'])
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
end(status, fault, trajectory)
`

/** What mini-swe-agent says of its end, as far as the round is over by it. */
const ENDINGS: Readonly<Record<string, RoundEnding>> = {
  Submitted: 'submitted',
  LimitsExceeded: 'step-limit',
  RepeatedFormatError: 'no-tool-call',
  ContextWindowExceededError: 'context-exceeded',
}

/** Whether it runs what a reply calls: any other it drops, and answers with what is wrong with it. */
function isWork({ reply }: Exchanged): boolean {
  const { tool_calls: calls = [] } = toAssistant(reply.message)
  return calls.length > 0 && calls.every(isCommand)
}

function isCommand({ function: { name, arguments: text } }: ToolCall): boolean {
  return name === 'bash' && 'command' in (readArguments(text) ?? {})
}

/** The real mini-swe-agent from PyPI, unmodified. It has no memory of its own: each round is a fresh start. */
export const miniSweAgent: Scaffold = {
  name: 'mini-swe-agent',
  version: '2.4.6',
  programs: { kind: 'pip', packages: MINI_REQUIREMENTS },
  goesOn: false,
  isStreamedWhole: false,
  selfTest: { name: 'bash', arguments: { command: 'echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT' } },
  normalisations: [
    {
      what: 'the host’s kernel, which its prompt names',
      pattern: /<system_information>[^]*?<\/system_information>/g,
      replacement: '<system_information/>',
    },
  ],
  start: (input) => launchByPython(LAUNCHER, input),
  readEnding: (outcome) => readLauncherEnding(outcome, (status) => ENDINGS[status]),
  isWork,
}
