import { AUTOMAKE_REPORT, GATHER_REPORTS, MISSING_REPORT } from './perlReports.ts'
import { emptyRecipe, type Recipe, type RecipeInput } from './recipe.ts'

const MAKEFILES = ['GNUmakefile', 'makefile', 'Makefile']

/** Whether there is a C or C++ build. */
export function isC(paths: readonly string[]): boolean {
  return (
    paths.some((path) => /^(?:CMakeLists\.txt|meson\.build|configure\.ac|GNUmakefile|makefile|Makefile)$/.test(path)) &&
    paths.some((path) => /\.(?:c|cc|cpp|cxx)$/.test(path))
  )
}

/** The files that {@link planC} reads. */
export function cFiles(paths: readonly string[]): string[] {
  return paths.filter((path) =>
    /^(?:CMakeLists\.txt|meson\.build|configure\.ac|GNUmakefile|makefile|Makefile|Makefile\.am)$/.test(path),
  )
}

/** C and C++ by CMake, Meson, Automake or a Makefile with `check` or `test`. Null when none of them has tests. */
export function planC(input: RecipeInput): Recipe | null {
  const { files } = input
  const recipe = emptyRecipe('c', '')
  recipe.packages = ['build-essential', 'pkg-config']
  recipe.isIncremental = true
  recipe.scripts = {
    'gather-reports.pl': GATHER_REPORTS,
    'automake-report.pl': AUTOMAKE_REPORT,
    'missing-report.pl': MISSING_REPORT,
  }
  recipe.notes = [
    'What is compiled is built in the image and built again inside without a network.',
    'Not dated: compilers and libraries, which are Debian’s packages.',
  ]
  const folder = files.paths.some((path) => path.startsWith('build/')) ? 'build-tests' : 'build'
  const finish =
    'code=$?; cat /tmp/test.log; perl /opt/prchain/bin/missing-report.pl {report} /tmp/test.log; exit $code'
  const jobs = '-j"$(nproc)"'

  if (files.has('CMakeLists.txt')) {
    recipe.name = 'c-cmake'
    recipe.packages.push('cmake', 'ninja-build')
    const configure = `cmake -S . -B ${folder} -G Ninja -DBUILD_TESTING=ON -DCMAKE_BUILD_TYPE=Debug`
    recipe.build = [configure, `cmake --build ${folder}`]
    recipe.test.command = `{ cmake --build ${folder} && ctest --test-dir ${folder} --output-on-failure --output-junit {report}; } > /tmp/test.log 2>&1; ${finish}`
  } else if (files.has('meson.build')) {
    recipe.name = 'c-meson'
    recipe.packages.push('meson', 'ninja-build')
    recipe.build = [`meson setup ${folder}`, `meson compile -C ${folder}`]
    recipe.test.command =
      `rm -f ${folder}/meson-logs/testlog.junit.xml; meson test -C ${folder} --print-errorlogs > /tmp/test.log 2>&1; code=$?; ` +
      `find ${folder}/meson-logs -name testlog.junit.xml | xargs -r perl /opt/prchain/bin/gather-reports.pl {report}; (exit $code); ${finish}`
  } else if (files.has('configure.ac')) {
    recipe.name = 'c-automake'
    recipe.packages.push('autoconf', 'automake', 'libtool', 'gettext', 'autopoint', 'bison', 'flex')
    recipe.build = [
      'autoreconf -fi',
      './configure',
      `make ${jobs}`,
      `make ${jobs} check || echo 'not all tests pass at the base'`,
    ]
    recipe.test.command =
      `find . -name '*.trs' -delete; make ${jobs} -k check > /tmp/test.log 2>&1; code=$?; ` +
      `find . -name '*.trs' | sort | xargs -r perl /opt/prchain/bin/automake-report.pl {report}; (exit $code); ${finish}`
  } else {
    const text = files.text(MAKEFILES.find((name) => files.has(name)) ?? '') ?? ''
    const target = ['check', 'test', 'tests'].find((name) => new RegExp(`^${name}\\s*:`, 'm').test(text))
    if (target === undefined) return null
    recipe.name = 'c-make'
    recipe.build = [`make ${jobs}`, `make ${target} || echo 'not all tests pass at the base'`]
    recipe.test = { command: `make ${target}`, report: 'exit-code' }
    recipe.notes.push(`make ${target} is one test: it tells no single ones.`)
  }
  return recipe
}
