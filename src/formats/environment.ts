import { z } from 'zod'

const milliseconds = z.number().int().positive()

/** What a repository needs for its tests to run: the file that `--environment` takes. */
export const environment = z
  .strictObject({
    format: z.literal('prchain.environment/1'),
    /** An image that the engine has or can pull. Either this or `dockerfile`. */
    image: z.string().min(1).optional(),
    /** The text of a Dockerfile, built with `buildNetwork`. Either this or `image`. */
    dockerfile: z.string().min(1).optional(),
    /** What the Dockerfile can copy from: nothing, or the files of the stage's base. */
    context: z.enum(['none', 'repository']).default('none'),
    /** Docker's network mode while the image is built; the sandbox itself never has a network. */
    buildNetwork: z.enum(['default', 'host', 'none']).default('default'),
    /** Commands run once in each sandbox after the repository is laid, before the agent starts. Untracked files that they make are no part of any patch. */
    setup: z.array(z.string().min(1)).default([]),
    /** Folders of the image that agents may write to beside the repository, their home and /tmp: copied for each sandbox. */
    writable: z.array(z.string().startsWith('/')).default([]),
    /** Variables for setup, tests and the agent's commands. Never put a secret here. */
    env: z.record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), z.string()).default({}),
    test: z.strictObject({
      /** `{files}` stands for the stage's test files, quoted; `{report}` for the path of the report. */
      command: z.string().min(1),
      /** `junit`: per-test results from JUnit XML at `{report}`. `exit-code`: the command is one test. */
      report: z.enum(['junit', 'exit-code']).default('junit'),
    }),
    timeouts: z
      .strictObject({
        setupMs: milliseconds.default(600_000),
        testMs: milliseconds.default(600_000),
        commandMs: milliseconds.default(120_000),
      })
      .prefault({}),
  })
  .refine((value) => !(value.image && value.dockerfile), { message: 'give image or dockerfile, not both' })
/** What a repository needs for its tests to run. */
export type Environment = z.infer<typeof environment>

/** One test's outcome. `error` is a test that could not be run at all, such as a failed import. */
export const testResult = z.object({
  id: z.string(),
  status: z.enum(['passed', 'failed', 'error', 'skipped']),
  /**
   * Why it failed, where the report says: `missing-name` for a name that the code does not have, such as a failed import;
   * `assertion` for a check that did not hold; `other`. Absent for a test that passed or was skipped.
   */
  reason: z.enum(['missing-name', 'assertion', 'other']).optional(),
  /** The missing names, for `missing-name`. */
  missing: z.array(z.string()).optional(),
})
/** One test's outcome. */
export type TestResult = z.infer<typeof testResult>

/** What one run of the test command gave. */
export const testReport = z.object({
  status: z.enum(['completed', 'timed-out', 'unreadable']),
  exitCode: z.number().int().nullable(),
  tests: z.array(testResult),
  /** The command's output, in the store. */
  output: z.string(),
})
/** What one run of the test command gave. */
export type TestReport = z.infer<typeof testReport>

/** Where an environment comes from: what was found in the repository, and what was decided on it. */
export const origin = z.object({
  /** `given` by the user, `found`: a recipe that files of the repository refined, `recipe`: one that nothing refined. */
  kind: z.enum(['given', 'found', 'recipe']),
  /** The recipe, such as `python`; null for one that was given. */
  recipe: z.string().nullable(),
  /** The repository's files that were taken into account, in path order. */
  files: z.array(z.string()),
  /** What was taken from where, and what could not be kept to, in sentences. */
  notes: z.array(z.string()),
})
/** Where an environment comes from. */
export type Origin = z.infer<typeof origin>
