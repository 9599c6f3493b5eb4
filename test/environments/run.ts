import { mkdirSync, mkdtempSync, readFileSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { BASE_IMAGE, dockerForTests } from '../docker/engine.ts'
import { setup, teardown } from '../tempFolder.ts'
import { layProject, PROJECTS } from './projects.ts'
import { provideSandboxes, studyStage, testBuild, type Studied } from './study.ts'

/**
 * `npm run test:environments -- [--mirrors DIR --data DIR] [--only WORD]`: the environments of real repositories, found,
 * built and studied: each stage of the chains in DIR/chains.json, numpy where the mirrors have it, and for each
 * language a project from its registry. Prints a row each, and fails when one has no valid environment.
 */
const { values } = parseArgs({
  options: {
    mirrors: { type: 'string' },
    data: { type: 'string' },
    only: { type: 'string' },
    numpy: { type: 'string' },
  },
})

interface Row {
  what: string
  study: () => Promise<Studied>
}

interface KnownChain {
  repo: string
  prs: { number: number; base_sha: string; merge_sha: string; test_files: string[] }[]
}

const docker = await dockerForTests()
if (!docker) throw new Error('no Docker engine answers; PRCHAIN_TEST_DOCKER_SOCKET names one')
const { build, certificates } = testBuild(BASE_IMAGE)
const provider = provideSandboxes(docker.socketPath, certificates)
setup()
const folder = mkdtempSync(join(tmpdir(), 'prchain-environments-'))
const rows: Row[] = [...chainRows(), ...numpyRow(), ...projectRows()].filter(({ what }) =>
  what.includes(values.only ?? ''),
)
let isSound = rows.length > 0
for (const { what, study } of rows) {
  const studied = await study().catch((error: Error) => ({ reason: `${error.name}: ${error.message}` }))
  isSound &&= !('reason' in studied) && studied.study.isValid
  console.log(tell(what, studied))
}
teardown()
process.exit(isSound ? 0 : 1)

function tell(what: string, studied: Studied): string {
  if ('reason' in studied) return `${what}: none: ${studied.reason}`
  const { isValid, reason, failToPass, passToPass, flaky, failToPassReasons: reasons, reference } = studied.study
  const failed = reference.tests.filter(({ status }) => status === 'failed' || status === 'error').length
  return (
    `${what}: ${isValid ? 'valid' : `NOT VALID (${reason})`}, ${studied.origin.kind} ${studied.origin.recipe}, ` +
    `F2P ${failToPass.length} (missing name ${reasons['missing-name']}, assertion ${reasons.assertion}, other ${reasons.other}), ` +
    `P2P ${passToPass.length}, flaky ${flaky.length}, failing with the reference ${failed}, ${studied.seconds} s`
  )
}

function chainRows(): Row[] {
  const { mirrors, data } = values
  if (!mirrors || !data) return []
  const { chains } = JSON.parse(readFileSync(join(data, 'chains.json'), 'utf8')) as { chains: KnownChain[] }
  return chains.flatMap(({ repo, prs }) =>
    prs.map((pull) => ({
      what: `${repo}#${pull.number}`,
      study: () =>
        studyStage({
          ...{ provider, build, mirrors: resolve(mirrors), repository: repo },
          ...{ base: pull.base_sha, result: pull.merge_sha, testFiles: pull.test_files },
        }),
    })),
  )
}

/** `--numpy BASE..RESULT:TESTFILE`: a real change of numpy, whose mirror is `numpy__numpy.git`; minutes. */
function numpyRow(): Row[] {
  const [, base = '', result = '', test = ''] = /^(\w+)\.\.(\w+):(.+)$/.exec(values.numpy ?? '') ?? []
  if (!values.mirrors || base === '') return []
  const mirrors = resolve(values.mirrors)
  const study = () =>
    studyStage({ provider, build, mirrors, repository: 'numpy/numpy', base, result, testFiles: [test] })
  return [{ what: 'numpy/numpy', study }]
}

function projectRows(): Row[] {
  return PROJECTS.map((project, index) => ({
    what: `${project.language}: ${project.name}`,
    study: async () => {
      const place = join(folder, String(index))
      const { base, result } = layProject(project, join(place, 'project'))
      const mirrors = join(place, 'mirrors')
      mkdirSync(mirrors)
      symlinkSync(join(place, 'project', '.git'), join(mirrors, 'a__project.git'))
      return studyStage({
        provider,
        build,
        mirrors,
        repository: 'a/project',
        base,
        result,
        testFiles: project.testFiles,
      })
    },
  }))
}
