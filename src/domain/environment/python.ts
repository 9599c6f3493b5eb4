import { readPythonProject, type PythonProject } from './pythonProject.ts'
import { emptyRecipe, quoteWord, type Recipe, type RecipeInput } from './recipe.ts'

const VENV = '/opt/venv'
const UV = '/opt/uv/bin/uv'

/** Debian packages that a Python project with compiled parts is built by. */
const COMPILERS = ['build-essential', 'gfortran', 'pkg-config', 'python3-dev', 'ninja-build', 'cmake']
/** Options of pytest that say which tests there are and how they are imported; the rest of a repository's own is for reports and coverage. */
const KEPT_OPTIONS = /^(?:--import-mode=|--doctest-glob=|--ds=|--asyncio-mode=|-[pm]$|-[pm]\S)/

/** Whether there is Python to test. */
export function isPython(paths: readonly string[]): boolean {
  return paths.some((path) => /^(?:pyproject\.toml|setup\.py|setup\.cfg|requirements[\w.-]*\.txt|Pipfile)$/.test(path))
}

/** Python by uv: a virtual environment at `/opt/venv` with nothing newer than the base, and the project in it, editable. */
export function planPython(input: RecipeInput): Recipe {
  const { files, findings, date } = input
  const project = readPythonProject(files, findings.commands)
  const options = keptOptions(project.pytestOptions)
  const recipe = emptyRecipe(
    'python',
    `python -m pytest -o addopts=${quoteWord(options.map(quoteWord).join(' '))} -o filterwarnings= -o junit_family=xunit1 -p no:cacheprovider -q --junitxml={report} {files}`,
  )
  const isCompiled = project.build !== 'pure'
  recipe.isIncremental = isCompiled
  recipe.packages = ['python3', 'python3-venv', ...(isCompiled ? COMPILERS : [])]
  if (needsRust(files.paths, project)) recipe.packages.push('rustc-web', 'cargo-web')
  recipe.toolchain = ['python3 -m venv /opt/uv && /opt/uv/bin/pip install --quiet uv', chooseInterpreter()]
  recipe.buildEnv = {
    UV_PYTHON_INSTALL_DIR: '/opt/python',
    UV_EXCLUDE_NEWER: date,
    UV_COMPILE_BYTECODE: '1',
    UV_NO_CACHE: '1',
    UV_PROJECT_ENVIRONMENT: VENV,
    VIRTUAL_ENV: VENV,
    PATH: `${VENV}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
    // A version that tags would give: the repository has none here.
    SETUPTOOLS_SCM_PRETEND_VERSION: '99.0.0',
    PDM_BUILD_SCM_VERSION: '99.0.0',
    POETRY_DYNAMIC_VERSIONING_BYPASS: '99.0.0',
  }
  recipe.env = {
    PATH: `${VENV}/bin:/usr/local/bin:/usr/bin:/bin`,
    VIRTUAL_ENV: VENV,
    PYTHONDONTWRITEBYTECODE: '1',
  }
  planDependencies()
  if (project.isInstallable) planInstall()
  else recipe.env['PYTHONPATH'] = files.paths.some((path) => path.startsWith('src/')) ? '/repo/src:/repo' : '/repo'
  recipe.build.push(`rm -rf /opt/uv`)
  recipe.notes.push(
    ...project.notes,
    `Python packages are those of ${date} or older${project.hasLock ? ', where uv.lock does not pin them' : ''}.`,
    'Not dated: uv, Debian’s packages, and the Python interpreter.',
  )
  return recipe

  function chooseInterpreter(): string {
    const listed = (findings.versions.python ?? []).filter((version) => /^3\.\d+$/.test(version))
    const pinned = files.text('.python-version')?.trim().split(/\s/)[0]
    const newest = [...listed].sort((a, b) => Number(a.slice(2)) - Number(b.slice(2))).at(-1)
    const wanted = pinned && /^3\.\d+/.test(pinned) ? pinned.split('.').slice(0, 2).join('.') : newest
    const spec = quoteWord(project.requiresPython?.replaceAll(' ', '') || '>=3.8')
    const venv = (version: string) => `${UV} venv --quiet --python ${version} ${VENV}`
    if (listed.length === 0 && wanted === undefined) {
      recipe.notes.push(`The image’s Python is used if it is ${spec}, else uv’s own.`)
      return venv(spec)
    }
    const all = listed.length > 0 ? listed : [wanted!]
    recipe.notes.push(
      `The image’s Python is used if it is among ${all.join(', ')}, else ${wanted} as uv can get it, else what is ${spec}.`,
    )
    return (
      `have=$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])'); ` +
      `case " ${all.join(' ')} " in *" $have "*) want=$have;; *) want=${wanted};; esac; ${venv('$want')} || ${venv(spec)}`
    )
  }

  function planDependencies(): void {
    const local = project.requirements.filter((path) => /^\s*(?:-e\s|\.|file:)/m.test(files.text(path) ?? ''))
    const early = project.requirements.filter((path) => !local.includes(path))
    recipe.manifests = files.paths.filter(
      (path) =>
        /^(?:pyproject\.toml|uv\.lock)$/.test(path) || /(?:requirements|constraints)[^/]*(?:\/[^/]+)?\.txt$/.test(path),
    )
    if (project.hasLock) {
      const chosen = [
        ...project.groups.map((name) => `--group ${quoteWord(name)}`),
        ...project.extras.map((name) => `--extra ${quoteWord(name)}`),
      ]
      recipe.dependencies.push(
        [
          'env -u UV_EXCLUDE_NEWER',
          UV,
          'sync --quiet --frozen --no-install-project --no-install-workspace',
          ...chosen,
        ].join(' '),
      )
    }
    const wanted = [
      ...early.flatMap((path) => ['-r', quoteWord(path)]),
      ...(project.hasLock ? [] : project.groups.flatMap((name) => ['--group', quoteWord(name)])),
      ...project.packages.map(quoteWord),
      'pytest',
    ]
    recipe.dependencies.push(`${UV} pip install --quiet ${wanted.join(' ')}`, PYTEST_CHECK)
    recipe.notes.push(`The tests’ packages: ${describeWanted(project)}.`)
    if (local.length > 0)
      recipe.build.push(`${UV} pip install --quiet ${local.map((path) => `-r ${quoteWord(path)}`).join(' ')}`)
  }

  function planInstall(): void {
    const extras = project.extras.length > 0 ? `[${project.extras.join(',')}]` : ''
    const itself = `-e ${quoteWord(`.${extras}`)}`
    const withoutDependencies = project.hasLock ? ' --no-deps' : ''
    if (!isCompiled) {
      recipe.build.push(`${UV} pip install --quiet${withoutDependencies} ${itself}`)
      return
    }
    const requires = project.buildRequires.length > 0 ? project.buildRequires : ['setuptools', 'wheel']
    recipe.build.push(
      `${UV} pip install --quiet ${requires.map(quoteWord).join(' ')}`,
      `${UV} pip install --quiet${withoutDependencies} --no-build-isolation ${itself}`,
    )
    if (project.build === 'setuptools-extension') {
      recipe.build.push('python setup.py --quiet build_ext --inplace')
      recipe.setup.push('python setup.py --quiet build_ext --inplace')
    }
    if (project.build === 'meson') recipe.notes.push('meson-python builds what changed anew when it is imported.')
    recipe.notes.push('What is compiled is built in the image and can be built again inside without a network.')
  }
}

/** A pytest of the base's date may be too old for the interpreter: then the newest is taken, and says so in the build's log. */
const PYTEST_CHECK =
  `mkdir /tmp/check && printf 'def test():\\n    assert 1 == 1\\n' > /tmp/check/test_check.py && ` +
  `{ python -m pytest -q -p no:cacheprovider -c /dev/null /tmp/check/test_check.py || ` +
  `{ echo 'the pytest of that date does not run here; the newest is taken' && env -u UV_EXCLUDE_NEWER ${UV} pip install --quiet --upgrade pytest; }; } && rm -r /tmp/check`

function keptOptions(options: readonly string[]): string[] {
  return options.flatMap((option, index) =>
    KEPT_OPTIONS.test(option)
      ? [option, ...(option === '-p' || option === '-m' ? [options[index + 1] ?? ''] : [])]
      : [],
  )
}

function describeWanted(project: PythonProject): string {
  const parts = [
    ...project.groups.map((name) => `dependency group ${name}`),
    ...project.extras.map((name) => `extra ${name}`),
    ...project.requirements,
    ...project.packages,
    'pytest',
  ]
  return parts.join(', ')
}

function needsRust(paths: readonly string[], project: PythonProject): boolean {
  return (
    project.build !== 'pure' &&
    (paths.includes('Cargo.toml') || project.buildRequires.some((name) => /maturin|setuptools-rust/.test(name)))
  )
}
