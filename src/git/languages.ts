import { pathFromBytes } from './path.ts'
import { inScratch, treeOf, type Scratch } from './scratch.ts'

/** Endings of source files. Data and prose are no languages here. */
const ENDINGS: Record<string, string> = {
  ...{ Python: 'py pyi', Cython: 'pyx pxd', 'Jupyter Notebook': 'ipynb', JavaScript: 'js mjs cjs jsx' },
  ...{ TypeScript: 'ts mts cts tsx', Vue: 'vue', Svelte: 'svelte', Astro: 'astro', Go: 'go', Rust: 'rs', C: 'c h' },
  ...{ 'C++': 'cc cpp cxx hh hpp hxx', 'Objective-C': 'm', 'C#': 'cs', 'F#': 'fs', Java: 'java', Kotlin: 'kt kts' },
  ...{
    Scala: 'scala sc',
    Groovy: 'groovy gradle',
    Clojure: 'clj cljs cljc',
    Ruby: 'rb rake',
    PHP: 'php',
    Swift: 'swift',
  },
  ...{
    Dart: 'dart',
    Lua: 'lua',
    Perl: 'pl pm',
    R: 'r',
    Julia: 'jl',
    Elixir: 'ex exs',
    Erlang: 'erl hrl',
    Haskell: 'hs',
  },
  ...{ OCaml: 'ml mli', Nim: 'nim', Zig: 'zig', Crystal: 'cr', D: 'd', Fortran: 'f f90 f95 f03 for', Cuda: 'cu cuh' },
  ...{ Assembly: 'asm s', Shell: 'sh bash zsh fish', PowerShell: 'ps1 psm1', Batchfile: 'bat cmd', SQL: 'sql' },
  ...{
    HTML: 'html htm',
    CSS: 'css',
    SCSS: 'scss',
    Less: 'less',
    Sass: 'sass',
    Jinja: 'j2 jinja',
    Nix: 'nix',
    HCL: 'tf',
  },
  ...{
    Meson: 'meson',
    CMake: 'cmake',
    'Protocol Buffer': 'proto',
    GraphQL: 'graphql',
    Solidity: 'sol',
    Starlark: 'bzl',
  },
}
const NAMES: Record<string, string> = {
  ...{ makefile: 'Makefile', dockerfile: 'Dockerfile', 'cmakelists.txt': 'CMake', 'meson.build': 'Meson' },
  ...{ rakefile: 'Ruby', gemfile: 'Ruby', jenkinsfile: 'Groovy' },
}
const BY_ENDING = new Map(
  Object.entries(ENDINGS).flatMap(([name, endings]) => endings.split(' ').map((ending) => [ending, name] as const)),
)
/** Others' code, output of tools, and prose: left out, as GitHub does. */
const LEFT_OUT =
  /(?:^|\/)(?:node_modules|vendor(?:ed)?(?:[-_][^/]*)?|_vendor|third[-_]?party|extern(?:al)?s?|dist|docs?|documentation|__snapshots__|snapshots|\.yarn)\/|\.min\.(?:js|css)$|(?:^|\/)[^/]*(?:\.pb\.go|_pb2\.py|\.g\.dart|\.snap)$/i

/** Shares of a commit's source bytes by language, the largest first; those below 0.1% are left out. */
export async function countLanguages(scratch: Scratch, commit: string): Promise<{ name: string; share: number }[]> {
  const tree = await treeOf(scratch, commit)
  const { stdout } = await scratch.git.run(['ls-tree', '-r', '-l', '-z', '--full-tree', tree], inScratch(scratch))
  const bytes = new Map<string, number>()
  let headers = 0
  for (const entry of stdout.toString('latin1').split('\0')) {
    const [, mode, size, path] = /^(\d+) \w+ [0-9a-f]{40} +(\d+|-|BAD)\t(.*)$/s.exec(entry) ?? []
    if (path === undefined || !mode!.startsWith('100')) continue
    const plain = pathFromBytes(Buffer.from(path, 'latin1'))
    const name = languageOf(plain)
    if (name === null) continue
    const sizeBytes = Number(size) || 0
    bytes.set(name, (bytes.get(name) ?? 0) + sizeBytes)
    if (plain.endsWith('.h')) headers += sizeBytes
  }
  // A header is of the language that the repository's other files are in.
  const [c = 0, cpp = 0] = [bytes.get('C'), bytes.get('C++')]
  if (headers > 0 && cpp > c - headers) {
    bytes.set('C', c - headers)
    bytes.set('C++', cpp + headers)
  }
  const all = [...bytes.values()].reduce((sum, size) => sum + size, 0)
  return [...bytes]
    .map(([name, size]) => ({ name, share: Math.round((size / all) * 10_000) / 10_000 }))
    .filter(({ share }) => share >= 0.001)
    .sort((a, b) => b.share - a.share || (a.name < b.name ? -1 : 1))
}

/** The language of a path, or null for no source file, or for one that is left out. */
function languageOf(path: string): string | null {
  if (LEFT_OUT.test(path)) return null
  const name = path.slice(path.lastIndexOf('/') + 1).toLowerCase()
  if (NAMES[name] !== undefined) return NAMES[name]
  const dot = name.lastIndexOf('.')
  return dot <= 0 ? null : (BY_ENDING.get(name.slice(dot + 1)) ?? null)
}
