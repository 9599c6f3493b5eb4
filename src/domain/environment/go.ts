import { GO_REPORT } from './perlReports.ts'
import { emptyRecipe, type Recipe, type RecipeInput } from './recipe.ts'

const OPT = '/opt/go'
/** The newest Go that Debian's package is. */
const DEBIAN_MINOR = 19

/** Whether there is a Go module. */
export function isGo(paths: readonly string[]): boolean {
  return paths.some((path) => /(?:^|\/)go\.mod$/.test(path))
}

/** The files that {@link planGo} reads. */
export function goFiles(paths: readonly string[]): string[] {
  return paths.filter((path) => /^(?:go\.mod|go\.work)$/.test(path))
}

/** Go by Debian's package, or by the toolchain module that `go.mod` or CI asks for; dependencies as go.sum pins them. */
export function planGo(input: RecipeInput): Recipe {
  const { files, findings } = input
  const recipe = emptyRecipe('go', 'sh /opt/prchain/bin/go-test {report} {files}')
  recipe.packages = ['golang-go']
  recipe.scripts = { 'go-test': GO_TEST, 'go-report.pl': GO_REPORT }
  recipe.buildEnv = {
    GOPATH: OPT,
    GOCACHE: `${OPT}/cache`,
    GOFLAGS: '-modcacherw',
    CGO_ENABLED: '0',
    GOTOOLCHAIN: 'local',
  }
  recipe.env = {
    PATH: `${OPT}/toolchain/bin:/usr/local/bin:/usr/bin:/bin`,
    GOMODCACHE: `${OPT}/pkg/mod`,
    GOCACHE: `${OPT}/cache`,
    GOPROXY: 'off',
    GOFLAGS: '-buildvcs=false',
    GOTOOLCHAIN: 'local',
    CGO_ENABLED: '0',
  }
  recipe.writable = [`${OPT}/cache`]
  const version = chooseVersion()
  recipe.toolchain = [`mkdir -p ${OPT}/cache; ${version === null ? LINK_DEBIAN : bringToolchain(version)}`]
  const modules = files.paths.filter(
    (path) => /(?:^|\/)go\.mod$/.test(path) && !/(?:^|\/)(?:testdata|vendor)\//.test(path),
  )
  recipe.manifests = files.paths.filter(
    (path) => /(?:^|\/)go\.(?:mod|sum|work|work\.sum)$/.test(path) && !/(?:^|\/)(?:testdata|vendor)\//.test(path),
  )
  const path = `export PATH=${OPT}/toolchain/bin:$PATH`
  const isVendored = files.paths.includes('vendor/modules.txt')
  if (!isVendored) {
    recipe.dependencies = modules.map((module) => `${path}; cd ${folderOf(module)}; go mod download`)
  }
  // Compiles packages and tests once, for the cache; what does not compile at the base shows when tests are run.
  recipe.build = modules.map(
    (module) => `${path}; cd ${folderOf(module)}; go test -count=1 -run '^$' ./... || echo 'not all of it builds'`,
  )
  recipe.notes = [
    version === null ? 'Go is Debian’s own.' : `Go ${version}, as the repository asks.`,
    isVendored ? 'Modules are vendored.' : 'go.sum pins the modules.',
    'cgo is off.',
    'Not dated: Debian’s packages.',
  ]
  return recipe

  function chooseVersion(): string | null {
    const manifest = files.text('go.work') ?? files.text('go.mod') ?? ''
    const toolchain = /^toolchain\s+go(\d+\.\d+(?:\.\d+)?)/m.exec(manifest)?.[1]
    const asked = toolchain ?? /^go\s+(\d+\.\d+(?:\.\d+)?)/m.exec(manifest)?.[1] ?? null
    const ci = (findings.versions.go ?? [])
      .map((named) => named.replace(/\.x$/, ''))
      .filter((named) => /^\d+\.\d+(?:\.\d+)?$/.test(named))
      .sort(byVersion)
    const wanted = [asked, ...ci]
      .filter((named) => named !== null)
      .sort(byVersion)
      .at(-1)
    if (wanted === undefined || minorOf(wanted) <= DEBIAN_MINOR) return null
    // From 1.21 on a first release is called 1.21.0.
    return minorOf(wanted) >= 21 && wanted.split('.').length === 2 ? `${wanted}.0` : wanted
  }
}

const LINK_DEBIAN = `ln -s "$(go env GOROOT)" ${OPT}/toolchain`

/** Go's own toolchains are modules: their files come without the right to be run. */
function bringToolchain(version: string): string {
  return (
    `name=golang.org/toolchain@v0.0.1-go${version}.linux-$(go env GOARCH); go mod download "$name"; ` +
    `mv "${OPT}/pkg/mod/$name" ${OPT}/toolchain; chmod -R a+rX ${OPT}/toolchain; chmod -R +x ${OPT}/toolchain/bin ${OPT}/toolchain/pkg/tool; rm -rf ${OPT}/pkg/mod/cache/download/golang.org/toolchain`
  )
}

const GO_TEST = `report=$1
shift
cd /repo
for file; do dirname "$file"; done | sort -u > /tmp/folders
[ -s /tmp/folders ] || echo . > /tmp/folders
while IFS= read -r folder; do
  echo "# folder $folder"
  (cd "$folder" && go test -json -count=1 . 2>&1 </dev/null)
done < /tmp/folders > /tmp/go-test.out
grep -v '^{"Time".*"Action":"\\(run\\|pause\\|cont\\|start\\)"' /tmp/go-test.out
perl /opt/prchain/bin/go-report.pl /tmp/go-test.out "$report"
! grep -q -e '"Action":"fail"' -e '^FAIL' /tmp/go-test.out
`

function folderOf(path: string): string {
  return path.includes('/') ? `'/repo/${path.slice(0, path.lastIndexOf('/'))}'` : '/repo'
}

function minorOf(version: string): number {
  return Number(version.split('.')[1])
}

function byVersion(a: string, b: string): number {
  const [left, right] = [a, b].map((text) => text.split('.').map(Number))
  for (let index = 0; index < 3; index++) {
    const difference = (left![index] ?? 0) - (right![index] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}
