/** In the build: every `node_modules` of the installed tree goes below `/opt/node`, where a laid repository does not hide it. */
export const MOVE_MODULES = `#!/bin/sh
set -e
cd /repo
mkdir -p /opt/node
find . -name node_modules -type d -prune | sed 's/^\\.\\///' > /opt/node/folders
while IFS= read -r folder; do
  mkdir -p "/opt/node/$(dirname "$folder")"
  # Packages of the repository itself are links that lead out of the folder: they must lead to the laid files.
  find "$folder" -maxdepth 2 -type l | while IFS= read -r link; do
    target=$(readlink -f "$link" || true)
    case "$target" in
      /repo/*/node_modules/*|/repo/node_modules/*|"") ;;
      /repo/*) ln -sfn "$target" "$link" ;;
    esac
  done
  mv "$folder" "/opt/node/$folder"
done < /opt/node/folders
cp package.json /opt/node/ 2>/dev/null || true
`

/**
 * In a sandbox, as the agent, and in the build: a real, writable `node_modules` in the repository whose entries are
 * links to the packages below `/opt/node`, so that tools can keep their caches in it.
 */
export const LINK_MODULES = `#!/bin/sh
set -e
cd /repo
[ -d .git/info ] && echo node_modules >> .git/info/exclude
while IFS= read -r folder; do
  [ -d "$(dirname "$folder")" ] || continue
  [ ! -e "$folder" ] || continue
  mkdir "$folder"
  from="/opt/node/$folder"
  for entry in "$from"/* "$from"/.[!.]*; do
    [ -e "$entry" ] || [ -L "$entry" ] || continue
    name=\${entry##*/}
    case "$name" in
      .cache|.vite|.vitest) ;;
      @*) mkdir "$folder/$name"
          for inner in "$entry"/*; do ln -s "$inner" "$folder/$name/\${inner##*/}"; done ;;
      *) ln -s "$entry" "$folder/$name" ;;
    esac
  done
done < /opt/node/folders
`

const XML = `
const escape = (text) => String(text).replace(/[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f\\ufffe\\uffff]|\\x1b\\[[0-9;]*m/g, '')
  .replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;')
const write = (path, cases) => fs.writeFileSync(path, '<?xml version="1.0"?>\\n<testsuites><testsuite>\\n' + cases.map(
  ({ name, classname, file, kind, text }) => '<testcase name="' + escape(name) + '" classname="' + escape(classname || '') + '" file="' + escape(file || '') + '">' +
    (kind ? '<' + kind + (kind === 'skipped' ? '/>' : ' message="' + escape(text).split('\\n')[0] + '">' + escape(text) + '</' + kind + '>') : '') + '</testcase>\\n').join('') + '</testsuite></testsuites>\\n')
`

/** jest's own JSON as JUnit XML. A file that could not be loaded is one test that could not be run. */
export const JEST_REPORT = `const fs = require('fs')
${XML.trim()}
const [from, to] = process.argv.slice(2)
const cases = []
for (const file of JSON.parse(fs.readFileSync(from, 'utf8')).testResults) {
  for (const test of file.assertionResults) {
    const kind = test.status === 'passed' ? null : test.status === 'failed' ? 'failure' : 'skipped'
    cases.push({ name: test.title, classname: test.ancestorTitles.join(' > '), file: file.name, kind, text: (test.failureMessages || []).join('\\n') })
  }
  if (file.assertionResults.length === 0) cases.push({ name: 'load', file: file.name, kind: 'error', text: file.message })
}
write(to, cases)
`

/** TAP as JUnit XML: each top-level line is a test, the lines after it tell why it failed. */
export const TAP_REPORT = `const fs = require('fs')
${XML.trim()}
const [from, errors, to] = process.argv.slice(2)
const cases = []
let file = ''
for (const line of fs.readFileSync(from, 'utf8').split('\\n')) {
  const named = /^# file (.*)$/.exec(line)
  if (named) file = named[1]
  const test = /^(not ok|ok)\\b\\s*\\d*\\s*(?:- )?(.*)$/.exec(line)
  if (test) {
    const [, outcome, rest] = test
    const [name, directive] = rest.split(/\\s+#\\s+(?=skip|todo)/i)
    const kind = /^(?:skip|todo)/i.test(directive || '') ? 'skipped' : outcome === 'ok' ? null : 'failure'
    cases.push({ name: name.trim() || 'test ' + (cases.length + 1), file, kind, text: '' })
  } else if (cases.length > 0 && /^\\s/.test(line)) cases[cases.length - 1].text += line + '\\n'
}
if (!cases.some(({ kind }) => kind !== 'failure')) for (const test of cases) test.text += fs.readFileSync(errors, 'utf8').slice(-20000)
if (cases.length > 0) write(to, cases)
`
