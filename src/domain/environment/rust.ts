import { CARGO_REPORT } from './perlReports.ts'
import { emptyRecipe, type Recipe, type RecipeInput } from './recipe.ts'

/** Whether there is a Cargo package. */
export function isRust(paths: readonly string[]): boolean {
  return paths.includes('Cargo.toml')
}

/** The files that {@link planRust} reads. */
export function rustFiles(paths: readonly string[]): string[] {
  return paths.filter((path) => /^(?:Cargo\.toml|Cargo\.lock|rust-toolchain(?:\.toml)?)$/.test(path))
}

/** Rust by Debian's packages; crates as Cargo.lock pins them. */
export function planRust(input: RecipeInput): Recipe {
  const { files } = input
  const recipe = emptyRecipe('rust', 'sh /opt/prchain/bin/cargo-test {report} {files}')
  recipe.packages = ['build-essential', 'pkg-config']
  recipe.scripts = { 'cargo-test': CARGO_TEST, 'cargo-report.pl': CARGO_REPORT }
  recipe.toolchain = [
    // Debian keeps a newer Rust for its web browsers.
    'command -v cargo >/dev/null || { apt-get update; apt-get install -y --no-install-recommends rustc-web cargo-web || apt-get install -y --no-install-recommends rustc cargo; rm -rf /var/lib/apt/lists/*; }; cargo --version',
  ]
  recipe.buildEnv = { CARGO_HOME: '/opt/cargo', CARGO_TARGET_DIR: '/opt/target' }
  recipe.env = { CARGO_HOME: '/opt/cargo', CARGO_TARGET_DIR: '/opt/target', CARGO_NET_OFFLINE: 'true' }
  recipe.writable = ['/opt/target']
  recipe.isIncremental = true
  recipe.build = [
    'cargo fetch',
    "cargo test --workspace --no-run --keep-going || cargo test --workspace --no-run || echo 'not all of it builds'",
    'mkdir -p /opt/target',
  ]
  recipe.notes = [
    files.has('Cargo.lock')
      ? 'Cargo.lock pins the crates.'
      : 'No Cargo.lock: crates are not dated, and the newest that fit.',
    'What is compiled is built in the image and built again inside without a network.',
    'Rust is Debian’s own, whatever rust-toolchain says; not dated.',
  ]
  return recipe
}

const CARGO_TEST = `report=$1
shift
cd /repo
for file; do
  package=$(dirname "$file")
  while [ "$package" != . ] && [ ! -f "$package/Cargo.toml" ]; do package=$(dirname "$package"); done
  inside=\${file#"$package"/}
  case "$inside" in
    tests/*) target=\${inside#tests/}; target=\${target%%/*}; echo "$package|--test \${target%.rs}|$file" ;;
    benches/*|examples/*) ;;
    *) echo "$package|--lib --bins|$package" ;;
  esac
done | sort -u > /tmp/targets
[ -s /tmp/targets ] || echo '.||.' > /tmp/targets
while IFS='|' read -r package options file; do
  echo "# target $file"
  (cd "$package" && { cargo test --offline --no-fail-fast $options || echo "cargo ended with $?"; } 2>&1 </dev/null)
done < /tmp/targets > /tmp/cargo-test.out
cat /tmp/cargo-test.out
perl /opt/prchain/bin/cargo-report.pl /tmp/cargo-test.out "$report"
! grep -q '^cargo ended with' /tmp/cargo-test.out
`
