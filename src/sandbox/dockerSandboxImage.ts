import { createHash } from 'node:crypto'
import { pack } from 'tar-stream'
import { buildOnce } from './dockerBuild.ts'
import { AGENT_ID, HOME, RECORDS, REPOSITORY, SEEDS } from './dockerContainer.ts'
import type { DockerEngine } from './dockerEngine.ts'
import { hasImage, inspectImage } from './dockerImage.ts'
import { SandboxError } from './port.ts'
import { REQUIRED_PROGRAMS } from './runner.ts'

const LACKS = 'prchain: the image lacks'

/**
 * Looks for what a sandbox needs, and makes its folders, the agent's user, and the writable folders the agent's, which
 * are kept aside too: a container lays them on a mount of their size.
 */
const PREPARATION = `
PATH=/usr/sbin:/usr/bin:/sbin:/bin
lacks=
for program in ${REQUIRED_PROGRAMS.join(' ')} setpriv chown cp id sleep; do
  command -v "$program" >/dev/null || lacks="$lacks $program"
done
if [ -z "$lacks" ]; then
  bash -c '[ "\${BASH_VERSINFO[0]}\${BASH_VERSINFO[1]}" -ge 44 ]' || lacks=' bash 4.4'
fi
[ -z "$lacks" ] || { echo "${LACKS}$lacks"; exit 1; }
mkdir -p ${REPOSITORY} ${HOME} ${RECORDS} /tmp /var || exit 1
[ -L /var/tmp ] || rm -rf /var/tmp
[ -L /var/tmp ] || ln -s /tmp /var/tmp || exit 1
chown ${AGENT_ID}:${AGENT_ID} ${REPOSITORY} ${HOME} && chown 0:0 ${RECORDS} /tmp || exit 1
# What is mounted on a folder takes the folder's own mode.
chmod 755 ${REPOSITORY} ${HOME} && chmod 700 ${RECORDS} && chmod 1777 /tmp || exit 1
id ${AGENT_ID} >/dev/null 2>&1 || echo "agent:x:${AGENT_ID}:${AGENT_ID}::${HOME}:/bin/bash" >> /etc/passwd
while IFS=: read -r name password group members; do [ "$group" = ${AGENT_ID} ] && break; done < /etc/group ||
  echo "agent:x:${AGENT_ID}:" >> /etc/group
for folder in "$@"; do
  mkdir -p "$folder" "${SEEDS}$folder" && chown -R -h ${AGENT_ID}:${AGENT_ID} "$folder" || exit 1
  cp -a "$folder/." "${SEEDS}$folder/" || exit 1
done
`

/**
 * An image from which sandboxes are made at once: another one, prepared, and its `writable` folders the agent's. Built
 * without a network, once for the content of the other image, the folders, and the preparation's text. Throws
 * {@link SandboxError} `invalid`, naming what the other image lacks.
 */
export async function provideSandboxImage(
  engine: DockerEngine,
  image: string,
  writable: readonly string[],
  what: string,
): Promise<string> {
  const parent = await inspectImage(engine, image)
  if (!parent) throw new SandboxError('image', `${what}: the image ${image} has just gone from the engine; try again`)
  const { text, tag } = preparation(parent.Id, writable)
  if (await hasImage(engine, tag)) return tag
  try {
    await buildOnce(engine, {
      tag,
      what: `${what}: preparing the image ${image}`,
      next: 'use an image with bash, coreutils, util-linux and tar',
      network: 'none',
      dockerfile: 'Dockerfile',
      buildArguments: {},
      context: () => {
        const context = pack()
        context.entry({ name: 'Dockerfile' }, text)
        context.finalize()
        return context as unknown as NodeJS.ReadableStream
      },
    })
  } catch (error) {
    if (!(error instanceof SandboxError) || error.kind !== 'image') throw error
    const lacks = error.message.split(`\n${LACKS} `)[1]?.split('\n')[0]
    const fault = lacks === undefined ? error.message : `${what}: the image ${image} lacks ${lacks}`
    const next = lacks === undefined ? '' : '; use an image with bash, coreutils, util-linux and tar'
    throw new SandboxError('invalid', `${fault}${next}`, { cause: error })
  }
  return tag
}

/** The Dockerfile that prepares an image, by the image's id, and the tag of what it makes. */
export function preparation(parentId: string, writable: readonly string[]): { text: string; tag: string } {
  const run = JSON.stringify(['/bin/sh', '-c', PREPARATION, 'prchain', ...writable])
  const text = `FROM ${parentId}\nUSER 0:0\nRUN ${run}\n`
  return { text, tag: `prchain-sandbox:${createHash('sha256').update(text).digest('hex').slice(0, 16)}` }
}
