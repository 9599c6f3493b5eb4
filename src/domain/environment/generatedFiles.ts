/**
 * What a build leaves in the repository (version files, compiled extensions, build folders) would be hidden in a
 * sandbox, where `/repo` is laid anew. So it is listed and kept aside, and {@link LAY_GENERATED} brings it back.
 */

const ALL_FILES = `find . \\( -name .git -o -name __pycache__ -o -name node_modules -o -name '*.egg-info' \\) -prune -o \\( -type f -o -type l \\) -print`

/** In the build, before anything is built: the repository's files and their hashes. */
export const LIST_SOURCES = [
  'rm -rf .prchain .git',
  `${ALL_FILES} | LC_ALL=C sort > /opt/prchain/sources.list`,
  `find . -type f -exec sha1sum {} + > /opt/prchain/sources.sha1`,
].join('; ')

/** In the build, at its end: what is there beside them. */
export const KEEP_GENERATED = [
  `${ALL_FILES} | LC_ALL=C sort | LC_ALL=C comm -13 /opt/prchain/sources.list - > /opt/prchain/generated.list`,
  'tar -cf /opt/prchain/generated.tar --no-recursion -T /opt/prchain/generated.list',
].join('; ')

/**
 * In a sandbox, as the agent: what was generated comes back beside the laid files. Every file of a laid repository is
 * equally old, so that a build tool could not tell what changed since the image was built: unchanged files are
 * made older than what was built from them, changed and new ones are left as new. Generated files are kept out of
 * `git status`.
 */
export const LAY_GENERATED = `#!/bin/sh
set -e
cd /repo
[ -s /opt/prchain/generated.list ] || [ "$1" = times ] || exit 0
find . -path ./.git -prune -o -type f -print > /tmp/laid
LC_ALL=C sha1sum --check --quiet /opt/prchain/sources.sha1 2>/dev/null | sed -n 's/: FAILED.*$//p' > /tmp/changed || true
cut -c43- /opt/prchain/sources.sha1 | LC_ALL=C sort > /tmp/known
LC_ALL=C sort /tmp/laid | LC_ALL=C comm -23 - /tmp/known >> /tmp/changed
tr '\\n' '\\0' < /tmp/laid | xargs -0 -r touch -h -d @946684800
tar -xf /opt/prchain/generated.tar --skip-old-files
tr '\\n' '\\0' < /tmp/changed | xargs -0 -r sh -c 'for file; do [ ! -e "$file" ] || touch -h "$file"; done' sh
rm -f /tmp/laid /tmp/changed /tmp/known
[ ! -d .git/info ] || sed 's/^\\.//' /opt/prchain/generated.list >> .git/info/exclude
`
