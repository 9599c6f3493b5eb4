import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

/** A small real project as its registry has it, and a change with a test. */
export interface Project {
  language: string
  name: string
  /** Puts its files into an empty folder. */
  fetch: (folder: string) => void
  /** Text for text in a file, or a new file's text. */
  change: { path: string; from?: string; to: string }[]
  testFiles: string[]
}

/** One for each language, at a fixed version. The registries are asked through their own clients. */
export const PROJECTS: Project[] = [
  {
    language: 'Python, C extension',
    name: 'markupsafe 2.1.5',
    fetch: (folder) => fetchSdist(folder, 'markupsafe==2.1.5'),
    change: [
      {
        path: 'src/markupsafe/_speedups.c',
        from: 'static PyMethodDef module_methods[] = {',
        to: 'static PyObject*\nanswer(PyObject *self, PyObject *args)\n{\n\treturn PyLong_FromLong(42);\n}\n\nstatic PyMethodDef module_methods[] = {\n\t{"answer", (PyCFunction)answer, METH_NOARGS, NULL},',
      },
      {
        path: 'tests/test_answer.py',
        to: 'from markupsafe import _speedups\n\n\ndef test_escape():\n    assert _speedups.escape("<") == "&lt;"\n\n\ndef test_answer():\n    assert _speedups.answer() == 42\n',
      },
    ],
    testFiles: ['tests/test_answer.py', 'tests/test_escape.py'],
  },
  {
    language: 'Node',
    name: 'minimist 1.2.8',
    fetch: (folder) => {
      const into = mkdtempSync(join(tmpdir(), 'prchain-pack-'))
      execFileSync('npm', ['pack', '--silent', '--pack-destination', into, 'minimist@1.2.8'], { cwd: into })
      unpack(
        join(
          into,
          readdirSync(into).find((name) => name.endsWith('.tgz'))!,
        ),
        folder,
      )
      rmSync(into, { recursive: true })
    },
    change: [
      {
        path: 'index.js',
        from: 'module.exports = function (args, opts) {',
        to: 'module.exports = Object.assign(parse, { isNew: function () { return true; } });\n\nfunction parse(args, opts) {',
      },
      {
        path: 'test/new.js',
        to: "'use strict';\n\nvar parse = require('../');\nvar test = require('tape');\n\ntest('old', function (t) {\n\tt.deepEqual(parse(['a'])._, ['a'], 'words');\n\tt.end();\n});\n\ntest('new', function (t) {\n\tt.equal(parse.isNew(), true, 'is new');\n\tt.end();\n});\n",
      },
    ],
    testFiles: ['test/new.js', 'test/parse.js'],
  },
  {
    language: 'Go',
    name: 'spf13/cast 1.7.0',
    fetch: (folder) => {
      const cache = mkdtempSync(join(tmpdir(), 'prchain-go-'))
      const said = execFileSync('go', ['mod', 'download', '-json', 'github.com/spf13/cast@v1.7.0'], {
        cwd: cache,
        env: { ...process.env, GOMODCACHE: cache, GOFLAGS: '-modcacherw' },
      })
      cpSync((JSON.parse(said.toString()) as { Dir: string }).Dir, folder, { recursive: true })
      rmSync(cache, { recursive: true })
    },
    change: [
      { path: 'twice.go', to: 'package cast\n\n// Twice doubles.\nfunc Twice(n int) int { return 2 * n }\n' },
      {
        path: 'twice_test.go',
        to: 'package cast\n\nimport "testing"\n\nfunc TestTwice(t *testing.T) {\n\tif Twice(2) != 4 {\n\t\tt.Error("no")\n\t}\n}\n',
      },
    ],
    testFiles: ['twice_test.go', 'cast_test.go'],
  },
  {
    language: 'Rust',
    name: 'semver 1.0.23',
    fetch: (folder) => {
      const into = mkdtempSync(join(tmpdir(), 'prchain-crate-'))
      mkdirSync(join(into, 'src'))
      writeFileSync(join(into, 'src/lib.rs'), '')
      writeFileSync(
        join(into, 'Cargo.toml'),
        '[package]\nname = "p"\nversion = "0.1.0"\nedition = "2021"\n[dependencies]\nsemver = "=1.0.23"\n',
      )
      execFileSync('cargo', ['vendor', '--quiet', 'vendor'], { cwd: into, stdio: ['ignore', 'ignore', 'inherit'] })
      cpSync(join(into, 'vendor/semver'), folder, { recursive: true })
      rmSync(join(folder, '.cargo-checksum.json'))
      // As its author wrote it: the registry's own lists every test by name.
      renameSync(join(folder, 'Cargo.toml.orig'), join(folder, 'Cargo.toml'))
      rmSync(into, { recursive: true })
    },
    change: [
      {
        path: 'src/lib.rs',
        from: 'impl Version {',
        to: 'impl Version {\n    /// Whether it is a first release.\n    pub fn is_first(&self) -> bool {\n        self.major == 1 && self.minor == 0 && self.patch == 0\n    }\n',
      },
      {
        path: 'tests/test_first.rs',
        to: 'use semver::Version;\n\n#[test]\nfn test_first() {\n    assert!(Version::new(1, 0, 0).is_first());\n}\n\n#[test]\nfn test_later() {\n    assert!(!Version::new(1, 0, 1).is_first());\n}\n',
      },
    ],
    testFiles: ['tests/test_first.rs', 'tests/test_version.rs'],
  },
  {
    language: 'Java, Maven',
    name: 'a new project with JUnit 5.10.2',
    fetch: (folder) => writeFiles(folder, mavenProject()),
    change: javaChange(),
    testFiles: ['src/test/java/p/YearTest.java', 'src/test/java/p/WeekTest.java'],
  },
  {
    language: 'Java, Gradle',
    name: 'a new project with JUnit 4.13.2',
    fetch: (folder) => writeFiles(folder, gradleProject()),
    change: javaChange('org.junit.Test', 'org.junit.Assert'),
    testFiles: ['src/test/java/p/YearTest.java', 'src/test/java/p/WeekTest.java'],
  },
  {
    language: 'C, CMake',
    name: 'cjson of Debian',
    fetch: (folder) => fetchDebianSource(folder, 'cjson'),
    change: [
      {
        path: 'cJSON.h',
        from: 'CJSON_PUBLIC(const char*) cJSON_Version(void);',
        to: 'CJSON_PUBLIC(const char*) cJSON_Version(void);\nCJSON_PUBLIC(int) cJSON_Answer(void);',
      },
      {
        path: 'cJSON.c',
        from: 'CJSON_PUBLIC(const char*) cJSON_Version(void)',
        to: 'CJSON_PUBLIC(int) cJSON_Answer(void)\n{\n    return 42;\n}\n\nCJSON_PUBLIC(const char*) cJSON_Version(void)',
      },
      {
        path: 'tests/parse_null_or_answer.c',
        to: '#include "unity/src/unity.h"\n#include "common.h"\n\nstatic void answers(void)\n{\n    TEST_ASSERT_EQUAL_INT(42, cJSON_Answer());\n}\n\nint CJSON_CDECL main(void)\n{\n    UNITY_BEGIN();\n    RUN_TEST(answers);\n    return UNITY_END();\n}\n',
      },
      {
        path: 'tests/CMakeLists.txt',
        from: '        parse_examples\n',
        to: '        parse_examples\n        parse_null_or_answer\n',
      },
    ],
    testFiles: ['tests/parse_null_or_answer.c', 'tests/CMakeLists.txt'],
  },
  {
    language: 'C, Make',
    name: 'tinyxml2 of Debian, by its Makefile',
    fetch: (folder) => {
      fetchDebianSource(folder, 'tinyxml2')
      for (const name of ['CMakeLists.txt', 'meson.build']) rmSync(join(folder, name), { force: true })
    },
    change: [
      {
        path: 'tinyxml2.h',
        from: '#define TINYXML2_MAJOR_VERSION 9',
        to: '#define TINYXML2_MAJOR_VERSION 9\nnamespace tinyxml2 { int Answer(); }',
      },
      {
        path: 'tinyxml2.cpp',
        from: 'namespace tinyxml2\r\n{\r\n',
        to: 'namespace tinyxml2\r\n{\r\nint Answer() { return 42; }\r\n',
      },
      {
        path: 'xmltest.cpp',
        from: 'int main( int argc, const char ** argv )\r\n{',
        to: 'int main( int argc, const char ** argv )\r\n{\n\tif ( tinyxml2::Answer() != 42 ) return 1;',
      },
    ],
    testFiles: ['xmltest.cpp'],
  },
]

/** Lays a project in a new git repository: its base, and the commit of its change. */
export function layProject(project: Project, folder: string): { base: string; result: string } {
  mkdirSync(folder, { recursive: true })
  project.fetch(folder)
  const git = (...args: string[]) =>
    execFileSync('git', ['-C', folder, '-c', 'user.name=a', '-c', 'user.email=a@example.org', ...args], {
      encoding: 'utf8',
    }).trim()
  git('init', '--quiet', '--initial-branch', 'main')
  git('add', '--all', '--force')
  git('commit', '--quiet', '--message', 'base')
  const base = git('rev-parse', 'HEAD')
  for (const { path, from, to } of project.change) {
    const file = join(folder, path)
    mkdirSync(dirname(file), { recursive: true })
    if (from === undefined) writeFileSync(file, to)
    else {
      const text = readFileSync(file, 'utf8')
      if (!text.includes(from)) throw new Error(`${project.name}: ${path} does not have ${JSON.stringify(from)}`)
      writeFileSync(
        file,
        text.replace(from, () => to),
      )
    }
  }
  git('add', '--all', '--force')
  git('commit', '--quiet', '--message', 'change')
  return { base, result: git('rev-parse', 'HEAD') }
}

function fetchSdist(folder: string, requirement: string): void {
  const into = mkdtempSync(join(tmpdir(), 'prchain-sdist-'))
  execFileSync(
    'python3',
    ['-m', 'pip', 'download', '--quiet', '--no-deps', '--no-binary', ':all:', '--dest', into, requirement],
    {
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  )
  unpack(join(into, readdirSync(into)[0]!), folder)
  rmSync(into, { recursive: true })
}

function fetchDebianSource(folder: string, name: string): void {
  const into = mkdtempSync(join(tmpdir(), 'prchain-source-'))
  const list = join(into, 'sources.list')
  const own = execFileSync('apt-cache', ['policy', 'bash'], { encoding: 'utf8' })
  const mirror = /(https?:\S+) (\w+)\/main/.exec(own)
  if (!mirror) throw new Error('no Debian mirror is known to apt here')
  writeFileSync(list, `deb-src [trusted=yes] ${mirror[1]} ${mirror[2]} main\n`)
  mkdirSync(join(into, 'lists/partial'), { recursive: true })
  const options = [
    `Dir::Etc::sourcelist=${list}`,
    'Dir::Etc::sourceparts=-',
    `Dir::State::lists=${join(into, 'lists')}`,
    'APT::Sandbox::User=root',
  ]
  const apt = (...args: string[]) =>
    execFileSync('apt-get', [...options.flatMap((option) => ['-o', option]), '-qq', ...args], {
      cwd: into,
      stdio: ['ignore', 'ignore', 'inherit'],
    })
  apt('update')
  apt('source', '--download-only', name)
  unpack(
    join(
      into,
      readdirSync(into).find((entry) => /\.orig\.tar\.\w+$/.test(entry))!,
    ),
    folder,
  )
  rmSync(into, { recursive: true })
}

function unpack(archive: string, folder: string): void {
  execFileSync('tar', ['-xf', archive, '-C', folder, '--strip-components=1'])
}

function writeFiles(folder: string, files: Record<string, string>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
}

function javaFiles(test: string, assertions: string): Record<string, string> {
  return {
    'src/main/java/p/Day.java':
      'package p;\n\npublic class Day {\n  public static int hours() {\n    return 24;\n  }\n}\n',
    'src/test/java/p/WeekTest.java': `package p;\n\nimport static ${assertions}.assertEquals;\n\nimport ${test};\n\npublic class WeekTest {\n  @Test\n  public void hours() {\n    assertEquals(24, Day.hours());\n  }\n}\n`,
  }
}

function javaChange(
  test = 'org.junit.jupiter.api.Test',
  assertions = 'org.junit.jupiter.api.Assertions',
): Project['change'] {
  return [
    {
      path: 'src/main/java/p/Day.java',
      from: 'return 24;\n  }\n',
      to: 'return 24;\n  }\n\n  public static int minutes() {\n    return 1440;\n  }\n',
    },
    {
      path: 'src/test/java/p/YearTest.java',
      to: `package p;\n\nimport static ${assertions}.assertEquals;\n\nimport ${test};\n\npublic class YearTest {\n  @Test\n  public void minutes() {\n    assertEquals(1440, Day.minutes());\n  }\n}\n`,
    },
  ]
}

function mavenProject(): Record<string, string> {
  return {
    ...javaFiles('org.junit.jupiter.api.Test', 'org.junit.jupiter.api.Assertions'),
    'pom.xml': `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion><groupId>p</groupId><artifactId>p</artifactId><version>1</version>
<properties><maven.compiler.source>17</maven.compiler.source><maven.compiler.target>17</maven.compiler.target><project.build.sourceEncoding>UTF-8</project.build.sourceEncoding></properties>
<dependencies><dependency><groupId>org.junit.jupiter</groupId><artifactId>junit-jupiter</artifactId><version>5.10.2</version><scope>test</scope></dependency></dependencies>
<build><plugins><plugin><artifactId>maven-surefire-plugin</artifactId><version>3.2.5</version></plugin></plugins></build></project>
`,
  }
}

function gradleProject(): Record<string, string> {
  return {
    ...javaFiles('org.junit.Test', 'org.junit.Assert'),
    'build.gradle':
      "apply plugin: 'java'\nrepositories { mavenCentral() }\ndependencies { testCompile 'junit:junit:4.13.2' }\n",
    'settings.gradle': "rootProject.name = 'p'\n",
  }
}
