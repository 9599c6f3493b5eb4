import { randomFor } from './random.ts'
import type { Skeleton } from './skeleton.ts'

/** A file that a pull request changes. */
export interface ChangedFile {
  path: string
  additions: number
  deletions: number
}

const FILES_OF_TOPIC = 14

/** The files of a pull request: of its topic's folder, and one of the earlier pull request that it shares a file with. */
export function filesOf(skeleton: Skeleton, number: number): ChangedFile[] {
  const { plan, seed, bones } = skeleton
  const bone = bones[number]!
  const random = randomFor(plan.name, seed, 'files', number)
  const paths = new Set<string>()
  switch (bone.change) {
    case 'docs':
      paths.add(`docs/topic-${bone.topic}.md`)
      break
    case 'ci':
      paths.add(bone.kind === 'bot' ? 'requirements.txt' : `.github/workflows/ci-${bone.topic % 5}.yml`)
      break
    case 'release':
      paths.add('CHANGELOG.md')
      break
    default:
      paths.add(mainFileOf(skeleton, number))
      if (bone.sharesFileWith !== null) paths.add(mainFileOf(skeleton, bone.sharesFileWith))
      for (let more = Math.min(40, Math.floor(random.skewed(0.9, 1.3))); more > 0; more -= 1) {
        paths.add(sourceFile(skeleton, bone.topic, random.int(FILES_OF_TOPIC)))
      }
      if (bone.change === 'source+tests') paths.add(`tests/test_topic_${bone.topic}.${plan.extension}`)
  }
  return [...paths].sort().map((path) => ({
    path,
    additions: 1 + Math.min(2000, Math.floor(random.skewed(18, 1.4))),
    deletions: Math.min(2000, Math.floor(random.skewed(7, 1.5))),
  }))
}

/** The source file that a pull request is about. */
export function mainFileOf(skeleton: Skeleton, number: number): string {
  const { plan, seed, bones } = skeleton
  const random = randomFor(plan.name, seed, 'main file', number)
  return sourceFile(skeleton, bones[number]!.topic, random.int(FILES_OF_TOPIC))
}

function sourceFile({ plan }: Skeleton, topic: number, file: number): string {
  return `src/topic_${topic}/part_${file}.${plan.extension}`
}
